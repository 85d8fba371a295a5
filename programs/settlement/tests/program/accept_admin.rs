//! The second half of an admin transfer: `accept_admin`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{accept_admin_ix, pause_ix, propose_admin_ix, unpause_ix};
use settlement::error::SettlementError;
use settlement::events::AdminChanged;
use settlement::state::Network;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{ProgramFixture, Role, assert_only_authorized, assert_refused};

/// A network and its proposed admin.
fn proposed() -> (ProgramFixture, Keypair) {
    let mut fixture = ProgramFixture::new();
    let (admin, next) = (fixture.admin.insecure_clone(), Keypair::new());
    let ix = propose_admin_ix(admin.pubkey(), fixture.network, next.pubkey());
    fixture.send(&[ix], &[&admin]).expect("the next admin is proposed");
    (fixture, next)
}

#[test]
fn accepting_replaces_the_admin_and_can_be_done_once() {
    let (mut fixture, next) = proposed();
    let before = fixture.network_state();
    let ix = accept_admin_ix(next.pubkey(), fixture.network);
    let meta = fixture.send(std::slice::from_ref(&ix), &[&next]).expect("the proposal is accepted");

    assert_eq!(
        fixture.event(&meta, AdminChanged::decode_cpi),
        AdminChanged { network: fixture.network, from: fixture.admin.pubkey(), to: next.pubkey() }
    );
    assert_eq!(fixture.network_state(), Network { admin: next.pubkey(), pending_admin: Pubkey::default(), ..before });
    let admin = fixture.admin.insecure_clone();
    let pause = pause_ix(admin.pubkey(), fixture.network);
    assert_refused(fixture.send(&[pause], &[&admin]), SettlementError::Unauthorized);
    let unpause = unpause_ix(next.pubkey(), fixture.network);
    fixture.send(&[unpause], &[&next]).expect("the network is unpaused");

    // A proposal can be accepted only once.
    assert_refused(fixture.send(&[ix], &[&next]), SettlementError::Unauthorized);
}

#[test]
fn nobody_can_accept_without_a_proposal() {
    let mut fixture = ProgramFixture::new();
    let (node, network) = (fixture.register_node("node"), fixture.network);
    assert_only_authorized(&mut fixture, &node, &[], |key| accept_admin_ix(key, network));
    // The default key, which means that nobody is proposed, cannot accept without a signature either.
    let mut ix = accept_admin_ix(Pubkey::default(), network);
    ix.accounts[0].is_signer = false;
    assert_refused(fixture.send(&[ix], &[]), ErrorCode::AccountNotSigner);
}

#[test]
fn the_settler_can_become_admin_and_remains_the_settler() {
    let mut fixture = ProgramFixture::new();
    let (admin, settler) = (fixture.admin.insecure_clone(), fixture.settler.insecure_clone());
    let propose = propose_admin_ix(admin.pubkey(), fixture.network, settler.pubkey());
    fixture.send(&[propose], &[&admin]).expect("the next admin is proposed");
    let accept = accept_admin_ix(settler.pubkey(), fixture.network);
    fixture.send(&[accept], &[&settler]).expect("the proposal is accepted");
    let network = fixture.network_state();
    assert_eq!((network.admin, network.settler), (settler.pubkey(), settler.pubkey()));
    let (node, address) = (fixture.register_node("node"), fixture.network);
    assert_eq!(fixture.credit(&[(node.wallet, 5)]).event.credited, 5);
    assert_only_authorized(&mut fixture, &node, &[Role::Settler], |key| unpause_ix(key, address));
}
