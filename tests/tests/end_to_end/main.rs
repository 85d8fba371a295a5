//! End-to-end tests with real components: the program's bytecode on a localnet, the Worker in workerd, and D1.
//!
//! Each test has its own network, Worker and ledger; all tests share one localnet. Each module covers one guarantee.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that encounters something unexpected fails by panicking"
)]

mod fixture;

mod api;
mod d1_conformance;
mod demo;
mod deploy;
mod environment_failures;
mod failure_modes;
mod idempotency;
mod invalid_requests;
mod lookup_tables;
mod lost_rpc_responses;
mod mint;
mod payment;
mod relay_binary;
mod relay_crashes;
mod tokens;
mod worker_crashes;
