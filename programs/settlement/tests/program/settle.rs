//! `settle` in a network that pays in SOL: which amounts are paid, and to whom.

use anchor_lang::prelude::Pubkey;
use litesvm::LiteSVM;
use settlement::client::{BatchHeader, SettleEntry, settle_ix};
use settlement::error::SettlementError;
use settlement::events::BatchSettled;
use settlement::rules::{MAX_SETTLE_ENTRIES, SkipReason};
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, START, all_features, assert_refused, skip_reasons};

const HEADER: BatchHeader = BatchHeader { batch_id: 42, records_root: [9; 32] };

fn ix(fixture: &ProgramFixture, entries: &[SettleEntry]) -> Instruction {
    settle_ix(fixture.settler.pubkey(), fixture.network, HEADER, entries)
}

/// The (credited, paid, pending) amounts of a node. Its account holds the pending lamports.
fn totals(fixture: &ProgramFixture, node: &Node) -> (u64, u64, u64) {
    let wallet = fixture.wallet_state(node);
    assert_eq!(wallet.pending(), fixture.wallet_lamports(node));
    (wallet.credited_total, wallet.paid_total, wallet.pending())
}

#[test]
fn amounts_at_the_threshold_are_paid_and_smaller_ones_are_held() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(3);
    let batch = ix(&fixture, &[nodes[0].entry(SOL - 1), nodes[1].entry(SOL), nodes[2].entry(5 * SOL)]);
    let batch = fixture.apply_batch(batch);
    assert_eq!(
        batch.event,
        BatchSettled {
            network: fixture.network,
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
    assert_eq!(totals(&fixture, &nodes[0]), (SOL - 1, 0, SOL - 1));
    assert_eq!(totals(&fixture, &nodes[1]), (SOL, SOL, 0));
    assert_eq!(totals(&fixture, &nodes[2]), (5 * SOL, 5 * SOL, 0));
    assert_eq!(fixture.lamports(&nodes[0].destination), 0);
    assert_eq!(fixture.lamports(&nodes[1].destination), SOL);
    assert_eq!(fixture.lamports(&nodes[2].destination), 5 * SOL);
    let treasury = fixture.treasury_state();
    assert_eq!((treasury.credited_total, treasury.paid_total), (7 * SOL - 1, 6 * SOL));
    assert_eq!(fixture.surplus(), 93 * SOL + 1);

    // The missing lamport makes the held amount due.
    let batch = fixture.settle(&[nodes[0].entry(SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (1, SOL));
    assert_eq!(fixture.lamports(&nodes[0].destination), SOL);
}

#[test]
fn a_resent_batch_pays_nothing() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(2);
    let entries = [nodes[0].entry(2 * SOL), nodes[1].entry(SOL / 2)];
    fixture.settle(&entries);
    for _ in 0..3 {
        let again = fixture.settle(&entries);
        assert_eq!((again.event.credited, again.event.paid), (0, 0));
        assert_eq!(again.event.credit_skips, 0b11);
        assert_eq!(again.event.payout_skips, 0);
    }
    assert_eq!(fixture.lamports(&nodes[0].destination), 2 * SOL);
    assert_eq!(fixture.surplus(), 98 * SOL - SOL / 2);
}

#[test]
fn batches_in_any_order_pay_the_highest_total_once() {
    let orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
    for order in orders {
        let mut fixture = ProgramFixture::new();
        let node = fixture.register_node("node");
        for total in order {
            fixture.settle(&[node.entry(total * SOL)]);
        }
        assert_eq!(fixture.lamports(&node.destination), 3 * SOL, "{order:?}");
        assert_eq!(fixture.surplus(), 97 * SOL);
    }
}

#[test]
fn a_small_amount_is_paid_after_the_maximum_pending_age() {
    let mut fixture = ProgramFixture::with_args(|args| args.max_pending_age = 1_000);
    let node = fixture.register_node("node");
    let amount = SOL / 10;
    fixture.settle(&[node.entry(amount)]);
    assert_eq!(fixture.wallet_state(&node).oldest_unpaid_at, START);
    // Neither further credits nor a clock that goes back restart the pending age.
    for (now, total) in [(START + 500, amount + 1), (START - 500, amount + 2)] {
        fixture.set_time(now);
        fixture.settle(&[node.entry(total)]);
        assert_eq!(fixture.lamports(&node.destination), 0);
    }
    fixture.set_time(START + 999);
    fixture.settle(&[node.entry(0)]);
    assert_eq!(fixture.lamports(&node.destination), 0);

    fixture.set_time(START + 1_000);
    let batch = fixture.settle(&[node.entry(0)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, amount + 2));
    assert_eq!(fixture.lamports(&node.destination), amount + 2);
    assert_eq!(fixture.wallet_state(&node).oldest_unpaid_at, 0);
}

#[test]
fn a_settle_pays_earlier_credits_even_if_it_credits_nothing() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    let batch = fixture.settle(&[node.entry(2 * SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, 2 * SOL));
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::NothingToCredit), None)]);
}

#[test]
fn a_nodes_own_threshold_is_respected() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node_with("node", |args| args.threshold = Some(3 * SOL));
    fixture.settle(&[node.entry(3 * SOL - 1)]);
    assert_eq!(fixture.lamports(&node.destination), 0);
    fixture.settle(&[node.entry(3 * SOL)]);
    assert_eq!(fixture.lamports(&node.destination), 3 * SOL);
}

#[test]
fn a_destination_that_does_not_exist_is_skipped_until_the_payment_makes_it_rent_exempt() {
    let mut fixture = ProgramFixture::with_args(|args| args.default_threshold = 1_000);
    let minimum = fixture.rent(0);
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, minimum - 1)]);
    let batch = fixture.settle(&[node.entry(0)]);
    assert_eq!(batch.event.payout_skip_reason(0), Some(SkipReason::DestinationNotRentExempt));
    let batch = fixture.settle(&[node.entry(minimum)]);
    assert_eq!(batch.event.paid, minimum);
    // From now on any amount can be paid.
    let batch = fixture.settle(&[node.entry(minimum + 1_000)]);
    assert_eq!(batch.event.paid, 1_000);
}

#[test]
fn two_nodes_with_one_destination_are_both_paid_in_order() {
    let mut fixture = ProgramFixture::with_args(|args| args.default_threshold = 1_000);
    let minimum = fixture.rent(0);
    let shared = Pubkey::new_unique();
    let nodes: Vec<_> =
        (0..3).map(|i| fixture.register_node_with(&format!("n{i}"), |args| args.destination = Some(shared))).collect();
    // The first amount is too small to create the account, the second creates it, the third adds to it.
    let batch = fixture.settle(&[nodes[0].entry(minimum - 1), nodes[1].entry(minimum), nodes[2].entry(1_000)]);
    assert_eq!(skip_reasons(&batch.event), [(0, None, Some(SkipReason::DestinationNotRentExempt))]);
    assert_eq!(fixture.lamports(&shared), minimum + 1_000);
    fixture.settle(&[nodes[0].entry(0)]);
    assert_eq!(fixture.lamports(&shared), 2 * minimum + 999);
}

#[test]
fn the_settler_can_be_a_destination_and_the_fee_payer() {
    let mut fixture = ProgramFixture::new();
    let settler = fixture.settler.insecure_clone();
    fixture.airdrop(&settler.pubkey(), SOL);
    let nodes: Vec<_> = (0..2)
        .map(|i| {
            fixture.register_node_with(&format!("n{i}"), |args| {
                args.destination = Some(settler.pubkey());
            })
        })
        .collect();
    let batch = ix(&fixture, &[nodes[0].entry(2 * SOL), nodes[1].entry(3 * SOL)]);
    let meta = fixture.send_batch(batch).expect("the batch is applied");
    assert_eq!(fixture.lamports(&settler.pubkey()), 6 * SOL - meta.fee);
}

#[test]
fn a_node_is_paid_even_if_another_names_its_wallet_as_destination() {
    let mut fixture = ProgramFixture::new();
    let victim = fixture.register_node("victim");
    let griefer = fixture.register_node_with("griefer", |args| args.destination = Some(victim.wallet));
    let why = Some(SkipReason::DestinationIsProgramAccount);
    let batch = fixture.settle(&[griefer.entry(SOL), victim.entry(SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(0, None, why)]);
    assert_eq!(totals(&fixture, &victim), (SOL, SOL, 0));
    let batch = fixture.settle(&[victim.entry(2 * SOL), griefer.entry(SOL)]);
    assert_eq!(batch.event.payout_skip_reason(1), why);
    assert_eq!(totals(&fixture, &victim), (2 * SOL, 2 * SOL, 0));
    assert_eq!(totals(&fixture, &griefer), (SOL, 0, SOL));
}

#[test]
fn a_wallet_named_twice_is_credited_and_paid_once() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let batch = fixture.settle(&[node.entry(SOL), node.entry(SOL), node.entry(5 * SOL)]);
    let duplicate = Some(SkipReason::DuplicateWallet);
    assert_eq!(skip_reasons(&batch.event), [(1, duplicate, None), (2, duplicate, None)]);
    assert_eq!((batch.event.credited, batch.event.paid), (SOL, SOL));

    // With a pending amount and two entries, the second entry finds nothing due.
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    let batch = fixture.settle(&[node.entry(0), node.entry(0)]);
    assert_eq!(batch.event.paid, SOL);
    assert_eq!(fixture.lamports(&node.destination), 2 * SOL);
}

#[test]
fn a_skipped_credit_does_not_hold_back_a_due_payout() {
    let mut fixture = ProgramFixture::with_args(|args| args.per_node_cap = 2 * SOL);
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    let batch = fixture.settle(&[node.entry(100 * SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::PerNodeCap), None)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, 2 * SOL));
}

#[test]
fn a_malformed_batch_is_refused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let empty = ix(&fixture, &[]);
    assert_refused(fixture.send_batch(empty), SettlementError::EmptyBatch);
    let too_many = ix(&fixture, &[node.entry(SOL); MAX_SETTLE_ENTRIES + 1]);
    assert_refused(fixture.send_batch(too_many), SettlementError::TooManyEntries);
    for missing in [1, 2] {
        let mut batch = ix(&fixture, &[node.entry(SOL); 2]);
        batch.accounts.truncate(3 + 4 - missing);
        assert_refused(fixture.send_batch(batch), SettlementError::AccountCountMismatch);
    }
    assert_eq!(totals(&fixture, &node), (0, 0, 0));
}

/// The event is emitted after lamports have moved, which must work with any runtime features.
#[test]
fn a_batch_settles_with_default_features_and_with_all_features() {
    for svm in [LiteSVM::new(), all_features()] {
        let mut fixture = ProgramFixture::on_runtime(svm, |_| {});
        let nodes = fixture.register_nodes(MAX_SETTLE_ENTRIES);
        let entries: Vec<_> = nodes.iter().map(|node| node.entry(SOL)).collect();
        let batch = fixture.settle(&entries);
        assert_eq!((batch.event.n, batch.event.paid), (30, 30 * SOL));
        for node in &nodes {
            assert_eq!(totals(&fixture, node), (SOL, SOL, 0));
            assert_eq!(fixture.lamports(&node.destination), SOL);
        }
        assert_eq!(fixture.surplus(), 70 * SOL);
    }
}
