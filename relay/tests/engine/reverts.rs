//! Attempts that failed on the chain, and attempts that are dead.

use std::cell::Cell;

use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use williw_relay::engine::{AttemptState, Engine, HOLD_RETRY_MS};
use williw_relay::signer::SecretKey;
use williw_relay::transaction::SIGNATURE_FEE_LAMPORTS;
use williw_relay::types::RewardStatus;
use williw_relay::{chain::Chain, clock::ManualClock, events::NoEvents};

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

/// How long to wait for a transaction that the RPC node does not return.
const PATIENCE_MS: u64 = 15_000;

/// Counts the writes.
struct Counted<'a>(&'a SqliteDatabase, Cell<usize>);

impl Database for &Counted<'_> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        if statements.first().is_some_and(|first| first.sql().contains("lease_held")) {
            self.1.set(self.1.get() + 1);
        }
        self.0.batch(statements).await
    }
}

/// A network in which every node's rewards need a transaction of their own, with a wallet account for each.
fn with_a_batch_each(count: usize) -> EngineFixture {
    let nodes: Vec<NodeSpec> = (0..count).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let fixture = EngineFixture::with_network(&nodes, |args| args.per_batch_cap = 2_000_000);
    for node in &nodes {
        fixture.grant(&node.name, 1);
    }
    assert_eq!(fixture.settle(), [None]);
    for node in &nodes {
        fixture.grant(&node.name, 2_000_000);
    }
    fixture
}

/// Lets the engine sign and send an attempt of every batch.
fn send_all<D: Database, C: Chain>(
    fixture: &EngineFixture,
    engine: &Engine<D, C, SecretKey, &ManualClock, NoEvents>,
    count: usize,
) {
    let sent = || fixture.attempts().iter().filter(|attempt| attempt.state == AttemptState::Sent).count();
    while sent() < count {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
}

/// Produces blocks until everything that was sent is finalized or dead.
fn end_all(fixture: &EngineFixture) {
    fixture.chain.drop_sends.set(1_000);
    for _ in 0..15 {
        fixture.advance_time(100);
    }
}

fn latest_states(fixture: &EngineFixture, count: usize) -> Vec<Vec<AttemptState>> {
    let batches = fixture.batches();
    batches[batches.len() - count..].iter().map(|batch| batch.attempt_states()).collect()
}

/// Calls `advance` until one of the latest attempts has ended.
fn until_one_ends(fixture: &EngineFixture, count: usize, advance: impl Fn()) {
    for _ in 0..5 {
        advance();
        if latest_states(fixture, count).iter().flatten().any(|state| *state != AttemptState::Sent) {
            return;
        }
    }
    panic!("no attempt has ended: {:?}", latest_states(fixture, count));
}

#[test]
fn a_failed_attempt_that_no_node_returns_delays_no_dead_one_and_has_its_fee_booked_in_the_end() {
    let fixture = with_a_batch_each(2);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    // The first is dropped, and the second fails.
    fixture.chain.drop_sends.set(1);
    fixture.chain.reverts.set(Some(fixture.wallet_address("n1")));
    send_all(&fixture, &engine, 2);
    end_all(&fixture);
    fixture.chain.lookups_fail.set(true);
    let fees = fixture.fees();
    let advance = || drop(block_on(engine.advance(TRIGGER)));
    until_one_ends(&fixture, 2, advance);
    assert_eq!(latest_states(&fixture, 2), [[AttemptState::Expired], [AttemptState::Sent]]);

    for _ in 0..3 {
        fixture.advance_time(PATIENCE_MS / 4);
        advance();
    }
    let failed = |states: &[AttemptState]| states.first() == Some(&AttemptState::Failed);
    assert!(!failed(&latest_states(&fixture, 2)[1]), "another node may return it");
    fixture.advance_time(PATIENCE_MS / 2);
    advance();
    assert!(failed(&latest_states(&fixture, 2)[1]), "{:?}", latest_states(&fixture, 2));
    let (priority, paid) = fixture.attempt_fees().into_iter().rev().find(|(_, paid)| paid.is_some()).unwrap();
    assert_eq!(paid, Some(SIGNATURE_FEE_LAMPORTS + priority), "what the attempt costs at most");
    assert_eq!(fixture.fees(), fees + SIGNATURE_FEE_LAMPORTS + priority);

    fixture.chain.lookups_fail.set(false);
    fixture.chain.drop_sends.set(0);
    fixture.chain.reverts.set(None);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None], "the one that failed is tried again");
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 4);
}

#[test]
fn many_failed_attempts_are_written_in_one_transaction() {
    const COUNT: usize = 6;

    let fixture = with_a_batch_each(COUNT);
    let counted = Counted(&fixture.database, Cell::new(0));
    let engine = fixture.engine(&counted, &fixture.chain);
    fixture.chain.reverts.set(Some(fixture.treasury));
    send_all(&fixture, &engine, COUNT);
    end_all(&fixture);
    until_one_ends(&fixture, COUNT, || {
        counted.1.set(0);
        block_on(engine.advance(TRIGGER)).unwrap();
    });
    assert_eq!(latest_states(&fixture, COUNT), vec![vec![AttemptState::Failed]; COUNT]);
    assert_eq!(counted.1.get(), 1);
}

#[test]
fn what_is_left_of_a_dead_attempt_is_read_no_earlier_than_it_was_dead() {
    let fixture = with_a_batch_each(1);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.chain.drop_sends.set(1_000);
    send_all(&fixture, &engine, 1);
    end_all(&fixture);
    until_one_ends(&fixture, 1, || {
        fixture.chain.min_slots.borrow_mut().clear();
        block_on(engine.advance(TRIGGER)).unwrap();
    });
    assert_eq!(latest_states(&fixture, 1), [[AttemptState::Expired]]);
    let finalized = block_on(fixture.chain.finalized_block()).unwrap();
    let last_valid = fixture
        .count("SELECT CAST(MAX(last_valid_block_height) AS TEXT) AS count FROM attempts WHERE state = 'expired'");
    let min_slots = fixture.chain.min_slots.borrow();
    let [min_slot] = min_slots[..] else { panic!("{min_slots:?}") };
    // Each of the slots since then has at most one block.
    assert_eq!(finalized.height - (finalized.slot - min_slot), last_valid + 1);
}
