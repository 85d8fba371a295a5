//! Step 3: turns pending rewards into batches.
//!
//! [`plan`] is a pure function of the state of the ledger and the chain. It applies the program's own rules, so the
//! program accepts what is planned here.

mod batch_builder;
mod limits;
pub(super) mod newcomers;
mod packing;
mod payouts;

use std::collections::{BTreeMap, BTreeSet};

use settlement::rules::credit::{Budget, CreditedWallet, Limits as CreditLimits};
use settlement::rules::{SkipReason, payout};
use solana_pubkey::Pubkey;

use crate::chain::{Account, Chain};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::BatchKind;
use crate::types::NodeId;

use batch_builder::{BatchBuilder, FitsWithTables};
use limits::Limits;
use payouts::DuePayout;

use super::changes::Changes;
use super::hold::HoldReason;
use super::lease::Lease;
use super::store::batches::{Entry, NewBatch};
use super::store::rewards::PendingReward;
use super::store::settlement_nodes::ChosenNode;
use super::store::settlements::{self, OpenSettlement};
use super::store::wallets::MirroredWallet;
use super::store::{batches, payables, rewards, settlement_nodes, wallets};
use super::text::plural;
use super::{Engine, EngineError, HOLD_RETRY_MS, NodeState, Progress, Step};

/// The maximum number of rewards in one piece. Each node gets an equal share, so that one node with many rewards delays no
/// other; the next settlements take what remains.
const REWARDS_PER_PIECE: usize = 20_000;

/// The fewest nodes per batch, on average, with which all nodes of a piece are planned at once: a limit on the number of
/// batches whose statements are written in one transaction.
const NODES_PER_BATCH: usize = 15;

/// A node's wallet and its pending rewards, oldest first.
#[derive(Clone, Debug)]
struct NodeRewards<'a> {
    wallet: &'a MirroredWallet,
    rewards: &'a [PendingReward],
}

/// The batches to add and the reasons for what is held.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    batches: Vec<NewBatch>,
    /// Why not all pending rewards of a node were planned; `None` clears an earlier reason.
    holds: BTreeMap<NodeId, Option<HoldReason>>,
    /// Why a due payout is held; `None` clears an earlier reason.
    payout_holds: BTreeMap<NodeId, Option<HoldReason>>,
    /// Nodes that are left to the next piece.
    postponed: BTreeSet<NodeId>,
    /// The number of nodes that are held because their transactions cannot be paid for.
    unaffordable: usize,
    /// What the batches credit, in base units.
    credited: u64,
}

/// What a settlement's batches credit, as long as `last_batch_id` is the last batch in the ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlannedCredit {
    settlement_id: i64,
    last_batch_id: i64,
    planned: u64,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Plans the next piece of nodes, those with the oldest rewards first.
    pub(super) async fn plan(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        changes.push(settlements::require_step(open.id, Step::Plan));
        let chosen = settlement_nodes::next(&self.database, NodeState::Read, self.config.nodes_per_call.max(1)).await?;
        if chosen.is_empty() {
            let any = batches::any_open(&self.database, open.id).await?;
            changes.go_to(if any { Step::Simulate } else { Step::Reconcile });
            self.commit(lease, changes).await?;
            return Ok(Progress::Continue { after_ms: 0 });
        }
        let node_ids: Vec<&NodeId> = chosen.iter().map(|node| &node.node_id).collect();
        let mirrored: Vec<MirroredWallet> = chosen.iter().filter_map(|node| node.wallet.clone()).collect();
        let pending = rewards::pending(&self.database, &node_ids, REWARDS_PER_PIECE / node_ids.len().max(1)).await?;
        let nodes = by_node(&node_ids, &mirrored, &pending);

        let last_id = batches::last_id(&self.database).await?;
        let planned = self.planned_credit(open, last_id).await?;
        let limits = self.limits(lease, Some(open.id), planned, now).await?;
        self.renew(lease).await?;
        let destinations = self.destinations(lease, &nodes, &limits).await?;
        let plan = self.packed_plan(lease, nodes, &destinations, &limits).await?;
        self.report_lookup_problems(&mut changes);
        if plan.unaffordable > 0 && plan.batches.is_empty() && !batches::any_open(&self.database, open.id).await? {
            return Err(nothing_affordable(&limits));
        }

        // Reasons are written where there is one, or was.
        let changed = |holds: &BTreeMap<NodeId, Option<HoldReason>>, was_held: fn(&ChosenNode) -> bool| {
            let changed = chosen.iter().filter_map(|node| {
                let hold = holds.get(&node.node_id)?.as_ref();
                (hold.is_some() || was_held(node)).then(|| (node.node_id.clone(), hold.map(HoldReason::to_string)))
            });
            changed.collect::<Vec<_>>()
        };
        let holds = changed(&plan.holds, |node| node.is_held);
        if !holds.is_empty() {
            changes.push(payables::hold(holds.iter().map(|(node, hold)| (node, hold.clone())), HOLD_RETRY_MS));
        }
        let holds = changed(&plan.payout_holds, |node| node.is_payout_held);
        if !holds.is_empty() {
            changes.push(wallets::hold(holds.iter().map(|(node, hold)| (node, hold.clone())), HOLD_RETRY_MS));
        }
        for batch in &plan.batches {
            let id = changes.next_batch_id(last_id);
            changes.extend(batches::insert(id, open.id, batch, now));
            changes.extend(rewards::assign(id, None));
        }
        changes.push(if plan.postponed.is_empty() {
            settlement_nodes::move_all(&chosen, NodeState::Read, NodeState::Planned)
        } else {
            let planned = chosen.iter().filter(|node| !plan.postponed.contains(&node.node_id));
            settlement_nodes::move_to(planned, NodeState::Planned)
        });
        log_plan(&plan, &mut changes);
        let last_id = changes.last_batch_id().unwrap_or(last_id);
        self.commit(lease, changes).await?;
        let planned = planned.saturating_add(plan.credited);
        self.planned_credit.set(Some(PlannedCredit { settlement_id: open.id, last_batch_id: last_id, planned }));
        Ok(Progress::Continue { after_ms: 0 })
    }

    /// Checks whether a new settlement could plan anything: what it needs is there, and at least one transaction can be paid for.
    ///
    /// # Errors
    /// [`EngineError::Rejected`] with the reason for which [`Engine::plan`] would reject it.
    pub(super) async fn check_means(&self, lease: &Lease) -> Result<(), EngineError> {
        let limits = self.limits(lease, None, 0, self.clock.now_ms()).await?;
        if limits.affordable.batches == 0 { Err(nothing_affordable(&limits)) } else { Ok(()) }
    }

    /// What the settlement's batches credit, of which `last_batch_id` is the last one. Nothing else changes it while they are
    /// being planned, so that the sum need not be computed anew for every piece.
    async fn planned_credit(&self, open: &OpenSettlement, last_batch_id: i64) -> Result<u64, EngineError> {
        match self.planned_credit.get() {
            Some(known) if (known.settlement_id, known.last_batch_id) == (open.id, last_batch_id) => Ok(known.planned),
            _ => Ok(batches::planned_credit(&self.database, open.id).await?),
        }
    }
}

/// Why a settlement that cannot pay for any transaction ends.
fn nothing_affordable(limits: &Limits) -> EngineError {
    EngineError::Rejected(format!(
        "nothing can be sent, because no transaction can be paid for: {}",
        limits.affordable.shortage.hold_reason()
    ))
}

/// Joins each node's wallet with its pending rewards, in the order of `node_ids`. `pending` is sorted by node.
fn by_node<'a>(
    node_ids: &[&NodeId],
    mirrored: &'a [MirroredWallet],
    pending: &'a [PendingReward],
) -> Vec<NodeRewards<'a>> {
    let wallets: BTreeMap<&NodeId, &MirroredWallet> = mirrored.iter().map(|wallet| (&wallet.node_id, wallet)).collect();
    let mut rewards: BTreeMap<&NodeId, &'a [PendingReward]> = pending
        .chunk_by(|one, next| one.node_id == next.node_id)
        .filter_map(|of| Some((&of.first()?.node_id, of)))
        .collect();
    node_ids
        .iter()
        .filter_map(|id| {
            Some(NodeRewards { wallet: wallets.get(id)?, rewards: rewards.remove(id).unwrap_or_default() })
        })
        .collect()
}

impl NodeRewards<'_> {
    /// The total that the node has earned, all its pending rewards included.
    fn target(&self) -> u64 {
        self.rewards.last().map_or(self.wallet.credited, |reward| reward.node_total.get())
    }

    /// Whether a payout is due once the node's credited total is `target`.
    fn is_due(&self, target: u64, limits: &Limits) -> bool {
        let oldest = match self.wallet.oldest_unpaid_at_ms {
            Some(ms) if !payout::waits_from_now(self.wallet.credited, self.wallet.paid) => ms.div_euclid(1_000),
            _ => limits.now_s,
        };
        payout::is_due(
            target.saturating_sub(self.wallet.paid),
            self.wallet.threshold,
            oldest,
            limits.now_s,
            limits.max_pending_age_s,
        )
    }

    /// Whether the chain's credited total lies within the first pending reward or before it, and the rewards have no gap.
    /// Otherwise the ledger is missing rewards, and paying would be a guess.
    fn continues_credited_total(&self) -> bool {
        let credited = self.wallet.credited;
        let start = |reward: &PendingReward| reward.node_total.checked_sub(reward.amount).map(|start| start.get());
        let begins = self.rewards.first().is_none_or(|first| {
            start(first).is_some_and(|start| start <= credited) && first.node_total.get() > credited
        });
        let continues = self.rewards.windows(2).all(|pair| match pair {
            [one, next] => start(next) == Some(one.node_total.get()),
            _ => true,
        });
        begins && continues
    }

    /// The rewards of which at least a part is credited once the credited total is `target`.
    fn covered_by(&self, target: u64) -> &[PendingReward] {
        let covered = self.rewards.partition_point(|reward| {
            reward.node_total.checked_sub(reward.amount).is_some_and(|start| start.get() < target)
        });
        self.rewards.get(..covered).unwrap_or_default()
    }
}

/// Decides what to credit and pay out now. Nodes that come first in `nodes` are served first if the limits do not
/// allow for all. Totals are cumulative, so what the limits do not allow of a reward follows in later batches.
fn plan(
    nodes: Vec<NodeRewards<'_>>,
    destinations: &BTreeMap<Pubkey, Option<Account>>,
    limits: &Limits,
    fits_with_tables: FitsWithTables<'_>,
) -> Plan {
    let mut plan = Plan::default();
    let mut credit = BatchBuilder::new(BatchKind::Credit, limits.credit_capacity, fits_with_tables, limits);
    let mut settle = BatchBuilder::new(BatchKind::Settle, limits.settle_capacity, fits_with_tables, limits);
    // Base units credited and paid by the nodes before.
    let (mut planned, mut paid) = (0_u64, 0_u64);

    for node in nodes {
        let node_id = &node.wallet.node_id;
        if credit.finished.len().saturating_add(settle.finished.len()) >= limits.max_batches {
            plan.postponed.insert(node_id.clone());
            continue;
        }
        if !node.continues_credited_total() {
            plan.holds.insert(node_id.clone(), Some(HoldReason::TotalMismatch));
            // A due payout of this node is no work either, until the mismatch is resolved.
            plan.payout_holds.insert(node_id.clone(), Some(HoldReason::TotalMismatch));
            continue;
        }
        let (credited, hold) = allowed_credit(&node, limits, planned);
        plan.holds.insert(node_id.clone(), hold);
        let target = node.wallet.credited.saturating_add(credited);
        let destination = destinations.get(&node.wallet.destination).and_then(Option::as_ref);
        let due = DuePayout { wallet: node.wallet, target, destination };
        let payout = node.is_due(target, limits).then(|| limits.payouts.check(due, paid));
        plan.payout_holds.insert(node_id.clone(), payout.and_then(Result::err).map(HoldReason::Skipped));
        let begun = credit.batches().saturating_add(settle.batches());
        let (builder, pays) = match payout {
            Some(Ok(())) => (&mut settle, due.amount()),
            _ if credited == 0 => continue,
            _ => (&mut credit, 0),
        };
        let space = destination.map_or(0, |account| account.space);
        let entry = Entry {
            node_id: node_id.clone(),
            wallet: node.wallet.address,
            owner: node.wallet.owner,
            destination: node.wallet.destination,
            target,
        };
        if begun >= limits.affordable.batches && !builder.has_room(&entry, credited, space) {
            let holds = if credited > 0 { &mut plan.holds } else { &mut plan.payout_holds };
            holds.insert(node_id.clone(), Some(limits.affordable.shortage.hold_reason()));
            plan.unaffordable = plan.unaffordable.saturating_add(1);
            continue;
        }
        planned = planned.saturating_add(credited);
        paid = paid.saturating_add(pays);
        builder.add(entry, credited, space, if credited == 0 { &[] } else { node.covered_by(target) });
    }
    plan.credited = planned;
    plan.batches = credit.finish();
    plan.batches.extend(settle.finish());
    plan
}

/// How much of a node's rewards the program's limits allow to credit in one batch, after `planned` base units for other nodes,
/// and why the rest must wait longer than for the next batch.
fn allowed_credit(node: &NodeRewards<'_>, limits: &Limits, planned: u64) -> (u64, Option<HoldReason>) {
    let lamports = limits.payouts.credited_lamports(node.wallet);
    let wallet = CreditedWallet { credited_total: node.wallet.credited, lamports };
    allowed(wallet, node.target(), limits, planned)
}

/// As [`allowed_credit`], for a wallet that is to be credited up to `target`.
fn allowed(wallet: CreditedWallet, target: u64, limits: &Limits, planned: u64) -> (u64, Option<HoldReason>) {
    let of_batch = CreditLimits {
        per_node_cap: limits.per_node_cap,
        per_batch_cap: limits.per_batch_cap,
        window_left: limits.window_left.saturating_sub(planned),
        treasury_left: limits.treasury_left.saturating_sub(planned),
        total_left: limits.total_left.saturating_sub(planned),
    };
    match Budget::new(of_batch).credit(wallet, target) {
        Ok(credit) => (credit.delta, None),
        Err(SkipReason::NothingToCredit) => (0, None),
        Err(reason) => {
            let CreditLimits { per_node_cap, per_batch_cap, window_left, treasury_left, total_left } = of_batch;
            let allowed = [per_node_cap, per_batch_cap, window_left, treasury_left, total_left].into_iter().min();
            let allowed = allowed.unwrap_or(0);
            // A cap on each batch lets the rest follow in the next one; everything else needs time or funds.
            let waits = allowed == 0 || allowed < per_node_cap.min(per_batch_cap);
            let limit = match reason {
                _ if !waits => return (allowed, None),
                _ if allowed == window_left => SkipReason::WindowLimit,
                _ if allowed == treasury_left => SkipReason::TreasuryShort,
                _ if allowed == total_left => SkipReason::Overflow,
                reason => reason,
            };
            (allowed, Some(HoldReason::Skipped(limit)))
        }
    }
}

fn log_plan(plan: &Plan, changes: &mut Changes) {
    let nodes: usize = plan.batches.iter().map(|batch| batch.entries.len()).sum();
    let records: usize = plan.batches.iter().map(|batch| batch.records.len()).sum();
    changes.info(format!(
        "planned {} of {} in {}",
        plural(records, "reward"),
        plural(nodes, "node"),
        plural(plan.batches.len(), "batch")
    ));
    let mut held: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for reason in plan.holds.values().flatten() {
        *held.entry(("rewards", reason.to_string())).or_default() += 1;
    }
    for reason in plan.payout_holds.values().flatten() {
        *held.entry(("payouts", reason.to_string())).or_default() += 1;
    }
    for ((what, reason), nodes) in held {
        changes.warn(format!("{what} of {} held: {reason}", plural(nodes, "node")));
    }
}

#[cfg(test)]
mod tests;
