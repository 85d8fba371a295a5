//! The program as it runs on a chain: the built `.so` in LiteSVM, called through the crate's own
//! client. One module per instruction, and three that look across them.

mod common;

mod create_network;
mod credit;
mod events;
mod fund;
mod interface;
mod limits;
mod pause;
mod register_node;
mod settle;
mod solvency;
mod tokens;
mod unpause;
mod withdraw;
