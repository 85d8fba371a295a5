//! Rows of query results.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::DatabaseError;

/// A row of a query result: the text of each column, or `None` for NULL. The rows of a result share the columns' names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Option<String>>", into = "BTreeMap<String, Option<String>>")]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Option<String>>,
}

impl Row {
    /// Creates a row of `values` in the order of `columns`.
    pub fn new(columns: Arc<[String]>, values: Vec<Option<String>>) -> Self {
        Self { columns, values }
    }

    fn columns(&self) -> impl Iterator<Item = (&String, &Option<String>)> {
        self.columns.iter().zip(&self.values)
    }

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
        let (_, value) = self
            .columns()
            .find(|(name, _)| *name == column)
            .ok_or_else(|| DatabaseError::Decode(format!("the result has no column '{column}'")))?;
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
        let (columns, values): (Vec<_>, _) = columns.into_iter().unzip();
        Self { columns: columns.into(), values }
    }
}

impl From<BTreeMap<String, Option<String>>> for Row {
    fn from(columns: BTreeMap<String, Option<String>>) -> Self {
        columns.into_iter().collect()
    }
}

impl From<Row> for BTreeMap<String, Option<String>> {
    fn from(row: Row) -> Self {
        row.columns.iter().cloned().zip(row.values).collect()
    }
}

/// The order of the columns does not matter: it gets lost in JSON.
impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.columns().collect::<BTreeMap<_, _>>() == other.columns().collect()
    }
}

impl Eq for Row {}
