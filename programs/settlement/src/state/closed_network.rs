//! The account that remains after a network was closed.
//!
//! It keeps the network's address in use: were it free, a network of the same name could be created there, and the
//! lifetime totals of its nodes, which the relay reports, would be paid a second time.

use anchor_lang::prelude::*;

use super::DISCRIMINATOR_LEN;

/// A closed network. Replaces the account at `["network", creator, id]`.
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
pub struct ClosedNetwork {
    /// The network's last admin, who receives whatever is left at the network's addresses.
    pub admin: Pubkey,
    /// Bump of the treasury's address.
    pub treasury_bump: u8,
    /// Always zero.
    pub _padding: [u8; 7],
}

impl ClosedNetwork {
    /// Size of the account in bytes, including the discriminator.
    pub const SIZE: usize = DISCRIMINATOR_LEN + size_of::<Self>();
}

const _: () = {
    use core::mem::offset_of;
    assert!(ClosedNetwork::SIZE == 48);
    assert!(offset_of!(ClosedNetwork, admin) == 0);
    assert!(offset_of!(ClosedNetwork, treasury_bump) == 32);
};
