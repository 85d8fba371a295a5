//! The program as it runs on a chain: the built `.so` in LiteSVM, called through the crate's own
//! client. One module per instruction, and some that look across them.

mod common;

mod accept_admin;
mod bad_input;
mod breaker;
mod close_node;
mod costs;
mod create_network;
mod credit;
mod events;
mod every_error;
mod explorers;
mod formats;
mod fund;
mod interface;
mod migrate_treasury;
mod pause;
mod payout;
mod propose_admin;
mod register_node;
mod reopen_node;
mod set_destination;
mod set_guardian;
mod set_settler;
mod set_threshold;
mod settle;
mod skips;
mod tokens;
mod unpause;
mod update_network;
mod who_may;
mod withdraw;
mod withdraw_surplus;
mod wrong_accounts;
