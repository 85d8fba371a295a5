//! The program's accounts, read and written in place.
//!
//! Layouts are final: fields keep their offset for good, new ones come out of `reserved`, and the
//! assertions beside each struct fail the build when one moves. All integers are little-endian.

use anchor_lang::prelude::*;

use crate::error::SettlementError;

mod asset;
mod network;
mod node_wallet;
mod treasury;

pub use asset::AssetKind;
pub use network::Network;
pub use node_wallet::NodeWallet;
pub use treasury::Treasury;

/// Layout version that this program writes and reads.
pub const VERSION: u8 = 1;

/// Refuses an account whose layout this program doesn't know.
pub(crate) fn require_known(version: u8) -> Result<()> {
    require!(version == VERSION, SettlementError::UnknownVersion);
    Ok(())
}

/// Refuses a network that doesn't pay in native SOL.
pub(crate) fn require_sol(asset_kind: u8) -> Result<()> {
    require!(asset_kind == u8::from(AssetKind::Sol), SettlementError::UnsupportedAsset);
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
