//! `withdraw`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{network_address, treasury_address, withdraw_ix};
use settlement::error::SettlementError;
use settlement::events::Withdrawn;
use settlement::state::NodeWallet;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_sdk_ids::{incinerator, system_program};
use solana_signer::Signer;

use crate::common::{Node, SOL, START, World, assert_refused, id};

/// A node with this much pending.
fn pending(lamports: u64) -> (World, Node) {
    let mut world = World::with(|args| args.default_threshold = 1_000 * SOL);
    let node = world.node("node");
    world.credit(&[(node.wallet, lamports)]);
    (world, node)
}

fn withdraw(world: &World, node: &Node, amount: Option<u64>) -> Instruction {
    withdraw_ix(node.owner.pubkey(), world.network, node.id, node.destination, amount)
}

#[test]
fn an_owner_takes_a_part_and_then_the_rest() {
    let (mut world, node) = pending(3 * SOL);
    let ix = withdraw(&world, &node, Some(SOL));
    let meta = world.send(&[ix], &[&node.owner]).expect("withdrawn");
    assert_eq!(
        world.event(&meta, Withdrawn::decode_cpi),
        Withdrawn {
            network: world.network,
            node_wallet: node.wallet,
            owner: node.owner.pubkey(),
            destination: node.destination,
            amount: SOL,
            credited_total: 3 * SOL,
            paid_total: SOL,
        }
    );
    let wallet = world.wallet_state(&node);
    assert_eq!((wallet.pending(), wallet.oldest_unpaid_at), (2 * SOL, START));
    assert_eq!(world.wallet_lamports(&node), 2 * SOL);

    let ix = withdraw(&world, &node, None);
    world.send(&[ix], &[&node.owner]).expect("withdrawn");
    let wallet = world.wallet_state(&node);
    assert_eq!((wallet.pending(), wallet.oldest_unpaid_at), (0, 0));
    assert_eq!(world.wallet_lamports(&node), 0);
    assert_eq!(world.lamports(&node.destination), 3 * SOL);
    assert_eq!(world.treasury_state().paid_total, 3 * SOL);
}

#[test]
fn what_was_withdrawn_is_not_paid_again() {
    let (mut world, node) = pending(3 * SOL);
    let ix = withdraw(&world, &node, None);
    world.send(&[ix], &[&node.owner]).expect("withdrawn");
    let batch = world.settle(&[node.entry(3 * SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (0, 0));
    world.settle(&[node.entry(4 * SOL)]);
    assert_eq!(world.wallet_state(&node).pending(), SOL);
    assert_eq!(world.lamports(&node.destination), 3 * SOL);
}

#[test]
fn a_destination_other_than_the_owner_gets_the_lamports() {
    let mut world = World::with(|args| args.default_threshold = 1_000 * SOL);
    let vault = Pubkey::new_unique();
    let node = world.node_with("node", |args| args.destination = Some(vault));
    world.credit(&[(node.wallet, SOL)]);
    let ix = withdraw(&world, &node, None);
    world.send(&[ix], &[&node.owner]).expect("withdrawn");
    assert_eq!(world.lamports(&vault), SOL);
}

#[test]
fn an_owner_who_pays_the_fee_can_withdraw_to_the_same_key() {
    let (mut world, node) = pending(3 * SOL);
    world.give(&node.owner.pubkey(), SOL);
    let ix = withdraw(&world, &node, None);
    let meta = world.send_v0(&[ix], &[&node.owner]).expect("withdrawn");
    assert_eq!(world.lamports(&node.destination), 4 * SOL - meta.fee);
}

#[test]
fn no_more_than_is_pending_and_never_nothing() {
    let (mut world, node) = pending(3 * SOL);
    let cases = [
        (Some(3 * SOL + 1), SettlementError::AmountAbovePending),
        (Some(u64::MAX), SettlementError::AmountAbovePending),
        (Some(0), SettlementError::ZeroAmount),
    ];
    for (amount, why) in cases {
        let ix = withdraw(&world, &node, amount);
        assert_refused(world.send(&[ix], &[&node.owner]), why);
    }
    let empty = world.node("empty");
    for amount in [None, Some(1)] {
        let ix = withdraw(&world, &empty, amount);
        assert_refused(world.send(&[ix], &[&empty.owner]), SettlementError::NothingPending);
    }
    assert_eq!(world.wallet_lamports(&node), 3 * SOL);
}

#[test]
fn lamports_that_strangers_sent_to_a_wallet_can_not_be_withdrawn_as_earnings() {
    let (mut world, node) = pending(SOL);
    world.give(&node.wallet, 5 * SOL);
    let ix = withdraw(&world, &node, Some(2 * SOL));
    assert_refused(world.send(&[ix], &[&node.owner]), SettlementError::AmountAbovePending);
    let ix = withdraw(&world, &node, None);
    world.send(&[ix], &[&node.owner]).expect("withdrawn");
    assert_eq!(world.lamports(&node.destination), SOL);
    assert_eq!(world.wallet_lamports(&node), 5 * SOL);
}

#[test]
fn only_the_owner_can_withdraw() {
    let (mut world, node) = pending(SOL);
    for thief in [Keypair::new(), world.settler.insecure_clone(), world.admin.insecure_clone()] {
        let mut ix = withdraw(&world, &node, None);
        ix.accounts[0].pubkey = thief.pubkey();
        assert_refused(world.send(&[ix], &[&thief]), SettlementError::Unauthorized);
    }
    let mut ix = withdraw(&world, &node, None);
    ix.accounts[0].is_signer = false;
    assert_refused(world.send(&[ix], &[]), ErrorCode::AccountNotSigner);
}

#[test]
fn lamports_go_to_the_named_destination_only() {
    let (mut world, node) = pending(SOL);
    let mut ix = withdraw(&world, &node, None);
    ix.accounts[3].pubkey = Pubkey::new_unique();
    assert_refused(world.send(&[ix], &[&node.owner]), SettlementError::DestinationMismatch);
}

#[test]
fn a_look_alike_wallet_gives_nothing() {
    let (mut world, node) = pending(SOL);
    let thief = Keypair::new();
    let mut account = world.svm.get_account(&node.wallet).expect("a wallet");
    account.owner = system_program::ID;
    let fake = Pubkey::new_unique();
    world.put(&fake, account);
    world.edit(&fake, |wallet: &mut NodeWallet| {
        wallet.owner = thief.pubkey();
        wallet.destination = thief.pubkey();
    });
    let mut ix = withdraw(&world, &node, None);
    ix.accounts[0].pubkey = thief.pubkey();
    ix.accounts[2].pubkey = fake;
    ix.accounts[3].pubkey = thief.pubkey();
    assert_refused(world.send(&[ix], &[&thief]), ErrorCode::AccountOwnedByWrongProgram);
}

#[test]
fn another_networks_treasury_does_not_get_around_a_pause() {
    let (mut world, node) = pending(SOL);
    let args = world.args("other");
    world.create(args).expect("created");
    let mut ix = withdraw(&world, &node, None);
    ix.accounts[1].pubkey = treasury_address(&network_address(&id("other")));
    assert_refused(world.send(&[ix], &[&node.owner]), SettlementError::NetworkMismatch);
}

#[test]
fn a_destination_that_would_stay_below_rent_is_refused_with_what_to_do() {
    let (mut world, node) = pending(SOL);
    let minimum = world.rent(0);
    let ix = withdraw(&world, &node, Some(minimum - 1));
    assert_refused(world.send(&[ix], &[&node.owner]), SettlementError::DestinationNotRentExempt);
    let ix = withdraw(&world, &node, Some(minimum));
    world.send(&[ix], &[&node.owner]).expect("withdrawn");
    let ix = withdraw(&world, &node, Some(1));
    world.send(&[ix], &[&node.owner]).expect("withdrawn");
    assert_eq!(world.lamports(&node.destination), minimum + 1);
}

#[test]
fn a_destination_that_can_not_be_paid_is_refused() {
    let (mut world, node) = pending(3 * SOL);
    let program = world.program();
    let other = world.node("other");
    let bad =
        [program, incinerator::ID, settlement::client::event_authority(), world.treasury, node.wallet, other.wallet];
    for destination in bad {
        world.edit(&node.wallet, |wallet: &mut NodeWallet| {
            wallet.destination = destination;
        });
        let mut ix = withdraw(&world, &node, None);
        ix.accounts[3].pubkey = destination;
        assert_refused(world.send(&[ix], &[&node.owner]), SettlementError::DestinationNotPayable);
    }
}

#[test]
fn after_a_rise_of_rent_a_wallet_keeps_its_rent_until_somebody_tops_it_up() {
    let (mut world, node) = pending(SOL);
    world.raise_rent(2);
    let ix = withdraw(&world, &node, None);
    assert_refused(world.send(std::slice::from_ref(&ix), &[&node.owner]), SettlementError::WalletNotRentExempt);
    let missing = world.rent(NodeWallet::SIZE) / 2;
    world.give(&node.wallet, missing);
    world.send(&[ix], &[&node.owner]).expect("withdrawn");
    assert_eq!(world.lamports(&node.destination), SOL);
}

#[test]
fn totals_that_contradict_each_other_pay_nothing() {
    let (mut world, node) = pending(SOL);
    world.edit(&node.wallet, |wallet: &mut NodeWallet| wallet.paid_total = SOL + 1);
    let ix = withdraw(&world, &node, None);
    assert_refused(world.send(&[ix], &[&node.owner]), SettlementError::InconsistentTotals);
}
