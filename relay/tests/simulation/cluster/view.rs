//! What one RPC node answers: it serves the state of its own slot, remembers statuses for a while, and may have no history.

use litesvm::LiteSVM;
use solana_message::VersionedMessage;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::chain::{
    Account, AccountData, AccountsAtSlot, ChainError, Commitment, ExecutedTransaction, FinalizedBlock, LatestBlockhash,
    SignatureStatus, Simulation, StatusSearch, StatusesAtSlot, TransactionError,
};

use solana_account::ReadableAccount as _;

use crate::scenario::Urls;

use super::lookups::TABLE_BYTES;
use super::{CONFIRMED_BLOCKS, Cluster, FINALITY_BLOCKS, set_time};

/// The code for a transaction that makes no sense.
const INVALID_PARAMS: i64 = -32602;

/// Agave's code for a node that keeps no history of transactions.
const NO_HISTORY: i64 = -32011;

/// What a node knows of transactions that are no longer in its cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// Everything.
    Full,
    /// Nothing, and it says so.
    Refused,
    /// Nothing, and it answers that there is no such transaction.
    Silent,
}

/// An RPC node.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// The newest block that the node has processed.
    pub(crate) head: usize,
    pub(crate) lag_slots: u64,
    /// Until this slot of the cluster, the node processes no block, and stays on a fork that was dropped.
    pub(crate) stuck_until_slot: u64,
    pub(crate) history: History,
    /// Whether the node answers as if it had not kept the logs of transactions.
    pub(crate) loses_logs: bool,
    /// The number of blocks by which the node's index of transactions is behind.
    pub(crate) index_lag: u64,
    /// Whether simulations report the size of loaded accounts.
    pub(crate) reports_loaded_data: bool,
}

impl View {
    /// The node becomes one that keeps up, as far as that depends on the cluster.
    pub(crate) fn heal(&mut self, urls: Urls) {
        self.lag_slots = self.lag_slots.min(2);
        self.index_lag = self.index_lag.min(2);
        self.stuck_until_slot = 0;
        // Without a node that has history, or two where two must agree, an operator has to step in, because nothing tells
        // whether an old attempt has landed.
        if self.history == History::Refused || urls != Urls::One {
            self.history = History::Full;
        }
    }
}

impl Cluster {
    fn at(&self, view: usize, commitment: Commitment) -> usize {
        let depth = match commitment {
            Commitment::Confirmed => CONFIRMED_BLOCKS,
            Commitment::Finalized => FINALITY_BLOCKS,
        };
        self.ancestor(self.views[view].head, depth)
    }

    /// `getLatestBlockhash` at `confirmed`.
    pub(crate) fn latest_blockhash(&self, view: usize) -> LatestBlockhash {
        let block = &self.blocks[self.at(view, Commitment::Confirmed)];
        LatestBlockhash { blockhash: block.hash, last_valid_block_height: block.height + self.blockhash_blocks }
    }

    /// `getEpochInfo` at `finalized`.
    pub(crate) fn finalized_block(&self, view: usize) -> FinalizedBlock {
        let block = &self.blocks[self.at(view, Commitment::Finalized)];
        FinalizedBlock { slot: block.slot, height: block.height }
    }

    /// `getMultipleAccounts`.
    pub(crate) fn accounts(
        &self,
        view: usize,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        let block = &self.blocks[self.at(view, commitment)];
        if block.slot < min_slot {
            return Err(ChainError::Behind { slot: block.slot, min_slot });
        }
        let state = block.state.borrow();
        let accounts = addresses.iter().map(|address| account(&state, address, data)).collect();
        Ok(AccountsAtSlot { slot: block.slot, accounts })
    }

    /// `getMinimumBalanceForRentExemption`.
    pub(crate) fn minimum_balance(&self, view: usize, data_len: u64) -> u64 {
        let state = self.blocks[self.at(view, Commitment::Finalized)].state.borrow();
        state.minimum_balance_for_rent_exemption(data_len as usize)
    }

    /// `simulateTransaction` at `confirmed`, with a recent blockhash and without verifying signatures.
    pub(crate) fn simulate(&self, view: usize, bytes: &[u8]) -> Result<Simulation, ChainError> {
        let transaction = decode(bytes)?;
        if self.rejects_v1 && matches!(transaction.message, VersionedMessage::V1(_)) {
            return Err(ChainError::UnsupportedVersion);
        }
        let index = self.at(view, Commitment::Confirmed);
        let looked_up = self.looked_up(&transaction.message, index).map_err(|error| ChainError::ErrorResponse {
            method: "simulateTransaction",
            code: INVALID_PARAMS,
            message: format!("invalid transaction: {error}"),
        })?;
        let block = &self.blocks[index];
        set_time(&mut block.state.borrow_mut(), block.slot, block.time_s);
        if self.keeps_slot_hashes {
            block.state.borrow_mut().set_sysvar(&self.slot_hashes(block.parent));
        }
        let state = block.state.borrow();
        let tables = transaction.message.address_table_lookups().map_or(0, <[_]>::len) as u32;
        let keys = transaction.message.static_account_keys().iter().chain(&looked_up);
        let loaded = keys
            .filter_map(|key| state.accounts_db().get_account_ref(key))
            .map(|account| 64 + account.data().len() as u32)
            .sum::<u32>()
            + tables * TABLE_BYTES;
        let loaded_accounts_data_bytes = self.views[view].reports_loaded_data.then_some(loaded);
        Ok(match state.simulate_transaction(transaction) {
            Ok(info) => {
                Simulation { error: None, units_consumed: info.meta.compute_units_consumed, loaded_accounts_data_bytes }
            }
            Err(failed) => {
                let json = serde_json::to_value(&failed.err).expect("transaction errors serialize to JSON");
                Simulation {
                    error: Some(TransactionError::from_json(&json)),
                    units_consumed: failed.meta.compute_units_consumed,
                    loaded_accounts_data_bytes,
                }
            }
        })
    }

    /// `getSignatureStatuses`, as of the node's newest block.
    pub(crate) fn statuses(
        &self,
        view: usize,
        signatures: &[Signature],
        search: StatusSearch,
    ) -> Result<StatusesAtSlot, ChainError> {
        let View { head, history, .. } = self.views[view];
        if search == StatusSearch::FullHistory && history == History::Refused {
            let message = "Transaction history is not available from this node".to_owned();
            return Err(ChainError::ErrorResponse { method: "getSignatureStatuses", code: NO_HISTORY, message });
        }
        let root = self.ancestor(head, FINALITY_BLOCKS);
        let head_height = self.blocks[head].height;
        let status = |signature: &Signature| {
            let (block, executed) = self.find(signature, head)?;
            let block = &self.blocks[block];
            let cached = block.height + 2 * self.blockhash_blocks >= head_height;
            let known = cached || (search == StatusSearch::FullHistory && history == History::Full);
            known.then(|| SignatureStatus {
                slot: block.slot,
                finalized: block.height <= self.blocks[root].height,
                error: executed.error.clone(),
            })
        };
        Ok(StatusesAtSlot { slot: self.blocks[head].slot, statuses: signatures.iter().map(status).collect() })
    }

    /// `getTransaction` at `finalized`.
    pub(crate) fn transaction(
        &self,
        view: usize,
        signature: &Signature,
    ) -> Result<Option<ExecutedTransaction>, ChainError> {
        let View { head, history, loses_logs, index_lag, .. } = self.views[view];
        if history == History::Refused {
            let message = "Transaction history is not available from this node".to_owned();
            return Err(ChainError::ErrorResponse { method: "getTransaction", code: NO_HISTORY, message });
        }
        let root = self.ancestor(head, FINALITY_BLOCKS + index_lag);
        let Some((block, executed)) = self.find(signature, root) else { return Ok(None) };
        let forgotten = self.blocks[block].height + 2 * self.blockhash_blocks < self.blocks[root].height;
        if forgotten && history == History::Silent {
            return Ok(None);
        }
        let log_messages = if loses_logs { Vec::new() } else { executed.logs.clone() };
        Ok(Some(ExecutedTransaction { slot: executed.slot, fee_lamports: executed.fee, log_messages }))
    }
}

/// An account as an RPC node shows it.
pub(super) fn account(state: &LiteSVM, address: &Pubkey, data: AccountData) -> Option<Account> {
    let account = state.accounts_db().get_account_ref(address).filter(|account| account.lamports() > 0)?;
    Some(Account {
        lamports: account.lamports(),
        owner: *account.owner(),
        executable: account.executable(),
        space: account.data().len() as u64,
        data: account.data().iter().copied().take(data.max_len().unwrap_or(usize::MAX)).collect(),
    })
}

/// Decodes a transaction as a node does that receives it.
pub(crate) fn decode(bytes: &[u8]) -> Result<VersionedTransaction, ChainError> {
    let refused = |message: &str| ChainError::ErrorResponse {
        method: "sendTransaction",
        code: INVALID_PARAMS,
        message: message.to_owned(),
    };
    let transaction: VersionedTransaction =
        wincode::deserialize(bytes).map_err(|_| refused("failed to deserialize the transaction"))?;
    let limit = if matches!(transaction.message, VersionedMessage::V1(_)) { 4_096 } else { 1_232 };
    if bytes.len() > limit {
        return Err(refused("the transaction is too large"));
    }
    Ok(transaction)
}
