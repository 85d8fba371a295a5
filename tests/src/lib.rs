//! Test harness shared by the demo, the end-to-end tests and the benchmark.
//!
//! It starts a localnet and Workers as child processes, drives them through their public interfaces only (HTTP, the
//! cron trigger, the relay's command line) and verifies the outcome independently: the chain through Solana's own RPC
//! client, the ledger by reading its database file. The harness must never use the relay's engine or codec to verify
//! the relay.

pub mod api;
pub mod artifacts;
pub mod balances;
pub mod chain;
mod error;
pub mod faults;
pub mod files;
pub mod ingest;
pub mod ledger_file;
pub mod localnet;
pub mod network;
pub mod ports;
pub mod process;
pub mod relay_cli;
pub mod sample_nodes;
pub mod settlements;
pub mod wait;
pub mod worker;

pub use error::HarnessError;
