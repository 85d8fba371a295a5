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
pub mod tasks;

pub use actor::Actor;
pub use error::{LedgerError, MAX_TOTAL_SCORE};

use crate::database::{conformance, statements};
use crate::types::Scope;

statements! {
    /// Empties the table of preconditions at the end of a batch that has passed them.
    pub(crate) DELETE_PRECONDITIONS = "DELETE FROM preconditions";
}

/// The statements of a relay, apart from the engine's own: reading, and trying the database out.
const RELAY_MODULES: &[&[&str]] = &[ALL, balances::ALL, conformance::ALL, settlements::ALL];

/// The statements of what the API does for its callers, each after checks of its own.
const API_MODULES: &[&[&str]] =
    &[api_keys::ALL, audit::ALL, contributions::ALL, idempotency::ALL, nodes::ALL, rewards::ALL, tasks::ALL];

/// Every statement of the ledger.
pub fn all_statements() -> impl Iterator<Item = &'static str> {
    relay_statements().chain(flat(API_MODULES))
}

/// The ledger's own statement with exactly this text, if there is one.
pub fn known_statement(sql: &str) -> Option<&'static str> {
    all_statements().find(|statement| *statement == sql)
}

/// What a key must allow to run `sql` from outside. With the statements behind the API, whoever runs them skips the
/// API's checks: they could make themselves keys, or rewards. A relay needs none of those.
pub(crate) fn required_scope(sql: &str) -> Scope {
    if relay_statements().any(|statement| statement == sql) { Scope::Ledger } else { Scope::Admin }
}

fn relay_statements() -> impl Iterator<Item = &'static str> {
    flat(crate::engine::store::MODULES).chain(flat(RELAY_MODULES))
}

fn flat(modules: &'static [&'static [&'static str]]) -> impl Iterator<Item = &'static str> {
    modules.iter().flat_map(|statements| statements.iter().copied())
}
