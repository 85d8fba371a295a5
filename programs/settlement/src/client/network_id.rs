//! The on-chain form of a network's name.

use thiserror::Error;

use crate::rules::name::{MAX_NAME_BYTES, is_name_byte, parse_name};

/// A network's name, padded with zero bytes to 32 bytes. A seed of the network's address, beside its creator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkId(pub [u8; MAX_NAME_BYTES]);

/// Why a string is not a valid network name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// The name is empty.
    #[error("the network name is empty: use 1 to 32 characters of a-z, 0-9 and '-'")]
    Empty,
    /// The name is too long.
    #[error("the network name has {bytes} bytes: use at most 32 characters of a-z, 0-9 and '-'")]
    TooLong {
        /// Length of the name in bytes.
        bytes: usize,
    },
    /// The name contains an invalid character.
    #[error("the network name contains {found:?}: use only a-z, 0-9 and '-'")]
    Character {
        /// The first invalid character.
        found: char,
    },
}

impl NetworkId {
    /// The id of the network called `name`: 1 to 32 characters of a-z, 0-9 and '-'.
    pub fn from_name(name: &str) -> Result<Self, NameError> {
        let is_invalid = |c: &char| !u8::try_from(*c).is_ok_and(|b| is_name_byte(&b));
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(found) = name.chars().find(is_invalid) {
            return Err(NameError::Character { found });
        }
        let mut id = [0; MAX_NAME_BYTES];
        id.get_mut(..name.len()).ok_or(NameError::TooLong { bytes: name.len() })?.copy_from_slice(name.as_bytes());
        Ok(Self(id))
    }

    /// The name. If the id is not one of a valid name, its bytes with non-printable ones escaped.
    pub fn name(&self) -> String {
        match parse_name(&self.0) {
            Some(name) => String::from_utf8_lossy(name).into_owned(),
            None => self.0.escape_ascii().to_string(),
        }
    }
}

impl std::fmt::Display for NetworkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl std::str::FromStr for NetworkId {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::from_name(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_the_round_trip() {
        let longest = "z".repeat(32);
        for name in ["a", "localnet-2", longest.as_str()] {
            assert_eq!(NetworkId::from_name(name).map(|id| id.name()), Ok(name.into()));
        }
    }

    #[test]
    fn an_invalid_name_returns_its_own_error() {
        assert_eq!(NetworkId::from_name(""), Err(NameError::Empty));
        assert_eq!(NetworkId::from_name(&"z".repeat(33)), Err(NameError::TooLong { bytes: 33 }));
        for (name, found) in [("Main", 'M'), ("a_b", '_'), ("nä", 'ä'), ("a\0", '\0')] {
            assert_eq!(NetworkId::from_name(name), Err(NameError::Character { found }));
        }
    }
}
