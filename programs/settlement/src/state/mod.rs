//! The program's accounts, read and written in place.
//!
//! Layouts are final: fields keep their offsets, new fields are taken from `reserved`, and the
//! assertions next to each struct fail the build if a field moves. All integers are little-endian.

use anchor_lang::prelude::*;

use crate::error::SettlementError;

mod asset;
mod closed_network;
mod closed_node;
mod destination_source;
mod network;
mod node_wallet;
mod treasury;

pub use asset::AssetKind;
pub use closed_network::ClosedNetwork;
pub use closed_node::ClosedNode;
pub use destination_source::DestinationSource;
pub use network::Network;
pub use node_wallet::NodeWallet;
pub use treasury::Treasury;

/// Fails unless an account's layout version is the one that this program writes.
pub(crate) fn require_version(found: u8, current: u8) -> Result<()> {
    require!(found == current, SettlementError::UnknownVersion);
    Ok(())
}

/// First seed of a network's address, followed by its creator and its id.
pub const NETWORK_SEED: &[u8] = b"network";
/// First seed of a treasury's address, followed by the network's address.
pub const TREASURY_SEED: &[u8] = b"treasury";
/// First seed of a node wallet's address, followed by the network's address, the node's id and its owner.
pub const NODE_SEED: &[u8] = b"node";

/// First seed of the address that holds what was set aside for a node's owner, followed by the wallet's address.
pub const CLAIM_SEED: &[u8] = b"claim";

/// Length of the account discriminator that precedes every struct, in bytes.
pub const DISCRIMINATOR_LEN: usize = 8;

/// Sizes of all account types, in bytes. The fast path recognizes a wallet by its size, see
/// [`fast_path`](crate::fast_path).
pub const ACCOUNT_SIZES: [usize; 5] =
    [Network::SIZE, Treasury::SIZE, NodeWallet::SIZE, ClosedNode::SIZE, ClosedNetwork::SIZE];

// Only the wallet has its size.
const _: () = assert!(wallet_sized(&ACCOUNT_SIZES) == 1);

/// How many account types have the size of a wallet.
const fn wallet_sized(sizes: &[usize]) -> usize {
    match sizes {
        [] => 0,
        [size, rest @ ..] => (*size == NodeWallet::SIZE) as usize + wallet_sized(rest),
    }
}

// The structs are the accounts' bytes: a big-endian build would misread them.
const _: () = assert!(cfg!(target_endian = "little"));
