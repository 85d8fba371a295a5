//! `withdraw` in a network that pays in SOL: what an owner can take out, and where it goes.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{payout_ix, withdraw_ix};
use settlement::error::SettlementError;
use settlement::events::Withdrawn;
use settlement::state::NodeWallet;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_sdk_ids::{incinerator, system_program};
use solana_signer::Signer;

use crate::common::{MAX_PAUSE_SECONDS, Node, ProgramFixture, SOL, START, assert_refused};

/// A node with this much pending.
fn node_with_pending(lamports: u64) -> (ProgramFixture, Node) {
    let mut fixture = ProgramFixture::with_args(|args| args.default_threshold = 1_000 * SOL);
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, lamports)]);
    (fixture, node)
}

fn withdraw(fixture: &ProgramFixture, node: &Node, amount: Option<u64>) -> Instruction {
    withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, amount)
}

#[test]
fn an_owner_can_withdraw_a_part_and_then_the_rest() {
    let (mut fixture, node) = node_with_pending(3 * SOL);
    let ix = withdraw(&fixture, &node, Some(SOL));
    let meta = fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
    assert_eq!(
        fixture.event(&meta, Withdrawn::decode_cpi),
        Withdrawn {
            network: fixture.network,
            node_wallet: node.wallet,
            owner: node.owner.pubkey(),
            destination: node.destination,
            amount: SOL,
            credited_total: 3 * SOL,
            paid_total: SOL,
        }
    );
    let wallet = fixture.wallet_state(&node);
    assert_eq!((wallet.pending(), wallet.oldest_unpaid_at), (2 * SOL, START));
    assert_eq!(fixture.wallet_lamports(&node), 2 * SOL);

    let ix = withdraw(&fixture, &node, None);
    fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
    let wallet = fixture.wallet_state(&node);
    assert_eq!((wallet.pending(), wallet.oldest_unpaid_at), (0, 0));
    assert_eq!(fixture.wallet_lamports(&node), 0);
    assert_eq!(fixture.lamports(&node.destination), 3 * SOL);
    assert_eq!(fixture.treasury_state().paid_total, 3 * SOL);
}

#[test]
fn a_withdrawn_amount_is_not_paid_again() {
    let (mut fixture, node) = node_with_pending(3 * SOL);
    let ix = withdraw(&fixture, &node, None);
    fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
    let batch = fixture.settle(&[node.entry(3 * SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, 0));
    fixture.settle(&[node.entry(4 * SOL)]);
    assert_eq!(fixture.wallet_state(&node).pending(), SOL);
    assert_eq!(fixture.lamports(&node.destination), 3 * SOL);
}

#[test]
fn a_destination_other_than_the_owner_receives_the_lamports() {
    let mut fixture = ProgramFixture::with_args(|args| args.default_threshold = 1_000 * SOL);
    let vault = Pubkey::new_unique();
    let node = fixture.register_node_with("node", |args| args.destination = Some(vault));
    fixture.credit(&[(node.wallet, SOL)]);
    let ix = withdraw(&fixture, &node, None);
    fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
    assert_eq!(fixture.lamports(&vault), SOL);
}

#[test]
fn an_owner_who_pays_the_fee_can_withdraw_to_the_same_key() {
    let (mut fixture, node) = node_with_pending(3 * SOL);
    fixture.airdrop(&node.owner.pubkey(), SOL);
    let ix = withdraw(&fixture, &node, None);
    let meta = fixture.send_v0(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
    assert_eq!(fixture.lamports(&node.destination), 4 * SOL - meta.fee);
}

#[test]
fn only_a_positive_amount_up_to_the_pending_one_can_be_withdrawn() {
    let (mut fixture, node) = node_with_pending(3 * SOL);
    let cases = [
        (Some(3 * SOL + 1), SettlementError::AmountAbovePending),
        (Some(u64::MAX), SettlementError::AmountAbovePending),
        (Some(0), SettlementError::ZeroAmount),
    ];
    for (amount, why) in cases {
        let ix = withdraw(&fixture, &node, amount);
        assert_refused(fixture.send(&[ix], &[&node.owner]), why);
    }
    let empty = fixture.register_node("empty");
    for amount in [None, Some(1)] {
        let ix = withdraw(&fixture, &empty, amount);
        assert_refused(fixture.send(&[ix], &[&empty.owner]), SettlementError::NothingPending);
    }
    assert_eq!(fixture.wallet_lamports(&node), 3 * SOL);
}

#[test]
fn lamports_sent_to_a_wallet_by_strangers_cannot_be_withdrawn() {
    let (mut fixture, node) = node_with_pending(SOL);
    fixture.airdrop(&node.wallet, 5 * SOL);
    let ix = withdraw(&fixture, &node, Some(2 * SOL));
    assert_refused(fixture.send(&[ix], &[&node.owner]), SettlementError::AmountAbovePending);
    let ix = withdraw(&fixture, &node, None);
    fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
    assert_eq!(fixture.lamports(&node.destination), SOL);
    assert_eq!(fixture.wallet_lamports(&node), 5 * SOL);
}

#[test]
fn lamports_go_only_to_the_named_destination() {
    let (mut fixture, node) = node_with_pending(SOL);
    let mut ix = withdraw(&fixture, &node, None);
    ix.accounts[4].pubkey = Pubkey::new_unique();
    assert_refused(fixture.send(&[ix], &[&node.owner]), SettlementError::DestinationMismatch);
}

#[test]
fn a_look_alike_wallet_is_refused() {
    let (mut fixture, node) = node_with_pending(SOL);
    let thief = Keypair::new();
    let mut account = fixture.svm.get_account(&node.wallet).expect("the wallet exists");
    account.owner = system_program::ID;
    let fake = Pubkey::new_unique();
    fixture.set_account(&fake, account);
    fixture.edit_account(&fake, |wallet: &mut NodeWallet| {
        wallet.owner = thief.pubkey();
        wallet.destination = thief.pubkey();
    });
    let mut ix = withdraw(&fixture, &node, None);
    ix.accounts[0].pubkey = thief.pubkey();
    ix.accounts[3].pubkey = fake;
    ix.accounts[4].pubkey = thief.pubkey();
    assert_refused(fixture.send(&[ix], &[&thief]), ErrorCode::AccountOwnedByWrongProgram);
}

#[test]
fn a_destination_that_does_not_exist_needs_its_rent_and_an_existing_one_nothing() {
    let (mut fixture, node) = node_with_pending(SOL);
    let minimum = fixture.rent(0);
    let ix = withdraw(&fixture, &node, Some(minimum - 1));
    assert_refused(fixture.send(&[ix], &[&node.owner]), SettlementError::DestinationNotRentExempt);
    let ix = withdraw(&fixture, &node, Some(minimum));
    fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
    let ix = withdraw(&fixture, &node, Some(1));
    fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
    assert_eq!(fixture.lamports(&node.destination), minimum + 1);
}

#[test]
fn a_destination_that_cannot_be_paid_is_refused() {
    let (mut fixture, node) = node_with_pending(3 * SOL);
    let program = fixture.deploy_program();
    let other = fixture.register_node("other");
    let bad =
        [program, incinerator::ID, settlement::client::event_authority(), fixture.treasury, node.wallet, other.wallet];
    for destination in bad {
        fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| {
            wallet.destination = destination;
        });
        let mut ix = withdraw(&fixture, &node, None);
        ix.accounts[4].pubkey = destination;
        assert_refused(fixture.send(&[ix], &[&node.owner]), SettlementError::DestinationNotPayable);
    }
}

#[test]
fn a_wallet_with_inconsistent_totals_pays_nothing() {
    let (mut fixture, node) = node_with_pending(SOL);
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.paid_total = SOL + 1);
    let ix = withdraw(&fixture, &node, None);
    assert_refused(fixture.send(&[ix], &[&node.owner]), SettlementError::InconsistentTotals);
}

#[test]
fn a_pause_holds_withdrawals_for_a_limited_time() {
    let (mut fixture, node) = node_with_pending(3 * SOL);
    fixture.pause();
    let end = START + MAX_PAUSE_SECONDS as i64;
    for now in [START, end - 1] {
        fixture.set_time(now);
        let ix = withdraw(&fixture, &node, None);
        assert_refused(fixture.send(&[ix], &[&node.owner]), SettlementError::Paused);
    }
    // From then on, an owner takes out everything, also in parts, while the network stays paused.
    fixture.set_time(end);
    for (amount, left) in [(Some(SOL), 2 * SOL), (None, 0)] {
        let ix = withdraw(&fixture, &node, amount);
        fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
        assert_eq!(fixture.wallet_lamports(&node), left);
    }
    assert_eq!(fixture.lamports(&node.destination), 3 * SOL);
    assert!(fixture.treasury_state().is_paused());
    let ix = payout_ix(fixture.network, &[(node.wallet, node.destination)]);
    assert_refused(fixture.send(&[ix], &[]), SettlementError::Paused);
}
