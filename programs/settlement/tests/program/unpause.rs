//! `unpause`.

use settlement::client::{network_address, treasury_address, unpause_ix};
use settlement::error::SettlementError;
use settlement::events::Unpaused;
use solana_signer::Signer;

use crate::common::{SOL, World, assert_refused, id};

fn paused() -> World {
    let mut world = World::new();
    world.pause();
    world
}

#[test]
fn after_the_admin_unpauses_batches_pay_again() {
    let mut world = paused();
    let node = world.node("node");
    let admin = world.admin.insecure_clone();
    let ix = unpause_ix(admin.pubkey(), world.network);
    let meta = world.send(&[ix], &[&admin]).expect("unpaused");
    assert_eq!(world.event(&meta, Unpaused::decode_cpi), Unpaused { network: world.network, by: admin.pubkey() });
    world.settle(&[node.entry(SOL)]);
    assert_eq!(world.lamports(&node.destination), SOL);
}

#[test]
fn who_paused_can_not_unpause() {
    let mut world = paused();
    for key in [world.guardian.insecure_clone(), world.settler.insecure_clone()] {
        let ix = unpause_ix(key.pubkey(), world.network);
        assert_refused(world.send(&[ix], &[&key]), SettlementError::Unauthorized);
    }
    assert!(world.treasury_state().is_paused());
}

#[test]
fn the_admin_of_one_network_can_not_unpause_another() {
    let mut world = paused();
    let thief = world.payer.insecure_clone();
    let args = world.args("thiefs");
    let ix = settlement::client::create_network_ix(thief.pubkey(), args);
    world.send(&[ix], &[]).expect("created");
    let own = network_address(&id("thiefs"));
    assert_ne!(treasury_address(&own), world.treasury);

    let mut ix = unpause_ix(thief.pubkey(), own);
    ix.accounts[2].pubkey = world.treasury;
    assert_refused(world.send(&[ix], &[]), SettlementError::NetworkMismatch);
    assert!(world.treasury_state().is_paused());
}
