//! A node's wallet account: what the node has earned and what it has been paid, as totals.
//!
//! For SOL the pending lamports lie in this account, above its rent. Lamports that strangers send
//! here are not pending: only the totals say what the node is owed.

use anchor_lang::prelude::*;

use super::DISCRIMINATOR_LEN;

/// `["node", network, node_id]`
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
pub struct NodeWallet {
    /// Layout version, [`VERSION`](Self::VERSION).
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// No flag is defined yet: 0.
    pub flags: u8,
    /// Zero.
    pub _padding: [u8; 5],
    /// Address of the network it belongs to.
    pub network: Pubkey,
    /// Hash of the ledger's name for the node.
    pub node_id: [u8; 32],
    /// May withdraw.
    pub owner: Pubkey,
    /// Where payouts go.
    pub destination: Pubkey,
    /// Paid this account's rent and gets it back.
    pub rent_payer: Pubkey,
    /// Base units ever credited. Only grows.
    pub credited_total: u64,
    /// Base units ever paid out. Only grows, never above `credited_total`.
    pub paid_total: u64,
    /// Base units from which the pending amount is paid out.
    pub threshold: u64,
    /// Unix seconds of the oldest credit not paid out yet; 0 when nothing is pending.
    pub oldest_unpaid_at: i64,
    /// The treasury's `batch_sequence` of the last batch that credited this node.
    pub last_sequence: u64,
    /// Zero, for fields to come.
    pub reserved: [u8; 24],
}

impl NodeWallet {
    /// Layout version that this program writes and reads.
    pub const VERSION: u8 = 1;

    /// Bytes of the whole account, discriminator included.
    pub const SIZE: usize = DISCRIMINATOR_LEN + size_of::<Self>();

    /// Base units credited and not paid out yet. 0 for totals that contradict each other, which
    /// the program never writes.
    pub fn pending(&self) -> u64 {
        self.credited_total.saturating_sub(self.paid_total)
    }
}

const _: () = {
    use core::mem::offset_of;
    assert!(NodeWallet::SIZE == 240);
    assert!(offset_of!(NodeWallet, version) == 0);
    assert!(offset_of!(NodeWallet, bump) == 1);
    assert!(offset_of!(NodeWallet, flags) == 2);
    assert!(offset_of!(NodeWallet, network) == 8);
    assert!(offset_of!(NodeWallet, node_id) == 40);
    assert!(offset_of!(NodeWallet, owner) == 72);
    assert!(offset_of!(NodeWallet, destination) == 104);
    assert!(offset_of!(NodeWallet, rent_payer) == 136);
    assert!(offset_of!(NodeWallet, credited_total) == 168);
    assert!(offset_of!(NodeWallet, paid_total) == 176);
    assert!(offset_of!(NodeWallet, threshold) == 184);
    assert!(offset_of!(NodeWallet, oldest_unpaid_at) == 192);
    assert!(offset_of!(NodeWallet, last_sequence) == 200);
    assert!(offset_of!(NodeWallet, reserved) == 208);
};
