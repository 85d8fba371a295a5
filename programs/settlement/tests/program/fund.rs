//! `fund` in a network that pays in SOL.

use settlement::client::{accept_admin_ix, create_network_ix, fund_ix, network_address, propose_admin_ix};
use settlement::error::SettlementError;
use settlement::events::Funded;
use settlement::state::Treasury;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{ProgramFixture, SOL, assert_refused, network_id};

#[test]
fn anyone_can_fund_and_the_treasury_counts_it() {
    let mut fixture = ProgramFixture::new();
    let funder = Keypair::new();
    fixture.airdrop(&funder.pubkey(), 10 * SOL);
    let ix = fund_ix(funder.pubkey(), fixture.network, fixture.admin.pubkey(), 3 * SOL);
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
    let ix = fund_ix(fixture.payer.pubkey(), fixture.network, fixture.admin.pubkey(), 0);
    assert_refused(fixture.send(&[ix], &[]), SettlementError::ZeroAmount);
}

#[test]
fn a_total_that_would_overflow_is_refused_and_moves_nothing() {
    let mut fixture = ProgramFixture::new();
    let treasury = fixture.treasury;
    fixture.edit_account(&treasury, |t: &mut Treasury| t.funded_total = u64::MAX);
    let ix = fund_ix(fixture.payer.pubkey(), fixture.network, fixture.admin.pubkey(), 1);
    assert_refused(fixture.send(&[ix], &[]), SettlementError::Overflow);
    assert_eq!(fixture.surplus(), 100 * SOL);
}

#[test]
fn a_network_of_another_admin_is_not_funded() {
    let mut fixture = ProgramFixture::new();
    // A stranger's network with the name of the funder's, and a mistaken admin of the right one.
    let (stranger, payer) = (Keypair::new(), fixture.payer.pubkey());
    fixture.airdrop(&stranger.pubkey(), SOL);
    let squat = create_network_ix(stranger.pubkey(), fixture.network_args("test"));
    fixture.send(&[squat], &[&stranger]).expect("everybody can use any name");
    let squatted = network_address(&stranger.pubkey(), &network_id("test"));
    assert_ne!(squatted, fixture.network);
    for (network, admin) in [(squatted, fixture.admin.pubkey()), (fixture.network, stranger.pubkey())] {
        assert_refused(fixture.send(&[fund_ix(payer, network, admin, SOL)], &[]), SettlementError::AdminMismatch);
    }
    // After the admin was replaced, the new one is named.
    let (admin, next) = (fixture.admin.insecure_clone(), Keypair::new());
    let network = fixture.network;
    let replace = [propose_admin_ix(admin.pubkey(), network, next.pubkey()), accept_admin_ix(next.pubkey(), network)];
    fixture.send(&replace, &[&admin, &next]).expect("the admin is replaced");
    let before = fund_ix(payer, network, admin.pubkey(), SOL);
    assert_refused(fixture.send(&[before], &[]), SettlementError::AdminMismatch);
    fixture.send(&[fund_ix(payer, network, next.pubkey(), SOL)], &[]).expect("the treasury is funded");
    assert_eq!(fixture.surplus(), 101 * SOL);
}
