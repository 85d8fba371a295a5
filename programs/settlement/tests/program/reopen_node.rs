//! `reopen_node`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{RegisterNodeArgs, close_node_ix, node_id, node_wallet_address, reopen_node_ix};
use settlement::error::SettlementError;
use settlement::events::NodeReopened;
use settlement::rules::SkipReason;
use settlement::state::{ClosedNode, NodeWallet};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Node, Outcome, Role, SOL, START, World, assert_only, assert_refused, reasons};

/// A node that was paid 3 SOL in its life, and closed.
fn closed() -> (World, Node) {
    let mut world = World::new();
    let node = world.node("node");
    world.settle(&[node.entry(3 * SOL)]);
    close(&mut world, &node);
    (world, node)
}

fn close(world: &mut World, node: &Node) {
    let payer = world.wallet_state(node).rent_payer;
    let ix = close_node_ix(node.owner.pubkey(), world.network, node.id, payer);
    world.send(&[ix], &[&node.owner]).expect("closed");
}

fn args(node: &Node) -> RegisterNodeArgs {
    RegisterNodeArgs { node_id: node.id, owner: node.owner.pubkey(), destination: None, threshold: None }
}

fn reopen(world: &mut World, args: RegisterNodeArgs) -> Outcome {
    let settler = world.settler.insecure_clone();
    let ix = reopen_node_ix(settler.pubkey(), world.payer.pubkey(), world.network, args);
    world.send(&[ix], &[&settler])
}

#[test]
fn a_node_comes_back_with_its_totals_and_what_it_is_given_now() {
    for role in [Role::Settler, Role::Admin] {
        let (mut world, node) = closed();
        let (by, payer) = (role.key(&world, &node), Keypair::new());
        world.give(&payer.pubkey(), SOL);
        let (owner, destination) = (Pubkey::new_unique(), Pubkey::new_unique());
        let args = RegisterNodeArgs { owner, destination: Some(destination), threshold: Some(2 * SOL), ..args(&node) };
        let ix = reopen_node_ix(by.pubkey(), payer.pubkey(), world.network, args);
        let meta = world.send(&[ix], &[&by, &payer]).expect("reopened");

        let wallet = world.wallet_state(&node);
        assert_eq!(
            wallet,
            NodeWallet {
                version: NodeWallet::VERSION,
                bump: wallet.bump,
                network: world.network,
                node_id: node.id,
                owner,
                destination,
                rent_payer: payer.pubkey(),
                credited_total: 3 * SOL,
                paid_total: 3 * SOL,
                threshold: 2 * SOL,
                ..bytemuck::Zeroable::zeroed()
            }
        );
        assert_eq!(node_wallet_address(&world.network, &node.id), node.wallet);
        let (rent, kept) = (world.rent(NodeWallet::SIZE), world.rent(ClosedNode::SIZE));
        assert_eq!(world.lamports(&node.wallet), rent);
        assert_eq!(world.lamports(&payer.pubkey()), SOL - (rent - kept));
        assert_eq!(
            world.event(&meta, NodeReopened::decode_cpi),
            NodeReopened {
                network: world.network,
                node_wallet: node.wallet,
                node_id: node.id,
                owner,
                destination,
                rent_payer: payer.pubkey(),
                authority: by.pubkey(),
                threshold: 2 * SOL,
                total: 3 * SOL,
            }
        );
    }
}

#[test]
fn a_relay_that_sends_the_lifetime_total_pays_only_the_difference() {
    let (mut world, node) = closed();
    reopen(&mut world, args(&node)).expect("reopened");
    let batch = world.settle(&[node.entry(3 * SOL)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::NothingToCredit), None)]);
    world.set_time(START + 5);
    let batch = world.settle(&[node.entry(5 * SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (2 * SOL, 2 * SOL));
    assert_eq!(world.lamports(&node.destination), 5 * SOL);

    // However often it comes and goes.
    for total in [6 * SOL, 8 * SOL] {
        close(&mut world, &node);
        reopen(&mut world, args(&node)).expect("reopened");
        world.settle(&[node.entry(total)]);
        assert_eq!(world.lamports(&node.destination), total);
    }
    assert_eq!(world.treasury_state().credited_total, 8 * SOL);
}

#[test]
fn only_the_settler_and_the_admin_reopen() {
    let (mut world, node) = closed();
    let (network, payer, args) = (world.network, world.payer.pubkey(), args(&node));
    let may = [Role::Settler, Role::Admin];
    assert_only(&mut world, &node, &may, |key| reopen_node_ix(key, payer, network, args));
}

#[test]
fn nobody_is_made_to_pay_the_rent() {
    let (mut world, node) = closed();
    let victim = Keypair::new();
    world.give(&victim.pubkey(), SOL);
    let settler = world.settler.insecure_clone();
    let mut ix = reopen_node_ix(settler.pubkey(), victim.pubkey(), world.network, args(&node));
    ix.accounts[1].is_signer = false;
    assert_refused(world.send(&[ix], &[&settler]), ErrorCode::AccountNotSigner);
}

#[test]
fn a_node_that_was_never_closed_is_not_reopened() {
    let (mut world, closed) = closed();
    let open = world.node("open");
    let never = RegisterNodeArgs { node_id: node_id("never"), ..args(&closed) };
    assert_refused(reopen(&mut world, never), SettlementError::ClosedNodeMismatch);
    // Not with a stranger's lamports at its address either.
    let address = node_wallet_address(&world.network, &never.node_id);
    world.give(&address, SOL);
    assert_refused(reopen(&mut world, never), SettlementError::ClosedNodeMismatch);

    world.credit(&[(open.wallet, SOL / 2)]);
    let before = world.wallet_state(&open);
    assert_refused(reopen(&mut world, args(&open)), SettlementError::ClosedNodeMismatch);
    assert_eq!(world.wallet_state(&open), before);

    reopen(&mut world, args(&closed)).expect("reopened");
    assert_refused(reopen(&mut world, args(&closed)), SettlementError::ClosedNodeMismatch);
}

#[test]
fn what_a_registration_refuses_is_refused_here_too() {
    let (mut world, node) = closed();
    let before = world.svm.get_account(&node.wallet);
    let bad = [world.network, world.treasury, node.wallet, settlement::ID, Pubkey::default()];
    for address in bad {
        let owner = RegisterNodeArgs { owner: address, ..args(&node) };
        assert_refused(reopen(&mut world, owner), SettlementError::InvalidOwner);
        let destination = RegisterNodeArgs { destination: Some(address), ..args(&node) };
        assert_refused(reopen(&mut world, destination), SettlementError::InvalidDestination);
    }
    let below = RegisterNodeArgs { threshold: Some(SOL - 1), ..args(&node) };
    assert_refused(reopen(&mut world, below), SettlementError::ThresholdBelowDefault);
    assert_eq!(world.svm.get_account(&node.wallet), before);
}

#[test]
fn lamports_that_lie_there_already_count_for_the_rent_and_are_not_pending() {
    for gift in [1, 5 * SOL] {
        let (mut world, node) = closed();
        world.give(&node.wallet, gift);
        let (kept, rent) = (world.lamports(&node.wallet), world.rent(NodeWallet::SIZE));
        let before = world.lamports(&world.payer.pubkey());
        let meta = reopen(&mut world, args(&node)).expect("reopened");
        let paid = before - world.lamports(&world.payer.pubkey()) - meta.fee;
        assert_eq!(paid, rent.saturating_sub(kept));
        assert_eq!(world.lamports(&node.wallet), rent.max(kept));
        assert_eq!(world.wallet_state(&node).pending(), 0);
    }
}

#[test]
fn a_node_can_be_reopened_while_paused() {
    let (mut world, node) = closed();
    world.pause();
    reopen(&mut world, args(&node)).expect("reopened");
    assert_eq!(world.wallet_state(&node).credited_total, 3 * SOL);
}
