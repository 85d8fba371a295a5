//! Another cluster, to which a wrong URL leads. The program and the network exist there as well, and nothing has been settled.

use solana_hash::Hash;
use solana_pubkey::Pubkey;
use williw_relay::chain::{AccountData, AccountsAtSlot, FinalizedBlock, LatestBlockhash, StatusesAtSlot};

use super::Cluster;
use super::view::account;

/// By how much the other cluster is ahead in slots and in height: all that is in flight would have expired there.
const AHEAD: u64 = 5_000;

impl Cluster {
    /// `getLatestBlockhash` of the other cluster.
    pub(crate) fn other_blockhash(&self) -> LatestBlockhash {
        let height = self.blocks[self.tip].height + AHEAD;
        LatestBlockhash { blockhash: Hash::new_from_array([7; 32]), last_valid_block_height: height }
    }

    /// `getEpochInfo` of the other cluster.
    pub(crate) fn other_block(&self) -> FinalizedBlock {
        let block = &self.blocks[self.tip];
        FinalizedBlock { slot: block.slot + AHEAD, height: block.height + AHEAD }
    }

    /// `getMultipleAccounts` of the other cluster.
    pub(crate) fn other_accounts(&self, addresses: &[Pubkey], data: AccountData) -> AccountsAtSlot {
        let state = self.blocks[0].state.borrow();
        let accounts = addresses.iter().map(|address| account(&state, address, data)).collect();
        AccountsAtSlot { slot: self.other_block().slot, accounts }
    }

    /// `getSignatureStatuses` of the other cluster.
    pub(crate) fn other_statuses(&self, count: usize) -> StatusesAtSlot {
        StatusesAtSlot { slot: self.other_block().slot, statuses: vec![None; count] }
    }
}
