//! Rows of query results.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
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
    /// The texts of all columns, one after the other: a settlement reads millions of them.
    texts: String,
    /// Where in `texts` the text of each column is.
    values: Vec<Option<Range<usize>>>,
}

impl Row {
    /// Creates a row without values, to which the value of each of `columns` is to be added in order. Their texts are expected
    /// to have `text_bytes` in all.
    pub fn new(columns: Arc<[String]>, text_bytes: usize) -> Self {
        let values = Vec::with_capacity(columns.len());
        Self { columns, texts: String::with_capacity(text_bytes), values }
    }

    /// Adds the value of the next column.
    pub fn push(&mut self, value: Option<&str>) {
        let start = self.texts.len();
        self.texts.push_str(value.unwrap_or_default());
        self.values.push(value.map(|_| start..self.texts.len()));
    }

    /// The number of bytes of all texts.
    pub fn text_bytes(&self) -> usize {
        self.texts.len()
    }

    fn text(&self, value: &Option<Range<usize>>) -> Option<&str> {
        value.clone().and_then(|range| self.texts.get(range))
    }

    fn columns(&self) -> impl Iterator<Item = (&String, Option<&str>)> {
        self.columns.iter().zip(self.values.iter().map(|value| self.text(value)))
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
            .columns
            .iter()
            .zip(&self.values)
            .find(|(name, _)| *name == column)
            .ok_or_else(|| DatabaseError::Decode(format!("the result has no column '{column}'")))?;
        self.text(value)
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
        let (columns, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let mut row = Self::new(columns.into(), 0);
        for value in &values {
            row.push(value.as_deref());
        }
        row
    }
}

impl From<BTreeMap<String, Option<String>>> for Row {
    fn from(columns: BTreeMap<String, Option<String>>) -> Self {
        columns.into_iter().collect()
    }
}

impl From<Row> for BTreeMap<String, Option<String>> {
    fn from(row: Row) -> Self {
        row.columns().map(|(name, value)| (name.clone(), value.map(str::to_owned))).collect()
    }
}

/// The order of the columns does not matter: it gets lost in JSON.
impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.columns().collect::<BTreeMap<_, _>>() == other.columns().collect()
    }
}

impl Eq for Row {}
