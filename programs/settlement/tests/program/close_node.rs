//! `close_node`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    RegisterNodeArgs, close_node_ix, network_address, payout_ix, set_destination_ix, set_threshold_ix,
    treasury_address, withdraw_ix,
};
use settlement::error::SettlementError;
use settlement::events::NodeClosed;
use settlement::rules::SkipReason;
use settlement::state::{ClosedNode, NodeWallet};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Node, Outcome, Role, SOL, World, assert_only, assert_refused, id, reasons};

/// A node that was paid 3 SOL in its life, and has nothing pending.
fn paid_up() -> (World, Node) {
    let mut world = World::new();
    let node = world.node("node");
    world.settle(&[node.entry(3 * SOL)]);
    (world, node)
}

fn ix(world: &World, node: &Node, by: &Keypair) -> Instruction {
    close_node_ix(by.pubkey(), world.network, node.id, world.payer.pubkey())
}

fn close(world: &mut World, node: &Node) -> Outcome {
    let owner = node.owner.insecure_clone();
    world.send(&[ix(world, node, &owner)], &[&owner])
}

#[test]
fn the_rent_goes_back_to_who_paid_it_but_for_what_the_total_needs_to_stay() {
    for role in [Role::Owner, Role::Admin] {
        let (mut world, node) = paid_up();
        let by = role.key(&world, &node);
        let rent = world.rent(NodeWallet::SIZE);
        let kept = world.rent(ClosedNode::SIZE);
        let payer = world.payer.pubkey();
        let before = (world.lamports(&payer), world.treasury_state());

        let close = ix(&world, &node, &by);
        let meta = world.send(&[close], &[&by]).expect("closed");

        assert_eq!(world.lamports(&payer), before.0 + rent - kept - meta.fee);
        let account = world.svm.get_account(&node.wallet).expect("what stays");
        assert_eq!(account.owner, settlement::ID);
        assert_eq!(account.lamports, kept);
        assert_eq!(account.data.len(), 16);
        assert_eq!(ClosedNode::decode(&account.data), Ok(ClosedNode { total: 3 * SOL }));
        assert_eq!(
            world.event(&meta, NodeClosed::decode_cpi),
            NodeClosed {
                network: world.network,
                node_wallet: node.wallet,
                node_id: node.id,
                by: by.pubkey(),
                total: 3 * SOL,
                rent_payer: payer,
                lamports: rent - kept,
            }
        );
        // The network's books keep what the node was.
        assert_eq!(world.treasury_state(), before.1);
    }
}

#[test]
fn only_the_owner_and_the_admin_close() {
    let (mut world, node) = paid_up();
    let (network, payer) = (world.network, world.payer.pubkey());
    let may = [Role::Owner, Role::Admin];
    assert_only(&mut world, &node, &may, |key| close_node_ix(key, network, node.id, payer));
}

#[test]
fn a_node_with_a_pending_lamport_is_not_closed() {
    let (mut world, node) = paid_up();
    world.credit(&[(node.wallet, 3 * SOL + 1)]);
    assert_refused(close(&mut world, &node), SettlementError::PendingNotZero);
    let withdraw = withdraw_ix(node.owner.pubkey(), world.network, node.id, node.destination, None);
    world.send(&[withdraw], &[&node.owner]).expect("withdrawn");
    close(&mut world, &node).expect("closed");
    assert_eq!(world.lamports(&node.destination), 3 * SOL + 1);
}

#[test]
fn nothing_is_closed_while_paused() {
    let (mut world, node) = paid_up();
    world.pause();
    assert_refused(close(&mut world, &node), SettlementError::Paused);
}

#[test]
fn the_rent_goes_to_nobody_else() {
    let (mut world, node) = paid_up();
    for to in [node.owner.pubkey(), world.treasury, node.wallet, Pubkey::new_unique()] {
        let ix = close_node_ix(node.owner.pubkey(), world.network, node.id, to);
        assert_refused(world.send(&[ix], &[&node.owner]), SettlementError::DestinationMismatch);
    }
}

#[test]
fn a_closed_node_can_not_be_registered_anew() {
    let (mut world, node) = paid_up();
    close(&mut world, &node).expect("closed");
    let before = world.svm.get_account(&node.wallet);
    let args = RegisterNodeArgs { node_id: node.id, owner: node.owner.pubkey(), destination: None, threshold: None };
    for authority in [world.settler.insecure_clone(), world.admin.insecure_clone()] {
        world.register(&authority, args).expect_err("refused");
    }
    // Not with a stranger's lamports on it either.
    world.give(&node.wallet, SOL);
    let admin = world.admin.insecure_clone();
    world.register(&admin, args).expect_err("refused");
    let after = world.svm.get_account(&node.wallet).expect("what stays");
    assert_eq!(after.data, before.expect("what stays").data);
}

#[test]
fn a_closed_node_is_no_wallet_any_more() {
    let (mut world, node) = paid_up();
    let other = world.node("other");
    close(&mut world, &node).expect("closed");

    let credit = world.credit(&[(node.wallet, 9 * SOL), (other.wallet, SOL / 2)]);
    assert_eq!(reasons(&credit.event), [(0, Some(SkipReason::InvalidWallet), None)]);
    let settle = world.settle(&[node.entry(9 * SOL), other.entry(SOL)]);
    assert_eq!(reasons(&settle.event), [(0, Some(SkipReason::InvalidWallet), None)]);
    let payout = payout_ix(world.network, &[(node.wallet, node.destination)]);
    let meta = world.send(&[payout], &[]).expect("a payout of skips");
    let event = world.event(&meta, settlement::events::PaidOut::decode_cpi);
    assert_eq!(event.skip_reason(0), Some(SkipReason::InvalidWallet));

    let owner = node.owner.pubkey();
    let by_owner = [
        withdraw_ix(owner, world.network, node.id, node.destination, None),
        set_destination_ix(owner, world.network, node.id, Pubkey::new_unique()),
        set_threshold_ix(owner, world.network, node.id, 5 * SOL),
        ix(&world, &node, &node.owner),
    ];
    for ix in by_owner {
        assert_refused(world.send(&[ix], &[&node.owner]), ErrorCode::AccountDiscriminatorMismatch);
    }
    assert_eq!(world.lamports(&node.destination), 3 * SOL);
}

#[test]
fn lamports_that_strangers_sent_go_to_the_rent_payer_too() {
    let (mut world, node) = paid_up();
    world.give(&node.wallet, 5 * SOL);
    let meta = close(&mut world, &node).expect("closed");
    let event = world.event(&meta, NodeClosed::decode_cpi);
    assert_eq!(event.lamports, 5 * SOL + world.rent(NodeWallet::SIZE) - world.rent(ClosedNode::SIZE));
    assert_eq!(world.lamports(&node.wallet), world.rent(ClosedNode::SIZE));
}

#[test]
fn after_a_rise_of_rent_what_stays_is_rent_exempt_or_the_node_is_not_closed() {
    let (mut world, node) = paid_up();
    let gone = Pubkey::new_unique();
    world.edit(&node.wallet, |wallet: &mut NodeWallet| wallet.rent_payer = gone);
    let close = close_node_ix(node.owner.pubkey(), world.network, node.id, gone);

    // What comes back would not keep an account that has nothing else.
    world.raise_rent(2);
    assert_refused(world.send(std::slice::from_ref(&close), &[&node.owner]), SettlementError::DestinationNotRentExempt);
    // What is there would not keep the total.
    world.raise_rent(2);
    assert_refused(world.send(std::slice::from_ref(&close), &[&node.owner]), SettlementError::WalletNotRentExempt);

    world.give(&node.wallet, SOL);
    world.send(&[close], &[&node.owner]).expect("closed");
    assert_eq!(world.lamports(&node.wallet), world.rent(ClosedNode::SIZE));
}

#[test]
fn totals_that_contradict_each_other_close_nothing() {
    let (mut world, node) = paid_up();
    world.edit(&node.wallet, |wallet: &mut NodeWallet| wallet.paid_total += 1);
    assert_refused(close(&mut world, &node), SettlementError::InconsistentTotals);
}

#[test]
fn the_admin_of_one_network_closes_nothing_of_another() {
    let (mut world, node) = paid_up();
    let args = world.args("other");
    world.create(args).expect("created");
    let own = network_address(&id("other"));
    let admin = world.admin.insecure_clone();
    // Another treasury might not be paused.
    let mut by_own = ix(&world, &node, &admin);
    by_own.accounts[1].pubkey = own;
    by_own.accounts[2].pubkey = treasury_address(&own);
    assert_refused(world.send(&[by_own], &[&admin]), SettlementError::NetworkMismatch);
    let mut mixed = ix(&world, &node, &admin);
    mixed.accounts[2].pubkey = treasury_address(&own);
    assert_refused(world.send(&[mixed], &[&admin]), SettlementError::NetworkMismatch);
}
