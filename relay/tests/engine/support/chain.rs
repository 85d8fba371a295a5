//! A cluster of one: LiteSVM runs the real program; blocks, statuses and finality are kept here.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use litesvm::LiteSVM;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::chain::{
    Account, AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, LatestBlockhash,
    SignatureStatus, Simulation, StatusSearch, TransactionError,
};

/// Blocks until one is rooted.
const FINALITY_BLOCKS: u64 = 3;

/// Blocks for which a blockhash lives: far fewer than a cluster's 150, so that tests reach its end soon.
pub const BLOCKHASH_BLOCKS: u64 = 8;

/// A cluster whose blocks are made by [`LocalChain::produce_block`].
pub struct LocalChain {
    pub svm: RefCell<LiteSVM>,
    height: Cell<u64>,
    pending: RefCell<Vec<VersionedTransaction>>,
    landed: RefCell<BTreeMap<Signature, Landed>>,
    /// How often bytes were handed over.
    pub sends: Cell<u64>,
    /// The next so many handed over transactions are lost.
    pub lose_sends: Cell<u64>,
    /// Handed over transactions arrive, but the answer to it is lost.
    pub lose_answers: Cell<bool>,
    /// Statuses are not known any more (a node without history).
    pub forget_statuses: Cell<bool>,
    /// The cluster has not activated v1.
    pub refuses_v1: Cell<bool>,
}

struct Landed {
    height: u64,
    error: Option<TransactionError>,
    executed: ExecutedTransaction,
}

impl LocalChain {
    pub fn new(svm: LiteSVM) -> Self {
        Self {
            svm: RefCell::new(svm),
            height: Cell::new(1),
            pending: RefCell::default(),
            landed: RefCell::default(),
            sends: Cell::new(0),
            lose_sends: Cell::new(0),
            lose_answers: Cell::new(false),
            forget_statuses: Cell::new(false),
            refuses_v1: Cell::new(false),
        }
    }

    /// Every transaction that landed, with whether it succeeded, in order of landing.
    pub fn landed(&self) -> Vec<(Signature, bool)> {
        let mut landed: Vec<_> = self
            .landed
            .borrow()
            .iter()
            .map(|(signature, landed)| (landed.height, *signature, landed.error.is_none()))
            .collect();
        landed.sort();
        landed.into_iter().map(|(_, signature, succeeded)| (signature, succeeded)).collect()
    }

    /// Makes a block of everything that was handed over and can still land.
    pub fn produce_block(&self) {
        self.height.set(self.height.get() + 1);
        for transaction in self.pending.take() {
            self.execute(&transaction);
        }
    }

    fn execute(&self, transaction: &VersionedTransaction) {
        let (height, signature) = (self.height.get(), transaction.signatures[0]);
        let born = height_of(transaction.message.recent_blockhash());
        if born + BLOCKHASH_BLOCKS < height || self.landed.borrow().contains_key(&signature) {
            return;
        }
        let (error, meta) = match self.svm.borrow_mut().send_transaction(transaction.clone()) {
            Ok(meta) => (None, meta),
            Err(failed) => (Some(transaction_error(&failed.err)), failed.meta),
        };
        let executed = ExecutedTransaction {
            slot: height,
            fee_lamports: meta.fee,
            inner_instruction_data: meta
                .inner_instructions
                .iter()
                .flatten()
                .map(|inner| inner.instruction.data.clone())
                .collect(),
        };
        self.landed.borrow_mut().insert(signature, Landed { height, error, executed });
    }

    /// A copy of the cluster as it is now, to come back to with [`LocalChain::fork_to`].
    pub fn checkpoint(&self) -> (LiteSVM, u64) {
        (self.svm.borrow().clone(), self.height.get())
    }

    /// Goes on from a checkpoint: what landed since is undone and can land again.
    pub fn fork_to(&self, (svm, height): (LiteSVM, u64)) {
        *self.svm.borrow_mut() = svm;
        self.landed.borrow_mut().retain(|_, landed| landed.height <= height);
    }
}

fn transaction_error(error: &impl serde::Serialize) -> TransactionError {
    let value = serde_json::to_value(error).expect("transaction errors are JSON");
    let custom_code = value.pointer("/InstructionError/1/Custom").and_then(serde_json::Value::as_u64);
    TransactionError { text: value.to_string(), custom_code: custom_code.map(|code| code as u32) }
}

/// Blockhashes carry the height that they were handed out at.
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
        Ok(Hash::new_from_array([9; 32]))
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        let height = self.height.get();
        Ok(LatestBlockhash { blockhash: blockhash_at(height), last_valid_block_height: height + BLOCKHASH_BLOCKS })
    }

    async fn block_height(&self, commitment: Commitment) -> Result<u64, ChainError> {
        let height = self.height.get();
        Ok(match commitment {
            Commitment::Confirmed => height,
            Commitment::Finalized => height.saturating_sub(FINALITY_BLOCKS),
        })
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        _commitment: Commitment,
    ) -> Result<AccountsAtSlot, ChainError> {
        let svm = self.svm.borrow();
        let accounts = addresses
            .iter()
            .map(|address| {
                let account = svm.get_account(address).filter(|account| account.lamports > 0)?;
                Some(Account {
                    lamports: account.lamports,
                    owner: account.owner,
                    executable: account.executable,
                    space: account.data.len() as u64,
                    data: if data == AccountData::Full { account.data } else { Vec::new() },
                })
            })
            .collect();
        Ok(AccountsAtSlot { slot: self.height.get(), accounts })
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        Ok(self.svm.borrow().minimum_balance_for_rent_exemption(data_len as usize))
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        let transaction = decode(transaction);
        if self.refuses_v1.get() && matches!(transaction.message, solana_message::VersionedMessage::V1(_)) {
            return Err(ChainError::UnsupportedVersion);
        }
        Ok(match self.svm.borrow().simulate_transaction(transaction) {
            Ok(info) => Simulation {
                error: None,
                units_consumed: info.meta.compute_units_consumed,
                loaded_accounts_data_bytes: None,
            },
            Err(failed) => Simulation {
                error: Some(transaction_error(&failed.err)),
                units_consumed: failed.meta.compute_units_consumed,
                loaded_accounts_data_bytes: None,
            },
        })
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.sends.set(self.sends.get() + 1);
        if self.lose_sends.get() > 0 {
            self.lose_sends.set(self.lose_sends.get() - 1);
        } else {
            self.pending.borrow_mut().push(decode(transaction));
        }
        if self.lose_answers.get() {
            return Err(ChainError::Unreachable("the answer was lost".to_owned()));
        }
        Ok(())
    }

    async fn statuses(
        &self,
        signatures: &[Signature],
        _search: StatusSearch,
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError> {
        let landed = self.landed.borrow();
        Ok(signatures
            .iter()
            .map(|signature| {
                let landed = landed.get(signature).filter(|_| !self.forget_statuses.get())?;
                Some(SignatureStatus {
                    slot: landed.height,
                    finalized: landed.height + FINALITY_BLOCKS <= self.height.get(),
                    error: landed.error.clone(),
                })
            })
            .collect())
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        if self.forget_statuses.get() {
            return Ok(None);
        }
        Ok(self.landed.borrow().get(signature).map(|landed| landed.executed.clone()))
    }

    async fn recent_priority_fees(&self, _writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        Ok(vec![0, 10, 20, 30])
    }
}
