//! `pause`: who can pause, and what a pause stops.

use settlement::client::{network_address, pause_ix, treasury_address};
use settlement::error::SettlementError;
use settlement::events::Paused;
use settlement::state::Treasury;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{
    ProgramFixture, all_instructions, all_token_instructions, assert_refused, network_id, program_accounts,
};

#[test]
fn the_guardian_and_the_admin_can_pause_even_if_already_paused() {
    let mut fixture = ProgramFixture::new();
    for key in [fixture.guardian.insecure_clone(), fixture.admin.insecure_clone()] {
        let ix = pause_ix(key.pubkey(), fixture.network);
        let meta = fixture.send(&[ix], &[&key]).expect("the network is paused");
        assert!(fixture.treasury_state().is_paused());
        assert_eq!(fixture.event(&meta, Paused::decode_cpi), Paused { network: fixture.network, by: key.pubkey() });
    }
}

#[test]
fn the_guardian_of_one_network_cannot_pause_another() {
    let mut fixture = ProgramFixture::new();
    let mut other = fixture.network_args("other");
    other.guardian = Keypair::new().pubkey();
    other.settler = Keypair::new().pubkey();
    fixture.create_network(other).expect("the network is created");
    let other = network_address(&network_id("other"));
    let guardian = fixture.guardian.insecure_clone();

    let ix = pause_ix(guardian.pubkey(), other);
    assert_refused(fixture.send(&[ix], &[&guardian]), SettlementError::Unauthorized);

    let mut ix = pause_ix(guardian.pubkey(), fixture.network);
    ix.accounts[2].pubkey = treasury_address(&other);
    assert_refused(fixture.send(&[ix], &[&guardian]), SettlementError::NetworkMismatch);
}

#[test]
fn a_pause_stops_outflows_and_the_settler_and_nothing_else() {
    let outflows = ["withdraw_surplus", "close_node", "credit", "settle", "payout", "withdraw"];
    // In these cases the settler signs. The admin may still send them, see their own tests.
    let by_settler = ["register_node", "reopen_node"];
    for mut case in all_instructions().into_iter().chain(all_token_instructions()) {
        let treasury = case.fixture.treasury;
        case.fixture.edit_account(&treasury, |treasury: &mut Treasury| treasury.paused = 1);
        let before = program_accounts(&case.fixture);
        let ix = case.ix.clone();
        let outcome = case.send(ix);
        if outflows.contains(&case.name) || by_settler.contains(&case.name) {
            assert_refused(outcome, SettlementError::Paused);
            assert!(program_accounts(&case.fixture) == before, "{}", case.name);
        } else {
            assert!(outcome.is_ok(), "{}", case.name);
        }
    }
}
