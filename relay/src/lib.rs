//! The settlement engine of Williw.
//!
//! It turns the reward records of a [`ledger`] into signed Solana transactions and follows each of them to
//! finality, so that every reward is paid exactly once. The same code runs in a process of its own (feature
//! `native`) and inside a Cloudflare Worker (wasm32): it sees the world through five traits only,
//! [`Database`](database::Database), [`Chain`](chain::Chain), [`Signer`](signer::Signer),
//! [`Clock`](clock::Clock) and [`Events`](events::Events), and must never name workerd, an async runtime or an
//! HTTP framework outside the modules that implement those traits natively.

pub mod chain;
pub mod clock;
pub mod database;
pub mod engine;
pub mod events;
pub mod ledger;
pub mod merkle;
pub mod signer;
pub mod transaction;
pub mod types;
