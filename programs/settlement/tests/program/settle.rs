//! `settle`.

use agave_feature_set::FeatureSet;
use anchor_lang::prelude::Pubkey;
use litesvm::LiteSVM;
use settlement::client::{BatchHeader, SettleEntry, payout_ix, settle_ix};
use settlement::error::SettlementError;
use settlement::events::{BatchSettled, PaidOut};
use settlement::rules::{MAX_SETTLE_ENTRIES, SkipReason};
use settlement::state::NodeWallet;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_sdk_ids::system_program;
use solana_signer::Signer;

use crate::common::{Node, SOL, START, World, assert_refused, reasons};

const HEADER: BatchHeader = BatchHeader { batch_id: 42, records_root: [9; 32] };

fn ix(world: &World, entries: &[SettleEntry]) -> Instruction {
    settle_ix(world.settler.pubkey(), world.network, HEADER, entries)
}

/// (credited, paid, pending) of a node; what is pending lies in its account.
fn totals(world: &World, node: &Node) -> (u64, u64, u64) {
    let wallet = world.wallet_state(node);
    assert_eq!(wallet.pending(), world.wallet_lamports(node));
    (wallet.credited_total, wallet.paid_total, wallet.pending())
}

#[test]
fn what_reaches_the_threshold_is_paid_and_what_is_below_is_held() {
    let mut world = World::new();
    let nodes = world.nodes(3);
    let batch = ix(&world, &[nodes[0].entry(SOL - 1), nodes[1].entry(SOL), nodes[2].entry(5 * SOL)]);
    let batch = world.batch(batch);
    assert_eq!(
        batch.event,
        BatchSettled {
            network: world.network,
            batch_id: 42,
            sequence: 1,
            records_root: [9; 32],
            n: 3,
            credited: 7 * SOL - 1,
            paid: 6 * SOL,
            credit_skips: 0,
            payout_skips: 0,
            reasons: vec![],
        }
    );
    assert_eq!(totals(&world, &nodes[0]), (SOL - 1, 0, SOL - 1));
    assert_eq!(totals(&world, &nodes[1]), (SOL, SOL, 0));
    assert_eq!(totals(&world, &nodes[2]), (5 * SOL, 5 * SOL, 0));
    assert_eq!(world.lamports(&nodes[0].destination), 0);
    assert_eq!(world.lamports(&nodes[1].destination), SOL);
    assert_eq!(world.lamports(&nodes[2].destination), 5 * SOL);
    let treasury = world.treasury_state();
    assert_eq!((treasury.credited_total, treasury.paid_total), (7 * SOL - 1, 6 * SOL));
    assert_eq!(world.surplus(), 93 * SOL + 1);

    // The held amount goes with the lamport that was missing.
    let batch = world.settle(&[nodes[0].entry(SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (1, SOL));
    assert_eq!(world.lamports(&nodes[0].destination), SOL);
}

#[test]
fn a_resent_batch_pays_nothing() {
    let mut world = World::new();
    let nodes = world.nodes(2);
    let entries = [nodes[0].entry(2 * SOL), nodes[1].entry(SOL / 2)];
    world.settle(&entries);
    for _ in 0..3 {
        let again = world.settle(&entries);
        assert_eq!((again.event.credited, again.event.paid), (0, 0));
        assert_eq!(again.event.credit_skips, 0b11);
        assert_eq!(again.event.payout_skips, 0);
    }
    assert_eq!(world.lamports(&nodes[0].destination), 2 * SOL);
    assert_eq!(world.surplus(), 98 * SOL - SOL / 2);
}

#[test]
fn batches_in_any_order_pay_the_highest_total_once() {
    let orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
    for order in orders {
        let mut world = World::new();
        let node = world.node("node");
        for total in order {
            world.settle(&[node.entry(total * SOL)]);
        }
        assert_eq!(world.lamports(&node.destination), 3 * SOL, "{order:?}");
        assert_eq!(world.surplus(), 97 * SOL);
    }
}

#[test]
fn a_small_amount_is_paid_once_it_has_waited_long_enough() {
    let mut world = World::with(|args| args.max_pending_age = 1_000);
    let node = world.node("node");
    let amount = SOL / 10;
    world.settle(&[node.entry(amount)]);
    assert_eq!(world.wallet_state(&node).oldest_unpaid_at, START);
    // More of it doesn't restart the wait, and neither does a clock that went back.
    for (now, total) in [(START + 500, amount + 1), (START - 500, amount + 2)] {
        world.set_time(now);
        world.settle(&[node.entry(total)]);
        assert_eq!(world.lamports(&node.destination), 0);
    }
    world.set_time(START + 999);
    world.settle(&[node.entry(0)]);
    assert_eq!(world.lamports(&node.destination), 0);

    world.set_time(START + 1_000);
    let batch = world.settle(&[node.entry(0)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, amount + 2));
    assert_eq!(world.lamports(&node.destination), amount + 2);
    assert_eq!(world.wallet_state(&node).oldest_unpaid_at, 0);
}

#[test]
fn what_was_credited_before_is_paid_by_a_settle_that_credits_nothing() {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, 2 * SOL)]);
    let batch = world.settle(&[node.entry(2 * SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, 2 * SOL));
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::NothingToCredit), None)]);
}

#[test]
fn a_nodes_own_higher_threshold_holds() {
    let mut world = World::new();
    let node = world.node_with("node", |args| args.threshold = Some(3 * SOL));
    world.settle(&[node.entry(3 * SOL - 1)]);
    assert_eq!(world.lamports(&node.destination), 0);
    world.settle(&[node.entry(3 * SOL)]);
    assert_eq!(world.lamports(&node.destination), 3 * SOL);
}

#[test]
fn a_destination_that_would_stay_below_rent_is_skipped_until_it_would_not() {
    let mut world = World::with(|args| args.default_threshold = 1_000);
    let minimum = world.rent(0);
    let node = world.node("node");
    world.credit(&[(node.wallet, minimum - 1)]);
    let batch = world.settle(&[node.entry(0)]);
    assert_eq!(batch.event.payout_skip_reason(0), Some(SkipReason::DestinationNotRentExempt));
    let batch = world.settle(&[node.entry(minimum)]);
    assert_eq!(batch.event.paid, minimum);
    // From here on every lamport is welcome.
    let batch = world.settle(&[node.entry(minimum + 1_000)]);
    assert_eq!(batch.event.paid, 1_000);
}

#[test]
fn rent_is_that_of_the_destinations_data_at_todays_rate() {
    let mut world = World::with(|args| args.default_threshold = 1_000);
    let node = world.node("node");
    let minimum = world.rent(100);
    world.put(
        &{ node.destination },
        Account { lamports: minimum, data: vec![0; 100], owner: Pubkey::new_unique(), ..Account::default() },
    );
    world.settle(&[node.entry(1_000)]);
    assert_eq!(world.lamports(&node.destination), minimum + 1_000);

    world.raise_rent(2);
    world.give(&node.wallet, SOL);
    let missing = world.rent(100) - minimum - 1_000;
    let batch = world.settle(&[node.entry(missing + 999)]);
    assert_eq!(reasons(&batch.event), [(0, None, Some(SkipReason::DestinationNotRentExempt))]);
    let batch = world.settle(&[node.entry(missing + 1_000)]);
    assert_eq!(batch.event.paid, missing);
}

/// The system's own accounts can have data: that of a durable nonce.
#[test]
fn a_nonce_account_is_paid_if_that_leaves_it_the_rent_of_its_data() {
    const NONCE: usize = 80;
    for pays_out in [false, true] {
        let mut world = World::with(|args| args.default_threshold = 1_000);
        let nodes = world.nodes(3);
        let minimum = world.rent(NONCE);
        for (node, lamports) in nodes.iter().zip([minimum - 1_001, minimum - 1_000]) {
            let account = Account { lamports, data: vec![1; NONCE], owner: system_program::ID, ..Account::default() };
            world.put(&node.destination, account);
        }
        world.give(&nodes[2].destination, minimum);
        let too_little = Some(SkipReason::DestinationNotRentExempt);
        if pays_out {
            let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, 1_000)).collect();
            world.credit(&entries);
            let pairs: Vec<_> = nodes.iter().map(|node| (node.wallet, node.destination)).collect();
            let meta = world.send(&[payout_ix(world.network, &pairs)], &[]).expect("paid out");
            let event = world.event(&meta, PaidOut::decode_cpi);
            assert_eq!((event.paid, event.skips, event.skip_reason(0)), (2_000, 1, too_little));
        } else {
            let entries: Vec<_> = nodes.iter().map(|node| node.entry(1_000)).collect();
            let batch = world.settle(&entries);
            assert_eq!(reasons(&batch.event), [(0, None, too_little)]);
        }
        let held: Vec<_> = nodes.iter().map(|node| world.lamports(&node.destination)).collect();
        assert_eq!(held, [minimum - 1_001, minimum, minimum + 1_000]);
    }
}

#[test]
fn after_a_rise_of_rent_a_wallet_keeps_its_rent_and_does_not_fail_the_others() {
    let mut world = World::new();
    let nodes = world.nodes(2);
    world.give(&nodes[1].wallet, SOL);
    world.raise_rent(2);
    let batch = world.settle(&[nodes[0].entry(2 * SOL), nodes[1].entry(2 * SOL)]);
    assert_eq!(reasons(&batch.event), [(0, None, Some(SkipReason::WalletShort))]);
    assert_eq!(world.lamports(&nodes[1].destination), 2 * SOL);

    let missing = world.rent(NodeWallet::SIZE) / 2;
    world.give(&nodes[0].wallet, missing);
    world.settle(&[nodes[0].entry(0)]);
    assert_eq!(world.lamports(&nodes[0].destination), 2 * SOL);
}

#[test]
fn two_nodes_with_one_destination_are_both_paid_and_see_each_others_lamports() {
    let mut world = World::with(|args| args.default_threshold = 1_000);
    let minimum = world.rent(0);
    let shared = Pubkey::new_unique();
    let nodes: Vec<_> =
        (0..3).map(|i| world.node_with(&format!("n{i}"), |args| args.destination = Some(shared))).collect();
    // The first is too small to open the account, the second opens it, the third finds it open.
    let batch = world.settle(&[nodes[0].entry(minimum - 1), nodes[1].entry(minimum), nodes[2].entry(1_000)]);
    assert_eq!(reasons(&batch.event), [(0, None, Some(SkipReason::DestinationNotRentExempt))]);
    assert_eq!(world.lamports(&shared), minimum + 1_000);
    world.settle(&[nodes[0].entry(0)]);
    assert_eq!(world.lamports(&shared), 2 * minimum + 999);
}

#[test]
fn the_settler_can_be_a_destination_while_it_pays_the_fee() {
    let mut world = World::new();
    let settler = world.settler.insecure_clone();
    world.give(&settler.pubkey(), SOL);
    let nodes: Vec<_> = (0..2)
        .map(|i| {
            world.node_with(&format!("n{i}"), |args| {
                args.destination = Some(settler.pubkey());
            })
        })
        .collect();
    let batch = ix(&world, &[nodes[0].entry(2 * SOL), nodes[1].entry(3 * SOL)]);
    let meta = world.send_batch(batch).expect("settled");
    assert_eq!(world.lamports(&settler.pubkey()), 6 * SOL - meta.fee);
}

#[test]
fn a_node_whose_wallet_another_names_as_destination_is_paid_all_the_same() {
    let mut world = World::new();
    let victim = world.node("victim");
    let griefer = world.node_with("griefer", |args| args.destination = Some(victim.wallet));
    let why = Some(SkipReason::DestinationIsProgramAccount);
    let batch = world.settle(&[griefer.entry(SOL), victim.entry(SOL)]);
    assert_eq!(reasons(&batch.event), [(0, None, why)]);
    assert_eq!(totals(&world, &victim), (SOL, SOL, 0));
    let batch = world.settle(&[victim.entry(2 * SOL), griefer.entry(SOL)]);
    assert_eq!(batch.event.payout_skip_reason(1), why);
    assert_eq!(totals(&world, &victim), (2 * SOL, 2 * SOL, 0));
    assert_eq!(totals(&world, &griefer), (SOL, 0, SOL));
}

#[test]
fn a_wallet_named_twice_is_credited_and_paid_once() {
    let mut world = World::new();
    let node = world.node("node");
    let batch = world.settle(&[node.entry(SOL), node.entry(SOL), node.entry(5 * SOL)]);
    let duplicate = Some(SkipReason::DuplicateWallet);
    assert_eq!(reasons(&batch.event), [(1, duplicate, None), (2, duplicate, None)]);
    assert_eq!((batch.event.credited, batch.event.paid), (SOL, SOL));

    // Pending from before and named twice: the second finds nothing left.
    world.credit(&[(node.wallet, 2 * SOL)]);
    let batch = world.settle(&[node.entry(0), node.entry(0)]);
    assert_eq!(batch.event.paid, SOL);
    assert_eq!(world.lamports(&node.destination), 2 * SOL);
}

#[test]
fn a_refused_credit_does_not_hold_back_what_is_due() {
    let mut world = World::with(|args| args.per_node_cap = 2 * SOL);
    let node = world.node("node");
    world.credit(&[(node.wallet, 2 * SOL)]);
    let batch = world.settle(&[node.entry(100 * SOL)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::PerNodeCap), None)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, 2 * SOL));
}

#[test]
fn a_batch_of_the_wrong_shape_is_an_error() {
    let mut world = World::new();
    let node = world.node("node");
    let empty = ix(&world, &[]);
    assert_refused(world.send_batch(empty), SettlementError::EmptyBatch);
    let crowded = ix(&world, &[node.entry(SOL); MAX_SETTLE_ENTRIES + 1]);
    assert_refused(world.send_batch(crowded), SettlementError::TooManyEntries);
    for missing in [1, 2] {
        let mut batch = ix(&world, &[node.entry(SOL); 2]);
        batch.accounts.truncate(8 - missing);
        assert_refused(world.send_batch(batch), SettlementError::AccountCountMismatch);
    }
    assert_eq!(totals(&world, &node), (0, 0, 0));
}

#[test]
fn only_the_networks_settler_settles() {
    let mut world = World::new();
    let node = world.node("node");
    let mut batch = ix(&world, &[node.entry(SOL)]);
    batch.accounts[0].pubkey = world.admin.pubkey();
    let admin = world.admin.insecure_clone();
    assert_refused(world.send(&[batch], &[&admin]), SettlementError::Unauthorized);
}

/// The event is emitted after lamports have moved: this must hold on any runtime.
#[test]
fn a_batch_settles_with_every_feature_of_the_runtime_on_and_with_mainnets() {
    // In the order in which `LiteSVM::new` puts one together.
    let all = LiteSVM::default()
        .with_feature_set(FeatureSet::all_enabled())
        .with_builtins()
        .with_lamports(1_000_000 * SOL)
        .with_sysvars()
        .with_feature_accounts()
        .with_default_programs()
        .with_sigverify(true)
        .with_blockhash_check(true);
    for svm in [LiteSVM::new(), all] {
        let mut world = World::on(svm, |_| {});
        let nodes = world.nodes(MAX_SETTLE_ENTRIES);
        let entries: Vec<_> = nodes.iter().map(|node| node.entry(SOL)).collect();
        let batch = world.settle(&entries);
        assert_eq!((batch.event.n, batch.event.paid), (30, 30 * SOL));
        for node in &nodes {
            assert_eq!(totals(&world, node), (SOL, SOL, 0));
            assert_eq!(world.lamports(&node.destination), SOL);
        }
        assert_eq!(world.surplus(), 70 * SOL);
    }
}
