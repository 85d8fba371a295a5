//! The first half of an admin transfer: `propose_admin`.

use anchor_lang::prelude::Pubkey;
use settlement::client::{accept_admin_ix, propose_admin_ix, unpause_ix};
use settlement::error::SettlementError;
use settlement::events::AdminProposed;
use settlement::state::Network;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{ProgramFixture, assert_refused};

fn propose(fixture: &mut ProgramFixture, next: Pubkey) -> AdminProposed {
    let admin = fixture.admin.insecure_clone();
    let ix = propose_admin_ix(admin.pubkey(), fixture.network, next);
    let meta = fixture.send(&[ix], &[&admin]).expect("the next admin is proposed");
    fixture.event(&meta, AdminProposed::decode_cpi)
}

#[test]
fn a_proposal_sets_the_pending_admin_and_changes_nothing_else() {
    let mut fixture = ProgramFixture::new();
    let before = fixture.network_state();
    let next = Keypair::new();
    let event = propose(&mut fixture, next.pubkey());
    assert_eq!(
        event,
        AdminProposed { network: fixture.network, by: fixture.admin.pubkey(), pending_admin: next.pubkey() }
    );
    assert_eq!(fixture.network_state(), Network { pending_admin: next.pubkey(), ..before });

    // The proposed admin has no authority yet.
    let ix = unpause_ix(next.pubkey(), fixture.network);
    assert_refused(fixture.send(&[ix], &[&next]), SettlementError::Unauthorized);
}

#[test]
fn a_new_proposal_replaces_the_previous_one() {
    let mut fixture = ProgramFixture::new();
    let (first, second) = (Keypair::new(), Keypair::new());
    propose(&mut fixture, first.pubkey());
    propose(&mut fixture, second.pubkey());
    let ix = accept_admin_ix(first.pubkey(), fixture.network);
    assert_refused(fixture.send(&[ix], &[&first]), SettlementError::Unauthorized);
    let ix = accept_admin_ix(second.pubkey(), fixture.network);
    fixture.send(&[ix], &[&second]).expect("the proposal is accepted");
}

#[test]
fn a_proposal_can_be_cancelled() {
    let mut fixture = ProgramFixture::new();
    let before = fixture.network_state();
    let next = Keypair::new();
    propose(&mut fixture, next.pubkey());
    let event = propose(&mut fixture, Pubkey::default());
    assert_eq!(event.pending_admin, Pubkey::default());
    assert_eq!(fixture.network_state(), before);
    let ix = accept_admin_ix(next.pubkey(), fixture.network);
    assert_refused(fixture.send(&[ix], &[&next]), SettlementError::Unauthorized);
}

#[test]
fn the_admin_can_be_replaced_while_paused() {
    let mut fixture = ProgramFixture::new();
    fixture.pause();
    let next = Keypair::new();
    propose(&mut fixture, next.pubkey());
    let ix = accept_admin_ix(next.pubkey(), fixture.network);
    fixture.send(&[ix], &[&next]).expect("the proposal is accepted");
    assert!(fixture.treasury_state().is_paused());
}
