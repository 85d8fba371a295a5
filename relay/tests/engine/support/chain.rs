//! A single-node cluster: LiteSVM runs the real program, and this module models blocks, statuses and finality.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use litesvm::LiteSVM;
use litesvm::types::TransactionMetadata;
use solana_address_lookup_table_interface::state::AddressLookupTable;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_slot_hashes::SlotHashes;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::chain::{
    Account, AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, ExecutionRecord,
    FinalizedBlock, History, LatestBlockhash, MAX_SIGNATURES_PER_PAGE, RecordedTransaction, SignatureAtSlot,
    SignatureStatus, Simulation, StatusSearch, StatusesAtSlot, TransactionError,
};

/// The number of blocks after which a block is finalized.
const FINALITY_BLOCKS: u64 = 3;

/// The number of blocks for which a blockhash is valid. A real cluster has 150; fewer make it expire sooner in tests.
const BLOCKHASH_BLOCKS: u64 = 8;

/// The error of a transaction that [`LocalChain::reverts`].
const REVERTED: &str = r#"{"InstructionError":[0,"ComputationalBudgetExceeded"]}"#;

/// What the RPC node keeps of the logs of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeptLogs {
    Complete,
    /// All but the last lines, which the cluster has truncated.
    Truncated,
    Nothing,
}

impl KeptLogs {
    fn of(self, log: Vec<String>) -> Vec<String> {
        match self {
            Self::Complete => log,
            Self::Truncated => log.into_iter().take(1).chain(["Log truncated".to_owned()]).collect(),
            Self::Nothing => Vec::new(),
        }
    }
}

/// A cluster that produces blocks only through [`LocalChain::produce_block`].
pub(crate) struct LocalChain {
    pub(crate) svm: RefCell<LiteSVM>,
    height: Cell<u64>,
    pending: RefCell<Vec<VersionedTransaction>>,
    landed: RefCell<BTreeMap<Signature, Landed>>,
    /// Every transaction that was executed, those of others included, oldest first.
    pub(crate) history: RefCell<Vec<(Signature, RecordedTransaction)>>,
    complete_logs: RefCell<BTreeMap<Signature, Vec<String>>>,
    /// The number of calls of `send`.
    pub(crate) sends: Cell<u64>,
    /// The number of transactions that `send` will still drop.
    pub(crate) drop_sends: Cell<u64>,
    /// Whether transactions arrive but the response of `send` is lost.
    pub(crate) lose_responses: Cell<bool>,
    /// Whether statuses and transactions are unavailable, as on a node without history.
    pub(crate) without_history: Cell<bool>,
    /// By how many blocks the node that answers about statuses is behind the others.
    pub(crate) statuses_lag: Cell<u64>,
    /// The number of calls of `transaction`.
    pub(crate) lookups: Cell<u64>,
    /// Whether `transaction` gets no answer.
    pub(crate) lookups_fail: Cell<bool>,
    /// Whether the fee payer could pay for no transaction without falling below its rent-exempt minimum.
    pub(crate) payer_short: Cell<bool>,
    /// The code with which the program rejects every transaction that is simulated.
    pub(crate) rejects_with: Cell<Option<u32>>,
    /// The genesis hash.
    pub(crate) genesis: Cell<[u8; 32]>,
    /// What transactions that land from now on leave of their logs.
    pub(crate) kept_logs: Cell<KeptLogs>,
    /// Transactions that write this account fail when they land, although their simulation succeeds.
    pub(crate) reverts: Cell<Option<Pubkey>>,
    /// Transactions with this account cannot be loaded, which their simulation shows.
    pub(crate) unloadable: Cell<Option<Pubkey>>,
    /// Recently paid priority fees, in micro-lamports per compute unit.
    pub(crate) recent_fees: RefCell<Vec<u64>>,
    /// An account for which everybody pays much, and how much.
    pub(crate) contended: Cell<Option<(Pubkey, u64)>>,
    /// The largest number of accounts of which recently paid priority fees were asked for.
    pub(crate) most_fee_accounts: Cell<usize>,
    /// Whether the cluster rejects v1 transactions because the feature is not activated.
    pub(crate) rejects_v1: Cell<bool>,
    /// The minimum slot of every read of accounts.
    pub(crate) min_slots: RefCell<Vec<u64>>,
    /// The number of transactions that are still read from the history as they are; the following ones are forged.
    pub(crate) unforged: Cell<u64>,
    /// The number of signatures per page of an address's history.
    pub(crate) signatures_per_page: Cell<usize>,
    keeps_slots: Cell<bool>,
}

struct Landed {
    height: u64,
    error: Option<TransactionError>,
    executed: ExecutedTransaction,
}

impl LocalChain {
    pub(crate) fn new(svm: LiteSVM) -> Self {
        Self {
            svm: RefCell::new(svm),
            height: Cell::new(1),
            pending: RefCell::default(),
            landed: RefCell::default(),
            history: RefCell::default(),
            complete_logs: RefCell::default(),
            sends: Cell::new(0),
            drop_sends: Cell::new(0),
            lose_responses: Cell::new(false),
            without_history: Cell::new(false),
            statuses_lag: Cell::new(0),
            lookups: Cell::new(0),
            lookups_fail: Cell::new(false),
            payer_short: Cell::new(false),
            rejects_with: Cell::new(None),
            genesis: Cell::new([9; 32]),
            kept_logs: Cell::new(KeptLogs::Complete),
            reverts: Cell::new(None),
            unloadable: Cell::new(None),
            recent_fees: RefCell::new(vec![0, 10, 20, 30]),
            contended: Cell::new(None),
            most_fee_accounts: Cell::new(0),
            rejects_v1: Cell::new(false),
            min_slots: RefCell::default(),
            unforged: Cell::new(u64::MAX),
            signatures_per_page: Cell::new(MAX_SIGNATURES_PER_PAGE),
            keeps_slots: Cell::new(false),
        }
    }

    /// Every landed transaction with whether it succeeded, in the order of landing.
    pub(crate) fn landed(&self) -> Vec<(Signature, bool)> {
        let mut landed: Vec<_> = self
            .landed
            .borrow()
            .iter()
            .map(|(signature, landed)| (landed.height, *signature, landed.error.is_none()))
            .collect();
        landed.sort();
        landed.into_iter().map(|(_, signature, succeeded)| (signature, succeeded)).collect()
    }

    /// Produces a block from the pending transactions that can still land.
    pub(crate) fn produce_block(&self) {
        self.height.set(self.height.get() + 1);
        if self.keeps_slots.get() {
            self.set_slot();
        }
        for transaction in self.pending.take() {
            self.execute(&transaction);
        }
    }

    /// Lets the runtime know the slots of blocks, which lookup tables depend on, from now on.
    pub(crate) fn keep_slots(&self) {
        self.keeps_slots.set(true);
        self.set_slot();
    }

    /// Skips slots without blocks. What is pending then expires.
    pub(crate) fn skip_slots(&self, slots: u64) {
        self.height.set(self.height.get() + slots);
        self.produce_block();
    }

    fn set_slot(&self) {
        let (mut svm, height) = (self.svm.borrow_mut(), self.height.get());
        svm.warp_to_slot(height);
        let recent: Vec<_> =
            (height.saturating_sub(512)..height).rev().map(|slot| (slot, blockhash_at(slot))).collect();
        svm.set_sysvar(&SlotHashes::new(&recent));
    }

    /// The accounts that the transaction names in lookup tables: first the writable ones, then the others.
    fn looked_up(&self, transaction: &VersionedTransaction) -> Vec<Pubkey> {
        let lookups = transaction.message.address_table_lookups().unwrap_or_default();
        if lookups.is_empty() {
            return Vec::new();
        }
        let svm = self.svm.borrow();
        let of = |account: &Pubkey, positions: &[u8]| -> Vec<Pubkey> {
            let Some(account) = svm.get_account(account) else { return Vec::new() };
            let table = AddressLookupTable::deserialize(&account.data).expect("a lookup table");
            positions.iter().filter_map(|position| table.addresses.get(usize::from(*position)).copied()).collect()
        };
        let writable = lookups.iter().flat_map(|lookup| of(&lookup.account_key, &lookup.writable_indexes));
        let readonly = lookups.iter().flat_map(|lookup| of(&lookup.account_key, &lookup.readonly_indexes));
        writable.chain(readonly).collect()
    }

    /// Whether the transaction names a lookup table that does not exist.
    fn lacks_tables(&self, transaction: &VersionedTransaction) -> bool {
        let tables = transaction.message.address_table_lookups().unwrap_or_default();
        tables.iter().any(|table| self.svm.borrow().get_account(&table.account_key).is_none())
    }

    fn names(&self, transaction: &VersionedTransaction, account: &Pubkey) -> bool {
        transaction.message.static_account_keys().contains(account) || self.looked_up(transaction).contains(account)
    }

    /// The height of the last block, which is its slot.
    pub(crate) fn height(&self) -> u64 {
        self.height.get()
    }

    /// Produces blocks until everything that was executed is finalized.
    pub(crate) fn finalize(&self) {
        for _ in 0..FINALITY_BLOCKS {
            self.produce_block();
        }
    }

    /// A transaction of the history at this commitment.
    pub(crate) fn recorded_at(&self, signature: &Signature, commitment: Commitment) -> Option<RecordedTransaction> {
        let history = self.history.borrow();
        let (_, recorded) = history.iter().find(|(known, _)| known == signature)?;
        (commitment != Commitment::Finalized || self.is_finalized(recorded)).then(|| recorded.clone())
    }

    fn is_finalized(&self, recorded: &RecordedTransaction) -> bool {
        recorded.slot + FINALITY_BLOCKS <= self.height.get()
    }

    fn execute(&self, transaction: &VersionedTransaction) {
        let (height, signature) = (self.height.get(), transaction.signatures[0]);
        let blockhash_height = height_of(transaction.message.recent_blockhash());
        if blockhash_height + BLOCKHASH_BLOCKS < height || self.landed.borrow().contains_key(&signature) {
            return;
        }
        // A leader drops a transaction whose lookup tables it does not have.
        if self.lacks_tables(transaction) {
            return;
        }
        let reverts = self.reverts.get().is_some_and(|account| self.names(transaction, &account));
        let (error, meta) = if reverts {
            (Some(TransactionError::from_json(&serde_json::from_str(REVERTED).expect("JSON"))), Default::default())
        } else {
            match self.svm.borrow_mut().send_transaction(transaction.clone()) {
                Ok(meta) => (None, meta),
                Err(failed) => (Some(transaction_error(&failed.err)), failed.meta),
            }
        };
        self.record(transaction, error.clone(), &meta);
        let executed = ExecutedTransaction {
            slot: height,
            fee_lamports: meta.fee,
            log_messages: self.kept_logs.get().of(meta.logs),
        };
        self.landed.borrow_mut().insert(signature, Landed { height, error, executed });
    }

    /// Adds an executed transaction to the history.
    pub(crate) fn record(
        &self,
        transaction: &VersionedTransaction,
        error: Option<TransactionError>,
        meta: &TransactionMetadata,
    ) {
        let signature = transaction.signatures[0];
        let inner =
            meta.inner_instructions.iter().map(|caused| caused.iter().map(|one| one.instruction.clone()).collect());
        let record = ExecutionRecord {
            slot: self.height.get(),
            block_time: None,
            fee_lamports: meta.fee,
            error,
            loaded_addresses: self.looked_up(transaction),
            inner: inner.enumerate().collect(),
            log_messages: self.kept_logs.get().of(meta.logs.clone()),
        };
        let bytes = wincode::serialize(transaction).expect("a transaction");
        let recorded = RecordedTransaction::decode(&signature, bytes, record).expect("a transaction that was executed");
        self.complete_logs.borrow_mut().insert(signature, meta.logs.clone());
        self.history.borrow_mut().push((signature, recorded));
    }

    /// Lets the history show the logs that were not kept: another node has them.
    pub(crate) fn restore_logs(&self) {
        let logs = self.complete_logs.borrow();
        for (signature, recorded) in self.history.borrow_mut().iter_mut() {
            recorded.log_messages = logs[signature].clone();
        }
    }

    /// The account data that the transaction loads, as LiteSVM counts it.
    fn loaded_bytes(&self, transaction: &VersionedTransaction) -> u32 {
        let looked_up = self.looked_up(transaction);
        let svm = self.svm.borrow();
        let keys = transaction.message.static_account_keys().iter().chain(&looked_up);
        let accounts: u32 =
            keys.filter_map(|key| svm.get_account(key)).map(|account| 64 + account.data.len() as u32).sum();
        let tables = transaction.message.address_table_lookups().unwrap_or_default().len() as u32;
        accounts + tables * 8_248
    }

    /// Copies the state of the cluster, for [`LocalChain::fork_to`].
    pub(crate) fn checkpoint(&self) -> (LiteSVM, u64) {
        (self.svm.borrow().clone(), self.height.get())
    }

    /// Continues from a checkpoint: transactions that landed since then are undone and can land again.
    pub(crate) fn fork_to(&self, (svm, height): (LiteSVM, u64)) {
        *self.svm.borrow_mut() = svm;
        self.landed.borrow_mut().retain(|_, landed| landed.height <= height);
        self.history.borrow_mut().retain(|(_, recorded)| recorded.slot <= height);
    }
}

fn transaction_error(error: &impl serde::Serialize) -> TransactionError {
    TransactionError::from_json(&serde_json::to_value(error).expect("transaction errors serialize to JSON"))
}

/// Makes a blockhash that encodes the height at which it was issued.
fn blockhash_at(height: u64) -> Hash {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&height.to_le_bytes());
    Hash::new_from_array(bytes)
}

fn height_of(blockhash: &Hash) -> u64 {
    u64::from_le_bytes(blockhash.to_bytes()[..8].try_into().expect("eight bytes"))
}

fn decode(bytes: &[u8]) -> VersionedTransaction {
    wincode::deserialize(bytes).expect("the engine sends well-formed transactions")
}

impl Chain for LocalChain {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        Ok(Hash::new_from_array(self.genesis.get()))
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        let height = self.height.get();
        Ok(LatestBlockhash { blockhash: blockhash_at(height), last_valid_block_height: height + BLOCKHASH_BLOCKS })
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        let height = self.height.get().saturating_sub(FINALITY_BLOCKS);
        Ok(FinalizedBlock { slot: height, height })
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        _commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        self.min_slots.borrow_mut().push(min_slot);
        let slot = self.height.get();
        if slot < min_slot {
            return Err(ChainError::Behind { slot, min_slot });
        }
        let svm = self.svm.borrow();
        let accounts = addresses
            .iter()
            .map(|address| {
                let mut account = svm.get_account(address).filter(|account| account.lamports > 0)?;
                let space = account.data.len() as u64;
                account.data.truncate(data.max_len().unwrap_or(usize::MAX));
                Some(Account {
                    lamports: account.lamports,
                    owner: account.owner,
                    executable: account.executable,
                    space,
                    data: account.data,
                })
            })
            .collect();
        Ok(AccountsAtSlot { slot, accounts })
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        Ok(self.svm.borrow().minimum_balance_for_rent_exemption(data_len as usize))
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        let transaction = decode(transaction);
        if self.rejects_v1.get() && matches!(transaction.message, solana_message::VersionedMessage::V1(_)) {
            return Err(ChainError::UnsupportedVersion);
        }
        if self.lacks_tables(&transaction) {
            let message =
                "invalid transaction: Transaction loads an address table account that doesn't exist".to_owned();
            return Err(ChainError::ErrorResponse { method: "simulateTransaction", code: -32602, message });
        }
        if self.unloadable.get().is_some_and(|account| self.names(&transaction, &account)) {
            let error = TransactionError::from_json(&"MaxLoadedAccountsDataSizeExceeded".into());
            return Ok(Simulation { error: Some(error), ..Default::default() });
        }
        if self.payer_short.get() {
            let error =
                TransactionError::from_json(&serde_json::json!({"InsufficientFundsForRent": {"account_index": 0}}));
            return Ok(Simulation { error: Some(error), ..Default::default() });
        }
        if let Some(code) = self.rejects_with.get() {
            let error = TransactionError::from_json(&serde_json::json!({"InstructionError": [0, {"Custom": code}]}));
            return Ok(Simulation { error: Some(error), ..Default::default() });
        }
        let loaded_accounts_data_bytes = Some(self.loaded_bytes(&transaction));
        Ok(match self.svm.borrow().simulate_transaction(transaction) {
            Ok(info) => {
                Simulation { error: None, units_consumed: info.meta.compute_units_consumed, loaded_accounts_data_bytes }
            }
            Err(failed) => Simulation {
                error: Some(transaction_error(&failed.err)),
                units_consumed: failed.meta.compute_units_consumed,
                loaded_accounts_data_bytes,
            },
        })
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.sends.set(self.sends.get() + 1);
        if self.drop_sends.get() > 0 {
            self.drop_sends.set(self.drop_sends.get() - 1);
        } else {
            self.pending.borrow_mut().push(decode(transaction));
        }
        if self.lose_responses.get() {
            return Err(ChainError::Unreachable("the response was lost".to_owned()));
        }
        Ok(())
    }

    async fn statuses(&self, signatures: &[Signature], _search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        let landed = self.landed.borrow();
        let height = self.height.get().saturating_sub(self.statuses_lag.get());
        let statuses = signatures
            .iter()
            .map(|signature| {
                let landed = landed.get(signature).filter(|_| !self.without_history.get())?;
                if landed.height > height {
                    return None;
                }
                Some(SignatureStatus {
                    slot: landed.height,
                    finalized: landed.height + FINALITY_BLOCKS <= height,
                    error: landed.error.clone(),
                })
            })
            .collect();
        Ok(StatusesAtSlot { slot: height, statuses })
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        self.lookups.set(self.lookups.get() + 1);
        if self.lookups_fail.get() {
            return Err(ChainError::Unreachable("no answer".to_owned()));
        }
        if self.without_history.get() {
            return Ok(None);
        }
        Ok(self.landed.borrow().get(signature).map(|landed| landed.executed.clone()))
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.most_fee_accounts.set(self.most_fee_accounts.get().max(writable.len()));
        let fees = self.recent_fees.borrow().clone();
        Ok(match self.contended.get().filter(|(account, _)| writable.contains(account)) {
            Some((_, fee)) => vec![fee; fees.len()],
            None => fees,
        })
    }
}

impl History for LocalChain {
    async fn recorded(&self, signature: &Signature) -> Result<Option<RecordedTransaction>, ChainError> {
        if self.without_history.get() {
            return Ok(None);
        }
        let mut recorded = self.recorded_at(signature, Commitment::Finalized);
        let left = self.unforged.get();
        self.unforged.set(left.saturating_sub(1));
        if let Some(recorded) = recorded.as_mut().filter(|_| left == 0) {
            for instruction in recorded.instructions.iter_mut().filter(|one| one.is_inner) {
                *instruction.data.last_mut().expect("data") ^= 1;
            }
        }
        Ok(recorded)
    }

    async fn signatures_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
    ) -> Result<Vec<SignatureAtSlot>, ChainError> {
        let names = |recorded: &RecordedTransaction| {
            recorded.instructions.iter().any(|instruction| instruction.accounts.contains(address))
        };
        let history = self.history.borrow();
        let newest_first = history.iter().rev().filter(|(_, recorded)| names(recorded) && self.is_finalized(recorded));
        let until_known = newest_first.skip_while(|(known, _)| before.is_some_and(|before| before != known));
        let page = until_known.skip(usize::from(before.is_some())).take(self.signatures_per_page.get());
        Ok(page
            .map(|(signature, recorded)| SignatureAtSlot {
                signature: *signature,
                slot: recorded.slot,
                succeeded: recorded.error.is_none(),
            })
            .collect())
    }
}
