//! Addresses that can't own a node or receive its earnings.
//!
//! Lamports sent there would be lost, or would fail the transaction and with it the payouts of all
//! other nodes in it.

use anchor_lang::prelude::*;
pub(crate) use solana_sdk_ids as ids;

use crate::token::{ASSOCIATED_TOKEN_ID, SPL_TOKEN_ID, TOKEN_2022_ID};

/// Whether an address is reserved by the system or by this program, regardless of the account there:
/// native programs, loaders, sysvars, the incinerator, the default key, the token programs, this program and its event
/// authority.
pub fn is_reserved_address(address: &Pubkey) -> bool {
    RESERVED.contains(address)
}

/// Whether a node may name an address as its owner or destination: it is not reserved, and not one of
/// `own`, the accounts of this program that the instruction knows. Payouts to other accounts of this
/// program are rejected when they are due.
pub(crate) fn is_payable_address(address: &Pubkey, own: &[Pubkey]) -> bool {
    !is_reserved_address(address) && !own.contains(address)
}

const RESERVED: [Pubkey; 37] = [
    // The system program; its address is also the default key.
    ids::system_program::ID,
    ids::incinerator::ID,
    crate::ID,
    crate::EVENT_AUTHORITY_AND_BUMP.0,
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
