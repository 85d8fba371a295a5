//! JSON texts of values that serde would write in another way, for `#[serde(with = …)]`.

/// The beginning of a text that somebody else has written, with everything escaped that a terminal could interpret.
pub(super) fn excerpt(text: &str) -> String {
    let mut excerpt = String::new();
    for character in text.chars().take(MAX_EXCERPT_CHARS) {
        if character == ' ' || character.is_ascii_graphic() || character.is_alphanumeric() {
            excerpt.push(character);
        } else {
            excerpt.extend(character.escape_unicode());
        }
    }
    if text.chars().nth(MAX_EXCERPT_CHARS).is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// The maximum length of an excerpt, in characters.
const MAX_EXCERPT_CHARS: usize = 160;

/// Values that may be missing, as their usual text or null.
pub(super) mod optional {
    use std::fmt::Display;

    use serde::Serializer;

    #[allow(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(in crate::audit) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }
}

/// Addresses, signatures and the like as their usual text.
pub(super) mod display {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::excerpt;

    pub(in crate::audit) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in crate::audit) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr + Display,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        let value: T = text.parse().map_err(|error| D::Error::custom(format!("'{}': {error}", excerpt(&text))))?;
        // No second text for the same value.
        if value.to_string() == text {
            Ok(value)
        } else {
            Err(D::Error::custom(format!("'{}' is not canonical", excerpt(&text))))
        }
    }
}

/// Hashes as 64 lowercase hexadecimal digits.
pub(super) mod hash {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::excerpt;
    use crate::merkle::Hash32;

    pub(in crate::audit) fn serialize<S: Serializer>(hash: &Hash32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(hash))
    }

    pub(in crate::audit) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash32, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut hash = Hash32::default();
        hex::decode_to_slice(&text, &mut hash)
            .ok()
            .filter(|()| !text.bytes().any(|byte| byte.is_ascii_uppercase()))
            .ok_or_else(|| D::Error::custom(format!("'{}' is not 64 lowercase hexadecimal digits", excerpt(&text))))?;
        Ok(hash)
    }
}
