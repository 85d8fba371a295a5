//! The audit log: who did what, when. Append-only; written in the same batch as what it tells of.

use serde_json::Value;

use super::Actor;
use crate::database::{Statement, statements};

statements! {
    /// At ?1, ?2 did ?3 to ?4; ?5 is a JSON object with the details.
    INSERT_ENTRY = "INSERT INTO audit_log (at, actor, action, subject, details)
        VALUES (CAST(?1 AS INTEGER), ?2, ?3, ?4, ?5)";
}

/// The statement that writes an entry down. `details` must not hold a secret.
pub(super) fn entry(now_ms: i64, actor: &Actor, action: &'static str, subject: &str, details: &Value) -> Statement {
    Statement::new(INSERT_ENTRY).bind(now_ms).bind(actor).bind(action).bind(subject).bind(details.to_string())
}
