//! `payout` in a network that pays in SOL.

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

use crate::common::{Node, ProgramFixture, SOL, START, TransactionOutcome, assert_refused};

/// The entries that fit in a transaction whose fee another account pays.
const MAX_ENTRIES: usize = MAX_SETTLE_ENTRIES - 1;

fn ix(fixture: &ProgramFixture, nodes: &[&Node]) -> Instruction {
    let pairs: Vec<_> = nodes.iter().map(|node| (node.wallet, node.destination)).collect();
    payout_ix(fixture.network, &pairs)
}

/// Sends a payout whose fee a stranger pays.
fn send(fixture: &mut ProgramFixture, ix: Instruction) -> TransactionOutcome {
    let stranger = Keypair::new();
    fixture.airdrop(&stranger.pubkey(), SOL);
    fixture.send_v1(&[ix], &stranger)
}

#[track_caller]
fn payout(fixture: &mut ProgramFixture, nodes: &[&Node]) -> PaidOut {
    let ix = ix(fixture, nodes);
    let meta = send(fixture, ix).expect("the payout is applied");
    fixture.event(&meta, PaidOut::decode_cpi)
}

#[test]
fn anyone_can_pay_out_due_amounts_without_the_settler() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(3);
    fixture.credit(&[(nodes[0].wallet, 2 * SOL), (nodes[1].wallet, SOL - 1), (nodes[2].wallet, SOL)]);
    let before = fixture.treasury_state();

    let event = payout(&mut fixture, &[&nodes[0], &nodes[1], &nodes[2]]);

    let not_due = u8::from(SkipReason::NotDue);
    assert_eq!(event, PaidOut { network: fixture.network, n: 3, paid: 3 * SOL, skips: 0b010, reasons: vec![not_due] });
    assert_eq!(fixture.lamports(&nodes[0].destination), 2 * SOL);
    assert_eq!(fixture.lamports(&nodes[1].destination), 0);
    assert_eq!(fixture.lamports(&nodes[2].destination), SOL);
    let wallet = fixture.wallet_state(&nodes[0]);
    assert_eq!((wallet.credited_total, wallet.paid_total, wallet.oldest_unpaid_at), (2 * SOL, 2 * SOL, 0));
    assert_eq!(fixture.wallet_lamports(&nodes[0]), 0);
    // Only the treasury's paid total changes: a payout is not one of the relay's batches, and takes
    // nothing from the treasury.
    let after = fixture.treasury_state();
    let Treasury { history_hash, history_count, .. } = after;
    assert_eq!(after, Treasury { paid_total: 3 * SOL, history_hash, history_count, ..before });
}

#[test]
fn an_amount_below_the_threshold_is_due_after_the_maximum_pending_age() {
    let mut fixture = ProgramFixture::with_args(|args| args.max_pending_age = 1_000);
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, SOL / 2)]);
    for now in [START, START + 999, START - 5_000, i64::MIN] {
        fixture.set_time(now);
        let event = payout(&mut fixture, &[&node]);
        assert_eq!((event.paid, event.skip_reason(0)), (0, Some(SkipReason::NotDue)));
    }
    fixture.set_time(START + 1_000);
    assert_eq!(payout(&mut fixture, &[&node]).paid, SOL / 2);
    assert_eq!(fixture.lamports(&node.destination), SOL / 2);
}

#[test]
fn a_repeated_payout_or_node_is_paid_once() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(2);
    fixture.credit(&[(nodes[0].wallet, 2 * SOL), (nodes[1].wallet, 2 * SOL)]);
    let event = payout(&mut fixture, &[&nodes[0], &nodes[0], &nodes[1], &nodes[0]]);
    assert_eq!((event.n, event.paid, event.skips), (4, 4 * SOL, 0b1010));
    assert_eq!(event.reasons, [24, 24]);
    let again = payout(&mut fixture, &[&nodes[0], &nodes[1]]);
    assert_eq!((again.paid, again.skips), (0, 0b11));
    assert_eq!(fixture.lamports(&nodes[0].destination), 2 * SOL);
    // A later settle pays nothing more either.
    let batch = fixture.settle(&[nodes[0].entry(2 * SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, 0));
}

#[test]
fn a_full_payout_pays_every_node() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(MAX_ENTRIES);
    let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, SOL)).collect();
    fixture.credit(&entries);
    let all: Vec<_> = nodes.iter().collect();
    let event = payout(&mut fixture, &all);
    assert_eq!((event.n, event.paid, event.skips), (29, 29 * SOL, 0));
    let event = payout(&mut fixture, &all);
    assert_eq!((event.paid, event.skips, event.reasons), (0, (1 << 29) - 1, vec![24; 29]));
}

#[test]
fn no_payout_is_made_while_paused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    fixture.pause();
    let ix = ix(&fixture, &[&node]);
    assert_refused(send(&mut fixture, ix), SettlementError::Paused);
    assert_eq!(fixture.wallet_lamports(&node), 2 * SOL);
}

#[test]
fn a_malformed_payout_is_refused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    let of = |fixture: &ProgramFixture, n: usize| ix(fixture, &vec![&node; n]);

    let none = of(&fixture, 0);
    assert_refused(send(&mut fixture, none), SettlementError::EmptyBatch);
    let mut odd = of(&fixture, 2);
    odd.accounts.pop();
    assert_refused(send(&mut fixture, odd), SettlementError::AccountCountMismatch);
    let mut half = of(&fixture, 1);
    half.accounts.pop();
    assert_refused(send(&mut fixture, half), SettlementError::AccountCountMismatch);
    for count in [31, 35, 36, 125] {
        let ix = of(&fixture, count);
        assert_refused(send(&mut fixture, ix), SettlementError::TooManyEntries);
    }
    let mut trailing = of(&fixture, 1);
    trailing.data.push(0);
    assert_refused(send(&mut fixture, trailing), ErrorCode::InstructionDidNotDeserialize);
    for named in 0..4 {
        let mut few = of(&fixture, 1);
        few.accounts.truncate(named);
        assert_refused(send(&mut fixture, few), ErrorCode::AccountNotEnoughKeys);
    }
    assert_eq!(fixture.lamports(&node.destination), 0);
}

#[test]
fn the_caller_cannot_redirect_a_payout() {
    let mut fixture = ProgramFixture::new();
    let (node, thief) = (fixture.register_node("node"), Pubkey::new_unique());
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    let ix = payout_ix(fixture.network, &[(node.wallet, thief)]);
    let meta = send(&mut fixture, ix).expect("the payout is applied");
    let event = fixture.event(&meta, PaidOut::decode_cpi);
    assert_eq!((event.paid, event.skip_reason(0)), (0, Some(SkipReason::DestinationMismatch)));
    assert_eq!(fixture.lamports(&thief), 0);
}

#[test]
fn two_nodes_with_one_destination_are_both_paid() {
    let mut fixture = ProgramFixture::new();
    let shared = Pubkey::new_unique();
    let nodes: Vec<_> =
        (0..2).map(|i| fixture.register_node_with(&format!("n{i}"), |args| args.destination = Some(shared))).collect();
    fixture.credit(&[(nodes[0].wallet, SOL), (nodes[1].wallet, 2 * SOL)]);
    assert_eq!(payout(&mut fixture, &[&nodes[0], &nodes[1]]).paid, 3 * SOL);
    assert_eq!(fixture.lamports(&shared), 3 * SOL);
}

#[test]
fn the_fee_payer_can_be_a_destination() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    fixture.airdrop(&node.owner.pubkey(), SOL);
    let ix = ix(&fixture, &[&node]);
    let meta = fixture.send_v1(&[ix], &node.owner).expect("the payout is applied");
    assert_eq!(fixture.lamports(&node.destination), 3 * SOL - meta.fee);
}
