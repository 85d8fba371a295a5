//! A network: its authorities and its asset. Only administrative instructions read it; what a batch
//! needs is copied to the [`Treasury`](super::Treasury).

use anchor_lang::prelude::*;

use super::DISCRIMINATOR_LEN;

/// A network, at `["network", creator, id]`.
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
pub struct Network {
    /// Layout version, [`VERSION`](Self::VERSION).
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Bump of the treasury's address.
    pub treasury_bump: u8,
    /// The asset that the network pays in: an [`AssetKind`](super::AssetKind).
    pub asset_kind: u8,
    /// Decimal places of the asset: 9 for SOL.
    pub decimals: u8,
    /// Always zero.
    pub _padding: [u8; 3],
    /// The network's name, padded with zero bytes.
    pub id: [u8; 32],
    /// The key that may change the network and withdraw surplus.
    pub admin: Pubkey,
    /// The proposed admin, who has not accepted yet. Zero if there is none.
    pub pending_admin: Pubkey,
    /// The relay's key, which may credit, settle and register nodes.
    pub settler: Pubkey,
    /// The key that may pause, and nothing else.
    pub guardian: Pubkey,
    /// Address of the asset's mint. Zero for SOL.
    pub mint: Pubkey,
    /// The mint's token program. Zero for SOL.
    pub token_program: Pubkey,
    /// Address of the network's treasury.
    pub treasury: Pubkey,
    /// Address of the treasury's token account. Zero for SOL.
    pub treasury_token_account: Pubkey,
    /// Minimum payout threshold of a node, and the default for nodes that don't set one. Base units.
    pub default_threshold: u64,
    /// Time at which the network was created, in Unix seconds.
    pub created_at: i64,
    /// The key that created the network and was its first admin. Part of the address, so that nobody can take a
    /// name before somebody else.
    pub creator: Pubkey,
    /// Zero; reserved for future fields.
    pub reserved: [u8; 160],
}

impl Network {
    /// Layout version that this program reads and writes.
    pub const VERSION: u8 = 1;

    /// Size of the account in bytes, including the discriminator.
    pub const SIZE: usize = DISCRIMINATOR_LEN + size_of::<Self>();
}

const _: () = {
    use core::mem::offset_of;
    assert!(Network::SIZE == 512);
    assert!(offset_of!(Network, version) == 0);
    assert!(offset_of!(Network, bump) == 1);
    assert!(offset_of!(Network, treasury_bump) == 2);
    assert!(offset_of!(Network, asset_kind) == 3);
    assert!(offset_of!(Network, decimals) == 4);
    assert!(offset_of!(Network, id) == 8);
    assert!(offset_of!(Network, admin) == 40);
    assert!(offset_of!(Network, pending_admin) == 72);
    assert!(offset_of!(Network, settler) == 104);
    assert!(offset_of!(Network, guardian) == 136);
    assert!(offset_of!(Network, mint) == 168);
    assert!(offset_of!(Network, token_program) == 200);
    assert!(offset_of!(Network, treasury) == 232);
    assert!(offset_of!(Network, treasury_token_account) == 264);
    assert!(offset_of!(Network, default_threshold) == 296);
    assert!(offset_of!(Network, created_at) == 304);
    assert!(offset_of!(Network, creator) == 312);
    assert!(offset_of!(Network, reserved) == 344);
};
