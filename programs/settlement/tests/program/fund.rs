//! `fund`.

use anchor_lang::error::ErrorCode;
use settlement::client::{fund_ix, network_address, treasury_address};
use settlement::error::SettlementError;
use settlement::events::Funded;
use settlement::state::Treasury;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{SOL, World, assert_refused, id};

#[test]
fn anybody_can_fund_and_the_treasury_counts_it() {
    let mut world = World::new();
    let funder = Keypair::new();
    world.give(&funder.pubkey(), 10 * SOL);
    let ix = fund_ix(funder.pubkey(), world.network, 3 * SOL);
    let meta = world.send(&[ix], &[&funder]).expect("funded");

    assert_eq!(world.surplus(), 103 * SOL);
    assert_eq!(world.lamports(&funder.pubkey()), 7 * SOL);
    assert_eq!(world.treasury_state().funded_total, 103 * SOL);
    assert_eq!(
        world.event(&meta, Funded::decode_cpi),
        Funded { network: world.network, funder: funder.pubkey(), amount: 3 * SOL, funded_total: 103 * SOL }
    );
}

#[test]
fn a_paused_network_can_be_funded() {
    let mut world = World::new();
    world.pause();
    world.fund(SOL);
    assert_eq!(world.surplus(), 101 * SOL);
}

#[test]
fn a_plain_transfer_is_funds_too() {
    let mut world = World::new();
    let node = world.node("node");
    world.set_surplus(0);
    world.give(&{ world.treasury }, 2 * SOL);
    world.settle(&[node.entry(2 * SOL)]);
    assert_eq!(world.lamports(&node.destination), 2 * SOL);
    assert_eq!(world.treasury_state().funded_total, 100 * SOL);
}

#[test]
fn nothing_is_no_funding() {
    let mut world = World::new();
    let ix = fund_ix(world.payer.pubkey(), world.network, 0);
    assert_refused(world.send(&[ix], &[]), SettlementError::ZeroAmount);
}

#[test]
fn funds_go_to_the_networks_own_treasury_only() {
    let mut world = World::new();
    let other = world.args("other");
    world.create(other).expect("created");
    let other = treasury_address(&network_address(&id("other")));
    let mut ix = fund_ix(world.payer.pubkey(), world.network, SOL);
    ix.accounts[2].pubkey = other;
    assert_refused(world.send(&[ix], &[]), SettlementError::NetworkMismatch);
}

#[test]
fn nobody_is_made_to_fund() {
    let mut world = World::new();
    let victim = Keypair::new();
    world.give(&victim.pubkey(), 10 * SOL);
    let mut ix = fund_ix(victim.pubkey(), world.network, SOL);
    ix.accounts[0].is_signer = false;
    assert_refused(world.send(&[ix], &[]), ErrorCode::AccountNotSigner);
}

#[test]
fn a_total_beyond_the_integers_is_refused_and_moves_nothing() {
    let mut world = World::new();
    let treasury = world.treasury;
    world.edit(&treasury, |t: &mut Treasury| t.funded_total = u64::MAX);
    let ix = fund_ix(world.payer.pubkey(), world.network, 1);
    assert_refused(world.send(&[ix], &[]), SettlementError::Overflow);
    assert_eq!(world.surplus(), 100 * SOL);
}
