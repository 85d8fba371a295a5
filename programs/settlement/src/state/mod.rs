//! The program's accounts, read and written in place.
//!
//! Layouts are final: fields keep their offset for good, new ones come out of `reserved`, and the
//! assertions beside each struct fail the build when one moves. All integers are little-endian.

use anchor_lang::prelude::*;

use crate::error::SettlementError;

mod asset;
mod closed_node;
mod network;
mod node_wallet;
mod treasury;

pub use asset::AssetKind;
pub use closed_node::ClosedNode;
pub use network::Network;
pub use node_wallet::NodeWallet;
pub use treasury::Treasury;

/// Refuses an account whose layout is not the one this program writes.
pub(crate) fn require_known(found: u8, known: u8) -> Result<()> {
    require!(found == known, SettlementError::UnknownVersion);
    Ok(())
}

/// First seed of a network's address.
pub const NETWORK_SEED: &[u8] = b"network";
/// First seed of a treasury's address.
pub const TREASURY_SEED: &[u8] = b"treasury";
/// First seed of a node wallet's address.
pub const NODE_SEED: &[u8] = b"node";

/// Bytes of the account discriminator in front of every struct.
pub const DISCRIMINATOR_LEN: usize = 8;

// The structs are the accounts' bytes: a big-endian build would read them wrong.
const _: () = assert!(cfg!(target_endian = "little"));
