//! `propose_admin`.

use anchor_lang::prelude::Pubkey;
use settlement::client::{accept_admin_ix, propose_admin_ix, unpause_ix};
use settlement::error::SettlementError;
use settlement::events::AdminProposed;
use settlement::state::Network;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Role, World, assert_only, assert_refused};

fn propose(world: &mut World, next: Pubkey) -> AdminProposed {
    let admin = world.admin.insecure_clone();
    let ix = propose_admin_ix(admin.pubkey(), world.network, next);
    let meta = world.send(&[ix], &[&admin]).expect("proposed");
    world.event(&meta, AdminProposed::decode_cpi)
}

#[test]
fn a_proposal_names_the_next_admin_and_changes_nothing_else() {
    let mut world = World::new();
    let before = world.network_state();
    let next = Keypair::new();
    let event = propose(&mut world, next.pubkey());
    assert_eq!(event, AdminProposed { network: world.network, by: world.admin.pubkey(), pending_admin: next.pubkey() });
    assert_eq!(world.network_state(), Network { pending_admin: next.pubkey(), ..before });

    // Who is proposed may do nothing yet.
    let ix = unpause_ix(next.pubkey(), world.network);
    assert_refused(world.send(&[ix], &[&next]), SettlementError::Unauthorized);
}

#[test]
fn only_the_admin_proposes() {
    let mut world = World::new();
    let (node, network) = (world.node("node"), world.network);
    assert_only(&mut world, &node, &[Role::Admin], |key| propose_admin_ix(key, network, key));
}

#[test]
fn the_last_proposal_counts() {
    let mut world = World::new();
    let (first, second) = (Keypair::new(), Keypair::new());
    propose(&mut world, first.pubkey());
    propose(&mut world, second.pubkey());
    let ix = accept_admin_ix(first.pubkey(), world.network);
    assert_refused(world.send(&[ix], &[&first]), SettlementError::Unauthorized);
    let ix = accept_admin_ix(second.pubkey(), world.network);
    world.send(&[ix], &[&second]).expect("accepted");
}

#[test]
fn a_proposal_can_be_called_off() {
    let mut world = World::new();
    let before = world.network_state();
    let next = Keypair::new();
    propose(&mut world, next.pubkey());
    let event = propose(&mut world, Pubkey::default());
    assert_eq!(event.pending_admin, Pubkey::default());
    assert_eq!(world.network_state(), before);
    let ix = accept_admin_ix(next.pubkey(), world.network);
    assert_refused(world.send(&[ix], &[&next]), SettlementError::Unauthorized);
}

#[test]
fn a_paused_network_can_be_handed_over() {
    let mut world = World::new();
    world.pause();
    let next = Keypair::new();
    propose(&mut world, next.pubkey());
    let ix = accept_admin_ix(next.pubkey(), world.network);
    world.send(&[ix], &[&next]).expect("accepted");
    assert!(world.treasury_state().is_paused());
}
