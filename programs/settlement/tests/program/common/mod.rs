//! A network in a LiteSVM, and what tests ask of it.

mod chain;
mod every;
mod expect;
mod program;
mod roles;
mod table;
mod tokens;
mod world;

pub use chain::chain;
pub use every::{BYSTANDER, Part, Subject, every, every_with_tokens};
pub use expect::{Refused, assert_refused, reasons};
pub use program::bytes as program_bytes;
pub use roles::{Role, assert_only, program_accounts};
pub use tokens::{DECIMALS, Extension, Payee, TOKEN, TokenProgram, TokenWorld};
pub use world::{Node, Outcome, SOL, START, World, header, wire_size};

use settlement::client::NetworkId;

/// The network id of a name known to be good.
pub fn id(name: &str) -> NetworkId {
    NetworkId::from_name(name).expect("a good name")
}
