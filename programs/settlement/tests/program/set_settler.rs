//! `set_settler`.

use anchor_lang::prelude::Pubkey;
use settlement::client::{credit_ix, network_address, set_settler_ix, treasury_address};
use settlement::error::SettlementError;
use settlement::events::SettlerChanged;
use settlement::state::{Network, Treasury};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Outcome, Role, World, assert_only, assert_refused, header, id};

fn set(world: &mut World, settler: Pubkey) -> Outcome {
    let admin = world.admin.insecure_clone();
    world.send(&[set_settler_ix(admin.pubkey(), world.network, settler)], &[&admin])
}

#[test]
fn the_new_settler_credits_and_the_old_one_does_not() {
    let mut world = World::new();
    let node = world.node("node");
    let (network, treasury) = (world.network_state(), world.treasury_state());
    let (old, new) = (world.settler.insecure_clone(), Keypair::new());
    let meta = set(&mut world, new.pubkey()).expect("set");

    assert_eq!(
        world.event(&meta, SettlerChanged::decode_cpi),
        SettlerChanged { network: world.network, by: world.admin.pubkey(), from: old.pubkey(), to: new.pubkey() }
    );
    // The network and the copy that batches look at.
    assert_eq!(world.network_state(), Network { settler: new.pubkey(), ..network });
    assert_eq!(world.treasury_state(), Treasury { settler: new.pubkey(), ..treasury });

    let ix = credit_ix(old.pubkey(), world.network, header(2), &[(node.wallet, 5)]);
    assert_refused(world.send(&[ix], &[&old]), SettlementError::Unauthorized);
    world.settler = new;
    assert_eq!(world.credit(&[(node.wallet, 5)]).event.credited, 5);
    // Registration goes by the network's own copy.
    world.node("another");
}

#[test]
fn only_the_admin_names_a_settler() {
    let mut world = World::new();
    let (node, network) = (world.node("node"), world.network);
    assert_only(&mut world, &node, &[Role::Admin], |key| set_settler_ix(key, network, key));
}

#[test]
fn nobody_is_no_settler() {
    let mut world = World::new();
    assert_refused(set(&mut world, Pubkey::default()), SettlementError::DefaultAuthority);
    assert_eq!(world.treasury_state().settler, world.settler.pubkey());
}

#[test]
fn a_lost_settler_can_be_replaced_while_paused() {
    let mut world = World::new();
    world.pause();
    let new = Pubkey::new_unique();
    set(&mut world, new).expect("set");
    assert!(world.treasury_state().is_paused());
    assert_eq!(world.treasury_state().settler, new);
}

#[test]
fn an_admin_of_two_networks_can_not_mix_them() {
    let mut world = World::new();
    let other = world.args("other");
    world.create(other).expect("created");
    let other = treasury_address(&network_address(&id("other")));
    let admin = world.admin.insecure_clone();
    let mut ix = set_settler_ix(admin.pubkey(), world.network, admin.pubkey());
    ix.accounts[2].pubkey = other;
    assert_refused(world.send(&[ix], &[&admin]), SettlementError::NetworkMismatch);
}
