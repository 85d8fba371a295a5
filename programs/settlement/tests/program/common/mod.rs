//! A network in a LiteSVM, and what tests ask of it.

mod expect;
mod program;
mod world;

pub use expect::{assert_refused, reasons};
pub use world::{Node, SOL, START, World, wire_size};

use settlement::client::NetworkId;

/// The network id of a name known to be good.
pub fn id(name: &str) -> NetworkId {
    NetworkId::from_name(name).expect("a good name")
}
