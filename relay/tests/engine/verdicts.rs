//! Attempts whose outcome does not follow from their status.

use williw_relay::engine::{AttemptState, BatchState};
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

#[test]
fn a_batch_whose_wallets_have_reached_their_targets_is_confirmed_without_a_status() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1);
    fixture.settle();
    fixture.grant("a", 2_000_000);
    fixture.chain.without_history.set(true);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 2_000_001);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2);
    assert_eq!(fixture.latest_batch().attempts.len(), 1, "it was not signed again");
}

#[test]
fn an_attempt_with_an_unknown_outcome_is_never_signed_again_and_needs_review() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
    for node in ["a", "b"] {
        fixture.grant(node, 1);
    }
    fixture.settle();
    for node in ["a", "b"] {
        fixture.grant(node, 10);
    }
    // The relay's transaction is lost, and another transaction with the settler's key credits one of the two wallets.
    fixture.chain.drop_sends.set(1_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while !fixture.has_attempt_in(AttemptState::Sent) {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    fixture.credit_outside_the_engine(&[("a", 11)]);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);

    let batch = fixture.latest_batch();
    assert_eq!(batch.attempt_states(), [AttemptState::Review]);
    assert_eq!(batch.state, BatchState::Review);
    assert_eq!(fixture.wallet("b").unwrap().credited_total, 1, "nothing was paid on a guess");
    // Later rewards of these nodes are held until the review.
    fixture.chain.drop_sends.set(0);
    fixture.grant("b", 5);
    fixture.settle();
    assert_eq!(fixture.wallet("b").unwrap().credited_total, 1);
    assert_eq!(fixture.hold_reasons().pop().flatten().as_deref(), Some("earlier_batch_open"));
}

#[test]
fn credits_found_on_the_chain_are_confirmed_even_if_the_ledger_has_no_record_of_them() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1);
    fixture.settle();
    fixture.grant("a", 10);
    fixture.credit_outside_the_engine(&[("a", 11)]);
    let sends = fixture.chain.sends.get();
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.chain.sends.get(), sends, "there was nothing left to send");
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2);
}

#[test]
fn rewards_that_do_not_continue_the_credited_total_are_held() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1);
    fixture.settle();
    fixture.credit_outside_the_engine(&[("a", 7)]);
    fixture.grant("a", 10);
    fixture.settle();
    assert_eq!(fixture.wallet("a").unwrap().credited_total, 7);
    assert_eq!(fixture.hold_reasons().pop().flatten().as_deref(), Some("total_mismatch"));
}
