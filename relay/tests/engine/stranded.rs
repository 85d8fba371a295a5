//! Rewards in a batch that is closed, as in a ledger that was edited or restored in part.

use williw_relay::engine::HOLD_RETRY_MS;
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec};

/// Two nodes of which `a` has a reward in a closed batch.
fn with_a_stranded_reward(has_wallet: bool) -> EngineFixture {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
    fixture.grant(if has_wallet { "a" } else { "b" }, 1_000_000);
    assert_eq!(fixture.settle(), [None]);
    fixture.grant("a", 2_000_000);
    fixture.strand_rewards();
    fixture
}

#[test]
fn a_reward_in_a_closed_batch_is_held_for_a_person_and_keeps_no_run_busy() {
    let fixture = with_a_stranded_reward(true);
    fixture.grant("b", 3_000_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some("total_mismatch"));
    assert_eq!(fixture.wallet("a").unwrap().credited_total, 1_000_000);
    assert_eq!(fixture.wallet("b").unwrap().paid_total, 3_000_000, "nobody else waits for it");

    // Nothing is done before it is tried again, and later rewards of the node wait for it.
    assert_eq!(fixture.settle(), []);
    fixture.grant("a", 5);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().credited_total, 1_000_000);
}

#[test]
fn no_wallet_account_is_created_for_a_reward_in_a_closed_batch() {
    let fixture = with_a_stranded_reward(false);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some("total_mismatch"));
    assert!(fixture.wallet("a").is_none());
}

#[test]
fn a_reward_in_a_closed_batch_is_confirmed_if_the_chain_has_credited_it() {
    let fixture = with_a_stranded_reward(true);
    fixture.sign_for("a", 3_000_000);
    fixture.credit_outside_the_engine(&[("a", 3_000_000)]);
    fixture.chain.produce_block();
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2);
    assert_eq!(fixture.balance("a").hold_reason, None);
}
