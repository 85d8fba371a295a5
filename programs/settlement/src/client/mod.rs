//! The program from outside: addresses, instructions, accounts and events, for the relay, the edge
//! and tests. Compiles natively and to wasm32.
//!
//! Nothing in here may talk to a network or hold a key: bytes and plain values go in, plain values
//! come out. The instructions are built from the program's own account and argument types, so they
//! can't drift from it.

mod address;
mod decode;
mod error;
mod event;
mod instruction;
mod network_id;

pub use address::{
    event_authority, network_address, network_address_with_bump, node_id, node_wallet_address,
    node_wallet_address_with_bump, treasury_address, treasury_address_with_bump,
};
pub use decode::DecodeError;
pub use error::error_message;
pub use instruction::{
    SettleEntry, create_network_ix, credit_ix, fund_ix, pause_ix, register_node_ix, settle_ix, unpause_ix, withdraw_ix,
};
pub use network_id::{NameError, NetworkId};

pub use crate::instructions::{BatchHeader, CreateNetworkArgs, RegisterNodeArgs};
pub use crate::reserved::is_reserved_address;
