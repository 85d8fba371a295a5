//! The simulated cluster: blocks with real program execution, forks, and nodes that serve an older state than the newest.
//!
//! A block holds the state of all accounts after its transactions, so that a fork continues from any block that is not
//! finalized, and every RPC node serves the state of its own slot. Times are shortened: [`FINALITY_BLOCKS`],
//! [`BLOCKHASH_BLOCKS`] and the cache of statuses are to each other as on a real cluster, but a run needs fewer blocks. Only
//! where RPC nodes answer slowly, a blockhash is valid for as long as on a real one.
//!
//! The cluster enforces what a real one does, as far as a settlement can run into it:
//!
//! - Blocks: a transaction is included at most once on each fork, only while its blockhash is one of the last
//!   [`BLOCKHASH_BLOCKS`] of that fork, and only if its payer can pay the fee. A failed one pays its fee and does nothing else.
//!   Those whose accounts cannot be loaded pay too, which LiteSVM does not charge for by itself.
//! - Transactions: the wire format and its size (1,232 bytes, and 4,096 in v1), all signatures of what relays send, the real
//!   program, its limits of compute units and loaded data, rent, and unsupported versions. LiteSVM's rule for rent is that from
//!   before SIMD-0392. The signatures of others than relays are taken for granted.
//! - Commitments: `confirmed` blocks can be dropped by a fork, finalized ones cannot. Each node answers as of its own slot, and
//!   refuses to answer before `minContextSlot`.
//! - Lookup tables: the real program. Leaders resolve positions in the finalized block, and drop transactions with tables or
//!   positions that they do not know; RPC nodes resolve them where they simulate.
//! - Statuses and transactions: a node knows those on its own fork only. Later than in its cache it finds them in its history,
//!   if it has one. Its index of transactions can be behind its statuses.

mod asset;
mod execution;
mod lookups;
mod network;
mod other;
mod view;

pub(crate) use asset::Asset;
pub(crate) use execution::{Executed, entries_of};
pub(crate) use network::{Keys, execute as execute_as, template};
pub(crate) use view::{History, View, decode};

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use litesvm::LiteSVM;
use settlement::state::{ClosedNode, NodeWallet};
use solana_account::ReadableAccount as _;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;

use crate::random::Random;

/// The duration of a slot.
pub(crate) const SLOT_MS: i64 = 400;

/// The depth at which a block is confirmed. On a real cluster, a block is confirmed after one or two slots.
pub(crate) const CONFIRMED_BLOCKS: u64 = 1;

/// The depth at which a block is finalized: 32 slots on a real cluster.
pub(crate) const FINALITY_BLOCKS: u64 = 4;

/// The number of blocks for which a blockhash is valid.
pub(crate) const BLOCKHASH_BLOCKS: u64 = 16;

/// The same on a real cluster.
pub(crate) const REAL_BLOCKHASH_BLOCKS: u64 = 150;

/// What a node has been credited and paid, and what its destinations have received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) credited: u64,
    pub(crate) paid: u64,
    pub(crate) received: u64,
    /// Whether the node's wallet account was closed once.
    pub(crate) was_closed: bool,
}

/// The accounts of a node that are followed.
#[derive(Clone, Debug)]
pub(crate) struct FollowedNode {
    pub(crate) wallet: Pubkey,
    /// Addresses that only payouts of this node add to, with what they hold at the start.
    pub(crate) receivers: Vec<(Pubkey, u64)>,
}

/// A block of one of the forks.
pub(crate) struct Block {
    pub(crate) parent: usize,
    pub(crate) slot: u64,
    pub(crate) height: u64,
    pub(crate) hash: Hash,
    pub(crate) time_s: i64,
    /// All accounts after the block. Blocks without transactions share it with their parent.
    pub(crate) state: Rc<RefCell<LiteSVM>>,
    pub(crate) executed: Vec<Rc<Executed>>,
    pub(crate) totals: Rc<Vec<Totals>>,
    /// The lamports of all accounts.
    pub(crate) lamports: u128,
    pub(crate) finalized: bool,
}

/// A transaction on its way to a leader.
#[derive(Clone)]
pub(crate) struct Travelling {
    pub(crate) transaction: Rc<VersionedTransaction>,
    /// How many more blocks may include it before leaders forget it.
    pub(crate) patience: u32,
}

/// The blocks of all forks, and the transactions that wait for the next block.
pub(crate) struct Cluster {
    pub(crate) blocks: Vec<Block>,
    /// The newest block of the fork that leaders build on.
    pub(crate) tip: usize,
    /// The newest finalized block.
    pub(crate) root: usize,
    pub(crate) mempool: Vec<Travelling>,
    pub(crate) views: Vec<View>,
    pub(crate) nodes: Vec<FollowedNode>,
    pub(crate) asset: Asset,
    /// The blocks of each signature, of all forks.
    landed: BTreeMap<Signature, Vec<usize>>,
    /// Whether the cluster does not support transactions of format v1 yet.
    pub(crate) rejects_v1: bool,
    /// The number of blocks for which a blockhash is valid. Statuses are in a node's cache for twice as many.
    pub(crate) blockhash_blocks: u64,
    /// Whether programs know the slots of recent blocks, which lookup tables depend on.
    pub(crate) keeps_slot_hashes: bool,
}

impl Cluster {
    /// A cluster with one block, which is finalized.
    pub(crate) fn new(asset: Asset, svm: LiteSVM, slot: u64, now_ms: i64, nodes: Vec<FollowedNode>) -> Self {
        let totals = Rc::new(totals_of(asset, &svm, &nodes));
        let lamports = lamports_of(&svm);
        let genesis = Block {
            parent: 0,
            slot,
            height: slot - 100,
            hash: hash_of(0, slot),
            time_s: now_ms / 1_000,
            state: Rc::new(RefCell::new(svm)),
            executed: Vec::new(),
            totals,
            lamports,
            finalized: true,
        };
        Self {
            blocks: vec![genesis],
            tip: 0,
            root: 0,
            mempool: Vec::new(),
            views: Vec::new(),
            nodes,
            asset,
            landed: BTreeMap::new(),
            rejects_v1: false,
            blockhash_blocks: BLOCKHASH_BLOCKS,
            keeps_slot_hashes: false,
        }
    }

    /// The ancestor `depth` blocks before `block`, or the first block.
    pub(crate) fn ancestor(&self, block: usize, depth: u64) -> usize {
        (0..depth).fold(block, |block, _| self.blocks[block].parent)
    }

    /// Whether `ancestor` is `block` or one of its ancestors.
    pub(crate) fn descends(&self, mut block: usize, ancestor: usize) -> bool {
        while self.blocks[block].height > self.blocks[ancestor].height {
            block = self.blocks[block].parent;
        }
        block == ancestor
    }

    /// The newest block of the canonical fork with the slot `slot` or an earlier one.
    pub(crate) fn canonical_at(&self, slot: u64) -> usize {
        let mut block = self.tip;
        while self.blocks[block].slot > slot && block != 0 {
            block = self.blocks[block].parent;
        }
        block
    }

    /// The transaction with this signature on the fork of `head`, with its block.
    pub(crate) fn find(&self, signature: &Signature, head: usize) -> Option<(usize, Rc<Executed>)> {
        let blocks = self.landed.get(signature)?;
        let block = *blocks.iter().find(|block| self.descends(head, **block))?;
        let executed = self.blocks[block].executed.iter().find(|executed| executed.signature == *signature)?;
        Some((block, Rc::clone(executed)))
    }

    /// The fees that `payer` has paid for settling on the finalized chain, in lamports.
    pub(crate) fn fees_of(&self, payer: &Pubkey) -> u64 {
        let (mut fees, mut block) = (0, self.root);
        while block != 0 {
            let executed = self.blocks[block].executed.iter();
            fees +=
                executed.filter(|one| one.payer() == *payer && !one.changes_tables()).map(|one| one.fee).sum::<u64>();
            block = self.blocks[block].parent;
        }
        fees
    }

    /// The number of finalized batches that neither credited nor paid anybody.
    pub(crate) fn useless_batches(&self) -> usize {
        let (mut count, mut block) = (0, self.root);
        while block != 0 {
            let events = self.blocks[block].executed.iter().filter_map(|one| one.event.as_ref());
            count += events.filter(|event| event.credited == 0 && event.paid == 0).count();
            block = self.blocks[block].parent;
        }
        count
    }

    /// The height up to which a transaction with this blockhash can land on the fork of `head`; `None` if the fork does
    /// not have the blockhash or it is too old.
    fn valid_until(&self, blockhash: &Hash, head: usize) -> Option<u64> {
        let mut block = head;
        for _ in 0..=self.blockhash_blocks {
            if self.blocks[block].hash == *blockhash {
                return Some(self.blocks[block].height + self.blockhash_blocks);
            }
            block = self.blocks[block].parent;
        }
        None
    }

    /// Produces a block on the tip from some of the waiting transactions. `include_per_mille` is each one's chance.
    pub(crate) fn produce(&mut self, slot: u64, time_s: i64, include_per_mille: u64, random: &mut Random) -> usize {
        let tip = &self.blocks[self.tip];
        let (height, previous, lamports, totals) =
            (tip.height + 1, Rc::clone(&tip.state), tip.lamports, Rc::clone(&tip.totals));
        let index = self.blocks.len();
        let mut block = Block {
            parent: self.tip,
            slot,
            height,
            hash: hash_of(index, slot),
            time_s,
            state: previous,
            executed: Vec::new(),
            totals,
            lamports,
            finalized: false,
        };
        let mut waiting = std::mem::take(&mut self.mempool);
        random.shuffle(&mut waiting);
        let mut own_state = None;
        for mut travelling in waiting {
            if !random.chance(include_per_mille) {
                travelling.patience = travelling.patience.saturating_sub(1);
                if travelling.patience > 0 {
                    self.mempool.push(travelling);
                }
                continue;
            }
            let transaction = &travelling.transaction;
            let signature = transaction.signatures[0];
            let known = block.executed.iter().any(|executed| executed.signature == signature)
                || self.find(&signature, self.tip).is_some();
            let valid =
                self.valid_until(transaction.message.recent_blockhash(), self.tip).is_some_and(|last| height <= last);
            if known || !valid {
                continue;
            }
            let Ok(looked_up) = self.looked_up(&transaction.message, self.root) else { continue };
            let state = own_state.get_or_insert_with(|| {
                let mut state = block.state.borrow().clone();
                if self.keeps_slot_hashes {
                    state.set_sysvar(&self.slot_hashes(self.tip));
                }
                state
            });
            set_time(state, slot, time_s);
            if let Some(executed) = execution::execute(state, transaction, looked_up, slot, self.rejects_v1) {
                block.executed.push(Rc::new(executed));
            }
        }
        if let Some(state) = own_state {
            block.lamports = lamports_of(&state);
            let mut totals = totals_of(self.asset, &state, &self.nodes);
            for (after, before) in totals.iter_mut().zip(block.totals.iter()) {
                after.was_closed |= before.was_closed;
            }
            block.totals = Rc::new(totals);
            block.state = Rc::new(RefCell::new(state));
        }
        for executed in &block.executed {
            self.landed.entry(executed.signature).or_default().push(index);
        }
        self.blocks.push(block);
        self.tip = index;
        self.advance_root();
        self.advance_views();
        index
    }

    /// Finalizes every block that is deep enough.
    fn advance_root(&mut self) {
        let mut block = self.ancestor(self.tip, FINALITY_BLOCKS);
        if self.blocks[block].height <= self.blocks[self.root].height {
            return;
        }
        self.root = block;
        while !self.blocks[block].finalized {
            self.blocks[block].finalized = true;
            block = self.blocks[block].parent;
        }
    }

    fn advance_views(&mut self) {
        let slot = self.blocks[self.tip].slot;
        for view in 0..self.views.len() {
            if self.views[view].stuck_until_slot <= slot {
                let head = self.canonical_at(slot.saturating_sub(self.views[view].lag_slots));
                self.views[view].head = head;
            }
        }
    }

    /// Drops the newest `depth` blocks that are not finalized: leaders build on an earlier one. Returns how many blocks were
    /// dropped. Their transactions wait again if `keep` says so.
    pub(crate) fn fork(&mut self, depth: u64, mut keep: impl FnMut() -> bool) -> usize {
        let mut dropped = 0;
        for _ in 0..depth {
            if self.tip == self.root {
                break;
            }
            let block = &self.blocks[self.tip];
            for executed in &block.executed {
                if keep() {
                    let transaction = Rc::clone(&executed.transaction);
                    self.mempool.push(Travelling { transaction, patience: 20 });
                }
            }
            self.tip = block.parent;
            dropped += 1;
        }
        dropped
    }
}

/// The time that programs see. A state is reused by later blocks without transactions.
pub(crate) fn set_time(svm: &mut LiteSVM, slot: u64, time_s: i64) {
    let mut clock: solana_clock::Clock = svm.get_sysvar();
    if clock.unix_timestamp != time_s || clock.slot != slot {
        clock.unix_timestamp = time_s;
        clock.slot = slot;
        svm.set_sysvar(&clock);
    }
}

fn hash_of(index: usize, slot: u64) -> Hash {
    let mut random = Random::new((index as u64) << 32 | slot);
    Hash::new_from_array(random.bytes())
}

fn lamports_of(svm: &LiteSVM) -> u128 {
    svm.accounts_db().inner.values().map(|account| u128::from(account.lamports())).sum()
}

fn totals_of(asset: Asset, svm: &LiteSVM, nodes: &[FollowedNode]) -> Vec<Totals> {
    nodes
        .iter()
        .map(|node| {
            let wallet = svm.accounts_db().get_account_ref(&node.wallet).filter(|it| *it.owner() == settlement::ID);
            let closed = wallet.and_then(|account| ClosedNode::decode(account.data()).ok());
            let wallet = wallet.and_then(|account| NodeWallet::decode(account.data()).ok());
            let was_closed = closed.is_some();
            let received = node.receivers.iter().map(|(address, before)| asset.held(svm, address) - before).sum();
            let wallet = wallet.or(closed.map(NodeWallet::from));
            let (credited, paid) = wallet.map_or((0, 0), |wallet| (wallet.credited_total, wallet.paid_total));
            Totals { credited, paid, received, was_closed }
        })
        .collect()
}
