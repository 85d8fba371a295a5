//! The program as it runs on a cluster: the built `.so` in LiteSVM, called through the crate's own
//! client. There is one module per instruction, and some that test every instruction at once.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test that encounters something unexpected fails by panicking"
)]

mod common;

mod accept_admin;
mod authorization;
mod bad_input;
mod close_node;
mod costs;
mod create_network;
mod credit;
mod error_coverage;
mod events;
mod fast_path;
mod fund;
mod interface;
mod migrate_treasury;
mod outflow_window;
mod pause;
mod payout;
mod propose_admin;
mod published_metadata;
mod register_node;
mod reopen_node;
mod set_destination;
mod set_guardian;
mod set_settler;
mod set_threshold;
mod settle;
mod skip_reasons;
mod tokens;
mod transaction_formats;
mod unpause;
mod update_network;
mod withdraw;
mod withdraw_surplus;
mod wrong_accounts;
