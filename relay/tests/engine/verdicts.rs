//! Attempts whose outcome does not follow from their status, and books that disagree.

use settlement::client::withdraw_ix;
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use williw_relay::engine::{AttemptState, BatchState, HOLD_RETRY_MS};
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on, node_id};

/// Lets the engine sign and send its first attempt, and drops it, as well as what is resent.
fn send_in_vain(fixture: &EngineFixture) {
    fixture.chain.drop_sends.set(1_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while !fixture.has_attempt_in(AttemptState::Sent) {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    block_on(engine.stop()).unwrap();
}

#[test]
fn an_attempt_that_landed_without_a_trace_is_not_paid_twice() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1);
    fixture.settle();
    fixture.grant("a", 2_000_000);
    fixture.chain.without_history.set(true);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 2_000_001);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2);
    let batch = fixture.latest_batch();
    assert_eq!((batch.state, batch.attempt_states()), (BatchState::Superseded, vec![AttemptState::Expired]));
    assert_eq!(fixture.rewards()[1].signature, None, "no transaction is named that cannot be shown");
}

#[test]
fn an_owners_withdrawal_stops_no_batch() {
    let owner = Keypair::new();
    let nodes = [NodeSpec { address: Some(owner.pubkey()), ..NodeSpec::payable("a") }, NodeSpec::payable("b")];
    let fixture = EngineFixture::new(&nodes);
    for node in ["a", "b"] {
        fixture.grant(node, 500);
    }
    fixture.settle();
    for node in ["a", "b"] {
        fixture.grant(node, 2_000_000);
    }
    send_in_vain(&fixture);
    fixture.execute_as(
        &owner,
        withdraw_ix(owner.pubkey(), fixture.network, node_id("a").on_chain(), owner.pubkey(), Some(500)),
    );
    for _ in 0..20 {
        fixture.advance_time(800);
    }
    fixture.chain.drop_sends.set(0);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.latest_batch().attempt_states(), [AttemptState::Expired, AttemptState::Finalized]);
    for node in ["a", "b"] {
        assert_eq!(fixture.wallet(node).unwrap().paid_total, 2_000_500, "{node}");
    }
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 4);
}

#[test]
fn a_payout_that_never_landed_is_not_confirmed_by_the_owners_withdrawal() {
    let owner = Keypair::new();
    let node = NodeSpec { address: Some(owner.pubkey()), ..NodeSpec::payable("a") };
    let fixture = EngineFixture::with_network(&[node], |args| args.max_pending_age = 3_600);
    fixture.grant("a", 500);
    fixture.settle();
    fixture.advance_time(3_600_000);
    send_in_vain(&fixture);
    fixture.execute_as(
        &owner,
        withdraw_ix(owner.pubkey(), fixture.network, node_id("a").on_chain(), owner.pubkey(), None),
    );
    let landed = fixture.chain.landed().len();
    assert_eq!(fixture.settle(), [None]);
    let batch = fixture.latest_batch();
    assert_eq!((batch.state, batch.signature), (BatchState::Superseded, None));
    assert_eq!(fixture.chain.landed().len(), landed, "nothing was left to send");
    assert_eq!(fixture.settle(), []);
}

#[test]
fn a_credit_by_somebody_else_stops_neither_its_batch_nor_confirms_a_reward() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
    for node in ["a", "b"] {
        fixture.grant(node, 1);
    }
    fixture.settle();
    for node in ["a", "b"] {
        fixture.grant(node, 10);
    }
    send_in_vain(&fixture);
    // The settler's key credits more than this ledger has signed for.
    fixture.credit_outside_the_engine(&[("a", 12)]);
    fixture.chain.drop_sends.set(0);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("b").unwrap().credited_total, 11);
    assert_eq!(fixture.hold_reasons(), [None, None, Some("chain_above_ledger".to_owned()), None]);
}

#[test]
fn no_reward_is_confirmed_by_a_total_that_this_ledger_has_not_signed() {
    for (elsewhere, reward) in [(7, 3), (7, 6), (7, 7), (7, 10), (7, 100)] {
        let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
        fixture.grant("a", 1);
        fixture.settle();
        // Another ledger has settled the network, or this one was restored from a backup.
        fixture.credit_outside_the_engine(&[("a", 1 + elsewhere)]);
        fixture.chain.produce_block();
        fixture.grant("a", reward);
        fixture.grant("b", 5);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(fixture.wallet("a").unwrap().credited_total, 1 + elsewhere);
        assert_eq!(fixture.wallet("b").unwrap().credited_total, 5);
        assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2, "{elsewhere} {reward}");
        assert_eq!(fixture.hold_reasons(), [None, Some("chain_above_ledger".to_owned()), None]);
        // It stays held, and is no work until it is tried again.
        assert_eq!(fixture.settle(), []);
        fixture.advance_time(HOLD_RETRY_MS as u64);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(fixture.reward_count(RewardStatus::Pending), 1);
    }
}
