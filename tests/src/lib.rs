//! The whole product on real parts: what the demo, the end-to-end tests and the benchmark stand on.
//!
//! It starts a localnet and Workers as processes of their own, drives them through their public interfaces only
//! (HTTP, the cron trigger, the relay's command line), and reads what became of it past them: the chain through
//! Solana's RPC client, the ledger through its file. It must never use the relay's engine or codec to judge the relay.

pub mod api;
pub mod artifacts;
pub mod audit;
pub mod chain;
pub mod edge;
mod error;
pub mod faults;
pub mod files;
pub mod intake;
pub mod ledger_file;
pub mod localnet;
pub mod operator;
pub mod ports;
pub mod process;
pub mod sample;
pub mod settlements;
pub mod stage;
pub mod wait;

pub use error::HarnessError;
