//! The plan as a pure function.

use settlement::client::{SPL_TOKEN_ID, TokenAsset};
use settlement::rules::token_payout::PayingTreasury;
use settlement::state::{AssetKind, DestinationSource};

use super::super::fees::{Affordable, Shortage};
use super::payouts::PayoutRules;
use super::*;
use crate::transaction::Format;
use crate::types::Lamports;

fn wallet(credited: u64) -> MirroredWallet {
    MirroredWallet {
        node_id: "node".parse().unwrap(),
        address: Pubkey::new_from_array([1; 32]),
        owner: Pubkey::new_from_array([2; 32]),
        destination: Pubkey::new_from_array([2; 32]),
        destination_source: DestinationSource::Default,
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
    affordable: Affordable { batches: usize::MAX, shortage: Shortage::Payer },
    wanted_batches: 42,
    payouts: PayoutRules::Sol { rent_per_byte: 6_960 },
    credit_capacity: 60,
    settle_capacity: 30,
    max_batches: 40,
    named_bytes: 500_000,
    format: Format::V1,
    asset: AssetKind::Sol,
    now_s: 1_800_000_000,
};

/// Without lookup tables, nothing fits beyond the capacity.
const NO_TABLES: FitsWithTables<'_> = &|_, _| false;

fn plan_with(limits: &Limits, credited: u64, rewards: &[PendingReward]) -> Plan {
    let wallet = wallet(credited);
    plan(vec![NodeRewards { wallet: &wallet, rewards }], &BTreeMap::new(), limits, NO_TABLES)
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

/// The rules of a network that pays in tokens, whose treasury holds `amount`.
fn token_rules(amount: u64) -> (TokenAsset, PayoutRules) {
    let mint = TokenAsset { mint: Pubkey::new_from_array([3; 32]), token_program: SPL_TOKEN_ID };
    let treasury = PayingTreasury { is_frozen: false, amount };
    (mint, PayoutRules::Tokens { mint, vault: Pubkey::new_from_array([4; 32]), treasury })
}

/// A token account of the mint whose tokens belong to `owner`.
fn token_account(mint: &TokenAsset, owner: [u8; 32]) -> Account {
    let mut data = [mint.mint.to_bytes(), owner].concat();
    data.resize(165, 0);
    data[108] = 1;
    Account { lamports: 1, owner: mint.token_program, executable: false, space: data.len() as u64, data }
}

#[test]
fn tokens_are_paid_to_the_owners_account_as_far_as_the_treasury_holds_them() {
    let (mint, payouts) = token_rules(1_999);
    let limits = Limits { payouts, ..UNLIMITED };
    let (first, second) = (wallet(0), MirroredWallet { node_id: "second".parse().unwrap(), ..wallet(0) });
    let rewards = [reward(1, 1_000, 1_000)];
    let destinations = BTreeMap::from([(first.destination, Some(token_account(&mint, [2; 32])))]);
    let nodes = [&first, &second].map(|wallet| NodeRewards { wallet, rewards: &rewards });
    let plan = plan(nodes.to_vec(), &destinations, &limits, NO_TABLES);
    let kinds: Vec<_> = plan.batches.iter().map(|batch| (batch.kind, batch.entries.len())).collect();
    assert_eq!(kinds, [(BatchKind::Credit, 1), (BatchKind::Settle, 1)]);
    assert_eq!(plan.payout_holds[&first.node_id], None);
    let short = Some(HoldReason::Skipped(SkipReason::TreasuryTokensShort));
    assert_eq!(plan.payout_holds[&second.node_id], short, "the first payout leaves 999");
}

#[test]
fn a_default_destination_must_belong_to_the_nodes_owner_and_a_chosen_one_to_anybody() {
    let (mint, payouts) = token_rules(u64::MAX);
    for (destination_source, owner, expected) in [
        (DestinationSource::Default, [2; 32], Ok(())),
        (DestinationSource::Default, [9; 32], Err(SkipReason::TokenAccountWrongOwner)),
        (DestinationSource::Owner, [9; 32], Ok(())),
    ] {
        let wallet = MirroredWallet { destination_source, ..wallet(0) };
        let account = token_account(&mint, owner);
        let due = DuePayout { wallet: &wallet, target: 1_000, destination: Some(&account) };
        assert_eq!(payouts.check(due, 0), expected, "{destination_source:?}");
        let of_another_program = Account { owner: Pubkey::default(), ..account.clone() };
        for destination in [None, Some(&of_another_program)] {
            let due = DuePayout { destination, ..due };
            assert_eq!(payouts.check(due, 0), Err(SkipReason::TokenAccountInvalid));
        }
    }
    let PayoutRules::Tokens { vault, .. } = payouts else { panic!("tokens") };
    let vault = MirroredWallet { destination: vault, destination_source: DestinationSource::Owner, ..wallet(0) };
    let due = DuePayout { wallet: &vault, target: 1_000, destination: Some(&token_account(&mint, [9; 32])) };
    assert_eq!(payouts.check(due, 0), Err(SkipReason::DestinationIsProgramAccount));
}

#[test]
fn what_can_be_paid_for_is_planned_in_the_order_of_age() {
    let wallets: Vec<MirroredWallet> = (0..5)
        .map(|index| MirroredWallet {
            node_id: format!("n{index}").parse().unwrap(),
            destination: Pubkey::new_from_array([index; 32]),
            ..wallet(0)
        })
        .collect();
    let (small, large) = ([reward(1, 10, 10)], [reward(1, 1_000_000, 1_000_000)]);
    // The third node opens a settle batch, for which nothing is left; the fourth fits into the batch of the first two.
    let of = |index: usize| if index == 2 { &large } else { &small };
    let nodes =
        || wallets.iter().enumerate().map(|(index, wallet)| NodeRewards { wallet, rewards: of(index) }).collect();
    for (batches, shortage, hold) in
        [(1, Shortage::Payer, HoldReason::PayerShort), (1, Shortage::Limit, HoldReason::FeeLimit)]
    {
        let limits = Limits { affordable: Affordable { batches, shortage }, credit_capacity: 3, ..UNLIMITED };
        let plan = plan(nodes(), &BTreeMap::new(), &limits, NO_TABLES);
        let planned: Vec<&str> =
            plan.batches.iter().flat_map(|batch| &batch.entries).map(|e| e.node_id.as_str()).collect();
        assert_eq!(planned, ["n0", "n1", "n3"]);
        let held: Vec<_> = plan.holds.iter().filter(|(_, reason)| **reason == Some(hold.clone())).collect();
        assert_eq!(held.iter().map(|(node, _)| node.as_str()).collect::<Vec<_>>(), ["n2", "n4"]);
        assert_eq!(plan.unaffordable, 2);
    }
}

#[test]
fn nodes_in_the_same_table_share_batches_unless_that_takes_anything_from_an_older_node() {
    let wallets: Vec<MirroredWallet> = (0..8)
        .map(|index| MirroredWallet {
            node_id: format!("n{index}").parse().unwrap(),
            address: Pubkey::new_from_array([index; 32]),
            ..wallet(0)
        })
        .collect();
    let rewards = [reward(1, 10, 10)];
    // Nodes with even numbers are in one table and the others in another one; only nodes of one table share a large batch.
    let table_of = |wallet: &Pubkey| wallet.as_array()[0] % 2;
    let fits: FitsWithTables<'_> = &|_, entries| {
        entries.len() <= 4 && entries.windows(2).all(|two| table_of(&two[0].wallet) == table_of(&two[1].wallet))
    };
    let planned = |limits: &Limits| {
        let by_age: Vec<NodeRewards<'_>> =
            wallets.iter().map(|wallet| NodeRewards { wallet, rewards: &rewards }).collect();
        let mut by_table = by_age.clone();
        by_table.sort_by_key(|node| table_of(&node.wallet.address));
        let [by_age, by_table] = [by_age, by_table].map(|nodes| plan(nodes, &BTreeMap::new(), limits, fits));
        let (ages, plan) = (by_age.batches.len(), packing::denser(by_age, by_table));
        let targets: BTreeMap<String, u64> = plan
            .batches
            .iter()
            .flat_map(|batch| &batch.entries)
            .map(|entry| (entry.node_id.to_string(), entry.target))
            .collect();
        (ages, plan.batches.len(), targets)
    };
    let small = Limits { credit_capacity: 2, ..UNLIMITED };
    let (ages, batches, targets) = planned(&small);
    assert_eq!((ages, batches, targets.len()), (4, 2, 8));
    // What is left for a node is not given to a younger one.
    let (_, batches, targets) = planned(&Limits { window_left: 75, ..small });
    assert_eq!((batches, targets["n6"], targets["n7"]), (2, 10, 5));
    let (_, batches, targets) = planned(&Limits { window_left: 45, ..small });
    assert_eq!((batches, targets["n4"]), (3, 5));
    assert_eq!(targets.into_keys().collect::<Vec<_>>(), ["n0", "n1", "n2", "n3", "n4"]);
    let affordable = Affordable { batches: 3, shortage: Shortage::Payer };
    let (_, batches, targets) = planned(&Limits { affordable, ..small });
    assert_eq!((batches, targets.len()), (2, 8), "in the order of age, two nodes would have to wait");
}
