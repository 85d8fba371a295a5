//! The ledger: who did what work, what it earned, and how far each reward has come.
//!
//! Every operation is one atomic batch of statements, with its preconditions expressed in SQL, so that concurrent
//! callers and lost answers leave nothing half-written: an operation whose answer was lost can be sent again. All SQL
//! is written once, for SQLite and D1 alike, in constants that [`known_statement`] can list. Nothing here knows which
//! of the two is below, nor of any async runtime or of HTTP.

mod actor;
pub mod api_keys;
mod audit;
pub mod balances;
pub mod contributions;
mod cursor;
mod error;
mod hash;
mod idempotency;
mod json;
pub mod nodes;
pub mod rewards;
pub mod settlements;

pub use actor::Actor;
pub use error::{LedgerError, MAX_TOTAL_SCORE};

use crate::database::{conformance, statements};

statements! {
    /// Empties the table of preconditions at the end of a batch that has passed them.
    pub(crate) DELETE_PRECONDITIONS = "DELETE FROM preconditions";
}

/// The statements of every module that has any.
const MODULES: &[&[&str]] = &[
    ALL,
    api_keys::ALL,
    audit::ALL,
    balances::ALL,
    conformance::ALL,
    contributions::ALL,
    idempotency::ALL,
    nodes::ALL,
    rewards::ALL,
    settlements::ALL,
];

/// Every statement of the ledger.
pub fn all_statements() -> impl Iterator<Item = &'static str> {
    MODULES.iter().chain(crate::engine::store::MODULES).flat_map(|statements| statements.iter().copied())
}

/// The ledger's own statement with exactly this text, if there is one.
pub fn known_statement(sql: &str) -> Option<&'static str> {
    all_statements().find(|statement| *statement == sql)
}
