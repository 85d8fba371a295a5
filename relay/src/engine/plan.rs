//! Step 3: turns pending rewards into batches.
//!
//! [`plan`] is a pure function of the state of the ledger and the chain. It applies the program's own rules, so the
//! program accepts what is planned here.

use std::collections::{BTreeMap, BTreeSet};

use settlement::client::is_reserved_address;
use settlement::rules::window::Window;
use settlement::rules::{SkipReason, payout, rent_floor, rent_minimum};
use settlement::state::{NodeWallet, Treasury};
use solana_pubkey::Pubkey;

use crate::chain::{Account, AccountData, Chain, Commitment, MAX_ACCOUNTS_PER_READ};
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
use super::store::batches::{Entry, NewBatch};
use super::store::rewards::PendingReward;
use super::store::settlements::{self, OpenSettlement};
use super::store::wallets::{MirroredWallet, WalletTotals};
use super::store::{batches, rewards, wallets};
use super::text::plural;
use super::{Engine, EngineError, Progress, Step};

/// The limits on a plan. Amounts are in lamports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    per_node_cap: u64,
    per_batch_cap: u64,
    /// What the outflow window still allows.
    window_left: u64,
    /// What the treasury holds above its rent-exempt minimum.
    treasury_left: u64,
    max_pending_age_s: u64,
    rent_per_byte: u64,
    /// The maximum number of entries in a credit batch.
    credit_capacity: usize,
    /// The maximum number of entries in a settle batch.
    settle_capacity: usize,
    /// The data of the settlement program's accounts, in bytes.
    program_bytes: u64,
    format: Format,
    now_s: i64,
}

/// A node's wallet and its pending rewards, oldest first.
#[derive(Clone, Debug)]
struct NodeRewards<'a> {
    wallet: &'a MirroredWallet,
    rewards: Vec<&'a PendingReward>,
}

/// The batches to add and the reasons for what is held.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    batches: Vec<NewBatch>,
    /// Why not all pending rewards of a node were planned.
    held: BTreeMap<NodeId, HoldReason>,
    /// Why a due payout is held; `None` clears an earlier reason.
    payout_holds: BTreeMap<NodeId, Option<HoldReason>>,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    pub(super) async fn plan(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let now = self.clock.now_ms();
        let candidates = wallets::candidates(&self.database, self.config.max_nodes, now).await?;
        let mut held: BTreeMap<NodeId, HoldReason> = BTreeMap::new();
        let mut ready = Vec::new();
        for candidate in &candidates {
            if candidate.batched {
                held.insert(candidate.node_id.clone(), HoldReason::EarlierBatchOpen);
            } else if !candidate.suspended && candidate.address.is_some() {
                ready.push(candidate);
            }
        }
        let node_ids: Vec<&NodeId> = ready.iter().map(|candidate| &candidate.node_id).collect();
        let addresses: BTreeMap<&NodeId, Option<Pubkey>> =
            ready.iter().map(|candidate| (&candidate.node_id, candidate.address)).collect();
        let mut mirrored = wallets::mirrored(&self.database, &node_ids).await?;
        // The step `sync` holds the others: nothing is credited or paid unless the owner decides where it goes. The wallet
        // of a closed node has no owner.
        mirrored.retain(|wallet| {
            wallet.destination_confirmed && addresses.get(&wallet.node_id).copied().flatten() == Some(wallet.owner)
        });
        let with_wallet: Vec<&NodeId> = mirrored.iter().map(|wallet| &wallet.node_id).collect();
        let pending = rewards::pending(&self.database, &with_wallet).await?;

        let limits = self.limits(now).await?;
        let nodes = by_node(&mirrored, &pending);
        let destinations = self.destinations(&nodes, &limits).await?;
        let mut plan = plan(nodes, &destinations, &limits);
        plan.held.append(&mut held);

        let mut changes = Changes::for_settlement(open, now);
        changes.push(settlements::require_step(open.id, Step::Plan));
        let reasons: BTreeMap<NodeId, String> =
            plan.held.iter().map(|(node, reason)| (node.clone(), reason.to_string())).collect();
        changes.push(rewards::hold(&reasons));
        changes.push(wallets::set_holds(
            plan.payout_holds.iter().map(|(node, hold)| (node, hold.as_ref().map(HoldReason::to_string))),
        ));
        let mut id = batches::last_id(&self.database).await?;
        for batch in &plan.batches {
            id = id.saturating_add(1);
            changes.extend(batches::insert(id, open.id, batch, now));
            changes.extend(rewards::assign(id, None));
        }
        log_plan(&plan, &mut changes);
        changes.go_to(if plan.batches.is_empty() { Step::Reconcile } else { Step::Simulate });
        self.commit(lease, changes).await?;
        Ok(Progress::Continue { after_ms: 0 })
    }

    /// Reads the limits that apply at `now_ms`.
    async fn limits(&self, now_ms: i64) -> Result<Limits, EngineError> {
        let read = self.chain.accounts(&[self.treasury], AccountData::Full, Commitment::Finalized).await?;
        let (treasury, balance) = self.decode_treasury(read.accounts.first().and_then(Option::as_ref))?;
        // An account without data pays rent for 128 bytes of overhead. The rate per byte is a whole number of lamports.
        let rent_per_byte = self.chain.minimum_balance(0).await? / settlement::rules::rent::ACCOUNT_OVERHEAD_BYTES;
        // Of an upgradeable program, the code is in a second account.
        let program_accounts = [settlement::ID, program_data_address()];
        let program = self.chain.accounts(&program_accounts, AccountData::Omitted, Commitment::Confirmed).await?;
        let treasury_minimum = self.chain.minimum_balance(Treasury::SIZE as u64).await?;
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
            window_left: window.at(now_s).left(),
            treasury_left: balance.saturating_sub(treasury_minimum),
            max_pending_age_s: treasury.max_pending_age,
            rent_per_byte,
            credit_capacity: capacity(BatchKind::Credit, format).max(1),
            settle_capacity: capacity(BatchKind::Settle, format).max(1),
            program_bytes: program.accounts.iter().flatten().map(|account| account.space).sum(),
            format,
            now_s,
        })
    }

    /// Reads the destination accounts of the nodes whose payout may be due.
    async fn destinations(
        &self,
        nodes: &[NodeRewards<'_>],
        limits: &Limits,
    ) -> Result<BTreeMap<Pubkey, Option<Account>>, EngineError> {
        let wanted: BTreeSet<Pubkey> = nodes
            .iter()
            .filter(|node| node.is_due(node.target(), limits))
            .map(|node| node.wallet.destination)
            .collect();
        let wanted: Vec<Pubkey> = wanted.into_iter().collect();
        let mut destinations = BTreeMap::new();
        for chunk in wanted.chunks(MAX_ACCOUNTS_PER_READ) {
            let read = self.chain.accounts(chunk, AccountData::Omitted, Commitment::Confirmed).await?;
            destinations.extend(chunk.iter().copied().zip(read.accounts));
        }
        Ok(destinations)
    }
}

/// The address of the settlement program's code, if it is deployed by the upgradeable loader.
fn program_data_address() -> Pubkey {
    Pubkey::find_program_address(&[settlement::ID.as_ref()], &solana_sdk_ids::bpf_loader_upgradeable::ID).0
}

/// Joins each wallet with its node's pending rewards, ordered by the node's oldest reward.
fn by_node<'a>(mirrored: &'a [MirroredWallet], pending: &'a [PendingReward]) -> Vec<NodeRewards<'a>> {
    let mut rewards: BTreeMap<&NodeId, Vec<&PendingReward>> = BTreeMap::new();
    for reward in pending {
        rewards.entry(&reward.node_id).or_default().push(reward);
    }
    let mut nodes: Vec<NodeRewards<'a>> = mirrored
        .iter()
        .map(|wallet| NodeRewards { wallet, rewards: rewards.remove(&wallet.node_id).unwrap_or_default() })
        .collect();
    nodes.sort_by_key(|node| node.rewards.first().map_or(i64::MAX, |reward| reward.sequence));
    nodes
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

    /// Whether the pending rewards start at the chain's credited total and have no gap. Otherwise the ledger or the chain
    /// is missing records, and paying would be a guess.
    fn continues_credited_total(&self) -> bool {
        let mut total = self.wallet.credited;
        self.rewards.iter().all(|reward| {
            let continues = reward.node_total.checked_sub(reward.amount).is_some_and(|before| before.get() == total);
            total = reward.node_total.get();
            continues
        })
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

    /// Adds an entry. A settle batch loads the entry's destination, which has `destination_space` bytes of data.
    fn add(&mut self, entry: Entry, destination_space: u64, rewards: &[&PendingReward]) {
        let credited = entry.target.saturating_sub(entry.before.credited);
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
/// allow for all.
fn plan(nodes: Vec<NodeRewards<'_>>, destinations: &BTreeMap<Pubkey, Option<Account>>, limits: &Limits) -> Plan {
    let mut plan = Plan::default();
    let mut credit = BatchBuilder::new(BatchKind::Credit, limits.credit_capacity, limits);
    let mut settle = BatchBuilder::new(BatchKind::Settle, limits.settle_capacity, limits);
    let (mut window_left, mut treasury_left) = (limits.window_left, limits.treasury_left);

    for node in nodes {
        let node_id = &node.wallet.node_id;
        if !node.continues_credited_total() {
            plan.held.insert(node_id.clone(), HoldReason::TotalMismatch);
            // A due payout of this node is no work either, until the mismatch is resolved.
            plan.payout_holds.insert(node_id.clone(), Some(HoldReason::TotalMismatch));
            continue;
        }
        // Only whole rewards are credited, oldest first, up to the limits.
        let mut taken = 0;
        let mut credited = 0_u64;
        for reward in &node.rewards {
            let Some(sum) = credited.checked_add(reward.amount.get()) else { break };
            let exceeded = if sum > limits.per_node_cap {
                Some(SkipReason::PerNodeCap)
            } else if sum > limits.per_batch_cap {
                Some(SkipReason::PerBatchCap)
            } else if sum > window_left {
                Some(SkipReason::WindowLimit)
            } else if sum > treasury_left {
                Some(SkipReason::TreasuryShort)
            } else {
                None
            };
            if let Some(reason) = exceeded {
                plan.held.insert(node_id.clone(), HoldReason::Skipped(reason));
                break;
            }
            credited = sum;
            taken += 1;
        }
        let rewards = node.rewards.get(..taken).unwrap_or_default();
        let target = rewards.last().map_or(node.wallet.credited, |reward| reward.node_total.get());
        let destination = destinations.get(&node.wallet.destination).and_then(Option::as_ref);
        let payout = node.is_due(target, limits).then(|| node.check_payout(target, destination, limits));
        plan.payout_holds.insert(node_id.clone(), payout.and_then(Result::err).map(HoldReason::Skipped));
        let builder = match payout {
            Some(Ok(())) => &mut settle,
            _ if rewards.is_empty() => continue,
            _ => &mut credit,
        };
        window_left = window_left.saturating_sub(credited);
        treasury_left = treasury_left.saturating_sub(credited);
        builder.add(
            Entry {
                node_id: node_id.clone(),
                wallet: node.wallet.address,
                owner: node.wallet.owner,
                destination: node.wallet.destination,
                before: WalletTotals { credited: node.wallet.credited, paid: node.wallet.paid },
                target,
            },
            destination.map_or(0, |account| account.space),
            rewards,
        );
    }
    plan.batches = credit.finish();
    plan.batches.extend(settle.finish());
    plan
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
    for reason in plan.held.values() {
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
        max_pending_age_s: u64::MAX,
        rent_per_byte: 6_960,
        credit_capacity: 60,
        settle_capacity: 30,
        program_bytes: 500_000,
        format: Format::V1,
        now_s: 1_800_000_000,
    };

    fn plan_for(credited: u64, rewards: &[PendingReward]) -> Plan {
        let wallet = wallet(credited);
        let nodes = vec![NodeRewards { wallet: &wallet, rewards: rewards.iter().collect() }];
        plan(nodes, &BTreeMap::new(), &UNLIMITED)
    }

    #[test]
    fn rewards_that_continue_the_credited_total_are_planned_up_to_the_last() {
        let plan = plan_for(10, &[reward(1, 5, 15), reward(2, 1, 16)]);
        assert_eq!(plan.batches.len(), 1);
        assert_eq!(plan.batches[0].entries[0].target, 16);
        assert_eq!(plan.batches[0].records, [1, 2]);
        assert!(plan.held.is_empty());
    }

    #[test]
    fn rewards_with_a_gap_before_or_between_them_are_held() {
        let node = "node".parse().unwrap();
        for rewards in [[reward(1, 5, 16), reward(2, 1, 17)], [reward(1, 5, 15), reward(3, 1, 17)]] {
            let plan = plan_for(10, &rewards);
            assert!(plan.batches.is_empty());
            assert_eq!(plan.held.get(&node), Some(&HoldReason::TotalMismatch));
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
