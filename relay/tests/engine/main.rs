//! The engine against the real program in LiteSVM and a real SQLite ledger, with injected faults.
//!
//! Each module covers one group of promises. Time passes and blocks are produced only when a test says so.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something unexpected fails by a panic"
)]

mod blocked;
mod changed_accounts;
mod crashes;
mod economy;
mod fees;
mod forks;
mod formats;
mod leases;
mod limits;
mod logs;
mod lookup_tables;
mod metrics;
mod order_of_age;
mod overdue;
#[path = "../support/program.rs"]
mod program;
mod rebuilding;
mod receipts;
mod reconciliation;
mod registrations;
mod rejections;
mod rent;
mod requests;
mod retention;
mod reverts;
mod reviews;
mod settling;
mod splitting;
mod stranded;
mod support;
mod token_books;
mod token_costs;
mod tokens;
mod unknown_credits;
mod verdicts;
