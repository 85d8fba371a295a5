//! What stays of a node's wallet account after it was closed.
//!
//! Were nothing left, the node could be registered anew with a total of zero, and a relay that
//! reports its lifetime total would have it paid a second time.

use anchor_lang::prelude::*;

use super::{DISCRIMINATOR_LEN, NodeWallet};

/// Lies at `["node", network, node_id]` in the wallet account's place.
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
pub struct ClosedNode {
    /// Base units credited, and paid, when the node was closed.
    pub total: u64,
}

impl ClosedNode {
    /// Bytes of the whole account, discriminator included.
    pub const SIZE: usize = DISCRIMINATOR_LEN + size_of::<Self>();
}

/// What is left of the wallet: its totals, owned by nobody.
impl From<ClosedNode> for NodeWallet {
    fn from(closed: ClosedNode) -> Self {
        Self {
            version: Self::VERSION,
            credited_total: closed.total,
            paid_total: closed.total,
            ..bytemuck::Zeroable::zeroed()
        }
    }
}

const _: () = {
    assert!(ClosedNode::SIZE == 16);
    assert!(core::mem::offset_of!(ClosedNode, total) == 0);
};
