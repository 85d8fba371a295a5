//! The results of checks.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::CliError;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// A run works, but not for long, or not for everybody.
    Warning,
    /// A run would fail.
    Error,
}

#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    status: Status,
    message: String,
    /// What to do; null if there is nothing to do.
    action: Option<String>,
}

/// The results of all checks so far.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Check>);

impl Report {
    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.push(check, Status::Ok, message.into(), None);
    }

    pub(super) fn warning(&mut self, check: &'static str, message: impl Into<String>, action: impl Into<String>) {
        self.push(check, Status::Warning, message.into(), Some(action.into()));
    }

    pub(super) fn error(&mut self, check: &'static str, message: impl Into<String>, action: impl Into<String>) {
        self.push(check, Status::Error, message.into(), Some(action.into()));
    }

    /// Reports an error whose text says what to do.
    pub(super) fn failure(&mut self, check: &'static str, error: &impl fmt::Display) {
        self.push(check, Status::Error, error.to_string(), None);
    }

    /// The value, or `None` after reporting the error.
    pub(super) fn require<T>(&mut self, check: &'static str, result: Result<T, CliError>) -> Option<T> {
        result.inspect_err(|error| self.failure(check, error)).ok()
    }

    /// Whether a check has found an error.
    pub(super) fn has_error(&self, check: &str) -> bool {
        self.0.iter().any(|one| one.check == check && one.status == Status::Error)
    }

    /// The number of errors.
    pub(super) fn errors(&self) -> usize {
        self.count(Status::Error)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"errors": self.errors(), "warnings": self.count(Status::Warning), "checks": self.0})
    }

    fn count(&self, status: Status) -> usize {
        self.0.iter().filter(|check| check.status == status).count()
    }

    fn push(&mut self, check: &'static str, status: Status, message: String, action: Option<String>) {
        self.0.push(Check { check, status, message, action });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { check, status, message, action } in &self.0 {
            let status = match status {
                Status::Ok => "ok",
                Status::Warning => "warning",
                Status::Error => "error",
            };
            write!(f, "{status:<8} {check:<11} {message}")?;
            match action {
                Some(action) => writeln!(f, ": {action}")?,
                None => writeln!(f)?,
            }
        }
        write!(f, "{} error(s), {} warning(s)", self.errors(), self.count(Status::Warning))
    }
}
