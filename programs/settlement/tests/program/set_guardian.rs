//! `set_guardian`: the new guardian replaces the previous one.

use anchor_lang::prelude::Pubkey;
use settlement::client::{pause_ix, set_guardian_ix};
use settlement::error::SettlementError;
use settlement::events::GuardianChanged;
use settlement::state::Network;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{ProgramFixture, TransactionOutcome, assert_refused};

fn set(fixture: &mut ProgramFixture, guardian: Pubkey) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    fixture.send(&[set_guardian_ix(admin.pubkey(), fixture.network, guardian)], &[&admin])
}

#[test]
fn the_new_guardian_can_pause_and_the_old_one_cannot() {
    let mut fixture = ProgramFixture::new();
    let before = fixture.network_state();
    let (old, new) = (fixture.guardian.insecure_clone(), Keypair::new());
    let meta = set(&mut fixture, new.pubkey()).expect("the guardian is set");
    assert_eq!(
        fixture.event(&meta, GuardianChanged::decode_cpi),
        GuardianChanged { network: fixture.network, by: fixture.admin.pubkey(), from: old.pubkey(), to: new.pubkey() }
    );
    assert_eq!(fixture.network_state(), Network { guardian: new.pubkey(), ..before });

    let ix = pause_ix(old.pubkey(), fixture.network);
    assert_refused(fixture.send(&[ix], &[&old]), SettlementError::Unauthorized);
    let ix = pause_ix(new.pubkey(), fixture.network);
    fixture.send(&[ix], &[&new]).expect("the network is paused");
}

#[test]
fn the_default_key_cannot_become_the_guardian() {
    let mut fixture = ProgramFixture::new();
    assert_refused(set(&mut fixture, Pubkey::default()), SettlementError::DefaultAuthority);
    assert_eq!(fixture.network_state().guardian, fixture.guardian.pubkey());
}

#[test]
fn a_guardian_can_be_replaced_while_paused() {
    let mut fixture = ProgramFixture::new();
    fixture.pause();
    let new = Pubkey::new_unique();
    set(&mut fixture, new).expect("the guardian is set");
    assert_eq!(fixture.network_state().guardian, new);
}
