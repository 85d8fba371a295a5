//! A chain in memory that executes credits and settlements by adding up totals, and answers at once.
//!
//! A block every 400 ms of the measurement's clock; finalized 32 blocks later.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use anchor_lang::{Discriminator, Event as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytemuck::Zeroable as _;
use settlement::client::treasury_address;
use settlement::events::BatchSettled;
use settlement::state::{Network, NodeWallet, Treasury};
use solana_hash::Hash;
use solana_message::VersionedMessage;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer as _;
use solana_transaction::versioned::VersionedTransaction;
use williw_relay::chain::{
    Account, AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock,
    LatestBlockhash, SignatureStatus, Simulation, StatusSearch, StatusesAtSlot,
};
use williw_relay::clock::{Clock, ManualClock};

use crate::world::{
    CREDITED_BEFORE, NOW_MS, RENT_PER_BYTE, WALLET_RENT, index_of, network, node_id, owner, settler, wallet,
};
use crate::{BenchError, process};

const SLOT_MS: u64 = 400;
const FIRST_SLOT: u64 = 1_000;
const FINALITY_SLOTS: u64 = 32;
const BLOCKHASH_BLOCKS: u64 = 150;

/// What a request asks for, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Request {
    Accounts,
    Blocks,
    Fees,
    Other,
    Send,
    Simulate,
    Statuses,
    Transaction,
}

/// The totals of a node's wallet account.
#[derive(Clone, Copy)]
struct Totals {
    credited: u64,
    paid: u64,
}

struct Landed {
    slot: u64,
    event: Vec<u8>,
}

pub(crate) struct MemoryChain<'a> {
    clock: &'a ManualClock,
    network: Pubkey,
    treasury_address: Pubkey,
    settler: Pubkey,
    treasury: RefCell<Treasury>,
    network_account: Network,
    treasury_lamports: Cell<u64>,
    nodes: RefCell<Vec<Totals>>,
    landed: RefCell<BTreeMap<Signature, Landed>>,
    pub(crate) requests: RefCell<BTreeMap<Request, u64>>,
    /// The time spent here, which is not the engine's.
    pub(crate) time: Cell<Duration>,
}

impl<'a> MemoryChain<'a> {
    pub(crate) fn new(clock: &'a ManualClock, nodes: u64) -> Result<Self, BenchError> {
        let (network_ref, settler) = (network()?, settler().pubkey());
        let network = network_ref.address();
        let before = nodes.saturating_mul(CREDITED_BEFORE);
        let treasury = Treasury {
            version: Treasury::VERSION,
            network,
            settler,
            per_node_cap: u64::MAX,
            per_batch_cap: u64::MAX,
            window_limit: u64::MAX,
            window_seconds: 3_600,
            max_pending_age: u64::from(u32::MAX),
            credited_total: before,
            paid_total: before,
            ..Treasury::zeroed()
        };
        let network_account = Network {
            version: Network::VERSION,
            admin: network_ref.creator,
            creator: network_ref.creator,
            settler,
            ..Network::zeroed()
        };
        let nodes = usize::try_from(nodes).map_err(BenchError::other)?;
        Ok(Self {
            clock,
            network,
            treasury_address: treasury_address(&network),
            settler,
            treasury: RefCell::new(treasury),
            network_account,
            treasury_lamports: Cell::new(1_000_000_000_000_000_000),
            nodes: RefCell::new(vec![Totals { credited: CREDITED_BEFORE, paid: CREDITED_BEFORE }; nodes]),
            landed: RefCell::default(),
            requests: RefCell::default(),
            time: Cell::default(),
        })
    }

    /// Lamports ever credited.
    pub(crate) fn credited_total(&self) -> u64 {
        self.treasury.borrow().credited_total
    }

    fn answer<T>(&self, request: Request, answer: impl FnOnce() -> T) -> T {
        let start = process::now();
        *self.requests.borrow_mut().entry(request).or_default() += 1;
        let answer = answer();
        self.time.set(self.time.get() + start.elapsed());
        answer
    }

    fn slot(&self) -> u64 {
        FIRST_SLOT + self.clock.now_ms().abs_diff(NOW_MS) / SLOT_MS
    }

    fn finalized_slot(&self) -> u64 {
        self.slot() - FINALITY_SLOTS
    }

    fn account(&self, address: &Pubkey) -> Option<Account> {
        let program_account = |lamports, data: Vec<u8>| Account {
            lamports,
            owner: settlement::ID,
            executable: false,
            space: data.len() as u64,
            data,
        };
        if *address == self.treasury_address {
            let data = [Treasury::DISCRIMINATOR, bytemuck::bytes_of(&*self.treasury.borrow())].concat();
            return Some(program_account(self.treasury_lamports.get(), data));
        }
        if *address == self.network {
            let data = [Network::DISCRIMINATOR, bytemuck::bytes_of(&self.network_account)].concat();
            return Some(program_account(10_000_000, data));
        }
        if let Some(index) = index_of(address) {
            let totals = *self.nodes.borrow().get(usize::try_from(index).ok()?)?;
            let pending = totals.credited - totals.paid;
            let wallet = NodeWallet {
                version: NodeWallet::VERSION,
                network: self.network,
                owner: owner(index),
                destination: owner(index),
                credited_total: totals.credited,
                paid_total: totals.paid,
                threshold: u64::MAX,
                oldest_unpaid_at: if pending > 0 { NOW_MS / 1_000 } else { 0 },
                ..NodeWallet::zeroed()
            };
            let data = [NodeWallet::DISCRIMINATOR, bytemuck::bytes_of(&wallet)].concat();
            return Some(program_account(WALLET_RENT + pending, data));
        }
        let executable = *address == settlement::ID;
        let is_known = executable || *address == self.settler;
        is_known.then(|| Account {
            lamports: 1_000_000_000_000,
            owner: Pubkey::default(),
            executable,
            data: Vec::new(),
            space: if executable { 500_000 } else { 0 },
        })
    }

    /// Executes a credit: raises totals to targets.
    fn execute(&self, bytes: &[u8]) -> Option<()> {
        let transaction: VersionedTransaction = wincode::deserialize(bytes).ok()?;
        let signature = *transaction.signatures.first()?;
        if self.landed.borrow().contains_key(&signature) {
            return Some(());
        }
        let keys = transaction.message.static_account_keys();
        let instruction = match &transaction.message {
            VersionedMessage::V1(message) => message.instructions.first()?,
            message => message.instructions().last()?,
        };
        let data = instruction.data.get(8..)?;
        let (batch_id, data) = data.split_first_chunk::<8>()?;
        let (records_root, data) = data.split_first_chunk::<32>()?;
        let (count, targets) = data.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let wallets = instruction.accounts.get(instruction.accounts.len().checked_sub(count)?..)?;
        let (mut credited, mut credit_skips) = (0, 0_u64);
        let mut nodes = self.nodes.borrow_mut();
        for ((position, account), target) in wallets.iter().enumerate().zip(targets.chunks_exact(8)) {
            let target = u64::from_le_bytes(target.try_into().ok()?);
            let index = index_of(keys.get(usize::from(*account))?)?;
            let node = nodes.get_mut(usize::try_from(index).ok()?)?;
            match target.checked_sub(node.credited) {
                None | Some(0) => credit_skips |= 1 << position,
                Some(delta) => {
                    node.credited = target;
                    credited += delta;
                }
            }
        }
        let mut treasury = self.treasury.borrow_mut();
        treasury.credited_total += credited;
        treasury.batch_sequence += 1;
        self.treasury_lamports.set(self.treasury_lamports.get() - credited);
        let event = BatchSettled {
            network: self.network,
            batch_id: u64::from_le_bytes(*batch_id),
            sequence: treasury.batch_sequence,
            records_root: *records_root,
            n: u8::try_from(count).ok()?,
            credited,
            paid: 0,
            credit_skips,
            payout_skips: 0,
            reasons: vec![0; credit_skips.count_ones() as usize],
        };
        self.landed.borrow_mut().insert(signature, Landed { slot: self.slot() + 1, event: event.data() });
        Some(())
    }

    /// Checks that what this chain answers is what the engine understands.
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        let is_wallet = |account: Account| NodeWallet::decode(&account.data).is_ok();
        let is_treasury = |account: Account| Treasury::decode(&account.data).is_ok();
        if self.account(&wallet(0)).is_some_and(is_wallet)
            && self.account(&self.treasury_address).is_some_and(is_treasury)
            && node_id(0) != node_id(1)
        {
            return Ok(());
        }
        Err(BenchError::Other("the accounts of the chain in memory do not decode".to_owned()))
    }
}

impl Chain for MemoryChain<'_> {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        Ok(self.answer(Request::Other, || Hash::new_from_array([9; 32])))
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        Ok(self.answer(Request::Blocks, || {
            let mut hash = [7; 32];
            let slot = self.slot();
            for (byte, value) in hash.iter_mut().zip(slot.to_le_bytes()) {
                *byte = value;
            }
            LatestBlockhash { blockhash: Hash::new_from_array(hash), last_valid_block_height: slot + BLOCKHASH_BLOCKS }
        }))
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        let slot = self.answer(Request::Blocks, || self.finalized_slot());
        Ok(FinalizedBlock { slot, height: slot })
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        _commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        let slot = self.slot();
        if slot < min_slot {
            return Err(ChainError::Behind { slot, min_slot });
        }
        let accounts = self.answer(Request::Accounts, || {
            let part = |address| {
                let mut account: Account = self.account(address)?;
                account.data.truncate(data.max_len().unwrap_or(usize::MAX));
                Some(account)
            };
            addresses.iter().map(part).collect()
        });
        Ok(AccountsAtSlot { slot, accounts })
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        Ok(self.answer(Request::Other, || (128 + data_len) * RENT_PER_BYTE))
    }

    async fn simulate(&self, _transaction: &[u8]) -> Result<Simulation, ChainError> {
        Ok(self.answer(Request::Simulate, || Simulation {
            error: None,
            units_consumed: 5_000,
            loaded_accounts_data_bytes: Some(600_000),
        }))
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.answer(Request::Send, || self.execute(transaction))
            .ok_or_else(|| ChainError::InvalidResponse("the transaction is no batch".to_owned()))
    }

    async fn statuses(&self, signatures: &[Signature], _search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        let slot = self.slot();
        let statuses = self.answer(Request::Statuses, || {
            let landed = self.landed.borrow();
            let status = |signature| {
                let landed: &Landed = landed.get(signature).filter(|landed| landed.slot <= slot)?;
                let finalized = landed.slot <= self.finalized_slot();
                Some(SignatureStatus { slot: landed.slot, finalized, error: None })
            };
            signatures.iter().map(status).collect()
        });
        Ok(StatusesAtSlot { slot, statuses })
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        Ok(self.answer(Request::Transaction, || {
            let mut landed = self.landed.borrow_mut();
            let landed = landed.get_mut(signature)?;
            let program = settlement::ID;
            let log_messages = vec![
                format!("Program {program} invoke [1]"),
                format!("Program data: {}", BASE64.encode(&landed.event)),
                format!("Program {program} success"),
            ];
            Some(ExecutedTransaction { slot: landed.slot, fee_lamports: 5_000, log_messages })
        }))
    }

    async fn recent_priority_fees(&self, _writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        Ok(self.answer(Request::Fees, || vec![0; 150]))
    }
}
