//! Rows of query results.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::DatabaseError;

/// A row of a query result: the text of each column, or `None` for NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(BTreeMap<String, Option<String>>);

impl Row {
    /// The value of `column`.
    ///
    /// # Errors
    /// [`DatabaseError::Decode`] if the column is missing or NULL, or its text cannot be parsed as `T`.
    pub fn get<T>(&self, column: &str) -> Result<T, DatabaseError>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.optional(column)?.ok_or_else(|| DatabaseError::Decode(format!("column '{column}' is unexpectedly NULL")))
    }

    /// The value of `column`; `None` for NULL.
    ///
    /// # Errors
    /// [`DatabaseError::Decode`] if the column is missing, or its text cannot be parsed as `T`.
    pub fn optional<T>(&self, column: &str) -> Result<Option<T>, DatabaseError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let value =
            self.0.get(column).ok_or_else(|| DatabaseError::Decode(format!("the result has no column '{column}'")))?;
        value
            .as_deref()
            .map(|text| text.parse().map_err(|error| DatabaseError::Decode(format!("column '{column}': {error}"))))
            .transpose()
    }

    /// The value that `column` contains as JSON.
    ///
    /// # Errors
    /// [`DatabaseError::Decode`] if the column is missing or NULL, or its text is not the JSON of a `T`.
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, DatabaseError> {
        serde_json::from_str(&self.get::<String>(column)?)
            .map_err(|error| DatabaseError::Decode(format!("column '{column}': {error}")))
    }
}

impl FromIterator<(String, Option<String>)> for Row {
    fn from_iter<I: IntoIterator<Item = (String, Option<String>)>>(columns: I) -> Self {
        Self(columns.into_iter().collect())
    }
}
