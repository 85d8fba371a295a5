//! Percentages.

use serde::{Deserialize, Serialize};

/// The utilization of a device in percent, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = f64, minimum = 0, maximum = 100))]
pub struct Percent(f64);

/// The number is not a valid percentage.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a percentage from 0 to 100")]
pub struct PercentError(f64);

impl Percent {
    /// The percentage, 0 to 100.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Percent {
    type Error = PercentError;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if (0.0..=100.0).contains(&value) { Ok(Self(value)) } else { Err(PercentError(value)) }
    }
}

impl From<Percent> for f64 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl crate::database::IntoParameter for Percent {
    fn into_parameter(self) -> Option<String> {
        Some(self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_from_0_to_100() {
        for valid in ["0", "33.3", "100"] {
            assert!(serde_json::from_str::<Percent>(valid).is_ok(), "{valid} was rejected");
        }
        for invalid in ["-0.1", "100.1", "1e300", "\"5\""] {
            assert!(serde_json::from_str::<Percent>(invalid).is_err(), "{invalid} was accepted");
        }
        assert!(Percent::try_from(f64::NAN).is_err());
    }
}
