//! The audit log. It is append-only, and every entry is written in the same batch as the change that it records.

use serde_json::Value;

use super::Actor;
use crate::database::{Statement, statements};

statements! {
    /// Records that at ?1 actor ?2 performed action ?3 on subject ?4, with JSON object ?5 as details.
    INSERT_ENTRY = "INSERT INTO audit_log (at, actor, action, subject, details)
        VALUES (CAST(?1 AS INTEGER), ?2, ?3, ?4, ?5)";
}

/// The statement that inserts an entry. `details` must not contain secrets.
pub(super) fn entry(now_ms: i64, actor: &Actor, action: &'static str, subject: &str, details: &Value) -> Statement {
    Statement::new(INSERT_ENTRY).bind(now_ms).bind(actor).bind(action).bind(subject).bind(details.to_string())
}

/// The statement that records that copies of wallet accounts were overwritten with what the chain has.
pub(crate) fn record_repair(now_ms: i64, actor: &Actor, details: &Value) -> Statement {
    entry(now_ms, actor, "reconcile.repair", "wallets", details)
}

/// The statement that records that the ledger was rebuilt from the history of `network`.
pub(crate) fn record_rebuild(now_ms: i64, actor: &Actor, network: &str, details: &Value) -> Statement {
    entry(now_ms, actor, "rebuild", network, details)
}
