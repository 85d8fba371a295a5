//! `pause`.

use anchor_lang::error::ErrorCode;
use settlement::client::{network_address, pause_ix, treasury_address};
use settlement::error::SettlementError;
use settlement::events::Paused;
use settlement::state::Treasury;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{World, assert_refused, every, every_with_tokens, id, program_accounts};

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
fn nothing_leaves_while_paused_and_everything_else_goes_on() {
    let moves = ["withdraw_surplus", "close_node", "credit", "settle", "payout", "withdraw"];
    for mut subject in every().into_iter().chain(every_with_tokens()) {
        let treasury = subject.world.treasury;
        subject.world.edit(&treasury, |treasury: &mut Treasury| treasury.paused = 1);
        let before = program_accounts(&subject.world);
        let ix = subject.ix.clone();
        let outcome = subject.send(ix);
        if moves.contains(&subject.name) {
            assert_refused(outcome, SettlementError::Paused);
            assert!(program_accounts(&subject.world) == before, "{}", subject.name);
        } else {
            assert!(outcome.is_ok(), "{}", subject.name);
        }
    }
}
