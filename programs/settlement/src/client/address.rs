//! Addresses of the program's accounts.

use anchor_lang::prelude::Pubkey;
use sha2::{Digest, Sha256};

use super::{NetworkId, TokenAsset};
use crate::state::{CLAIM_SEED, NETWORK_SEED, NODE_SEED, TREASURY_SEED};
use crate::token::ASSOCIATED_TOKEN_ID;

/// Prefix of the hashed bytes, so that a node id can't be the hash of anything else.
const NODE_ID_DOMAIN: &[u8] = b"williw-node-v1\0";

/// The on-chain id of the node with the id `ledger_id` in the ledger: the SHA-256 hash of
/// `"williw-node-v1\0"` followed by the ledger's id in UTF-8.
pub fn node_id(ledger_id: &str) -> [u8; 32] {
    Sha256::new().chain_update(NODE_ID_DOMAIN).chain_update(ledger_id.as_bytes()).finalize().into()
}

/// Address of the account of the network that `creator` created with the name `id`.
pub fn network_address(creator: &Pubkey, id: &NetworkId) -> Pubkey {
    network_address_with_bump(creator, id).0
}

/// Address of the account of the network that `creator` created with the name `id`, and its bump.
pub fn network_address_with_bump(creator: &Pubkey, id: &NetworkId) -> (Pubkey, u8) {
    Pubkey::find_program_address(&[NETWORK_SEED, creator.as_ref(), &id.0], &crate::ID)
}

/// Address of the treasury of the network at `network`.
pub fn treasury_address(network: &Pubkey) -> Pubkey {
    treasury_address_with_bump(network).0
}

/// Address of the treasury of the network at `network`, and its bump.
pub fn treasury_address_with_bump(network: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(&[TREASURY_SEED, network.as_ref()], &crate::ID)
}

/// Address of the wallet account of the node with the on-chain id `node_id` and this owner.
pub fn node_wallet_address(network: &Pubkey, node_id: &[u8; 32], owner: &Pubkey) -> Pubkey {
    node_wallet_address_with_bump(network, node_id, owner).0
}

/// Address of a node's wallet account, and its bump.
pub fn node_wallet_address_with_bump(network: &Pubkey, node_id: &[u8; 32], owner: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(&[NODE_SEED, network.as_ref(), node_id, owner.as_ref()], &crate::ID)
}

/// Address that holds the lamports that were set aside for the owner of the node whose wallet account is `node_wallet`.
pub fn claim_address(node_wallet: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[CLAIM_SEED, node_wallet.as_ref()], &crate::ID).0
}

/// Address of the associated token account of `owner` for an asset, derived as by the associated token
/// account program.
pub fn associated_token_address(owner: &Pubkey, asset: &TokenAsset) -> Pubkey {
    let seeds = [owner.as_ref(), asset.token_program.as_ref(), asset.mint.as_ref()];
    Pubkey::find_program_address(&seeds, &ASSOCIATED_TOKEN_ID).0
}

/// Address of the token account that holds the tokens of the network at `network`.
pub fn treasury_token_address(network: &Pubkey, asset: &TokenAsset) -> Pubkey {
    associated_token_address(&treasury_address(network), asset)
}

/// Address that signs the program's self-calls, which carry events.
pub fn event_authority() -> Pubkey {
    crate::EVENT_AUTHORITY_AND_BUMP.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_id_is_the_hash_of_the_domain_and_the_ledger_id() {
        let whole: [u8; 32] = Sha256::digest(b"williw-node-v1\0node-7").into();
        assert_eq!(node_id("node-7"), whole);
        assert_ne!(node_id("node-7"), node_id("node-8"));
    }

    #[test]
    fn the_event_authority_is_the_one_that_anchor_derives() {
        let (address, bump) = Pubkey::find_program_address(&[b"__event_authority"], &crate::ID);
        assert_eq!((address, bump), crate::EVENT_AUTHORITY_AND_BUMP);
        assert_eq!(event_authority(), address);
    }
}
