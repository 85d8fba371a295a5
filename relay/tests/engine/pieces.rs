//! Settlements of several pieces: each is paid while the next one is planned, and they share the limits exactly.

use std::cell::RefCell;

use solana_account::Account;
use solana_signer::Signer as _;
use williw_relay::chain::Chain;
use williw_relay::clock::ManualClock;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use williw_relay::engine::{AttemptState, Engine, EngineConfig, EngineError, HOLD_RETRY_MS, NodeState, Progress, Step};
use williw_relay::events::NoEvents;
use williw_relay::signer::SecretKey;
use williw_relay::transaction::{BatchKind, SIGNATURE_FEE_LAMPORTS as SIGNATURE_FEE};
use williw_relay::types::RewardStatus;

use crate::support::{CrashPoint, CrashTiming, EngineFixture, NodeSpec, TRIGGER, block_on};

const REWARD: u64 = 1_000_000;

fn name(index: usize) -> String {
    format!("n{index}")
}

/// Nodes that were settled before, and have a reward each that is to be paid.
fn fixture(count: usize) -> EngineFixture {
    let nodes: Vec<NodeSpec> = (0..count).map(|index| NodeSpec::payable(&name(index))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 1);
    }
    assert_eq!(fixture.settle(), [None]);
    for node in &nodes {
        fixture.grant(&node.name, REWARD);
    }
    fixture
}

/// Pieces of two nodes.
fn in_pieces(config: &mut EngineConfig) {
    config.nodes_per_call = 2;
}

type TestEngine<'a, D, C> = Engine<D, C, SecretKey, &'a ManualClock, NoEvents>;

/// Settles once. A block is produced after every call of the engine if `blocks`, otherwise only while it waits.
fn settle_once<D: Database, C: Chain>(fixture: &EngineFixture, engine: &TestEngine<'_, D, C>, blocks: bool) {
    for _ in 0..500 {
        match block_on(engine.advance(TRIGGER)).unwrap() {
            Progress::Finished { failure, .. } => return assert_eq!(failure, None),
            Progress::Continue { after_ms } if after_ms > 0 => fixture.advance_time(after_ms),
            Progress::Opened | Progress::Continue { .. } if blocks => fixture.advance_time(1),
            Progress::Opened | Progress::Continue { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("the settlement does not end");
}

fn paid(fixture: &EngineFixture, count: usize) -> Vec<u64> {
    (0..count).map(|index| fixture.wallet(&name(index)).unwrap().paid_total).collect()
}

#[test]
fn the_first_piece_is_sent_before_the_last_one_is_read() {
    let fixture = fixture(6);
    let engine = fixture.engine_with(&fixture.database, &fixture.chain, in_pieces);
    let sends = fixture.chain.sends.get();
    while fixture.chain.sends.get() == sends {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    assert_eq!((fixture.nodes_in(NodeState::Planned), fixture.nodes_in(NodeState::Selected)), (2, 4));
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(paid(&fixture, 6), [REWARD + 1; 6]);
    assert_eq!(fixture.batches_of_kind(BatchKind::Settle).len(), 3);
}

#[test]
fn no_piece_is_planned_while_as_many_batches_are_open_as_may_be() {
    for most in [1, 2] {
        let fixture = fixture(8);
        let engine = fixture.engine_with(&fixture.database, &fixture.chain, |config| {
            in_pieces(config);
            config.max_open_batches = most;
        });
        let mut counts = Vec::new();
        while !matches!(block_on(engine.advance(TRIGGER)).unwrap(), Progress::Finished { .. }) {
            fixture.advance_time(10);
            counts.push(fixture.open_batch_count());
            assert!(counts.len() < 500, "the settlement does not end");
        }
        assert_eq!(counts.iter().max(), Some(&(most as u64)), "{counts:?}");
        assert_eq!(paid(&fixture, 8), [REWARD + 1; 8]);
    }
}

#[test]
fn what_just_suffices_for_all_pieces_is_paid_to_all_although_some_is_spent_when_the_last_is_planned() {
    for blocks in [false, true] {
        let in_window = fixture(6);
        in_window.update_network(|args| {
            args.window_limit = Some(6 * REWARD);
            args.window_seconds = Some(60 * 24 * 3_600);
        });
        in_window.advance_time(61 * 24 * 3_600 * 1_000);
        let in_treasury = fixture(6);
        let minimum =
            in_treasury.chain.svm.borrow().minimum_balance_for_rent_exemption(settlement::state::Treasury::SIZE);
        in_treasury.set_balance(&in_treasury.treasury, minimum + 6 * REWARD);
        for fixture in [in_window, in_treasury] {
            let engine = fixture.engine_with(&fixture.database, &fixture.chain, in_pieces);
            settle_once(&fixture, &engine, blocks);
            assert_eq!(paid(&fixture, 6), [REWARD + 1; 6], "blocks: {blocks}");
            assert_eq!(fixture.skipped_entry_count(), 0);
        }
    }
}

#[test]
fn pieces_share_the_treasury_and_the_window_exactly_and_the_oldest_rewards_are_paid_first() {
    for blocks in [false, true] {
        let in_window = fixture(6);
        in_window.update_network(|args| {
            args.window_limit = Some(5 * REWARD - 10);
            args.window_seconds = Some(60 * 24 * 3_600);
        });
        in_window.advance_time(61 * 24 * 3_600 * 1_000);
        let in_treasury = fixture(6);
        let minimum =
            in_treasury.chain.svm.borrow().minimum_balance_for_rent_exemption(settlement::state::Treasury::SIZE);
        in_treasury.set_balance(&in_treasury.treasury, minimum + 5 * REWARD - 10);
        for (fixture, reason) in [(in_window, "window_limit"), (in_treasury, "treasury_short")] {
            let engine = fixture.engine_with(&fixture.database, &fixture.chain, in_pieces);
            settle_once(&fixture, &engine, blocks);
            let credited: Vec<u64> = (0..6).map(|index| fixture.wallet(&name(index)).unwrap().credited_total).collect();
            let all = REWARD + 1;
            // A few lamports come back into the window within seconds.
            assert_eq!(credited[..4], [all; 4], "{reason}, blocks: {blocks}");
            assert!((all - 10..all).contains(&credited[4]), "{reason}, blocks: {blocks}: {credited:?}");
            assert!(credited[5] < 10, "{reason}, blocks: {blocks}: {credited:?}");
            let held = fixture.hold_reasons().split_off(6);
            assert_eq!(held[..4], [const { None }; 4]);
            assert_eq!(held[4..], [Some(reason.to_owned()), Some(reason.to_owned())]);
            assert_eq!(fixture.skipped_entry_count(), 0, "nothing was planned that the program does not do");
        }
    }
}

#[test]
fn pieces_share_the_fees_exactly_and_the_oldest_rewards_are_paid_first() {
    for (blocks, payer_is_short) in [(false, false), (true, false), (false, true), (true, true)] {
        let context = format!("blocks: {blocks}, payer is short: {payer_is_short}");
        let fixture = fixture(8);
        fixture.chain.recent_fees.replace(vec![]);
        let minimum = fixture.chain.svm.borrow().minimum_balance_for_rent_exemption(0);
        if payer_is_short {
            fixture.set_balance(&fixture.settler.pubkey(), minimum + 3 * SIGNATURE_FEE + 10);
        }
        let engine = fixture.engine_with(&fixture.database, &fixture.chain, |config| {
            in_pieces(config);
            config.max_fees_lamports = (!payer_is_short).then_some(3 * SIGNATURE_FEE + 10);
        });
        settle_once(&fixture, &engine, blocks);
        assert_eq!(paid(&fixture, 8)[..6], [REWARD + 1; 6], "{context}");
        assert_eq!(paid(&fixture, 8)[6..], [0, 0], "{context}");
        let reason = if payer_is_short { "payer_short" } else { "fee_limit" };
        let held = fixture.hold_reasons().into_iter().flatten().filter(|held| held.starts_with(reason)).count();
        assert_eq!(held, 2, "{context}");
        assert!(fixture.chain.landed().iter().all(|(_, succeeded)| *succeeded), "{context}");
    }
}

#[test]
fn a_limit_that_falls_while_pieces_are_paid_is_kept() {
    let fixture = fixture(6);
    let engine = fixture.engine_with(&fixture.database, &fixture.chain, in_pieces);
    while fixture.open_batch_count() == 0 {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    fixture.update_network(|args| args.window_limit = Some(3 * REWARD + 20));
    settle_once(&fixture, &engine, true);
    let credited = fixture.treasury_state().credited_total;
    assert!((3 * REWARD + 6..3 * REWARD + 10_000).contains(&credited), "{credited}");
    assert_eq!(fixture.skipped_entry_count(), 0);
    fixture.update_network(|args| args.window_limit = Some(u64::MAX));
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(paid(&fixture, 6), [REWARD + 1; 6]);
}

#[test]
fn what_cannot_be_afforded_is_said_before_anything_is_sent() {
    let treasury_short = fixture(6);
    let minimum =
        treasury_short.chain.svm.borrow().minimum_balance_for_rent_exemption(settlement::state::Treasury::SIZE);
    treasury_short.set_balance(&treasury_short.treasury, minimum + 5 * REWARD);
    let window_short = fixture(6);
    window_short.update_network(|args| args.window_limit = Some(2 * REWARD));
    let payer_short = fixture(70);
    let minimum = payer_short.chain.svm.borrow().minimum_balance_for_rent_exemption(0);
    payer_short.set_balance(&payer_short.settler.pubkey(), minimum + SIGNATURE_FEE);
    let affordable = fixture(6);
    for (fixture, shortage) in [
        (
            treasury_short,
            Some(
                "the treasury can credit 5000000 of the 6000000 lamports that are pending: fund it with 1000000 lamports",
            ),
        ),
        (window_short, Some("the outflow window allows")),
        (payer_short, Some("the settler's lamports pay for 1 transaction of at least 2: send it SOL")),
        (affordable, None),
    ] {
        let before = fixture.log().len();
        fixture.settle();
        let log = fixture.log().split_off(before);
        let said = log.iter().position(|line| line.contains("the oldest rewards are paid first"));
        assert_eq!(said.map(|at| log[at].contains(shortage.unwrap_or("nothing"))), shortage.map(|_| true), "{log:?}");
        let sent = log.iter().position(|line| line.contains("signed as"));
        assert!(sent.is_some() && said < sent, "{log:?}");
    }
}

#[test]
fn nodes_with_wallet_accounts_are_paid_while_those_of_others_are_created() {
    let fixture = fixture(2);
    for index in 2..4 {
        fixture.register(&NodeSpec::payable(&name(index)));
        fixture.grant(&name(index), REWARD);
    }
    let engine = fixture.engine_with(&fixture.database, &fixture.chain, in_pieces);
    while !fixture.has_open_payments_that(|attempts| attempts == [AttemptState::Sent]) {
        assert!(!matches!(block_on(engine.advance(TRIGGER)).unwrap(), Progress::Continue { after_ms: 1.. }));
    }
    assert_eq!(fixture.nodes_in(NodeState::Registering), 2);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(paid(&fixture, 4), [REWARD + 1, REWARD + 1, REWARD, REWARD]);
}

/// Removes the wallet account of a node that was never credited, although the ledger has a copy of it.
fn without_wallet_account(unknown: u64) -> EngineFixture {
    let fixture = fixture(4);
    let lost = NodeSpec::payable("lost");
    fixture.register(&lost);
    fixture.grant("lost", REWARD);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while fixture.wallet("lost").is_none() {
        if let Progress::Continue { after_ms } = block_on(engine.advance(TRIGGER)).unwrap() {
            fixture.advance_time(after_ms);
        }
    }
    fixture.update_network(|args| args.window_limit = Some(1));
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.wallet("lost").unwrap().credited_total, 0);
    fixture.update_network(|args| args.window_limit = Some(u64::MAX));
    fixture.advance_time(HOLD_RETRY_MS as u64);
    fixture.chain.svm.borrow_mut().set_account(fixture.wallet_address("lost"), Account::default()).unwrap();
    fixture.credit_nobody(unknown);
    fixture
}

#[test]
fn a_wallet_account_that_turns_out_to_be_missing_is_created_although_payments_are_under_way() {
    let fixture = without_wallet_account(0);
    let engine = fixture.engine_with(&fixture.database, &fixture.chain, in_pieces);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(paid(&fixture, 4), [REWARD + 1; 4]);
    assert_eq!(fixture.wallet("lost").unwrap().paid_total, REWARD);
}

#[test]
fn what_is_paid_meanwhile_does_not_hide_what_was_credited_to_unknown_wallet_accounts() {
    let fixture = without_wallet_account(5);
    let engine = fixture.engine_with(&fixture.database, &fixture.chain, in_pieces);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(paid(&fixture, 4), [REWARD + 1; 4]);
    assert!(fixture.wallet("lost").is_none());
    assert_eq!(fixture.hold_reasons().into_iter().flatten().collect::<Vec<_>>(), ["unknown_credits"]);
}

#[test]
fn a_settlement_that_an_earlier_version_has_planned_goes_on() {
    for (step, simulated) in [(Step::Simulate, false), (Step::Simulate, true), (Step::Submit, true)] {
        let fixture = fixture(3);
        let engine = fixture.engine(&fixture.database, &fixture.chain);
        if simulated {
            fixture.advance_until_simulated(&engine);
        } else {
            while !fixture.has_open_payments_that(<[_]>::is_empty) {
                block_on(engine.advance(TRIGGER)).unwrap();
            }
        }
        fixture.set_step(step);
        block_on(engine.stop()).unwrap();
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(paid(&fixture, 3), [REWARD + 1; 3], "{step:?}");
    }
}

/// A database that loses the first write of a piece.
struct Losing<'a> {
    database: &'a SqliteDatabase,
    lost: RefCell<Vec<Statement>>,
}

impl Database for Losing<'_> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let is_piece = statements.iter().any(|statement| statement.sql().starts_with("UPDATE settlement_nodes"));
        if is_piece && self.lost.borrow().is_empty() {
            self.lost.replace(statements);
            return Err(DatabaseError::Unavailable("lost".to_owned()));
        }
        self.database.batch(statements).await
    }
}

#[test]
fn the_write_of_a_piece_that_comes_late_is_refused() {
    let fixture = fixture(4);
    let losing = Losing { database: &fixture.database, lost: RefCell::default() };
    let engine = fixture.engine_with(&losing, &fixture.chain, in_pieces);
    while fixture.open_batch_count() == 0 {
        let _ = block_on(engine.advance(TRIGGER));
    }
    let late = losing.lost.borrow().clone();
    assert!(!late.is_empty());
    let late = block_on(fixture.database.batch(late)).unwrap_err();
    assert!(late.is_constraint("state_unchanged"), "{late}");
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(paid(&fixture, 4), [REWARD + 1; 4]);
}

/// Two nodes with wallet accounts, and one without.
fn old_and_new() -> EngineFixture {
    let fixture = fixture(2);
    fixture.register(&NodeSpec::payable(&name(2)));
    fixture.grant(&name(2), REWARD + 1);
    fixture
}

fn settle_with_crash(fixture: &EngineFixture, point: &CrashPoint) -> Result<Vec<Option<String>>, EngineError> {
    let engine = fixture.engine_with(point.database(&fixture.database), point.chain(&fixture.chain), |config| {
        config.nodes_per_call = 1;
        config.max_open_batches = 2;
    });
    fixture.settle_with(&engine)
}

#[test]
fn every_reward_is_paid_once_after_a_crash_at_any_call_of_a_settlement_in_pieces() {
    const COUNT: usize = 3;
    for of in [|| fixture(COUNT), old_and_new] {
        let point = CrashPoint::never();
        assert_eq!(settle_with_crash(&of(), &point), Ok(vec![None]));
        for at in 0..point.calls() {
            let context = format!("crash after call {at} of {}", point.calls());
            let fixture = of();
            let _ = settle_with_crash(&fixture, &CrashPoint::new(at, CrashTiming::AfterEffect));
            settle_with_crash(&fixture, &CrashPoint::never()).unwrap();
            assert_eq!(paid(&fixture, COUNT), [REWARD + 1; COUNT], "{context}");
            let total = (REWARD + 1) * COUNT as u64;
            let treasury = fixture.treasury_state();
            assert_eq!((treasury.credited_total, treasury.paid_total), (total, total), "{context}");
            assert_eq!(fixture.reward_count(RewardStatus::Pending), 0, "{context}");
            assert_eq!((fixture.open_settlement_count(), fixture.open_batch_count()), (0, 0), "{context}");
        }
    }
}
