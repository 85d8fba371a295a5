//! Addresses that the system or the program reserves.

use anchor_lang::prelude::Pubkey;
use settlement::client::{ASSOCIATED_TOKEN_ID, SPL_TOKEN_ID, TOKEN_2022_ID};
use solana_sdk_ids as ids;

/// Every reserved address: none can own a node or receive its earnings. Written anew here, so that none can be removed
/// by accident.
pub(crate) const RESERVED_ADDRESSES: [Pubkey; 37] = [
    ids::system_program::ID,
    ids::incinerator::ID,
    settlement::ID,
    settlement::EVENT_AUTHORITY_AND_BUMP.0,
    ids::native_loader::ID,
    ids::bpf_loader::ID,
    ids::bpf_loader_deprecated::ID,
    ids::bpf_loader_upgradeable::ID,
    ids::loader_v4::ID,
    ids::address_lookup_table::ID,
    ids::compute_budget::ID,
    ids::config::ID,
    ids::ed25519_program::ID,
    ids::feature::ID,
    ids::secp256k1_program::ID,
    ids::secp256r1_program::ID,
    ids::zk_elgamal_proof_program::ID,
    ids::zk_token_proof_program::ID,
    ids::stake::ID,
    ids::stake::config::ID,
    ids::vote::ID,
    ids::sysvar::ID,
    ids::sysvar::clock::ID,
    ids::sysvar::epoch_rewards::ID,
    ids::sysvar::epoch_schedule::ID,
    ids::sysvar::fees::ID,
    ids::sysvar::instructions::ID,
    ids::sysvar::last_restart_slot::ID,
    ids::sysvar::recent_blockhashes::ID,
    ids::sysvar::rent::ID,
    ids::sysvar::rewards::ID,
    ids::sysvar::slot_hashes::ID,
    ids::sysvar::slot_history::ID,
    ids::sysvar::stake_history::ID,
    SPL_TOKEN_ID,
    TOKEN_2022_ID,
    ASSOCIATED_TOKEN_ID,
];
