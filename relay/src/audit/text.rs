//! JSON texts of values that serde would write in another way, for `#[serde(with = …)]`.

/// Addresses, signatures and the like as their usual text.
pub(super) mod display {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

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
        let value: T = text.parse().map_err(|error| D::Error::custom(format!("'{text}': {error}")))?;
        // No second text for the same value.
        if value.to_string() == text { Ok(value) } else { Err(D::Error::custom(format!("'{text}' is not canonical"))) }
    }
}

/// Hashes as 64 lowercase hexadecimal digits.
pub(super) mod hash {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

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
            .ok_or_else(|| D::Error::custom(format!("'{text}' is not 64 lowercase hexadecimal digits")))?;
        Ok(hash)
    }
}
