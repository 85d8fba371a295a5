//! SQL statements and their parameters.

use crate::types::{Lamports, NodeId};

/// An SQL statement, known at compile time, with its parameters `?1`, `?2`, …
///
/// D1 allows at most 100 parameters. Pass collections as one JSON text and read them with `json_each(?1)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    sql: &'static str,
    parameters: Vec<Option<String>>,
}

impl Statement {
    /// Creates a statement without parameters.
    pub const fn new(sql: &'static str) -> Self {
        Self { sql, parameters: Vec::new() }
    }

    /// Appends a parameter.
    #[must_use]
    pub fn bind(mut self, value: impl IntoParameter) -> Self {
        self.parameters.push(value.into_parameter());
        self
    }

    /// The SQL text.
    pub fn sql(&self) -> &'static str {
        self.sql
    }

    /// The parameters in order; `None` stands for NULL.
    pub fn parameters(&self) -> &[Option<String>] {
        &self.parameters
    }
}

/// A type that can be bound as a parameter.
pub trait IntoParameter {
    /// The value as text; `None` for NULL.
    fn into_parameter(self) -> Option<String>;
}

macro_rules! parameter_by_to_string {
    ($($type:ty),*) => {$(
        impl IntoParameter for $type {
            fn into_parameter(self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

parameter_by_to_string!(&str, String, &String, i64, u64, u32, u16, u8, usize, Lamports, NodeId, &NodeId);

impl IntoParameter for bool {
    fn into_parameter(self) -> Option<String> {
        Some(u8::from(self).to_string())
    }
}

impl<T: IntoParameter> IntoParameter for Option<T> {
    fn into_parameter(self) -> Option<String> {
        self.and_then(IntoParameter::into_parameter)
    }
}
