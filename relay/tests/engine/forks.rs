//! Transactions that are lost, land late, or are undone by a fork.

use std::cell::Cell;

use williw_relay::chain::ChainError;
use williw_relay::engine::{AttemptState, Progress};
use williw_relay::types::RewardStatus;

use crate::support::{Around, EngineFixture, NodeSpec, Surrounded, TRIGGER, block_on};

/// A node with a wallet and a pending reward above the threshold.
fn fixture() -> (EngineFixture, NodeSpec) {
    let node = NodeSpec::payable("a");
    let fixture = EngineFixture::new(std::slice::from_ref(&node));
    fixture.grant("a", 100);
    fixture.settle();
    fixture.grant("a", 2_000_000);
    (fixture, node)
}

fn assert_paid_once(fixture: &EngineFixture, node: &NodeSpec) {
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 2_000_100);
    assert_eq!(fixture.balance_of(&node.address.unwrap()), node.funds + 2_000_100);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2);
}

#[test]
fn a_lost_transaction_is_resent_with_the_same_bytes_while_its_blockhash_is_valid() {
    let (fixture, node) = fixture();
    let before = fixture.attempts().len();
    fixture.chain.drop_sends.set(2);
    assert_eq!(fixture.settle(), [None]);
    assert_paid_once(&fixture, &node);
    assert_eq!(fixture.attempts().len(), before + 1, "the first attempt landed");
}

/// No further blockhash is known once `left` were.
struct WithoutBlockhashes<'a>(&'a Cell<u32>);

impl Around for WithoutBlockhashes<'_> {
    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        if name == "latest_blockhash" {
            let left = self.0.get().checked_sub(1);
            self.0.set(left.ok_or_else(|| ChainError::Unreachable("no blockhash".to_owned()))?);
        }
        call.await
    }
}

#[test]
fn what_is_in_flight_is_closed_although_nothing_more_can_be_signed() {
    // Two batches of 30 payouts.
    let nodes: Vec<NodeSpec> = (0..60).map(|index| NodeSpec::payable(&format!("node-{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 1);
    }
    assert_eq!(fixture.settle(), [None]);
    for node in &nodes {
        fixture.grant(&node.name, 2_000_000);
    }
    let left = Cell::new(1);
    let chain = Surrounded { chain: &fixture.chain, around: WithoutBlockhashes(&left) };
    let engine = fixture.engine_with(&fixture.database, chain, |config| config.batches_per_call = 1);
    let confirmed = || fixture.reward_count(RewardStatus::Confirmed);
    for _ in 0..200 {
        match block_on(engine.advance(TRIGGER)) {
            Ok(Progress::Continue { after_ms }) => fixture.advance_time(after_ms.max(1)),
            Ok(_) => {}
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                fixture.advance_time(400);
            }
        }
        if confirmed() > 60 {
            break;
        }
    }
    assert_eq!((left.get(), confirmed()), (0, 90), "the first batch, and not the second one");
    left.set(u32::MAX);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(confirmed(), 120);
}

#[test]
fn a_lost_response_delays_no_batch_and_causes_no_second_attempt() {
    let nodes: Vec<NodeSpec> = (0..45).map(|index| NodeSpec::payable(&format!("node-{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 2_000_000);
    }
    fixture.chain.lose_responses.set(true);
    assert_eq!(fixture.settle(), [None]);
    for node in &nodes {
        assert_eq!(fixture.balance_of(&node.address.unwrap()), node.funds + 2_000_000);
    }
    let batches = fixture.batches();
    assert!(batches.len() > 3, "{batches:?}");
    assert!(batches.iter().all(|batch| batch.attempts.len() == 1), "{batches:?}");
}

#[test]
fn a_lost_transaction_is_signed_again_only_after_its_blockhash_has_expired() {
    let (fixture, node) = fixture();
    fixture.chain.drop_sends.set(6);
    assert_eq!(fixture.settle(), [None]);
    assert_paid_once(&fixture, &node);
    assert_eq!(fixture.latest_batch().attempt_states(), [AttemptState::Expired, AttemptState::Finalized]);
}

#[test]
fn a_lost_credit_is_signed_again_in_the_same_batch() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 100);
    fixture.settle();
    fixture.grant("a", 100);
    fixture.chain.drop_sends.set(6);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().credited_total, 200);
    assert_eq!(fixture.latest_batch().attempt_states(), [AttemptState::Expired, AttemptState::Finalized]);
}

#[test]
fn a_transaction_undone_by_a_fork_lands_again_and_pays_once() {
    let (fixture, node) = fixture();
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    let mut checkpoint = None;
    while !fixture.has_attempt_in(AttemptState::Landed) {
        match block_on(engine.advance(TRIGGER)).unwrap() {
            Progress::Opened | Progress::Continue { after_ms: 0 } => {}
            _ => {
                checkpoint.get_or_insert_with(|| fixture.chain.checkpoint());
                fixture.advance_time(800);
            }
        }
    }
    fixture.chain.fork_to(checkpoint.expect("the engine has waited for a block"));
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 0, "the fork undid the payout");
    fixture.settle_with(&engine).unwrap();
    assert_paid_once(&fixture, &node);
}

#[test]
fn an_attempt_that_landed_is_not_signed_again_because_a_node_lags() {
    let (fixture, node) = fixture();
    let before = fixture.attempts().len();
    // Longer than the blockhash is valid: by the other nodes' height, the attempt has expired.
    fixture.chain.statuses_lag.set(20);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    let mut behind = 0;
    for _ in 0..40 {
        match block_on(engine.advance(TRIGGER)) {
            Ok(Progress::Continue { after_ms: 0 } | Progress::Opened) => {}
            Ok(_) => fixture.advance_time(800),
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                behind += 1;
                fixture.chain.statuses_lag.set(20 + behind);
                fixture.advance_time(800);
            }
        }
    }
    assert!(behind > 5, "the node was asked {behind} times while it lagged");
    assert_eq!(fixture.attempts().len(), before + 1);
    fixture.chain.statuses_lag.set(0);
    fixture.settle_with(&engine).unwrap();
    assert_paid_once(&fixture, &node);
    assert_eq!(fixture.attempts().len(), before + 1, "no second attempt was signed");
}
