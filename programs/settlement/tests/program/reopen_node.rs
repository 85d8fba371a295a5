//! `reopen_node`: a closed node continues from its previous totals.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{RegisterNodeArgs, node_id, node_wallet_address, reopen_node_ix, set_destination_ix};
use settlement::error::SettlementError;
use settlement::events::NodeReopened;
use settlement::rules::SkipReason;
use settlement::state::{ClosedNode, DestinationSource, NodeWallet};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{
    Node, ProgramFixture, RESERVED_ADDRESSES, Role, SOL, START, TransactionOutcome, assert_refused, skip_reasons,
};

/// A node that was paid 3 SOL, and then closed.
fn closed_node() -> (ProgramFixture, Node) {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.settle(&[node.entry(3 * SOL)]);
    close(&mut fixture, &node);
    (fixture, node)
}

fn close(fixture: &mut ProgramFixture, node: &Node) {
    fixture.close_node(node).expect("the node is closed");
}

fn args(node: &Node) -> RegisterNodeArgs {
    RegisterNodeArgs { node_id: node.id, owner: node.owner.pubkey(), destination: None, threshold: None }
}

fn reopen(fixture: &mut ProgramFixture, args: RegisterNodeArgs) -> TransactionOutcome {
    let settler = fixture.settler.insecure_clone();
    reopen_by(fixture, &settler, args)
}

fn reopen_by(fixture: &mut ProgramFixture, authority: &Keypair, args: RegisterNodeArgs) -> TransactionOutcome {
    let ix = reopen_node_ix(authority.pubkey(), fixture.payer.pubkey(), fixture.network, args);
    fixture.send(&[ix], &[authority])
}

#[test]
fn a_reopened_node_keeps_its_totals_and_gets_the_new_arguments() {
    for role in [Role::Settler, Role::Admin] {
        let (mut fixture, node) = closed_node();
        let (by, payer) = (role.key(&fixture, &node), Keypair::new());
        fixture.airdrop(&payer.pubkey(), SOL);
        let owner = node.owner.pubkey();
        let (destination, source, threshold) = match role {
            Role::Admin => (Pubkey::new_unique(), DestinationSource::Admin, 2 * SOL),
            _ => (owner, DestinationSource::Default, SOL),
        };
        let args = RegisterNodeArgs { destination: Some(destination), threshold: Some(threshold), ..args(&node) };
        let ix = reopen_node_ix(by.pubkey(), payer.pubkey(), fixture.network, args);
        let meta = fixture.send(&[ix], &[&by, &payer]).expect("the node is reopened");

        let wallet = fixture.wallet_state(&node);
        assert_eq!(
            wallet,
            NodeWallet {
                version: NodeWallet::VERSION,
                bump: wallet.bump,
                network: fixture.network,
                node_id: node.id,
                owner,
                destination,
                credited_total: 3 * SOL,
                paid_total: 3 * SOL,
                threshold,
                destination_source: source.into(),
                ..bytemuck::Zeroable::zeroed()
            }
        );
        let (rent, kept) = (fixture.rent(NodeWallet::SIZE), fixture.rent(ClosedNode::SIZE));
        assert_eq!(fixture.lamports(&node.wallet), rent);
        assert_eq!(fixture.lamports(&payer.pubkey()), SOL - (rent - kept));
        assert_eq!(
            fixture.event(&meta, NodeReopened::decode_cpi),
            NodeReopened {
                network: fixture.network,
                node_wallet: node.wallet,
                node_id: node.id,
                owner,
                destination,
                authority: by.pubkey(),
                threshold,
                total: 3 * SOL,
            }
        );
    }
}

#[test]
fn after_reopening_a_lifetime_total_pays_only_the_difference() {
    let (mut fixture, node) = closed_node();
    reopen(&mut fixture, args(&node)).expect("the node is reopened");
    let batch = fixture.settle(&[node.entry(3 * SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::NothingToCredit), None)]);
    fixture.set_time(START + 5);
    let batch = fixture.settle(&[node.entry(5 * SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (2 * SOL, 2 * SOL));
    assert_eq!(fixture.lamports(&node.destination), 5 * SOL);

    // It makes no difference how often the node is closed and reopened.
    for total in [6 * SOL, 8 * SOL] {
        close(&mut fixture, &node);
        reopen(&mut fixture, args(&node)).expect("the node is reopened");
        fixture.settle(&[node.entry(total)]);
        assert_eq!(fixture.lamports(&node.destination), total);
    }
    assert_eq!(fixture.treasury_state().credited_total, 8 * SOL);
}

#[test]
fn a_node_that_is_not_closed_cannot_be_reopened() {
    let (mut fixture, closed) = closed_node();
    let open = fixture.register_node("open");
    let never = RegisterNodeArgs { node_id: node_id("never"), ..args(&closed) };
    assert_refused(reopen(&mut fixture, never), SettlementError::ClosedNodeMismatch);
    // Nor if a stranger sends lamports to its address.
    let address = node_wallet_address(&fixture.network, &never.node_id, &never.owner);
    fixture.airdrop(&address, SOL);
    assert_refused(reopen(&mut fixture, never), SettlementError::ClosedNodeMismatch);

    fixture.credit(&[(open.wallet, SOL / 2)]);
    let before = fixture.wallet_state(&open);
    assert_refused(reopen(&mut fixture, args(&open)), SettlementError::ClosedNodeMismatch);
    assert_eq!(fixture.wallet_state(&open), before);

    reopen(&mut fixture, args(&closed)).expect("the node is reopened");
    assert_refused(reopen(&mut fixture, args(&closed)), SettlementError::ClosedNodeMismatch);
}

#[test]
fn arguments_that_registration_refuses_are_refused() {
    let (mut fixture, node) = closed_node();
    let before = fixture.svm.get_account(&node.wallet);
    let own = [fixture.network, fixture.treasury];
    let admin = fixture.admin.insecure_clone();
    for address in RESERVED_ADDRESSES.into_iter().chain(own) {
        let owner = RegisterNodeArgs { owner: address, ..args(&node) };
        assert_refused(reopen(&mut fixture, owner), SettlementError::InvalidOwner);
        let destination = RegisterNodeArgs { destination: Some(address), ..args(&node) };
        assert_refused(reopen_by(&mut fixture, &admin, destination), SettlementError::InvalidDestination);
    }
    let own_wallet = RegisterNodeArgs { destination: Some(node.wallet), ..args(&node) };
    assert_refused(reopen_by(&mut fixture, &admin, own_wallet), SettlementError::InvalidDestination);
    let below = RegisterNodeArgs { threshold: Some(SOL - 1), ..args(&node) };
    assert_refused(reopen(&mut fixture, below), SettlementError::ThresholdBelowDefault);
    assert_eq!(fixture.svm.get_account(&node.wallet), before);
}

#[test]
fn lamports_at_its_address_count_towards_the_rent_and_are_not_pending() {
    for gift in [1, 5 * SOL] {
        let (mut fixture, node) = closed_node();
        fixture.airdrop(&node.wallet, gift);
        let (kept, rent) = (fixture.lamports(&node.wallet), fixture.rent(NodeWallet::SIZE));
        let before = fixture.lamports(&fixture.payer.pubkey());
        let meta = reopen(&mut fixture, args(&node)).expect("the node is reopened");
        let paid = before - fixture.lamports(&fixture.payer.pubkey()) - meta.fee;
        assert_eq!(paid, rent.saturating_sub(kept));
        assert_eq!(fixture.lamports(&node.wallet), rent.max(kept));
        assert_eq!(fixture.wallet_state(&node).pending(), 0);
    }
}

#[test]
fn while_paused_only_the_admin_can_reopen_a_node() {
    let (mut fixture, node) = closed_node();
    fixture.pause();
    assert_refused(reopen(&mut fixture, args(&node)), SettlementError::Paused);
    let admin = fixture.admin.insecure_clone();
    reopen_by(&mut fixture, &admin, args(&node)).expect("the node is reopened");
    assert_eq!(fixture.wallet_state(&node).credited_total, 3 * SOL);
}

#[test]
fn the_settler_cannot_set_a_destination_other_than_the_owner() {
    let (mut fixture, node) = closed_node();
    let before = fixture.svm.get_account(&node.wallet);
    let foreign = RegisterNodeArgs { destination: Some(Pubkey::new_unique()), ..args(&node) };
    assert_refused(reopen(&mut fixture, foreign), SettlementError::DestinationNotOwner);
    assert_eq!(fixture.svm.get_account(&node.wallet), before);
    let owner = RegisterNodeArgs { destination: Some(node.owner.pubkey()), ..args(&node) };
    reopen(&mut fixture, owner).expect("the node is reopened");
}

#[test]
fn a_destination_that_the_owner_set_does_not_survive_closing() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let ix = set_destination_ix(node.owner.pubkey(), fixture.network, node.id, Pubkey::new_unique());
    fixture.send(&[ix], &[&node.owner]).expect("the destination is set");
    close(&mut fixture, &node);
    reopen(&mut fixture, args(&node)).expect("the node is reopened");
    let wallet = fixture.wallet_state(&node);
    assert_eq!(wallet.destination, node.owner.pubkey());
    assert_eq!(wallet.destination_source, u8::from(DestinationSource::Default));
}

/// An owner's key is part of the address: only the owner's own node can be reopened there.
#[test]
fn a_closed_node_cannot_be_given_to_another_owner() {
    let (mut fixture, node) = closed_node();
    let (admin, before) = (fixture.admin.insecure_clone(), fixture.svm.get_account(&node.wallet));
    let other = RegisterNodeArgs { owner: Pubkey::new_unique(), ..args(&node) };
    assert_refused(reopen_by(&mut fixture, &admin, other), SettlementError::ClosedNodeMismatch);
    let mut ix = reopen_node_ix(admin.pubkey(), fixture.payer.pubkey(), fixture.network, other);
    ix.accounts[4].pubkey = node.wallet;
    assert_refused(fixture.send(&[ix], &[&admin]), ErrorCode::ConstraintSeeds);
    assert_eq!(fixture.svm.get_account(&node.wallet), before);

    // The admin can choose a destination, which is then marked as not the owner's.
    let elsewhere = RegisterNodeArgs { destination: Some(Pubkey::new_unique()), ..args(&node) };
    reopen_by(&mut fixture, &admin, elsewhere).expect("the node is reopened");
    let wallet = fixture.wallet_state(&node);
    assert_eq!(wallet.owner, node.owner.pubkey());
    assert!(!wallet.is_destination_confirmed());
}

#[test]
fn the_settler_cannot_set_a_threshold_other_than_the_default() {
    let (mut fixture, node) = closed_node();
    let above = RegisterNodeArgs { threshold: Some(SOL + 1), ..args(&node) };
    assert_refused(reopen(&mut fixture, above), SettlementError::ThresholdNotDefault);
    let equal = RegisterNodeArgs { threshold: Some(SOL), ..args(&node) };
    reopen(&mut fixture, equal).expect("the node is reopened");
}
