//! JSON in a column.

use std::str::FromStr;

use serde::de::DeserializeOwned;

/// A value that a column holds as JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromStr for Json<T> {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text).map(Self)
    }
}
