//! Amounts in lamports.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// An amount in lamports (10⁻⁹ SOL), 0 to 2⁶³ − 1, the range of SQLite's INTEGER.
///
/// Serialized to JSON as a decimal string, because many clients lose precision in numbers above 2⁵³. Numbers up to
/// 2⁵³ − 1 are accepted on input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[0-9]{1,19}$", example = "1500000"))]
pub struct Lamports(u64);

/// Why a value is not a valid amount of lamports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LamportsError {
    /// It is not a whole, non-negative decimal number.
    #[error("'{0}' is not a whole number of lamports: write digits only, for example \"1500000\"")]
    NotAnInteger(String),
    /// It is above 2⁶³ − 1.
    #[error("'{0}' is more than 9223372036854775807 lamports, the maximum the ledger can store")]
    TooLarge(String),
}

impl Lamports {
    /// 0, which is also the default.
    pub const ZERO: Self = Self(0);
    /// The maximum that the ledger can store, 2⁶³ − 1.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// Creates an amount of `value` lamports.
    ///
    /// # Errors
    /// [`LamportsError::TooLarge`] above 2⁶³ − 1.
    pub fn new(value: u64) -> Result<Self, LamportsError> {
        if value > Self::MAX.0 {
            return Err(LamportsError::TooLarge(value.to_string()));
        }
        Ok(Self(value))
    }

    /// The amount as a number of lamports.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether the amount is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` if it exceeds [`Lamports::MAX`].
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).filter(|sum| *sum <= Self::MAX.0).map(Self)
    }

    /// The difference, or `None` if it is negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The product, or `None` if it exceeds [`Lamports::MAX`].
    pub fn checked_mul(self, factor: u64) -> Option<Self> {
        self.0.checked_mul(factor).filter(|product| *product <= Self::MAX.0).map(Self)
    }
}

impl fmt::Display for Lamports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Lamports {
    type Err = LamportsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(LamportsError::NotAnInteger(truncated(text)));
        }
        let value = text.parse().map_err(|_| LamportsError::TooLarge(truncated(text)))?;
        Self::new(value)
    }
}

/// The input as quoted in error messages, which must stay short.
fn truncated(text: &str) -> String {
    const MAX_CHARS: usize = 40;
    text.chars().take(MAX_CHARS).collect()
}

impl Serialize for Lamports {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Lamports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LamportsVisitor;

        /// The largest integer that is exact in every JSON implementation, 2⁵³ − 1 (RFC 8259, section 6).
        const MAX_SAFE_NUMBER: u64 = (1 << 53) - 1;

        impl Visitor<'_> for LamportsVisitor {
            type Value = Lamports;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount in lamports, as a string of digits or as a whole number up to 9007199254740991")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Lamports, E> {
                if value > MAX_SAFE_NUMBER {
                    return Err(E::custom(format!(
                        "{value} is too large for a JSON number: send the amount as a string, \"{value}\""
                    )));
                }
                Ok(Lamports(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Lamports, E> {
                Err(E::custom(LamportsError::NotAnInteger(value.to_string())))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Lamports, E> {
                Err(E::custom(LamportsError::NotAnInteger(value.to_string())))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Lamports, E> {
                value.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(LamportsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_output_is_a_string() {
        let text = serde_json::to_string(&Lamports::MAX).unwrap();
        assert_eq!(text, "\"9223372036854775807\"");
        assert_eq!(serde_json::from_str::<Lamports>(&text).unwrap(), Lamports::MAX);
    }

    #[test]
    fn json_numbers_are_accepted_up_to_the_largest_exact_integer() {
        assert_eq!(serde_json::from_str::<Lamports>("9007199254740991").unwrap().get(), (1 << 53) - 1);
        for invalid in
            ["9007199254740992", "-1", "1.5", "1e3", "true", "null", "\"\"", "\"-1\"", "\"1.0\"", "\" 1\"", "\"+1\""]
        {
            assert!(serde_json::from_str::<Lamports>(invalid).is_err(), "{invalid} was accepted");
        }
    }

    #[test]
    fn amounts_do_not_exceed_the_range_of_sql_integers() {
        assert!(matches!("9223372036854775808".parse::<Lamports>(), Err(LamportsError::TooLarge(_))));
        assert!(matches!("99999999999999999999999".parse::<Lamports>(), Err(LamportsError::TooLarge(_))));
        assert_eq!(Lamports::MAX.checked_add(Lamports(1)), None);
        assert_eq!(Lamports::MAX.checked_mul(2), None);
        assert_eq!(Lamports::ZERO.checked_sub(Lamports(1)), None);
    }
}
