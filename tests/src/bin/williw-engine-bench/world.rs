//! What ledger and chain agree on before a measurement: the network, and nodes whose wallet accounts exist.
//!
//! Everything about a node follows from its index, so that the chain needs only two numbers per node.

use settlement::client::NetworkId;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::engine::NetworkRef;

use crate::BenchError;

/// The time at which every measurement begins, in Unix milliseconds.
pub(crate) const NOW_MS: i64 = 1_800_000_000_000;

/// The amount of a reward in lamports.
pub(crate) const REWARD_LAMPORTS: u64 = 1_000;

/// What a node has been credited and paid before, in lamports.
pub(crate) const CREDITED_BEFORE: u64 = 500;

/// The rent per byte of account data in lamports.
pub(crate) const RENT_PER_BYTE: u64 = 6_960;

/// The balance of a wallet account without pending lamports.
pub(crate) const WALLET_RENT: u64 = (128 + settlement::state::NodeWallet::SIZE as u64) * RENT_PER_BYTE;

pub(crate) fn settler() -> Keypair {
    Keypair::new_from_array([7; 32])
}

pub(crate) fn network() -> Result<NetworkRef, BenchError> {
    let id = NetworkId::from_name("bench").map_err(BenchError::other)?;
    Ok(NetworkRef::new(id, Keypair::new_from_array([8; 32]).pubkey(), None))
}

/// The id of a node. Ids are in no order, as in reality.
pub(crate) fn node_id(index: u64) -> String {
    format!("node-{:016x}", mix(index))
}

pub(crate) fn wallet(index: u64) -> Pubkey {
    address(1, index)
}

pub(crate) fn owner(index: u64) -> Pubkey {
    address(2, index)
}

/// The index of the node whose wallet account this is.
pub(crate) fn index_of(wallet: &Pubkey) -> Option<u64> {
    let index = u64::from_le_bytes(wallet.to_bytes().get(8..16)?.try_into().ok()?);
    (*wallet == address(1, index)).then_some(index)
}

fn address(role: u64, index: u64) -> Pubkey {
    let mut bytes = [0; 32];
    let words = [mix(index ^ (role << 56)), index, mix(role), mix(index.wrapping_add(role))];
    for (slot, word) in bytes.chunks_exact_mut(8).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    Pubkey::new_from_array(bytes)
}

/// A number for the ledger, which stores numbers up to 2^63 - 1. Those of a measurement are far below.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// SplitMix64: a permutation of all numbers.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
