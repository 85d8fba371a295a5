//! Step 2: reads the chain's wallets into the ledger and creates the missing ones.
//!
//! The chain is authoritative: credits found there are confirmed even if the ledger has no record of the transaction.

use std::collections::BTreeMap;

use settlement::client::node_wallet_address;
use settlement::state::{ClosedNode, NodeWallet};
use solana_pubkey::Pubkey;

use crate::chain::{AccountData, Chain, Commitment, MAX_ACCOUNTS_PER_READ};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::merkle::Hash32;
use crate::signer::Signer;
use crate::transaction::{BatchKind, capacity};
use crate::types::NodeId;

use super::advance_batches::BatchesProgress;
use super::changes::Changes;
use super::hold::HoldReason;
use super::lease::Lease;
use super::store::batches::{BatchSelection, Entry, NewBatch};
use super::store::settlements::{self, OpenSettlement};
use super::store::wallets::{Candidate, WalletReading, WalletTotals};
use super::store::{batches, rewards, wallets};
use super::text::plural;
use super::{Engine, EngineError, Progress, Step};

/// The account at a node's wallet address.
enum WalletAccount {
    /// The node has no wallet address, because that contains the owner's address, which the node has not registered yet.
    NoAddress,
    Open(Box<WalletReading>),
    /// No wallet account exists at this address.
    Missing {
        address: Pubkey,
        owner: Pubkey,
    },
    /// The remains of a closed wallet account: its totals without an owner.
    Closed(Box<WalletReading>),
    /// An account of the program with a layout that this version cannot decode.
    Unreadable,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    pub(super) async fn sync(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        // This also tracks batches in review: their outcome may be known by now.
        match self.advance_batches(lease, open, BatchSelection::RegistrationsAndReviews).await? {
            BatchesProgress::Waiting { after_ms } => return Ok(Progress::Continue { after_ms }),
            BatchesProgress::AllClosed => {}
        }

        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        changes.push(settlements::require_step(open.id, Step::Sync));
        let attempted = batches::attempted_registrations(&self.database, open.id).await?;
        let mut held: BTreeMap<NodeId, String> = BTreeMap::new();
        let mut payout_holds: BTreeMap<NodeId, String> = BTreeMap::new();
        let mut readings = Vec::new();
        let mut missing = Vec::new();

        let candidates = wallets::candidates(&self.database, self.config.max_nodes, now).await?;
        for (candidate, account) in self.read_wallet_accounts(candidates).await? {
            let hold = match &account {
                _ if candidate.suspended => Some(HoldReason::NodeSuspended),
                WalletAccount::NoAddress => Some(HoldReason::NoAddress),
                WalletAccount::Unreadable => Some(HoldReason::WalletUnreadable),
                WalletAccount::Closed(_) => Some(HoldReason::NodeClosed),
                WalletAccount::Open(reading) if !reading.wallet.is_destination_confirmed() => {
                    Some(HoldReason::DestinationUnconfirmed)
                }
                WalletAccount::Missing { .. } if attempted.contains(&candidate.node_id) => {
                    Some(HoldReason::RegistrationFailed)
                }
                WalletAccount::Missing { address, owner } => {
                    missing.push(registration(&candidate.node_id, *address, *owner));
                    None
                }
                WalletAccount::Open(_) => None,
            };
            if let (WalletAccount::Open(_), Some(hold)) = (&account, &hold) {
                payout_holds.insert(candidate.node_id.clone(), hold.to_string());
            }
            if let WalletAccount::Open(reading) | WalletAccount::Closed(reading) = account {
                readings.push(*reading);
            }
            if let Some(hold) = hold {
                held.insert(candidate.node_id, hold.to_string());
            }
        }

        changes.extend(wallets::upsert(&readings, now));
        let read: Vec<&NodeId> = readings.iter().map(|reading| &reading.node_id).collect();
        changes.push(rewards::confirm_covered(&read, now));
        changes.push(rewards::hold(&held));
        // A due payout of a held node is no work either. The plan clears the reason once the node is no longer held.
        changes.push(wallets::set_holds(payout_holds.iter().map(|(node, hold)| (node, Some(hold.clone())))));
        if missing.is_empty() {
            changes.info(format!("{} read, {} held", plural(readings.len(), "wallet"), plural(held.len(), "node")));
            changes.go_to(Step::Plan);
        } else {
            self.plan_registrations(open, missing, &mut changes).await?;
        }
        self.commit(lease, changes).await?;
        Ok(Progress::Continue { after_ms: 0 })
    }

    /// Reads the account at each candidate's wallet address.
    async fn read_wallet_accounts(
        &self,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<(Candidate, WalletAccount)>, EngineError> {
        let mut all = Vec::with_capacity(candidates.len());
        let mut with_address = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            match candidate.address {
                None => all.push((candidate, WalletAccount::NoAddress)),
                Some(owner) => {
                    let address = node_wallet_address(&self.network, &candidate.node_id.on_chain(), &owner);
                    with_address.push((candidate, owner, address));
                }
            }
        }
        let mut candidates = with_address.into_iter().peekable();
        while candidates.peek().is_some() {
            let chunk: Vec<_> = candidates.by_ref().take(MAX_ACCOUNTS_PER_READ).collect();
            let addresses: Vec<Pubkey> = chunk.iter().map(|(_, _, address)| *address).collect();
            let read = self.chain.accounts(&addresses, AccountData::Full, Commitment::Finalized).await?;
            for ((candidate, owner, address), account) in chunk.into_iter().zip(read.accounts) {
                let reading = |wallet: NodeWallet, lamports: u64| {
                    let node_id = candidate.node_id.clone();
                    Box::new(WalletReading { node_id, address, lamports, slot: read.slot, wallet })
                };
                let account = match account {
                    Some(account) if account.owner == settlement::ID => {
                        match (NodeWallet::decode(&account.data), ClosedNode::decode(&account.data)) {
                            (Ok(wallet), _) => WalletAccount::Open(reading(wallet, account.lamports)),
                            (_, Ok(closed)) => WalletAccount::Closed(reading(closed.into(), account.lamports)),
                            _ => WalletAccount::Unreadable,
                        }
                    }
                    // Anyone can send lamports to the address; the wallet account can still be created there.
                    _ => WalletAccount::Missing { address, owner },
                };
                all.push((candidate, account));
            }
        }
        Ok(all)
    }

    /// Adds batches that create the missing wallet accounts.
    async fn plan_registrations(
        &self,
        open: &OpenSettlement,
        missing: Vec<Entry>,
        changes: &mut Changes,
    ) -> Result<(), EngineError> {
        let format = self.format().await?;
        let mut id = batches::last_id(&self.database).await?;
        let mut batch_count = 0_usize;
        for entries in missing.chunks(capacity(BatchKind::Register, format).max(1)) {
            let batch = NewBatch {
                kind: BatchKind::Register,
                format,
                records_root: Hash32::default(),
                entries: entries.to_vec(),
                records: Vec::new(),
            };
            id = id.saturating_add(1);
            batch_count = batch_count.saturating_add(1);
            changes.extend(batches::insert(id, open.id, &batch, self.clock.now_ms()));
        }
        changes.info(format!(
            "creating {} in {}",
            plural(missing.len(), "wallet account"),
            plural(batch_count, "batch")
        ));
        Ok(())
    }
}

/// The batch entry that creates the node's wallet account.
fn registration(node_id: &NodeId, wallet: Pubkey, owner: Pubkey) -> Entry {
    Entry { node_id: node_id.clone(), wallet, owner, destination: owner, before: WalletTotals::default(), target: 0 }
}
