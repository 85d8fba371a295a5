//! One module per instruction, with its accounts, its arguments, and the handler that carries out the
//! decisions of [`rules`](crate::rules). Handlers make no decisions about money themselves.

pub mod accept_admin;
pub mod batch;
pub mod close_node;
pub mod create_network;
pub mod credit;
pub mod fund;
pub mod migrate_treasury;
pub mod pause;
pub mod payout;
pub mod propose_admin;
pub mod register_node;
pub mod reopen_node;
pub mod set_destination;
pub mod set_guardian;
pub mod set_settler;
pub mod set_threshold;
pub mod settle;
pub mod unpause;
pub mod update_network;
pub mod withdraw;
pub mod withdraw_surplus;

pub use batch::BatchHeader;
// Whole modules: Anchor's macros add items next to each accounts struct and expect them here.
pub use accept_admin::*;
pub use close_node::*;
pub use create_network::*;
pub use credit::*;
pub use fund::*;
pub use migrate_treasury::*;
pub use pause::*;
pub use payout::*;
pub use propose_admin::*;
pub use register_node::*;
pub use reopen_node::*;
pub use set_destination::*;
pub use set_guardian::*;
pub use set_settler::*;
pub use set_threshold::*;
pub use settle::*;
pub use unpause::*;
pub use update_network::*;
pub use withdraw::*;
pub use withdraw_surplus::*;
