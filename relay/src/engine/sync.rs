//! Step 2: the chain's wallets are read into the ledger, and those that are missing are opened.
//!
//! The chain is always right: what it has credited is confirmed here even when the ledger had not heard of it.

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

use super::changes::Changes;
use super::drive::Driven;
use super::hold::HoldReason;
use super::lease::Lease;
use super::store::batches::{Entry, NewBatch};
use super::store::settlements::{self, OpenSettlement};
use super::store::wallets::{Candidate, WalletReading};
use super::store::{batches, rewards, wallets};
use super::{Engine, EngineError, Progress, Step};

/// What the chain has at a node's wallet address.
enum Found {
    Wallet(Box<WalletReading>),
    Nothing,
    /// What a closed wallet left: its totals, owned by nobody.
    Closed(Box<WalletReading>),
    Unreadable,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    pub(super) async fn sync(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        // Batches that wait for a person are looked at again here too: time may have told their fate.
        match self.drive(lease, open, true).await? {
            Driven::Waiting { after_ms } => return Ok(Progress::Continue { after_ms }),
            Driven::AllClosed => {}
        }

        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        changes.push(settlements::require_step(open.id, Step::Sync));
        let tried = batches::tried_registrations(&self.database, open.id).await?;
        let mut held: BTreeMap<NodeId, String> = BTreeMap::new();
        let mut readings = Vec::new();
        let mut missing = Vec::new();

        let candidates = wallets::candidates(&self.database, self.config.max_nodes, now).await?;
        for (candidate, found) in self.find_wallets(candidates).await? {
            let hold = match (&found, candidate.address) {
                _ if candidate.suspended => Some(HoldReason::NodeSuspended),
                (Found::Unreadable, _) => Some(HoldReason::WalletUnreadable),
                (Found::Closed(_), _) => Some(HoldReason::NodeClosed),
                (_, None) => Some(HoldReason::NoAddress),
                (Found::Wallet(reading), Some(address)) if reading.wallet.owner != address => {
                    Some(HoldReason::OwnerMismatch)
                }
                (Found::Nothing, Some(_)) if tried.contains(&candidate.node_id) => Some(HoldReason::RegistrationFailed),
                (Found::Nothing, Some(address)) => {
                    missing.push(self.registration(&candidate.node_id, address));
                    None
                }
                (Found::Wallet(_), Some(_)) => None,
            };
            if let Found::Wallet(reading) | Found::Closed(reading) = found {
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
        if missing.is_empty() {
            changes.info(format!("{} wallets read, {} nodes held back", readings.len(), held.len()));
            changes.go_to(Step::Plan);
        } else {
            self.plan_registrations(open, missing, &mut changes).await?;
        }
        self.commit(lease, changes).await?;
        Ok(Progress::Continue { after_ms: 0 })
    }

    fn registration(&self, node_id: &NodeId, owner: Pubkey) -> Entry {
        Entry {
            node_id: node_id.clone(),
            wallet: node_wallet_address(&self.network, &node_id.on_chain()),
            owner,
            destination: owner,
            credited_before: 0,
            paid_before: 0,
            target: 0,
        }
    }

    async fn find_wallets(&self, candidates: Vec<Candidate>) -> Result<Vec<(Candidate, Found)>, EngineError> {
        let mut all = Vec::with_capacity(candidates.len());
        let mut candidates = candidates.into_iter().peekable();
        while candidates.peek().is_some() {
            let chunk: Vec<Candidate> = candidates.by_ref().take(MAX_ACCOUNTS_PER_READ).collect();
            let addresses: Vec<Pubkey> =
                chunk.iter().map(|node| node_wallet_address(&self.network, &node.node_id.on_chain())).collect();
            let read = self.chain.accounts(&addresses, AccountData::Full, Commitment::Finalized).await?;
            for ((candidate, address), account) in chunk.into_iter().zip(addresses).zip(read.accounts) {
                let reading = |wallet: NodeWallet, lamports: u64| {
                    let node_id = candidate.node_id.clone();
                    Box::new(WalletReading { node_id, address, lamports, slot: read.slot, wallet })
                };
                let found = match account {
                    Some(account) if account.owner == settlement::ID => {
                        match (NodeWallet::decode(&account.data), ClosedNode::decode(&account.data)) {
                            (Ok(wallet), _) => Found::Wallet(reading(wallet, account.lamports)),
                            (_, Ok(closed)) => Found::Closed(reading(closed.into(), account.lamports)),
                            _ => Found::Unreadable,
                        }
                    }
                    // Lamports that a stranger sent there do not make it a wallet, nor keep it from becoming one.
                    _ => Found::Nothing,
                };
                all.push((candidate, found));
            }
        }
        Ok(all)
    }

    async fn plan_registrations(
        &self,
        open: &OpenSettlement,
        missing: Vec<Entry>,
        changes: &mut Changes,
    ) -> Result<(), EngineError> {
        let format = self.format().await?;
        let mut id = batches::last_id(&self.database).await?;
        let count = missing.len();
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
        changes.info(format!("{count} nodes have no wallet account yet: opening them in {batch_count} batches"));
        Ok(())
    }
}
