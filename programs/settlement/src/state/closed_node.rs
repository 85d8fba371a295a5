//! The account that remains after a node's wallet account was closed.
//!
//! Without it, the node could be registered again with a total of zero, and its lifetime total, which
//! the relay reports, would be paid a second time.

use anchor_lang::prelude::*;

use super::{DISCRIMINATOR_LEN, NodeWallet};

/// A closed node. Replaces the wallet account at `["node", network, node_id, owner]`.
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
pub struct ClosedNode {
    /// Base units ever credited to the node, all of which had been paid when it was closed.
    pub total: u64,
    /// Address of the network that the node belongs to.
    pub network: Pubkey,
}

impl ClosedNode {
    /// Size of the account in bytes, including the discriminator.
    pub const SIZE: usize = DISCRIMINATOR_LEN + size_of::<Self>();
}

/// A wallet with the node's totals, but without an owner.
impl From<ClosedNode> for NodeWallet {
    fn from(closed: ClosedNode) -> Self {
        Self {
            version: Self::VERSION,
            network: closed.network,
            credited_total: closed.total,
            paid_total: closed.total,
            ..bytemuck::Zeroable::zeroed()
        }
    }
}

const _: () = {
    assert!(ClosedNode::SIZE == 48);
    assert!(core::mem::offset_of!(ClosedNode, total) == 0);
    assert!(core::mem::offset_of!(ClosedNode, network) == 8);
};

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;

    #[test]
    fn a_closed_node_reads_as_a_wallet_that_was_paid_all_of_its_total() {
        let network = Pubkey::new_from_array([7; 32]);
        let wallet = NodeWallet::from(ClosedNode { total: 5, network });
        let nobodys = NodeWallet { version: NodeWallet::VERSION, ..NodeWallet::zeroed() };
        assert_eq!(wallet, NodeWallet { network, credited_total: 5, paid_total: 5, ..nobodys });
    }
}
