//! `set_guardian`.

use anchor_lang::prelude::Pubkey;
use settlement::client::{pause_ix, set_guardian_ix};
use settlement::error::SettlementError;
use settlement::events::GuardianChanged;
use settlement::state::Network;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Outcome, Role, World, assert_only, assert_refused};

fn set(world: &mut World, guardian: Pubkey) -> Outcome {
    let admin = world.admin.insecure_clone();
    world.send(&[set_guardian_ix(admin.pubkey(), world.network, guardian)], &[&admin])
}

#[test]
fn the_new_guardian_pauses_and_the_old_one_does_not() {
    let mut world = World::new();
    let before = world.network_state();
    let (old, new) = (world.guardian.insecure_clone(), Keypair::new());
    let meta = set(&mut world, new.pubkey()).expect("set");
    assert_eq!(
        world.event(&meta, GuardianChanged::decode_cpi),
        GuardianChanged { network: world.network, by: world.admin.pubkey(), from: old.pubkey(), to: new.pubkey() }
    );
    assert_eq!(world.network_state(), Network { guardian: new.pubkey(), ..before });

    let ix = pause_ix(old.pubkey(), world.network);
    assert_refused(world.send(&[ix], &[&old]), SettlementError::Unauthorized);
    let ix = pause_ix(new.pubkey(), world.network);
    world.send(&[ix], &[&new]).expect("paused");
}

#[test]
fn only_the_admin_names_a_guardian() {
    let mut world = World::new();
    let (node, network) = (world.node("node"), world.network);
    assert_only(&mut world, &node, &[Role::Admin], |key| set_guardian_ix(key, network, key));
}

#[test]
fn nobody_is_no_guardian() {
    let mut world = World::new();
    assert_refused(set(&mut world, Pubkey::default()), SettlementError::DefaultAuthority);
    assert_eq!(world.network_state().guardian, world.guardian.pubkey());
}

#[test]
fn a_guardian_can_be_replaced_while_paused() {
    let mut world = World::new();
    world.pause();
    let new = Pubkey::new_unique();
    set(&mut world, new).expect("set");
    assert_eq!(world.network_state().guardian, new);
}
