//! Tests of the `williw-relay` binary, run as a process: output, error messages and exit codes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something unexpected fails by a panic"
)]

mod audits;
mod bad_input;
mod config;
mod doctor;
mod keys;
mod log;
mod metrics;
mod process;
#[path = "../support/program.rs"]
mod program;
mod reviews;
mod rpc;
mod rpc_faults;
mod settings;
mod status;
mod stopping;
mod tables;
mod terminal;
