//! `set_settler`: the new settler replaces the previous one, also in the treasury's copy.

use anchor_lang::prelude::Pubkey;
use settlement::client::{credit_ix, set_settler_ix};
use settlement::error::SettlementError;
use settlement::events::SettlerChanged;
use settlement::state::{Network, Treasury};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{ProgramFixture, TransactionOutcome, assert_refused, header};

fn set(fixture: &mut ProgramFixture, settler: Pubkey) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    fixture.send(&[set_settler_ix(admin.pubkey(), fixture.network, settler)], &[&admin])
}

#[test]
fn the_new_settler_can_credit_and_the_old_one_cannot() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let (network, treasury) = (fixture.network_state(), fixture.treasury_state());
    let (old, new) = (fixture.settler.insecure_clone(), Keypair::new());
    let meta = set(&mut fixture, new.pubkey()).expect("the settler is set");

    assert_eq!(
        fixture.event(&meta, SettlerChanged::decode_cpi),
        SettlerChanged { network: fixture.network, by: fixture.admin.pubkey(), from: old.pubkey(), to: new.pubkey() }
    );
    // Both the network and the treasury's copy, which batches use, change.
    assert_eq!(fixture.network_state(), Network { settler: new.pubkey(), ..network });
    assert_eq!(fixture.treasury_state(), Treasury { settler: new.pubkey(), ..treasury });

    let ix = credit_ix(old.pubkey(), fixture.network, header(2), &[(node.wallet, 5)]);
    assert_refused(fixture.send(&[ix], &[&old]), SettlementError::Unauthorized);
    fixture.settler = new;
    assert_eq!(fixture.credit(&[(node.wallet, 5)]).event.credited, 5);
    // Registration uses the network's settler.
    fixture.register_node("another");
}

#[test]
fn the_default_key_cannot_become_the_settler() {
    let mut fixture = ProgramFixture::new();
    assert_refused(set(&mut fixture, Pubkey::default()), SettlementError::DefaultAuthority);
    assert_eq!(fixture.treasury_state().settler, fixture.settler.pubkey());
}

#[test]
fn a_settler_can_be_replaced_while_paused() {
    let mut fixture = ProgramFixture::new();
    fixture.pause();
    let new = Pubkey::new_unique();
    set(&mut fixture, new).expect("the settler is set");
    assert!(fixture.treasury_state().is_paused());
    assert_eq!(fixture.treasury_state().settler, new);
}
