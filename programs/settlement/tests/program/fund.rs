//! `fund` in a network that pays in SOL.

use settlement::client::fund_ix;
use settlement::error::SettlementError;
use settlement::events::Funded;
use settlement::state::Treasury;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{ProgramFixture, SOL, assert_refused};

#[test]
fn anyone_can_fund_and_the_treasury_counts_it() {
    let mut fixture = ProgramFixture::new();
    let funder = Keypair::new();
    fixture.airdrop(&funder.pubkey(), 10 * SOL);
    let ix = fund_ix(funder.pubkey(), fixture.network, 3 * SOL);
    let meta = fixture.send(&[ix], &[&funder]).expect("the treasury is funded");

    assert_eq!(fixture.surplus(), 103 * SOL);
    assert_eq!(fixture.lamports(&funder.pubkey()), 7 * SOL);
    assert_eq!(fixture.treasury_state().funded_total, 103 * SOL);
    assert_eq!(
        fixture.event(&meta, Funded::decode_cpi),
        Funded { network: fixture.network, funder: funder.pubkey(), amount: 3 * SOL, funded_total: 103 * SOL }
    );
}

#[test]
fn a_paused_network_can_be_funded() {
    let mut fixture = ProgramFixture::new();
    fixture.pause();
    fixture.fund(SOL);
    assert_eq!(fixture.surplus(), 101 * SOL);
}

#[test]
fn a_plain_transfer_to_the_treasury_can_be_paid_out() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.set_surplus(0);
    fixture.airdrop(&{ fixture.treasury }, 2 * SOL);
    fixture.settle(&[node.entry(2 * SOL)]);
    assert_eq!(fixture.lamports(&node.destination), 2 * SOL);
    assert_eq!(fixture.treasury_state().funded_total, 100 * SOL);
}

#[test]
fn an_amount_of_zero_is_refused() {
    let mut fixture = ProgramFixture::new();
    let ix = fund_ix(fixture.payer.pubkey(), fixture.network, 0);
    assert_refused(fixture.send(&[ix], &[]), SettlementError::ZeroAmount);
}

#[test]
fn a_total_that_would_overflow_is_refused_and_moves_nothing() {
    let mut fixture = ProgramFixture::new();
    let treasury = fixture.treasury;
    fixture.edit_account(&treasury, |t: &mut Treasury| t.funded_total = u64::MAX);
    let ix = fund_ix(fixture.payer.pubkey(), fixture.network, 1);
    assert_refused(fixture.send(&[ix], &[]), SettlementError::Overflow);
    assert_eq!(fixture.surplus(), 100 * SOL);
}
