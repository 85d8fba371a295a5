//! `unpause`: only the network's own admin can resume payments.

use settlement::client::{network_address, treasury_address, unpause_ix};
use settlement::error::SettlementError;
use settlement::events::Unpaused;
use solana_signer::Signer;

use crate::common::{ProgramFixture, SOL, assert_refused, network_id};

fn paused_network() -> ProgramFixture {
    let mut fixture = ProgramFixture::new();
    fixture.pause();
    fixture
}

#[test]
fn batches_pay_again_after_the_admin_unpauses() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.pause();
    let admin = fixture.admin.insecure_clone();
    let ix = unpause_ix(admin.pubkey(), fixture.network);
    let meta = fixture.send(&[ix], &[&admin]).expect("the network is unpaused");
    assert_eq!(fixture.event(&meta, Unpaused::decode_cpi), Unpaused { network: fixture.network, by: admin.pubkey() });
    fixture.settle(&[node.entry(SOL)]);
    assert_eq!(fixture.lamports(&node.destination), SOL);
}

#[test]
fn the_admin_of_one_network_cannot_unpause_another() {
    let mut fixture = paused_network();
    let thief = fixture.payer.insecure_clone();
    let args = fixture.network_args("thief");
    let ix = settlement::client::create_network_ix(thief.pubkey(), args);
    fixture.send(&[ix], &[]).expect("the network is created");
    let own = network_address(&thief.pubkey(), &network_id("thief"));
    assert_ne!(treasury_address(&own), fixture.treasury);

    let mut ix = unpause_ix(thief.pubkey(), own);
    ix.accounts[2].pubkey = fixture.treasury;
    assert_refused(fixture.send(&[ix], &[]), SettlementError::NetworkMismatch);
    assert!(fixture.treasury_state().is_paused());
}
