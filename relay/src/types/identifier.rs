//! Identifiers supplied by clients: bounded in length, and limited to characters that need no escaping in URLs, logs
//! or shells.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must have 1 to {max_bytes} characters; allowed are {alphabet}")]
pub struct IdentifierError {
    /// What the text was supposed to be, with its article.
    kind: &'static str,
    max_bytes: usize,
    alphabet: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident: $kind:literal, $max_bytes:tt, $alphabet:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = $max_bytes))]
        pub struct $name(String);

        impl $name {
            /// The maximum length in bytes.
            pub const MAX_BYTES: usize = $max_bytes;

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdentifierError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let allowed: fn(u8) -> bool = $allowed;
                if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(allowed) {
                    return Err(IdentifierError { kind: $kind, max_bytes: Self::MAX_BYTES, alphabet: $alphabet });
                }
                Ok(Self(text))
            }
        }

        impl FromStr for $name {
            type Err = IdentifierError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(identifier: $name) -> Self {
                identifier.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl crate::database::IntoParameter for &$name {
            fn into_parameter(self) -> Option<String> {
                Some(self.0.clone())
            }
        }
    };
}

/// Whether an id may contain `byte`.
fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:-".contains(&byte)
}

identifier! {
    /// The id of a contribution, chosen by the client. A repeated id denotes the same contribution.
    ContributionId: "a contribution id", 128, "A-Z, a-z, 0-9, '.', '_', ':' and '-'", is_id_byte
}

identifier! {
    /// The id of a task that nodes work on.
    TaskId: "a task id", 128, "A-Z, a-z, 0-9, '.', '_', ':' and '-'", is_id_byte
}

identifier! {
    /// A key that identifies a request: however often the request is sent, it takes effect once.
    IdempotencyKey: "an idempotency key", 255, "the printable ASCII characters except the space", |byte| byte.is_ascii_graphic()
}

identifier! {
    /// The public id of an API key, as shown in lists and in the audit log.
    ApiKeyId: "an API key id", 64, "A-Z, a-z, 0-9, '.', '_', ':' and '-'", is_id_byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_limited_in_length_and_characters() {
        assert!("a".parse::<ContributionId>().is_ok());
        assert!("c".repeat(128).parse::<ContributionId>().is_ok());
        for invalid in ["", "a b", "a/b", "a\n", "ä", "a'b", &"c".repeat(129)] {
            let error = invalid.parse::<ContributionId>().unwrap_err();
            assert!(
                error.to_string().starts_with("a contribution id must have 1 to 128 characters"),
                "{invalid:?}: {error}"
            );
        }
    }

    #[test]
    fn an_idempotency_key_accepts_printable_ascii() {
        assert!("9f0c/2026-11-20#{1}".parse::<IdempotencyKey>().is_ok());
        assert!("a b".parse::<IdempotencyKey>().is_err());
        assert!("k".repeat(256).parse::<IdempotencyKey>().is_err());
    }

    #[test]
    fn json_input_is_validated_like_text_input() {
        assert!(serde_json::from_str::<TaskId>("\"t-1\"").is_ok());
        assert!(serde_json::from_str::<TaskId>("\"t 1\"").is_err());
    }
}
