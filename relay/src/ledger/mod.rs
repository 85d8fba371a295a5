//! The ledger: the work of each node, the rewards for it, and their settlement state.
//!
//! Every operation is one atomic batch of statements with its preconditions expressed in SQL, so that neither
//! concurrent callers nor lost responses can leave partial writes. An operation whose response was lost can be repeated
//! safely. All SQL works on both SQLite and D1, and is declared in constants that [`all_statements`] lists. Nothing here
//! depends on a particular database, on an async runtime or on HTTP.

mod actor;
pub mod api_keys;
mod audit;
pub mod balances;
pub mod contributions;
pub(crate) mod corrections;
mod error;
pub mod health;
mod idempotency;
pub mod nodes;
pub mod owners;
mod pagination;
pub mod part_credits;
mod payables;
pub mod progress;
pub mod retention;
pub mod reviews;
pub mod rewards;
pub mod settlements;
pub mod tasks;

pub use actor::Actor;
pub(crate) use audit::{record_rebuild, record_repair};
pub use error::{LedgerError, MAX_TOTAL_SCORE};
pub use pagination::Page;

use sha2::{Digest, Sha256};

use crate::database::{conformance, statements};
use crate::types::Scope;

statements! {
    /// Empties the table of preconditions at the end of a batch that satisfied them.
    pub(crate) DELETE_PRECONDITIONS = "DELETE FROM preconditions";
}

/// The statements that a relay needs in addition to those of the engine and of audits: status, review, doctor and metrics queries, the wallets' owners and the
/// conformance suite.
const RELAY_MODULES: &[&[&str]] = &[
    ALL,
    balances::ALL,
    conformance::ALL,
    crate::lookup_tables::ALL,
    crate::metrics::ALL,
    health::ALL,
    owners::ALL,
    part_credits::ALL,
    progress::ALL,
    retention::ALL,
    reviews::ALL,
    settlements::ALL,
];

/// The statements behind the HTTP API and the commands of an administrator, which run only after checks of their own.
const API_MODULES: &[&[&str]] = &[
    api_keys::ALL,
    audit::ALL,
    contributions::ALL,
    corrections::ALL,
    idempotency::ALL,
    nodes::ALL,
    payables::ALL,
    rewards::ALL,
    tasks::ALL,
];

/// All SQL statements of the ledger and the engine.
pub fn all_statements() -> impl Iterator<Item = &'static str> {
    relay_statements().chain(flat(API_MODULES)).chain(flat(crate::audit::ADMIN_MODULES))
}

/// Returns the ledger's statement with exactly this text, if there is one.
pub fn known_statement(sql: &str) -> Option<&'static str> {
    all_statements().find(|statement| *statement == sql)
}

/// The scope that an API key needs to run `sql` over HTTP. The statements behind the API require [`Scope::Admin`]:
/// running them directly bypasses the API's checks, so a caller could create API keys or rewards. A relay needs none of
/// them.
pub(crate) fn required_scope(sql: &str) -> Scope {
    if relay_statements().any(|statement| statement == sql) { Scope::Ledger } else { Scope::Admin }
}

fn relay_statements() -> impl Iterator<Item = &'static str> {
    flat(crate::engine::store::MODULES).chain(flat(crate::audit::MODULES)).chain(flat(RELAY_MODULES))
}

fn flat(modules: &'static [&'static [&'static str]]) -> impl Iterator<Item = &'static str> {
    modules.iter().flat_map(|statements| statements.iter().copied())
}

/// Domain-separated SHA-256, in hexadecimal: the hash of `domain`, a zero byte and `content`.
fn sha256_hex(domain: &'static str, content: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(domain);
    hasher.update([0]);
    hasher.update(content);
    hex::encode(hasher.finalize())
}
