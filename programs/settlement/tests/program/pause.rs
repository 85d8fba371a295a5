//! `pause`.

use anchor_lang::error::ErrorCode;
use settlement::client::{BatchHeader, credit_ix, network_address, pause_ix, settle_ix, treasury_address, withdraw_ix};
use settlement::error::SettlementError;
use settlement::events::Paused;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{SOL, World, assert_refused, id};

#[test]
fn the_guardian_and_the_admin_can_pause_and_twice_is_no_error() {
    let mut world = World::new();
    for key in [world.guardian.insecure_clone(), world.admin.insecure_clone()] {
        let ix = pause_ix(key.pubkey(), world.network);
        let meta = world.send(&[ix], &[&key]).expect("paused");
        assert!(world.treasury_state().is_paused());
        assert_eq!(world.event(&meta, Paused::decode_cpi), Paused { network: world.network, by: key.pubkey() });
    }
}

#[test]
fn nobody_else_can_pause() {
    let mut world = World::new();
    for key in [world.settler.insecure_clone(), Keypair::new()] {
        let ix = pause_ix(key.pubkey(), world.network);
        assert_refused(world.send(&[ix], &[&key]), SettlementError::Unauthorized);
    }
    let mut ix = pause_ix(world.guardian.pubkey(), world.network);
    ix.accounts[0].is_signer = false;
    assert_refused(world.send(&[ix], &[]), ErrorCode::AccountNotSigner);
    assert!(!world.treasury_state().is_paused());
}

#[test]
fn the_guardian_of_one_network_can_not_pause_another() {
    let mut world = World::new();
    let mut other = world.args("other");
    other.guardian = Keypair::new().pubkey();
    other.settler = Keypair::new().pubkey();
    world.create(other).expect("created");
    let other = network_address(&id("other"));
    let guardian = world.guardian.insecure_clone();

    let ix = pause_ix(guardian.pubkey(), other);
    assert_refused(world.send(&[ix], &[&guardian]), SettlementError::Unauthorized);

    let mut ix = pause_ix(guardian.pubkey(), world.network);
    ix.accounts[2].pubkey = treasury_address(&other);
    assert_refused(world.send(&[ix], &[&guardian]), SettlementError::NetworkMismatch);
}

#[test]
fn nothing_leaves_while_paused() {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, SOL / 2)]);
    let guardian = world.guardian.insecure_clone();
    let ix = pause_ix(guardian.pubkey(), world.network);
    world.send(&[ix], &[&guardian]).expect("paused");
    let before = (world.treasury_state(), world.wallet_state(&node));

    let header = BatchHeader { batch_id: 2, records_root: [0; 32] };
    let settler = world.settler.pubkey();
    let credit = credit_ix(settler, world.network, header, &[(node.wallet, 2 * SOL)]);
    assert_refused(world.send_batch(credit), SettlementError::Paused);
    let settle = settle_ix(settler, world.network, header, &[node.entry(2 * SOL)]);
    assert_refused(world.send_batch(settle), SettlementError::Paused);
    let withdraw = withdraw_ix(node.owner.pubkey(), world.network, node.id, node.destination, None);
    assert_refused(world.send(&[withdraw], &[&node.owner]), SettlementError::Paused);

    assert_eq!((world.treasury_state(), world.wallet_state(&node)), before);
    assert_eq!(world.lamports(&node.destination), 0);
    assert_eq!(world.wallet_lamports(&node), SOL / 2);
}
