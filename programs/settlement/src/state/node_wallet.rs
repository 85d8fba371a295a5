//! A node's wallet account: what the node has earned and been paid, as cumulative totals.
//!
//! For SOL, the account holds the pending lamports in addition to its rent. Lamports that others send
//! to it are not pending: only the totals determine what the node is owed.

use anchor_lang::prelude::*;

use super::{DISCRIMINATOR_LEN, DestinationSource};

/// A node's wallet, at `["node", network, node_id, owner]`.
///
/// The owner is part of the address: whoever registers a node with another owner gets another wallet, so nobody can
/// occupy a node's wallet, and no instruction can give one to another owner.
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
pub struct NodeWallet {
    /// Layout version, [`VERSION`](Self::VERSION).
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Who chose the destination: 0 nobody (it is the owner's default), 1 the owner by `set_destination`, 2 the
    /// admin at registration.
    pub destination_source: u8,
    /// Always zero.
    pub _padding: [u8; 5],
    /// Address of the network that the node belongs to.
    pub network: Pubkey,
    /// Hash of the node's id in the ledger, see `client::node_id`.
    pub node_id: [u8; 32],
    /// The key that may withdraw, and change the destination and the threshold.
    pub owner: Pubkey,
    /// Recipient of payouts: for lamports the account itself, for tokens the token account.
    pub destination: Pubkey,
    /// Base units ever credited. Never decreases.
    pub credited_total: u64,
    /// Base units ever paid out. Never decreases and never exceeds `credited_total`.
    pub paid_total: u64,
    /// Pending base units at which they are paid out.
    pub threshold: u64,
    /// Time of the oldest credit that has not been paid out, in Unix seconds; 0 if nothing is pending.
    pub oldest_unpaid_at: i64,
    /// Sequence number of the last batch that credited this node.
    pub last_sequence: u64,
    /// Zero; reserved for future fields.
    pub reserved: [u8; 16],
}

impl NodeWallet {
    /// Layout version that this program reads and writes.
    pub const VERSION: u8 = 1;

    /// Size of the account in bytes, including the discriminator.
    pub const SIZE: usize = DISCRIMINATOR_LEN + size_of::<Self>();

    /// Base units that have been credited but not paid out. 0 if the totals are inconsistent, which
    /// the program never writes.
    pub fn pending(&self) -> u64 {
        self.credited_total.saturating_sub(self.paid_total)
    }

    /// Whether a payout in tokens may go to the destination while its tokens belong to `owner`: to the default
    /// destination only while it belongs to the node's owner, to one that was chosen whoever owns it.
    pub fn pays_to_token_owner(&self, owner: &[u8; 32]) -> bool {
        self.destination_source != u8::from(DestinationSource::Default) || owner == self.owner.as_array()
    }

    /// Whether payouts go where the owner wants them: to the owner's own address or associated token account, or to
    /// a destination that the owner set. Don't credit or pay a node for which this is `false`.
    pub fn is_destination_confirmed(&self) -> bool {
        matches!(
            DestinationSource::from_byte(self.destination_source),
            Some(DestinationSource::Default | DestinationSource::Owner)
        )
    }
}

const _: () = {
    use core::mem::offset_of;
    assert!(NodeWallet::SIZE == 200);
    assert!(offset_of!(NodeWallet, version) == 0);
    assert!(offset_of!(NodeWallet, bump) == 1);
    assert!(offset_of!(NodeWallet, destination_source) == 2);
    assert!(offset_of!(NodeWallet, network) == 8);
    assert!(offset_of!(NodeWallet, node_id) == 40);
    assert!(offset_of!(NodeWallet, owner) == 72);
    assert!(offset_of!(NodeWallet, destination) == 104);
    assert!(offset_of!(NodeWallet, credited_total) == 136);
    assert!(offset_of!(NodeWallet, paid_total) == 144);
    assert!(offset_of!(NodeWallet, threshold) == 152);
    assert!(offset_of!(NodeWallet, oldest_unpaid_at) == 160);
    assert!(offset_of!(NodeWallet, last_sequence) == 168);
    assert!(offset_of!(NodeWallet, reserved) == 176);
};
