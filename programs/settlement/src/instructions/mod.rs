//! One module per instruction: its accounts, its arguments, and the handler that puts the
//! decisions of [`rules`](crate::rules) into effect. No handler decides about money by itself.

pub mod batch;
pub mod create_network;
pub mod credit;
pub mod destination;
pub mod fund;
pub mod pause;
pub mod register_node;
pub mod settle;
pub mod unpause;
pub mod withdraw;

pub use batch::BatchHeader;
// Whole modules: Anchor's macros put items beside each accounts struct and look for them here.
pub use create_network::*;
pub use credit::*;
pub use fund::*;
pub use pause::*;
pub use register_node::*;
pub use settle::*;
pub use unpause::*;
pub use withdraw::*;
