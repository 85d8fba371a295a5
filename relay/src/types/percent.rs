//! A share of a device.

use serde::{Deserialize, Serialize};

/// A share of a whole device in percent, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = f64, minimum = 0, maximum = 100))]
pub struct Percent(f64);

/// Why a number is no percentage.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a percentage between 0 and 100")]
pub struct PercentError(f64);

impl Percent {
    /// The percentage as a number.
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
    fn only_shares_of_a_whole_are_percentages() {
        for taken in ["0", "33.3", "100"] {
            assert!(serde_json::from_str::<Percent>(taken).is_ok(), "{taken} was refused");
        }
        for refused in ["-0.1", "100.1", "1e300", "\"5\""] {
            assert!(serde_json::from_str::<Percent>(refused).is_err(), "{refused} was accepted");
        }
        assert!(Percent::try_from(f64::NAN).is_err());
    }
}
