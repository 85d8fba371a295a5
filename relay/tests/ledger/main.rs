//! Tests of the ledger's operations on a real SQLite file, one module per topic.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something unexpected fails by a panic"
)]

mod api_keys;
mod balances;
mod conformance;
mod contributions;
mod fixture;
mod nodes;
mod remote;
mod rewards;
mod searches;
mod settlements;
mod sqlite_file;
mod statements;
mod totals;
mod writers;
