//! Step 3: turns pending rewards into batches.
//!
//! [`plan`] is a pure function of the state of the ledger and the chain. It applies the program's own rules, so the
//! program accepts what is planned here.

use std::collections::{BTreeMap, BTreeSet};

use settlement::client::is_reserved_address;
use settlement::rules::credit::{Budget, CreditedWallet, Limits as CreditLimits};
use settlement::rules::window::Window;
use settlement::rules::{SkipReason, payout, rent_floor, rent_minimum};
use settlement::state::{NodeWallet, Treasury};
use solana_pubkey::Pubkey;

use crate::chain::{Account, AccountData, Chain, Commitment};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::merkle;
use crate::signer::Signer;
use crate::transaction::{BatchKind, Format, LoadedData, capacity};
use crate::types::NodeId;

use super::changes::Changes;
use super::hold::HoldReason;
use super::lease::Lease;
use super::read::concurrently;
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

/// The limits on a plan. Amounts are in lamports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    per_node_cap: u64,
    per_batch_cap: u64,
    /// What the outflow window still allows.
    window_left: u64,
    /// What the treasury holds above its rent-exempt minimum.
    treasury_left: u64,
    /// What can be credited before the treasury's credited total exceeds 2^64 - 1.
    total_left: u64,
    max_pending_age_s: u64,
    rent_per_byte: u64,
    /// The maximum number of entries in a credit batch.
    credit_capacity: usize,
    /// The maximum number of entries in a settle batch.
    settle_capacity: usize,
    /// The maximum number of batches in one piece.
    max_batches: usize,
    /// The data of the settlement program's accounts, in bytes.
    program_bytes: u64,
    format: Format,
    now_s: i64,
}

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
        let limits = self.limits(planned, now).await?;
        self.renew(lease).await?;
        let destinations = self.destinations(lease, &nodes, &limits).await?;
        let plan = plan(nodes, &destinations, &limits);

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

    /// What the settlement's batches credit, of which `last_batch_id` is the last one. Nothing else changes it while they are
    /// being planned, so that the sum need not be computed anew for every piece.
    async fn planned_credit(&self, open: &OpenSettlement, last_batch_id: i64) -> Result<u64, EngineError> {
        match self.planned_credit.get() {
            Some(known) if (known.settlement_id, known.last_batch_id) == (open.id, last_batch_id) => Ok(known.planned),
            _ => Ok(batches::planned_credit(&self.database, open.id).await?),
        }
    }

    /// Reads the limits that apply at `now_ms`, after `planned` base units in the settlement's batches.
    async fn limits(&self, planned: u64, now_ms: i64) -> Result<Limits, EngineError> {
        // Of an upgradeable program, the code is in a second account.
        let addresses = [self.treasury, settlement::ID, program_data_address()];
        let requests = [
            self.chain.accounts(&addresses[..1], AccountData::Full, Commitment::Finalized, 0),
            self.chain.accounts(&addresses[1..], AccountData::Omitted, Commitment::Confirmed, 0),
        ];
        let [treasury, program] = <[_; 2]>::try_from(concurrently(requests).await?)
            .map_err(|_| EngineError::Rejected("the RPC node did not answer both requests".to_owned()))?;
        let (treasury, balance) = self.decode_treasury(treasury.accounts.first().and_then(Option::as_ref))?;
        // An account without data pays rent for 128 bytes of overhead. The rate per byte is a whole number of lamports.
        let rent_per_byte = self.chain.minimum_balance(0).await? / settlement::rules::rent::ACCOUNT_OVERHEAD_BYTES;
        let treasury_minimum = rent_minimum(rent_per_byte, Treasury::SIZE as u64)
            .ok_or_else(|| EngineError::Rejected("the cluster's rent exceeds every balance".to_owned()))?;
        let now_s = now_ms.div_euclid(1_000);
        let window = Window {
            limit: treasury.window_limit,
            seconds: treasury.window_seconds,
            used: treasury.window_used,
            updated_at: treasury.window_updated_at,
        };
        let format = self.format().await?;
        Ok(Limits {
            per_node_cap: treasury.per_node_cap,
            per_batch_cap: treasury.per_batch_cap,
            window_left: window.at(now_s).left().saturating_sub(planned),
            treasury_left: balance.saturating_sub(treasury_minimum).saturating_sub(planned),
            total_left: u64::MAX.saturating_sub(treasury.credited_total).saturating_sub(planned),
            max_pending_age_s: treasury.max_pending_age,
            rent_per_byte,
            credit_capacity: capacity(BatchKind::Credit, format).max(1),
            settle_capacity: capacity(BatchKind::Settle, format).max(1),
            max_batches: (self.config.nodes_per_call / NODES_PER_BATCH).max(1),
            program_bytes: program.accounts.iter().flatten().map(|account| account.space).sum(),
            format,
            now_s,
        })
    }

    /// Reads the destination accounts of the nodes whose payout may be due.
    async fn destinations(
        &self,
        lease: &Lease,
        nodes: &[NodeRewards<'_>],
        limits: &Limits,
    ) -> Result<BTreeMap<Pubkey, Option<Account>>, EngineError> {
        let wanted: BTreeSet<Pubkey> = nodes
            .iter()
            .filter(|node| node.is_due(node.target(), limits))
            .map(|node| node.wallet.destination)
            .collect();
        let wanted: Vec<Pubkey> = wanted.into_iter().collect();
        let read = self.read_accounts(lease, &wanted, AccountData::Omitted, Commitment::Confirmed, 0).await?;
        Ok(wanted.into_iter().zip(read.into_iter().map(|(_, account)| account)).collect())
    }
}

/// The address of the settlement program's code, if it is deployed by the upgradeable loader.
fn program_data_address() -> Pubkey {
    Pubkey::find_program_address(&[settlement::ID.as_ref()], &solana_sdk_ids::bpf_loader_upgradeable::ID).0
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

    /// Applies the program's payout rules to a payout that brings the node's totals to `target`.
    fn check_payout(&self, target: u64, destination: Option<&Account>, limits: &Limits) -> Result<(), SkipReason> {
        let amount = target.saturating_sub(self.wallet.paid);
        let credited = target.saturating_sub(self.wallet.credited);
        let overflow = SkipReason::Overflow;
        let minimum = |bytes| rent_minimum(limits.rent_per_byte, bytes).ok_or(overflow);
        payout::check(
            amount,
            payout::AccountBalance {
                lamports: self.wallet.lamports.checked_add(credited).ok_or(overflow)?,
                floor: rent_floor(self.wallet.lamports, minimum(NodeWallet::SIZE as u64)?),
            },
            payout::Destination {
                is_named: true,
                is_writable: true,
                is_executable: destination.is_some_and(|account| account.executable),
                is_program_account: destination.is_some_and(|account| account.owner == settlement::ID),
                is_reserved: is_reserved_address(&self.wallet.destination),
                lamports: destination.map_or(0, |account| account.lamports),
                empty_minimum: minimum(0)?,
            },
        )
    }
}

/// Builds batches of one kind, starting a new one when the current one is full: by its number of entries, by the cap per
/// batch, or by the account data that it loads.
struct BatchBuilder {
    kind: BatchKind,
    capacity: usize,
    per_batch_cap: u64,
    format: Format,
    /// Lamports credited by the current batch.
    sum: u64,
    /// The account data that the current batch loads.
    loaded: LoadedData,
    entries: Vec<Entry>,
    /// Sequences and Merkle leaves of the current batch's reward records.
    records: Vec<(i64, merkle::Hash32)>,
    finished: Vec<NewBatch>,
}

impl BatchBuilder {
    fn new(kind: BatchKind, capacity: usize, limits: &Limits) -> Self {
        Self {
            kind,
            capacity,
            per_batch_cap: limits.per_batch_cap,
            format: limits.format,
            sum: 0,
            loaded: LoadedData::new(limits.program_bytes),
            entries: Vec::new(),
            records: Vec::new(),
            finished: Vec::new(),
        }
    }

    /// Adds an entry that credits `credited` lamports. A settle batch loads the entry's destination, which has `destination_space` bytes of data.
    fn add(&mut self, entry: Entry, credited: u64, destination_space: u64, rewards: &[PendingReward]) {
        let above_cap = self.sum.checked_add(credited).is_none_or(|sum| sum > self.per_batch_cap);
        let loads_destination = self.kind == BatchKind::Settle;
        let too_much_data = loads_destination && !self.loaded.fits(&entry.destination, destination_space);
        if !self.entries.is_empty() && (above_cap || too_much_data || self.entries.len() >= self.capacity) {
            self.finish_batch();
        }
        if loads_destination {
            self.loaded.add(entry.destination, destination_space);
        }
        self.sum = self.sum.saturating_add(credited);
        self.records.extend(rewards.iter().map(|reward| (reward.sequence, reward.leaf().hash())));
        self.entries.push(entry);
    }

    fn finish_batch(&mut self) {
        let (records, leaves): (Vec<_>, Vec<_>) = std::mem::take(&mut self.records).into_iter().unzip();
        self.finished.push(NewBatch {
            kind: self.kind,
            format: self.format,
            records_root: merkle::root(&leaves),
            entries: std::mem::take(&mut self.entries),
            records,
        });
        self.sum = 0;
        self.loaded.clear();
    }

    fn finish(mut self) -> Vec<NewBatch> {
        if !self.entries.is_empty() {
            self.finish_batch();
        }
        self.finished
    }
}

/// Decides what to credit and pay out now. Nodes that come first in `nodes` are served first if the limits do not
/// allow for all. Totals are cumulative, so what the limits do not allow of a reward follows in later batches.
fn plan(nodes: Vec<NodeRewards<'_>>, destinations: &BTreeMap<Pubkey, Option<Account>>, limits: &Limits) -> Plan {
    let mut plan = Plan::default();
    let mut credit = BatchBuilder::new(BatchKind::Credit, limits.credit_capacity, limits);
    let mut settle = BatchBuilder::new(BatchKind::Settle, limits.settle_capacity, limits);
    let mut planned = 0_u64;

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
        let payout = node.is_due(target, limits).then(|| node.check_payout(target, destination, limits));
        plan.payout_holds.insert(node_id.clone(), payout.and_then(Result::err).map(HoldReason::Skipped));
        let builder = match payout {
            Some(Ok(())) => &mut settle,
            _ if credited == 0 => continue,
            _ => &mut credit,
        };
        planned = planned.saturating_add(credited);
        let entry = Entry {
            node_id: node_id.clone(),
            wallet: node.wallet.address,
            owner: node.wallet.owner,
            destination: node.wallet.destination,
            target,
        };
        let space = destination.map_or(0, |account| account.space);
        builder.add(entry, credited, space, if credited == 0 { &[] } else { node.covered_by(target) });
    }
    plan.credited = planned;
    plan.batches = credit.finish();
    plan.batches.extend(settle.finish());
    plan
}

/// How much of a node's rewards the program's limits allow to credit in one batch, after `planned` lamports for other nodes,
/// and why the rest must wait longer than for the next batch.
fn allowed_credit(node: &NodeRewards<'_>, limits: &Limits, planned: u64) -> (u64, Option<HoldReason>) {
    let wallet = CreditedWallet { credited_total: node.wallet.credited, lamports: node.wallet.lamports };
    let of_batch = CreditLimits {
        per_node_cap: limits.per_node_cap,
        per_batch_cap: limits.per_batch_cap,
        window_left: limits.window_left.saturating_sub(planned),
        treasury_left: limits.treasury_left.saturating_sub(planned),
        total_left: limits.total_left.saturating_sub(planned),
    };
    match Budget::new(of_batch).credit(wallet, node.target()) {
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
mod tests {
    use super::*;
    use crate::types::Lamports;

    fn wallet(credited: u64) -> MirroredWallet {
        MirroredWallet {
            node_id: "node".parse().unwrap(),
            address: Pubkey::new_from_array([1; 32]),
            owner: Pubkey::new_from_array([2; 32]),
            destination: Pubkey::new_from_array([2; 32]),
            destination_confirmed: true,
            lamports: 2_561_280,
            credited,
            paid: credited,
            threshold: 1_000,
            oldest_unpaid_at_ms: None,
        }
    }

    fn reward(sequence: i64, amount: u64, node_total: u64) -> PendingReward {
        PendingReward {
            sequence,
            id: format!("rw_{sequence}"),
            node_id: "node".parse().unwrap(),
            amount: Lamports::new(amount).unwrap(),
            node_total: Lamports::new(node_total).unwrap(),
            period: "2026-01-31".to_owned(),
        }
    }

    const UNLIMITED: Limits = Limits {
        per_node_cap: u64::MAX,
        per_batch_cap: u64::MAX,
        window_left: u64::MAX,
        treasury_left: u64::MAX,
        total_left: u64::MAX,
        max_pending_age_s: u64::MAX,
        rent_per_byte: 6_960,
        credit_capacity: 60,
        settle_capacity: 30,
        max_batches: 40,
        program_bytes: 500_000,
        format: Format::V1,
        now_s: 1_800_000_000,
    };

    fn plan_with(limits: &Limits, credited: u64, rewards: &[PendingReward]) -> Plan {
        let wallet = wallet(credited);
        plan(vec![NodeRewards { wallet: &wallet, rewards }], &BTreeMap::new(), limits)
    }

    fn plan_for(credited: u64, rewards: &[PendingReward]) -> Plan {
        plan_with(&UNLIMITED, credited, rewards)
    }

    #[test]
    fn a_reward_that_is_credited_in_part_continues_where_it_was_left() {
        let node: NodeId = "node".parse().unwrap();
        let rewards = [reward(1, 5, 15), reward(2, 100, 115), reward(3, 2, 117)];
        let planned = |limits: Limits, credited| {
            let plan = plan_with(&limits, credited, &rewards);
            let batch = plan.batches.first().expect("a batch");
            (batch.entries[0].target, batch.records.clone(), plan.holds[&node].clone())
        };
        let cap = Limits { per_node_cap: 50, ..UNLIMITED };
        assert_eq!(planned(cap, 10), (60, vec![1, 2], None), "the rest follows in the next batch");
        let rest = [reward(2, 100, 115), reward(3, 2, 117)];
        let batch = &plan_with(&cap, 60, &rest).batches[0];
        assert_eq!((batch.entries[0].target, batch.records.as_slice()), (110, [2].as_slice()));
        let batch = &plan_with(&cap, 110, &rest).batches[0];
        assert_eq!((batch.entries[0].target, batch.records.as_slice()), (117, [2, 3].as_slice()));

        let window = Limits { window_left: 7, ..UNLIMITED };
        let hold = Some(HoldReason::Skipped(SkipReason::WindowLimit));
        assert_eq!(planned(window, 10), (17, vec![1, 2], hold), "the window opens only with time");
        let empty = plan_with(&Limits { treasury_left: 0, ..UNLIMITED }, 10, &rewards);
        assert!(empty.batches.is_empty());
        assert_eq!(empty.holds[&node], Some(HoldReason::Skipped(SkipReason::TreasuryShort)));
    }

    #[test]
    fn rewards_that_continue_the_credited_total_are_planned_up_to_the_last() {
        let plan = plan_for(10, &[reward(1, 5, 15), reward(2, 1, 16)]);
        assert_eq!(plan.batches.len(), 1);
        assert_eq!(plan.batches[0].entries[0].target, 16);
        assert_eq!(plan.batches[0].records, [1, 2]);
        assert_eq!(plan.holds.values().flatten().count(), 0);
    }

    #[test]
    fn rewards_with_a_gap_before_or_between_them_are_held() {
        let node = "node".parse().unwrap();
        for rewards in [
            [reward(1, 5, 16), reward(2, 1, 17)],
            [reward(1, 5, 15), reward(3, 1, 17)],
            [reward(1, 5, 9), reward(2, 2, 11)],
        ] {
            let plan = plan_for(10, &rewards);
            assert!(plan.batches.is_empty());
            assert_eq!(plan.holds.get(&node), Some(&Some(HoldReason::TotalMismatch)));
        }
    }

    #[test]
    fn a_payable_node_is_settled_and_any_other_node_is_credited() {
        let paid = plan_for(0, &[reward(1, 900_000, 900_000)]);
        assert_eq!(paid.batches[0].kind, BatchKind::Settle);
        let held = plan_for(0, &[reward(1, 999, 999)]);
        assert_eq!(held.batches[0].kind, BatchKind::Credit);
        // Due, but the destination does not exist and the amount would not make it rent-exempt.
        let unpayable = plan_for(0, &[reward(1, 1_000, 1_000)]);
        assert_eq!(unpayable.batches[0].kind, BatchKind::Credit);
        let node = "node".parse().unwrap();
        assert_eq!(
            unpayable.payout_holds.get(&node),
            Some(&Some(HoldReason::Skipped(SkipReason::DestinationNotRentExempt)))
        );
    }
}
