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
mod claim_set_aside;
mod close_network;
mod close_node;
mod costs;
mod create_network;
mod credit;
mod error_coverage;
mod events;
mod fast_path;
mod fund;
mod history;
mod interface;
mod migrate_treasury;
mod outflow_window;
mod pause;
mod payout;
mod propose_admin;
mod published_metadata;
mod recover_lamports;
mod recover_node_tokens;
mod recover_treasury_tokens;
mod register_node;
mod rent;
mod reopen_node;
mod set_aside;
mod set_destination;
mod set_guardian;
mod set_settler;
mod set_threshold;
mod settle;
mod skip_reasons;
mod sweep_closed_network;
mod sweep_rent;
mod tokens;
mod top_up_rent;
mod transaction_formats;
mod unpause;
mod update_network;
mod withdraw;
mod withdraw_surplus;
mod worst_case;
mod wrong_accounts;
