//! A row: column names and text.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::DatabaseError;

/// One row of a result: every column as text, `None` for NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(BTreeMap<String, Option<String>>);

impl Row {
    /// The value of `column`.
    ///
    /// # Errors
    /// [`DatabaseError::Decode`] when the column is missing or NULL, or its text is no `T`.
    pub fn get<T>(&self, column: &str) -> Result<T, DatabaseError>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.optional(column)?
            .ok_or_else(|| DatabaseError::Decode(format!("column '{column}': NULL where a value must be")))
    }

    /// The value of `column`, `None` for NULL.
    ///
    /// # Errors
    /// [`DatabaseError::Decode`] when the column is missing, or its text is no `T`.
    pub fn optional<T>(&self, column: &str) -> Result<Option<T>, DatabaseError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let value = self
            .0
            .get(column)
            .ok_or_else(|| DatabaseError::Decode(format!("there is no column '{column}' in the result")))?;
        value
            .as_deref()
            .map(|text| text.parse().map_err(|error| DatabaseError::Decode(format!("column '{column}': {error}"))))
            .transpose()
    }
}

impl FromIterator<(String, Option<String>)> for Row {
    fn from_iter<I: IntoIterator<Item = (String, Option<String>)>>(columns: I) -> Self {
        Self(columns.into_iter().collect())
    }
}
