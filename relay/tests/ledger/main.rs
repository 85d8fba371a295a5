//! The ledger on a real SQLite file: what its operations promise, one module for each part.

mod api_keys;
mod balances;
mod conformance;
mod contributions;
mod fixture;
mod nodes;
mod remote;
mod rewards;
mod settlements;
mod sqlite_file;
mod statements;
mod writers;
