//! The words of the field as types: one per idea, so that a node id cannot be taken for a batch id.

mod lamports;
mod node_id;

pub use lamports::{Lamports, LamportsError};
pub use node_id::{NodeId, NodeIdError};
