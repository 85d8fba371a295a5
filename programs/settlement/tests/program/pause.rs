//! `pause`: who can pause, and what a pause stops.

use settlement::client::{pause_ix, treasury_address, withdraw_ix};
use settlement::error::SettlementError;
use settlement::events::Paused;
use settlement::state::Treasury;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{
    MAX_PAUSE_SECONDS, ProgramFixture, SOL, START, all_instructions, all_token_instructions, assert_refused,
    program_accounts,
};

#[test]
fn the_guardian_and_the_admin_can_pause_even_if_already_paused() {
    let mut fixture = ProgramFixture::new();
    for key in [fixture.guardian.insecure_clone(), fixture.admin.insecure_clone()] {
        let ix = pause_ix(key.pubkey(), fixture.network);
        let meta = fixture.send(&[ix], &[&key]).expect("the network is paused");
        assert!(fixture.treasury_state().is_paused());
        let hold_until = START + MAX_PAUSE_SECONDS as i64;
        assert_eq!(
            fixture.event(&meta, Paused::decode_cpi),
            Paused { network: fixture.network, by: key.pubkey(), hold_until }
        );
    }
}

#[test]
fn the_guardian_of_one_network_cannot_pause_another() {
    let mut fixture = ProgramFixture::new();
    let mut other = fixture.network_args("other");
    other.guardian = Keypair::new().pubkey();
    other.settler = Keypair::new().pubkey();
    fixture.create_network(other).expect("the network is created");
    let other = fixture.network_address("other");
    let guardian = fixture.guardian.insecure_clone();

    let ix = pause_ix(guardian.pubkey(), other);
    assert_refused(fixture.send(&[ix], &[&guardian]), SettlementError::Unauthorized);

    let mut ix = pause_ix(guardian.pubkey(), fixture.network);
    ix.accounts[2].pubkey = treasury_address(&other);
    assert_refused(fixture.send(&[ix], &[&guardian]), SettlementError::NetworkMismatch);
}

#[test]
fn a_pause_stops_outflows_and_the_settler_and_nothing_else() {
    let outflows = [
        "withdraw_surplus",
        "close_node",
        "credit",
        "settle",
        "payout",
        "withdraw",
        "recover_lamports",
        "set_aside",
        "close_network",
    ];
    // In these cases the settler signs. The admin may still send them, see their own tests.
    let by_settler = ["register_node", "reopen_node", "top_up_rent"];
    for mut case in all_instructions().into_iter().chain(all_token_instructions()) {
        let treasury = case.fixture.treasury;
        if case.fixture.svm.get_account(&treasury).is_some_and(|account| account.data.len() == Treasury::SIZE) {
            case.fixture.edit_account(&treasury, |treasury: &mut Treasury| {
                treasury.paused = 1;
                treasury.hold_until = i64::MAX;
            });
        } else {
            assert_eq!(case.name, "sweep_closed_network");
        }
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

#[test]
fn pausing_again_does_not_extend_the_hold_until_owners_had_as_long_to_withdraw() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    let max = MAX_PAUSE_SECONDS as i64;
    fixture.pause();
    // Neither pausing a paused network nor unpausing and pausing it again, before or after the end of the hold.
    for (after, unpauses) in [(10, false), (20, true), (max - 1, true), (max, false), (max, true), (2 * max - 1, true)]
    {
        fixture.set_time(START + after);
        if unpauses {
            fixture.unpause();
        }
        fixture.pause();
        assert_eq!(fixture.treasury_state().hold_until, START + max, "{after}");
    }
    let withdraw = |fixture: &ProgramFixture| {
        withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, Some(SOL))
    };
    let ix = withdraw(&fixture);
    fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");

    // A pause after that time holds withdrawals anew.
    fixture.unpause();
    fixture.set_time(START + 2 * max);
    fixture.pause();
    assert_eq!(fixture.treasury_state().hold_until, START + 3 * max);
    let ix = withdraw(&fixture);
    assert_refused(fixture.send(std::slice::from_ref(&ix), &[&node.owner]), SettlementError::Paused);
    fixture.set_time(START + 3 * max);
    fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
    assert_eq!(fixture.lamports(&node.destination), 2 * SOL);
}

#[test]
fn the_pause_event_has_the_end_of_the_hold_that_applies() {
    let mut fixture = ProgramFixture::with_args(|args| args.max_pause_seconds = 100);
    let guardian = fixture.guardian.insecure_clone();
    for (now, hold_until) in [(START, START + 100), (START + 50, START + 100), (START + 150, START + 100)] {
        fixture.set_time(now);
        let ix = pause_ix(guardian.pubkey(), fixture.network);
        let meta = fixture.send(&[ix], &[&guardian]).expect("the network is paused");
        assert_eq!(fixture.event(&meta, Paused::decode_cpi).hold_until, hold_until);
    }
}

#[test]
fn a_hold_at_the_end_of_time_neither_wraps_nor_panics() {
    for now in [i64::MIN, i64::MAX] {
        let mut fixture = ProgramFixture::new();
        fixture.set_time(now);
        fixture.pause();
        assert!(fixture.treasury_state().is_paused());
    }
}
