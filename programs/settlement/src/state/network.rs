//! A network: who may do what, and what it pays in. Read by rare instructions only; what a batch
//! needs is copied into the [`Treasury`](super::Treasury).

use anchor_lang::prelude::*;

use super::DISCRIMINATOR_LEN;

/// `["network", id]`
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
pub struct Network {
    /// Layout version, [`VERSION`](Self::VERSION).
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Bump of the treasury's address.
    pub treasury_bump: u8,
    /// An [`AssetKind`](super::AssetKind).
    pub asset_kind: u8,
    /// Decimals of the asset: 9 for SOL.
    pub decimals: u8,
    /// Zero.
    pub _padding: [u8; 3],
    /// The network's name, zero padded.
    pub id: [u8; 32],
    /// May change everything.
    pub admin: Pubkey,
    /// Named as the next admin and yet to accept. Zero: nobody.
    pub pending_admin: Pubkey,
    /// The relay's key: credits, settles, registers nodes.
    pub settler: Pubkey,
    /// May only pause.
    pub guardian: Pubkey,
    /// Mint of the asset. Zero for SOL.
    pub mint: Pubkey,
    /// Token program of the mint. Zero for SOL.
    pub token_program: Pubkey,
    /// Address of the network's treasury.
    pub treasury: Pubkey,
    /// The treasury's token account. Zero for SOL.
    pub treasury_token_account: Pubkey,
    /// Smallest threshold of a node, and the one it gets when it names none. Base units.
    pub default_threshold: u64,
    /// Unix seconds at which the network was created.
    pub created_at: i64,
    /// Zero, for fields to come.
    pub reserved: [u8; 192],
}

impl Network {
    /// Layout version that this program writes and reads.
    pub const VERSION: u8 = 1;

    /// Bytes of the whole account, discriminator included.
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
    assert!(offset_of!(Network, reserved) == 312);
};
