//! `payout`, of a network that pays in SOL.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::payout_ix;
use settlement::error::SettlementError;
use settlement::events::PaidOut;
use settlement::rules::{MAX_SETTLE_ENTRIES, SkipReason};
use settlement::state::Treasury;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Node, Outcome, SOL, START, World, assert_refused};

fn ix(world: &World, nodes: &[&Node]) -> Instruction {
    let pairs: Vec<_> = nodes.iter().map(|node| (node.wallet, node.destination)).collect();
    payout_ix(world.network, &pairs)
}

/// Sends a payout that a stranger pays the fee of.
fn send(world: &mut World, ix: Instruction) -> Outcome {
    let stranger = Keypair::new();
    world.give(&stranger.pubkey(), SOL);
    world.send_v1(&[ix], &stranger)
}

#[track_caller]
fn payout(world: &mut World, nodes: &[&Node]) -> PaidOut {
    let ix = ix(world, nodes);
    let meta = send(world, ix).expect("paid out");
    world.event(&meta, PaidOut::decode_cpi)
}

#[test]
fn anybody_has_those_paid_that_are_due_without_the_settler() {
    let mut world = World::new();
    let nodes = world.nodes(3);
    world.credit(&[(nodes[0].wallet, 2 * SOL), (nodes[1].wallet, SOL - 1), (nodes[2].wallet, SOL)]);
    let before = world.treasury_state();

    let event = payout(&mut world, &[&nodes[0], &nodes[1], &nodes[2]]);

    let not_due = u8::from(SkipReason::NotDue);
    assert_eq!(event, PaidOut { network: world.network, n: 3, paid: 3 * SOL, skips: 0b010, reasons: vec![not_due] });
    assert_eq!(world.lamports(&nodes[0].destination), 2 * SOL);
    assert_eq!(world.lamports(&nodes[1].destination), 0);
    assert_eq!(world.lamports(&nodes[2].destination), SOL);
    let wallet = world.wallet_state(&nodes[0]);
    assert_eq!((wallet.credited_total, wallet.paid_total, wallet.oldest_unpaid_at), (2 * SOL, 2 * SOL, 0));
    assert_eq!(world.wallet_lamports(&nodes[0]), 0);
    // No batch of the relay's, and nothing out of the treasury: it counts what was paid, that is all.
    assert_eq!(world.treasury_state(), Treasury { paid_total: 3 * SOL, ..before });
}

#[test]
fn what_is_below_the_threshold_is_due_once_it_has_waited_long_enough() {
    let mut world = World::with(|args| args.max_pending_age = 1_000);
    let node = world.node("node");
    world.credit(&[(node.wallet, SOL / 2)]);
    for now in [START, START + 999, START - 5_000, i64::MIN] {
        world.set_time(now);
        let event = payout(&mut world, &[&node]);
        assert_eq!((event.paid, event.skip_reason(0)), (0, Some(SkipReason::NotDue)));
    }
    world.set_time(START + 1_000);
    assert_eq!(payout(&mut world, &[&node]).paid, SOL / 2);
    assert_eq!(world.lamports(&node.destination), SOL / 2);
}

#[test]
fn a_second_payout_and_a_node_named_twice_pay_nothing_more() {
    let mut world = World::new();
    let nodes = world.nodes(2);
    world.credit(&[(nodes[0].wallet, 2 * SOL), (nodes[1].wallet, 2 * SOL)]);
    let event = payout(&mut world, &[&nodes[0], &nodes[0], &nodes[1], &nodes[0]]);
    assert_eq!((event.n, event.paid, event.skips), (4, 4 * SOL, 0b1010));
    assert_eq!(event.reasons, [24, 24]);
    let again = payout(&mut world, &[&nodes[0], &nodes[1]]);
    assert_eq!((again.paid, again.skips), (0, 0b11));
    assert_eq!(world.lamports(&nodes[0].destination), 2 * SOL);
    // Nor does a settle after it.
    let batch = world.settle(&[nodes[0].entry(2 * SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, 0));
}

#[test]
fn the_fullest_payout_pays_everybody() {
    let mut world = World::new();
    let nodes = world.nodes(MAX_SETTLE_ENTRIES);
    let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, SOL)).collect();
    world.credit(&entries);
    let all: Vec<_> = nodes.iter().collect();
    let event = payout(&mut world, &all);
    assert_eq!((event.n, event.paid, event.skips), (30, 30 * SOL, 0));
    let event = payout(&mut world, &all);
    assert_eq!((event.paid, event.skips, event.reasons), (0, (1 << 30) - 1, vec![24; 30]));
}

#[test]
fn nothing_is_paid_out_while_paused() {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, 2 * SOL)]);
    world.pause();
    let ix = ix(&world, &[&node]);
    assert_refused(send(&mut world, ix), SettlementError::Paused);
    assert_eq!(world.wallet_lamports(&node), 2 * SOL);
}

#[test]
fn a_payout_of_the_wrong_shape_is_an_error() {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, 2 * SOL)]);
    let of = |world: &World, n: usize| ix(world, &vec![&node; n]);

    let none = of(&world, 0);
    assert_refused(send(&mut world, none), SettlementError::EmptyBatch);
    let mut odd = of(&world, 2);
    odd.accounts.pop();
    assert_refused(send(&mut world, odd), SettlementError::AccountCountMismatch);
    let mut half = of(&world, 1);
    half.accounts.pop();
    assert_refused(send(&mut world, half), SettlementError::AccountCountMismatch);
    for crowd in [31, 35, 36, 126] {
        let ix = of(&world, crowd);
        assert_refused(send(&mut world, ix), SettlementError::TooManyEntries);
    }
    let mut trailing = of(&world, 1);
    trailing.data.push(0);
    assert_refused(send(&mut world, trailing), ErrorCode::InstructionDidNotDeserialize);
    for named in 0..3 {
        let mut few = of(&world, 1);
        few.accounts.truncate(named);
        assert_refused(send(&mut world, few), ErrorCode::AccountNotEnoughKeys);
    }
    assert_eq!(world.lamports(&node.destination), 0);
}

#[test]
fn the_caller_can_not_turn_a_payout_to_another_destination() {
    let mut world = World::new();
    let (node, thief) = (world.node("node"), Pubkey::new_unique());
    world.credit(&[(node.wallet, 2 * SOL)]);
    let ix = payout_ix(world.network, &[(node.wallet, thief)]);
    let meta = send(&mut world, ix).expect("a payout of skips");
    let event = world.event(&meta, PaidOut::decode_cpi);
    assert_eq!((event.paid, event.skip_reason(0)), (0, Some(SkipReason::DestinationMismatch)));
    assert_eq!(world.lamports(&thief), 0);
}

#[test]
fn two_nodes_with_one_destination_are_both_paid() {
    let mut world = World::new();
    let shared = Pubkey::new_unique();
    let nodes: Vec<_> =
        (0..2).map(|i| world.node_with(&format!("n{i}"), |args| args.destination = Some(shared))).collect();
    world.credit(&[(nodes[0].wallet, SOL), (nodes[1].wallet, 2 * SOL)]);
    assert_eq!(payout(&mut world, &[&nodes[0], &nodes[1]]).paid, 3 * SOL);
    assert_eq!(world.lamports(&shared), 3 * SOL);
}

#[test]
fn who_pays_the_fee_can_be_a_destination() {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, 2 * SOL)]);
    world.give(&node.owner.pubkey(), SOL);
    let ix = ix(&world, &[&node]);
    let meta = world.send_v1(&[ix], &node.owner).expect("paid out");
    assert_eq!(world.lamports(&node.destination), 3 * SOL - meta.fee);
}
