//! The settlement engine of Williw.
//!
//! It turns the reward records of a [`ledger`] into signed Solana transactions and tracks each of them to finality, so
//! that every reward is paid exactly once. The same code runs as a standalone process (feature `native`) and inside a
//! Cloudflare Worker (wasm32). All I/O goes through five traits: [`Database`](database::Database),
//! [`Chain`](chain::Chain), [`Signer`](signer::Signer), [`Clock`](clock::Clock) and [`Events`](events::Events). Only
//! the modules with their native implementations may depend on an async runtime or on an HTTP client, and nothing here
//! may depend on workerd.

pub mod audit;
pub mod chain;
pub mod clock;
pub mod database;
pub mod engine;
pub mod events;
pub mod ledger;
pub mod lookup_tables;
pub mod merkle;
pub mod metrics;
pub mod rent;
pub mod signer;
pub mod transaction;
pub mod types;
