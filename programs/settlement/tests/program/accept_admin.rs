//! `accept_admin`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{accept_admin_ix, pause_ix, propose_admin_ix, unpause_ix};
use settlement::error::SettlementError;
use settlement::events::AdminChanged;
use settlement::state::Network;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Role, World, assert_only, assert_refused};

/// A network whose admin has proposed somebody.
fn proposed() -> (World, Keypair) {
    let mut world = World::new();
    let (admin, next) = (world.admin.insecure_clone(), Keypair::new());
    let ix = propose_admin_ix(admin.pubkey(), world.network, next.pubkey());
    world.send(&[ix], &[&admin]).expect("proposed");
    (world, next)
}

#[test]
fn who_accepts_is_the_admin_and_who_proposed_is_nobody() {
    let (mut world, next) = proposed();
    let before = world.network_state();
    let ix = accept_admin_ix(next.pubkey(), world.network);
    let meta = world.send(std::slice::from_ref(&ix), &[&next]).expect("accepted");

    assert_eq!(
        world.event(&meta, AdminChanged::decode_cpi),
        AdminChanged { network: world.network, from: world.admin.pubkey(), to: next.pubkey() }
    );
    assert_eq!(world.network_state(), Network { admin: next.pubkey(), pending_admin: Pubkey::default(), ..before });
    let admin = world.admin.insecure_clone();
    let pause = pause_ix(admin.pubkey(), world.network);
    assert_refused(world.send(&[pause], &[&admin]), SettlementError::Unauthorized);
    let unpause = unpause_ix(next.pubkey(), world.network);
    world.send(&[unpause], &[&next]).expect("unpaused");

    // An acceptance counts once.
    assert_refused(world.send(&[ix], &[&next]), SettlementError::Unauthorized);
}

#[test]
fn only_who_was_proposed_accepts() {
    let (mut world, next) = proposed();
    let (node, network) = (world.node("node"), world.network);
    assert_only(&mut world, &node, &[], |key| accept_admin_ix(key, network));
    let mut ix = accept_admin_ix(next.pubkey(), network);
    ix.accounts[0].is_signer = false;
    assert_refused(world.send(&[ix], &[]), ErrorCode::AccountNotSigner);
}

#[test]
fn nobody_accepts_what_was_not_proposed() {
    let mut world = World::new();
    let (node, network) = (world.node("node"), world.network);
    assert_only(&mut world, &node, &[], |key| accept_admin_ix(key, network));
    // Nor does the default key, which stands for nobody, without a signature.
    let mut ix = accept_admin_ix(Pubkey::default(), network);
    ix.accounts[0].is_signer = false;
    assert_refused(world.send(&[ix], &[]), ErrorCode::AccountNotSigner);
}

#[test]
fn the_settler_can_become_admin_and_keeps_its_other_role() {
    let mut world = World::new();
    let (admin, settler) = (world.admin.insecure_clone(), world.settler.insecure_clone());
    let propose = propose_admin_ix(admin.pubkey(), world.network, settler.pubkey());
    world.send(&[propose], &[&admin]).expect("proposed");
    let accept = accept_admin_ix(settler.pubkey(), world.network);
    world.send(&[accept], &[&settler]).expect("accepted");
    let network = world.network_state();
    assert_eq!((network.admin, network.settler), (settler.pubkey(), settler.pubkey()));
    let (node, address) = (world.node("node"), world.network);
    assert_eq!(world.credit(&[(node.wallet, 5)]).event.credited, 5);
    assert_only(&mut world, &node, &[Role::Settler], |key| unpause_ix(key, address));
}
