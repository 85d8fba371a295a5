//! Step 2: reads the wallets of the settlement's nodes from the chain, piece by piece, and creates the missing ones.
//!
//! The chain is authoritative for what has been credited and paid, the ledger for what it has signed. Where the chain has
//! credited more, the ledger does not know what for, and holds the node.

use solana_pubkey::Pubkey;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::ledger::reviews;
use crate::merkle::Hash32;
use crate::signer::Signer;
use crate::transaction::{BatchKind, capacity};
use crate::types::NodeId;

use super::advance_batches::BatchesProgress;
use super::changes::Changes;
use super::close::log_disagreements;
use super::hold::HoldReason;
use super::lease::Lease;
use super::plan::newcomers::Newcomers;
use super::read::{WalletAccount, WalletRead};
use super::signatures::Lookups;
use super::store::batches::{BatchSelection, Entry, NewBatch};
use super::store::rewards::{Books, CreditedTotal};
use super::store::settlement_nodes::ChosenNode;
use super::store::settlements::{self, OpenSettlement};
use super::store::wallets::WalletReading;
use super::store::{batches, payables, rewards, settlement_nodes, wallets};
use super::text::plural;
use super::{Engine, EngineError, HOLD_RETRY_MS, NodeState, Progress, Step};

/// What is to be done with a node.
enum Decision {
    /// It can be credited and paid.
    Ready,
    /// Its wallet account has to be created first.
    Create,
    Hold(HoldReason),
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    pub(super) async fn sync(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let at_once = Ok(Progress::Continue { after_ms: 0 });
        if self.sync_piece(lease, open, NodeState::Selected).await? || self.plan_registrations(lease, open).await? {
            return at_once;
        }
        if let BatchesProgress::Waiting { after_ms } =
            self.advance_batches(lease, open, BatchSelection::Registrations).await?
        {
            return Ok(Progress::Continue { after_ms });
        }
        // All registrations have ended, so their nodes' wallets should exist by now.
        if self.sync_piece(lease, open, NodeState::Registering).await? {
            return at_once;
        }
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        changes.go_to(Step::Plan);
        self.commit(lease, changes).await?;
        at_once
    }

    /// Reads the wallets of some of the nodes in a state. Returns whether there were any.
    async fn sync_piece(&self, lease: &Lease, open: &OpenSettlement, state: NodeState) -> Result<bool, EngineError> {
        let nodes = settlement_nodes::next(&self.database, state, self.config.nodes_per_call.max(1)).await?;
        if nodes.is_empty() {
            return Ok(false);
        }
        let ids: Vec<&NodeId> = nodes.iter().map(|node| &node.node_id).collect();
        let addresses: Vec<Option<Pubkey>> = nodes.iter().map(|node| node.wallet_address(&self.network)).collect();
        let min_slot = nodes.iter().map(|node| node.last_slot).max().unwrap_or(0);
        let existing: Vec<Pubkey> = addresses.iter().copied().flatten().collect();
        let mut read = self.read_wallets(lease, &existing, min_slot).await?.into_iter();
        let books = rewards::books(&self.database, &ids).await?;

        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        changes.push(settlements::require_step(open.id, Step::Sync));
        let (mut missing, mut held_nodes, mut held) = (Vec::new(), Vec::new(), Vec::new());
        let (mut readings, mut changed) = (Vec::new(), Vec::new());
        for (node, address) in nodes.iter().zip(addresses) {
            let read = address.and_then(|address| Some((address, read.next()?)));
            let node_books = books.get(&node.node_id).copied().unwrap_or_default();
            if let Some((address, read)) = &read {
                readings.extend(reading(&node.node_id, *address, read));
                changed.extend(
                    readings
                        .last()
                        .filter(|reading| {
                            reading.node_id == node.node_id
                                && node.wallet.as_ref().is_none_or(|mirrored| !reading.is_mirrored(mirrored))
                        })
                        .cloned(),
                );
            }
            let account = read.map(|(_, read)| read.account);
            match decide(node, account, node_books, state == NodeState::Registering) {
                Decision::Ready => {}
                Decision::Create => missing.push(node),
                Decision::Hold(reason) => {
                    held_nodes.push(node);
                    held.push((&node.node_id, reason));
                }
            }
        }
        log_disagreements(&held, &mut changes);
        // What the chain says is written only where it is new.
        changes.extend(wallets::upsert(&changed, now));
        if !held.is_empty() {
            let holds = || held.iter().map(|(node, reason)| (*node, Some(reason.to_string())));
            changes.push(payables::hold(holds(), HOLD_RETRY_MS));
            // A due payout of a held node is no work either. The plan clears the reason once the node is no longer held.
            changes.push(wallets::hold(holds(), HOLD_RETRY_MS));
        }
        let (mut lookups, mut credits) = (Lookups::default(), Vec::new());
        for reading in &readings {
            let (node_id, total) = (&reading.node_id, reading.wallet.credited_total);
            // An attempt of this ledger landed, although the RPC node did not know.
            if books.get(node_id).is_some_and(|books| books.confirms_more(total)) {
                let signature = self.crediting_signature(lease, node_id, total, &mut lookups).await?;
                credits.push(CreditedTotal { node_id, total, signature });
            }
        }
        lookups.log(&mut changes);
        if !credits.is_empty() {
            changes.push(rewards::confirm(&credits, now));
        }
        for (nodes, to) in [(missing, NodeState::Missing), (held_nodes, NodeState::Held)] {
            if !nodes.is_empty() {
                changes.push(settlement_nodes::move_to(nodes, to));
            }
        }
        changes.push(settlement_nodes::move_all(&nodes, state, NodeState::Read));
        changes.info(format!("{} read, {} held", plural(readings.len(), "wallet"), plural(held.len(), "node")));
        self.commit(lease, changes).await?;
        Ok(true)
    }

    /// Plans batches that create the missing wallet accounts of some nodes. Returns whether there were any.
    async fn plan_registrations(&self, lease: &Lease, open: &OpenSettlement) -> Result<bool, EngineError> {
        let nodes =
            settlement_nodes::next(&self.database, NodeState::Missing, self.config.nodes_per_call.max(1)).await?;
        if nodes.is_empty() {
            return Ok(false);
        }
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        changes.push(settlements::require_step(open.id, Step::Sync));
        // A wallet account that is missing because this ledger has lost the node's address must not get a twin.
        let unknown = reviews::unknown_credits(&self.database).await?.unknown_lamports;
        if !unknown.is_zero() {
            let reason = HoldReason::UnknownCredits.to_string();
            changes.push(payables::hold(nodes.iter().map(|node| (&node.node_id, Some(reason.clone()))), HOLD_RETRY_MS));
            changes.push(settlement_nodes::move_to(&nodes, NodeState::Held));
            changes.error(format!(
                "no wallet account is created for {}, because the treasury has credited {} to wallet accounts that this ledger \
                 does not know: see 'williw-relay review list'",
                plural(nodes.len(), "node"),
                plural(unknown.get(), self.asset()?.unit())
            ));
            self.commit(lease, changes).await?;
            return Ok(true);
        }
        let asset = self.asset()?;
        let last_id = batches::last_id(&self.database).await?;
        self.renew(lease).await?;
        let newcomers = self.newcomers(lease, open, nodes, last_id).await?;
        hold_newcomers(&newcomers, &mut changes);
        let (nodes, format) = (newcomers.creditable, newcomers.format);
        self.renew(lease).await?;
        let (affordable, short) = self.affordable_registrations(open, nodes.len()).await?;
        let (registered, held) = nodes.split_at(affordable.min(nodes.len()));
        let missing: Vec<Entry> = registered
            .iter()
            .filter_map(|node| {
                let (owner, wallet) = (node.address?, node.wallet_address(&self.network)?);
                let destination = asset.default_destination(&owner);
                Some(Entry { node_id: node.node_id.clone(), wallet, owner, destination, target: 0 })
            })
            .collect();
        let mut batch_count = 0_usize;
        for entries in missing.chunks(capacity(BatchKind::Register, asset.kind(), format).max(1)) {
            let batch = NewBatch {
                kind: BatchKind::Register,
                format,
                records_root: Hash32::default(),
                entries: entries.to_vec(),
                records: Vec::new(),
            };
            let id = changes.next_batch_id(last_id);
            batch_count = batch_count.saturating_add(1);
            changes.extend(batches::insert(id, open.id, &batch, now));
        }
        changes.push(settlement_nodes::move_to(registered, NodeState::Registering));
        if !held.is_empty() {
            let reason = HoldReason::PayerShort.to_string();
            changes.push(payables::hold(held.iter().map(|node| (&node.node_id, Some(reason.clone()))), HOLD_RETRY_MS));
            changes.push(settlement_nodes::move_to(held, NodeState::Held));
            changes.error(format!(
                "the settler cannot pay the rent of {}: send it {}",
                plural(held.len(), "wallet account"),
                plural(short, "lamport")
            ));
        }
        if batch_count > 0 {
            changes.info(format!(
                "creating {} in {}",
                plural(missing.len(), "wallet account"),
                plural(batch_count, "batch")
            ));
        }
        self.commit(lease, changes).await?;
        Ok(true)
    }
}

/// Holds the nodes that cannot be credited anyway, before anybody pays the rent of their wallet accounts.
fn hold_newcomers(newcomers: &Newcomers, changes: &mut Changes) {
    if newcomers.held.is_empty() {
        return;
    }
    let holds = newcomers.held.iter().map(|(node, reason)| (&node.node_id, Some(reason.to_string())));
    changes.push(payables::hold(holds, HOLD_RETRY_MS));
    changes.push(settlement_nodes::move_to(newcomers.held.iter().map(|(node, _)| node), NodeState::Held));
    for (reason, nodes) in newcomers.held_by_reason() {
        changes.warn(format!(
            "rewards of {} held: {reason}; their wallet accounts are not created yet",
            plural(nodes, "new node")
        ));
    }
}

/// Decides what is to be done with a node. `account` is what the chain has at the address of its wallet account.
fn decide(node: &ChosenNode, account: Option<WalletAccount>, books: Books, registered: bool) -> Decision {
    if node.suspended {
        return Decision::Hold(HoldReason::NodeSuspended);
    }
    let Some(account) = account else { return Decision::Hold(HoldReason::NoAddress) };
    match account {
        WalletAccount::Unreadable => Decision::Hold(HoldReason::WalletUnreadable),
        WalletAccount::Closed(..) => Decision::Hold(HoldReason::NodeClosed),
        // Also if the node's address was changed: a second wallet account would be credited everything again.
        WalletAccount::Missing if books.confirmed > 0 || node.was_credited() => {
            Decision::Hold(HoldReason::ChainBelowLedger)
        }
        WalletAccount::Missing if registered => Decision::Hold(HoldReason::RegistrationFailed),
        WalletAccount::Missing if books.is_stranded(0) => Decision::Hold(HoldReason::TotalMismatch),
        WalletAccount::Missing => Decision::Create,
        WalletAccount::Open(wallet, _) => match books.check(wallet.credited_total) {
            Err(reason) => Decision::Hold(reason),
            // Earlier settlements have closed their batches, and this one has planned nothing for the node yet.
            Ok(()) if books.is_stranded(wallet.credited_total) => Decision::Hold(HoldReason::TotalMismatch),
            Ok(()) if !wallet.is_destination_confirmed() => Decision::Hold(HoldReason::DestinationUnconfirmed),
            Ok(()) => Decision::Ready,
        },
    }
}

fn reading(node_id: &NodeId, address: Pubkey, read: &WalletRead) -> Option<WalletReading> {
    let (WalletAccount::Open(wallet, lamports) | WalletAccount::Closed(wallet, lamports)) = &read.account else {
        return None;
    };
    Some(WalletReading { node_id: node_id.clone(), address, lamports: *lamports, slot: read.slot, wallet: **wallet })
}
