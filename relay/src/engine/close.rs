//! Closing batches: writes what their finalized transactions did to the ledger, and what is left of those that never landed.

use std::collections::BTreeMap;

use settlement::events::BatchSettled;
use settlement::rules::SkipReason;
use solana_pubkey::Pubkey;

use crate::chain::{Chain, ChainError, ExecutedTransaction, FinalizedBlock};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::{BatchKind, Budget, SIGNATURE_FEE_LAMPORTS};
use crate::types::NodeId;

use super::changes::Changes;
use super::close_credits::Executed;
use super::hold::HoldReason;
use super::lease::Lease;
use super::read::{WalletAccount, WalletRead};
use super::signatures::{Lookups, has_credited};
use super::store::attempts::{self, Attempt, AttemptTransition};
use super::store::batches::{self, BatchTransition, Entry, EntryResult};
use super::store::payables;
use super::store::rewards::{self, Books, CreditedTotal};
use super::store::settlements::{self, OpenSettlement, SettlementSums};
use super::store::wallets::{self, MirroredWallet, WalletReading};
use super::text::plural;
use super::track::{InFlight, Tracking};
use super::{Engine, EngineError, EntryOutcome, HOLD_RETRY_MS};

/// How long to ask again for a finalized transaction or its log, in milliseconds: nodes can lag behind themselves.
pub(super) const LOG_PATIENCE_MS: u64 = 15_000;

/// An attempt in a finalized block.
pub(super) struct FinalizedAttempt<'a> {
    pub(super) in_flight: &'a InFlight,
    pub(super) slot: u64,
}

/// What the ledger and the chain say about the nodes of some batches.
struct BatchNodes {
    wallets: BTreeMap<Pubkey, WalletRead>,
    /// As of before the batches.
    mirrored: BTreeMap<NodeId, MirroredWallet>,
    books: BTreeMap<NodeId, Books>,
}

impl BatchNodes {
    fn wallet(&self, entry: &Entry) -> Option<&WalletRead> {
        self.wallets.get(&entry.wallet)
    }

    fn books(&self, entry: &Entry) -> Books {
        self.books.get(&entry.node_id).copied().unwrap_or_default()
    }
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Closes the batches of finalized attempts as confirmed, in one transaction: their entries, rewards, wallets and sums.
    /// Leaves those open whose log the RPC node does not have yet.
    pub(super) async fn close_finalized(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        finalized: &[FinalizedAttempt<'_>],
    ) -> Result<Tracking, EngineError> {
        let now = self.clock.now_ms();
        let requests = finalized.iter().map(|one| self.chain.transaction(&one.in_flight.signed.signature));
        let transactions = self.all_in_rounds(lease, requests).await?;
        let (mut ready, mut first_seen, mut failure) = (Vec::new(), Vec::new(), None);
        for (one, executed) in finalized.iter().zip(transactions) {
            let InFlight { batch, attempt, .. } = one.in_flight;
            let executed = match executed {
                Ok(executed) => executed,
                Err(error) => {
                    failure.get_or_insert(error);
                    continue;
                }
            };
            let event = executed.as_ref().and_then(|executed| self.event_of(batch.id, batch.entry_count, executed));
            let has_event = event.is_some() || batch.kind == BatchKind::Register;
            let is_complete = executed.is_some() && has_event;
            match attempt.finalized_seen_at_ms {
                None if !is_complete => first_seen.push(attempt),
                Some(seen) if !is_complete && now.abs_diff(seen) < LOG_PATIENCE_MS => {}
                _ => ready.push(Executed { attempt: one, transaction: executed, event }),
            }
        }
        if !first_seen.is_empty() {
            let mut changes = Changes::for_settlement(open, now);
            for attempt in first_seen {
                changes.extend(attempts::seen_finalized(attempt, now));
            }
            self.commit(lease, changes).await?;
        }
        if ready.is_empty() {
            return failure.map_or(Ok(Tracking::UNCHANGED), |error| Err(error.into()));
        }
        self.renew(lease).await?;
        let mut changes = Changes::for_settlement(open, now);
        let others = self.close_as_planned(open, ready, &mut changes).await?;
        let mut lookups = Lookups::default();
        if !others.is_empty() {
            let min_slot = others.iter().map(|one| one.attempt.slot).max().unwrap_or(0);
            let ids: Vec<i64> = others.iter().map(|one| one.attempt.in_flight.batch.id).collect();
            let all_entries = batches::entries_of(&self.database, &ids).await?;
            let nodes = self.batch_nodes(lease, all_entries.iter().flatten(), min_slot).await?;
            for (Executed { attempt: one, transaction, event }, entries) in others.into_iter().zip(&all_entries) {
                let effect = BatchEffect::of(one.in_flight, entries, &nodes, event.as_ref())?;
                self.close_as_confirmed(
                    lease,
                    open,
                    one,
                    transaction,
                    entries,
                    &nodes,
                    effect,
                    &mut lookups,
                    &mut changes,
                )
                .await?;
            }
        }
        lookups.log(&mut changes);
        self.commit(lease, changes).await?;
        self.remember_closed(lease, open, finalized.iter().map(|one| one.slot).max().unwrap_or(0));
        Ok(Tracking::Advanced)
    }

    #[allow(clippy::too_many_arguments, reason = "one step of close_finalized")]
    async fn close_as_confirmed(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        one: &FinalizedAttempt<'_>,
        executed: Option<ExecutedTransaction>,
        entries: &[Entry],
        nodes: &BatchNodes,
        effect: BatchEffect<'_>,
        lookups: &mut Lookups,
        changes: &mut Changes,
    ) -> Result<(), EngineError> {
        let InFlight { batch, attempt, signed } = one.in_flight;
        let now = self.clock.now_ms();
        let signature = signed.signature.to_string();
        let fee_lamports = executed.map_or_else(|| expected_fee(attempt), |executed| executed.fee_lamports);
        changes.push(batches::require_unchanged(batch));
        let transition = AttemptTransition::Finalized { slot: one.slot, fee_lamports };
        changes.extend(attempts::transition(attempt, transition, now));
        changes.push(batches::transition(batch.id, BatchTransition::Confirmed { signature: &signature }, now));
        changes.push(batches::set_results(batch.id, &effect.results));
        changes.extend(wallets::upsert(&readings(entries, nodes), now));
        if batch.kind == BatchKind::Register {
            changes.info(format!(
                "batch {} confirmed: {} created",
                batch.id,
                plural(effect.succeeded, "wallet account")
            ));
        } else {
            changes.push(wallets::set_signature(&effect.touched, &signature));
            changes.push(wallets::hold(effect.payout_holds, HOLD_RETRY_MS));
            let mut credits = Vec::with_capacity(effect.credits.len());
            for Credit { node_id, total, by } in &effect.credits {
                let signature = match by {
                    CreditedBy::This => Some(signature.clone()),
                    CreditedBy::Another => self.crediting_signature(lease, node_id, *total, lookups).await?,
                    CreditedBy::WithoutLog => {
                        lookups.add_unnamed(node_id);
                        None
                    }
                    CreditedBy::Nobody => None,
                };
                credits.push(CreditedTotal { node_id, total: *total, signature });
            }
            changes.push(rewards::confirm(&credits, now));
            changes.push(rewards::return_to_pending(batch.id));
            log_disagreements(&effect.held, changes);
            changes.push(payables::hold(
                effect.held.iter().map(|(node, reason)| (*node, Some(reason.to_string()))),
                HOLD_RETRY_MS,
            ));
            let unit = self.asset()?.unit();
            changes.info(format!(
                "batch {} confirmed: {} of {} credited; {} credited, {} paid out",
                batch.id,
                effect.succeeded,
                plural(entries.len(), "node"),
                plural(effect.credited, unit),
                plural(effect.paid, unit)
            ));
        }
        let sums = SettlementSums { credited: effect.credited, paid: effect.paid, fees: fee_lamports };
        changes.push(settlements::add_sums(open.id, sums, now));
        Ok(())
    }

    /// Ends attempts that are dead as of the finalized `block`. Their batches are signed again, unless nothing that they were for
    /// is left to do. That is read at a slot at which they were dead already, which need not be as late as `block`: a node that
    /// lags would never have reached it.
    pub(super) async fn end_dead(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        dead: &[&InFlight],
        block: FinalizedBlock,
    ) -> Result<(), EngineError> {
        let min_slots = dead.iter().map(|one| block.slot_above(one.signed.last_valid_block_height));
        let min_slot = min_slots.max().unwrap_or(block.slot);
        let ids: Vec<i64> = dead.iter().map(|one| one.batch.id).collect();
        let entries = batches::entries_of(&self.database, &ids).await?;
        let with_entries: Vec<(&InFlight, Vec<Entry>)> = dead.iter().copied().zip(entries).collect();
        let nodes = self.batch_nodes(lease, with_entries.iter().flat_map(|(_, entries)| entries), min_slot).await?;
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        let mut lookups = Lookups::default();
        for (InFlight { batch, attempt, signed }, entries) in &with_entries {
            let name = format!("batch {}, attempt {} ({})", batch.id, attempt.number, signed.signature);
            changes.push(batches::require_unchanged(batch));
            changes.extend(attempts::transition(attempt, AttemptTransition::Expired, now));
            if entries.iter().any(|entry| is_left_to_do(batch.kind, entry, &nodes)) {
                changes.warn(format!("{name} expired without landing"));
                continue;
            }
            changes.warn(format!("{name} expired without landing, and nothing is left to do for its nodes"));
            changes.push(batches::transition(batch.id, BatchTransition::Superseded, now));
            changes.extend(wallets::upsert(&readings(entries, &nodes), now));
            let mut credits = Vec::new();
            for entry in entries {
                let (node_id, wallet) = (&entry.node_id, nodes.wallet(entry).and_then(|read| read.account.totals()));
                if let Some(wallet) = wallet.filter(|wallet| nodes.books(entry).confirms_more(wallet.credited_total)) {
                    let signature =
                        self.crediting_signature(lease, node_id, wallet.credited_total, &mut lookups).await?;
                    credits.push(CreditedTotal { node_id, total: wallet.credited_total, signature });
                }
            }
            changes.push(rewards::confirm(&credits, now));
            changes.push(rewards::return_to_pending(batch.id));
        }
        lookups.log(&mut changes);
        self.commit(lease, changes).await?;
        self.remember_closed(lease, open, nodes.wallets.values().map(|read| read.slot).max().unwrap_or(0));
        Ok(())
    }

    /// Reads what ledger and chain say about the nodes of `entries`, the chain at `min_slot` or later.
    async fn batch_nodes(
        &self,
        lease: &Lease,
        entries: impl Iterator<Item = &Entry>,
        min_slot: u64,
    ) -> Result<BatchNodes, EngineError> {
        let (ids, addresses): (Vec<&NodeId>, Vec<Pubkey>) = entries.map(|entry| (&entry.node_id, entry.wallet)).unzip();
        let read = self.read_wallets(lease, &addresses, min_slot).await?;
        let mirrored = wallets::mirrored(&self.database, &ids).await?;
        Ok(BatchNodes {
            wallets: addresses.into_iter().zip(read).collect(),
            mirrored: mirrored.into_iter().map(|wallet| (wallet.node_id.clone(), wallet)).collect(),
            books: rewards::books(&self.database, &ids).await?,
        })
    }
}

/// Logs the nodes that are held because ledger and chain disagree, in one line however many they are.
pub(super) fn log_disagreements(held: &[(&NodeId, HoldReason)], changes: &mut Changes) {
    let mut disagreeing = held.iter().filter(|(_, reason)| reason.is_disagreement());
    if let Some((first, reason)) = disagreeing.next() {
        let count = disagreeing.count().saturating_add(1);
        changes.error(format!(
            "{} held as {reason}, because ledger and chain disagree: see 'williw-relay review list'; the first of them is {first}",
            plural(count, "node")
        ));
    }
}

/// The fee of an attempt whose transaction the RPC node does not have: that of its signature and of its priority.
pub(super) fn expected_fee(attempt: &Attempt) -> u64 {
    let budget = Budget {
        compute_unit_limit: attempt.compute_unit_limit,
        loaded_accounts_data_limit: attempt.loaded_accounts_data_limit,
        compute_unit_price: attempt.compute_unit_price,
    };
    SIGNATURE_FEE_LAMPORTS.saturating_add(budget.priority_fee_lamports())
}

/// Whether the entry of a batch that has not landed still has something to do.
fn is_left_to_do(kind: BatchKind, entry: &Entry, nodes: &BatchNodes) -> bool {
    let account = nodes.wallet(entry).map(|read| &read.account);
    match (kind, account.and_then(WalletAccount::open)) {
        (BatchKind::Register, _) => matches!(account, Some(WalletAccount::Missing) | None),
        (_, None) => false,
        (BatchKind::Credit, Some(wallet)) => wallet.credited_total < entry.target,
        (BatchKind::Settle, Some(wallet)) => wallet.credited_total < entry.target || wallet.pending() > 0,
    }
}

fn readings(entries: &[Entry], nodes: &BatchNodes) -> Vec<WalletReading> {
    entries
        .iter()
        .filter_map(|entry| {
            let WalletRead { slot, account } = nodes.wallet(entry)?;
            let (WalletAccount::Open(wallet, lamports) | WalletAccount::Closed(wallet, lamports)) = account else {
                return None;
            };
            Some(WalletReading {
                node_id: entry.node_id.clone(),
                address: entry.wallet,
                lamports: *lamports,
                slot: *slot,
                wallet: **wallet,
            })
        })
        .collect()
}

/// Which transaction credited a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CreditedBy {
    /// The one that the effect belongs to.
    This,
    /// An earlier one of this ledger.
    Another,
    /// None, because the entry was only to be paid.
    Nobody,
    /// It cannot be told, because the log was not kept.
    WithoutLog,
}

/// A total up to which a node's rewards are credited.
struct Credit<'a> {
    node_id: &'a NodeId,
    total: u64,
    by: CreditedBy,
}

/// The effect of a batch. The program's event says what its transaction did; the wallets show it if there is no event.
struct BatchEffect<'a> {
    /// The result of each entry, in the order of the entries.
    results: Vec<EntryResult>,
    /// The number of entries that were credited or whose wallets were created.
    succeeded: usize,
    /// In lamports.
    credited: u64,
    /// In lamports.
    paid: u64,
    /// What is credited of the nodes' rewards.
    credits: Vec<Credit<'a>>,
    /// Nodes that were credited or paid.
    touched: Vec<&'a NodeId>,
    /// Each node's payout hold reason; `None` clears an earlier one.
    payout_holds: Vec<(&'a NodeId, Option<String>)>,
    /// Nodes whose rewards are held, and why.
    held: Vec<(&'a NodeId, HoldReason)>,
}

impl<'a> BatchEffect<'a> {
    /// # Errors
    /// [`ChainError::NodesDisagree`] if the event says that a wallet was credited, and the finalized wallet does not.
    fn of(
        in_flight: &InFlight,
        entries: &'a [Entry],
        nodes: &BatchNodes,
        event: Option<&BatchSettled>,
    ) -> Result<Self, ChainError> {
        let mut effect = Self {
            results: Vec::with_capacity(entries.len()),
            succeeded: 0,
            credited: 0,
            paid: 0,
            credits: Vec::new(),
            touched: Vec::new(),
            payout_holds: Vec::new(),
            held: Vec::new(),
        };
        for (position, entry) in entries.iter().enumerate() {
            if in_flight.batch.kind == BatchKind::Register {
                effect.add_registration(entry, nodes);
            } else {
                effect.add_payment(in_flight, position, entry, nodes, event)?;
            }
        }
        // The event counts this transaction only, the wallets may also reflect others: the event takes precedence.
        if let Some(event) = event {
            effect.credited = event.credited;
            effect.paid = event.paid;
        }
        Ok(effect)
    }

    fn add_registration(&mut self, entry: &Entry, nodes: &BatchNodes) {
        let exists = nodes.wallet(entry).is_some_and(|read| read.account.open().is_some());
        let outcome = if exists { EntryOutcome::Registered } else { EntryOutcome::Skipped };
        self.succeeded = self.succeeded.saturating_add(usize::from(exists));
        self.results.push(EntryResult::without_skips(outcome));
    }

    fn add_payment(
        &mut self,
        InFlight { batch, signed, .. }: &InFlight,
        position: usize,
        entry: &'a Entry,
        nodes: &BatchNodes,
        event: Option<&BatchSettled>,
    ) -> Result<(), ChainError> {
        let node = &entry.node_id;
        let before = nodes.mirrored.get(node).map_or((0, 0), |wallet| (wallet.credited, wallet.paid));
        let wallet = nodes.wallet(entry).and_then(|read| read.account.totals());
        let now = wallet.map_or(before, |wallet| (wallet.credited_total, wallet.paid_total));
        let books = nodes.books(entry).check(now.0);
        let reached = now.0 >= entry.target;

        let credit = match event.map(|event| has_credited(event, position)) {
            // The wallet was read at the transaction's slot or later, and from two nodes where there are several. If there is none
            // any more, or none that this version can read, the log stands.
            Some(true) if !reached && wallet.is_some() => {
                return Err(ChainError::NodesDisagree(format!(
                    "about node {node}: the log of transaction {} credits it, and its wallet does not",
                    signed.signature
                )));
            }
            Some(true) => Some(Credit { node_id: node, total: entry.target, by: CreditedBy::This }),
            _ if !reached || books.is_err() => None,
            Some(false) => {
                let by = if entry.target > before.0 { CreditedBy::Another } else { CreditedBy::Nobody };
                Some(Credit { node_id: node, total: now.0, by })
            }
            None => {
                let by = if entry.target > before.0 { CreditedBy::WithoutLog } else { CreditedBy::Nobody };
                Some(Credit { node_id: node, total: now.0, by })
            }
        };
        let skip = |known: Option<SkipReason>| match known {
            Some(reason) => (HoldReason::Skipped(reason), reason.as_str().to_owned()),
            None => (HoldReason::SkippedUnknown, HoldReason::SKIPPED_UNKNOWN.to_owned()),
        };
        let credit_skip = credit.is_none().then(|| skip(event.and_then(|event| event.credit_skip_reason(position))));
        // A settle batch holds only due payouts, so lamports that are still pending after it were not paid.
        let is_unpaid = batch.kind == BatchKind::Settle && now.0 > now.1;
        let payout_skip = match event {
            Some(event) => event
                .payout_skip_reason(position)
                // Without a reason, the payout was due only by this runner's clock.
                .or(is_unpaid.then_some(SkipReason::NotDue))
                .map(|reason| reason.as_str().to_owned()),
            None => is_unpaid.then(|| HoldReason::SKIPPED_UNKNOWN.to_owned()),
        };
        match (books, &credit_skip) {
            (Err(reason), _) => self.held.push((node, reason)),
            (Ok(()), Some((reason, _))) => self.held.push((node, reason.clone())),
            (Ok(()), None) => {}
        }
        self.succeeded = self.succeeded.saturating_add(usize::from(credit_skip.is_none()));
        // A credit batch attempts no payout, so the hold reason from planning stays.
        if batch.kind == BatchKind::Settle {
            self.payout_holds.push((node, payout_skip.clone()));
        }
        let newly_credited = now.0.saturating_sub(before.0);
        let newly_paid = now.1.saturating_sub(before.1);
        if newly_credited > 0 || newly_paid > 0 {
            self.touched.push(node);
        }
        self.credited = self.credited.saturating_add(newly_credited);
        self.paid = self.paid.saturating_add(newly_paid);
        let outcome = if credit.is_some() { EntryOutcome::Credited } else { EntryOutcome::Skipped };
        self.results.push(EntryResult { outcome, credit_skip: credit_skip.map(|(_, text)| text), payout_skip });
        self.credits.extend(credit);
        Ok(())
    }
}
