//! An engine that crashes at any point and is restarted pays every reward exactly once.

use std::ops::Deref;

use williw_relay::engine::{BatchState, Progress};
use williw_relay::types::RewardStatus;

use crate::support::{CrashPoint, CrashTiming, EngineFixture, NodeSpec, TRIGGER, TokenFixture, TokenProgram, block_on};

/// What the network pays in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asset {
    Sol,
    Tokens(TokenProgram),
}

const ASSETS: [Asset; 4] = [
    Asset::Sol,
    Asset::Tokens(TokenProgram::PToken),
    Asset::Tokens(TokenProgram::SplToken),
    Asset::Tokens(TokenProgram::Token2022),
];

/// Nodes above and below the threshold, one that cannot receive a payout, and one without an address. No node has a
/// wallet yet.
fn fixture(asset: Asset) -> Box<dyn Deref<Target = EngineFixture>> {
    let nodes =
        [NodeSpec::payable("a"), NodeSpec::payable("b"), NodeSpec::unfunded("poor"), NodeSpec::without_address("late")];
    let fixture: Box<dyn Deref<Target = EngineFixture>> = match asset {
        Asset::Sol => Box::new(Box::new(EngineFixture::new(&nodes))),
        Asset::Tokens(program) => Box::new(TokenFixture::new(program, &nodes)),
    };
    for (node, amount) in [("a", 1_000_000), ("a", 5), ("b", 400), ("poor", 100), ("late", 9)] {
        fixture.grant(node, amount);
    }
    fixture
}

fn assert_paid_once(fixture: &EngineFixture, context: &str) {
    let totals = |node: &str| fixture.wallet(node).map(|wallet| (wallet.credited_total, wallet.paid_total));
    assert_eq!(totals("a"), Some((1_000_005, 1_000_005)), "{context}");
    assert_eq!(totals("b"), Some((400, 0)), "{context}");
    assert_eq!(totals("poor"), Some((100, 0)), "{context}");
    assert_eq!(totals("late"), None, "{context}");

    let rewards = fixture.rewards();
    let confirmed = |node| (node, RewardStatus::Confirmed, None);
    let expected = [
        confirmed("a"),
        confirmed("a"),
        confirmed("b"),
        confirmed("poor"),
        ("late", RewardStatus::Pending, Some("no_address")),
    ];
    let states: Vec<_> =
        rewards.iter().map(|reward| (reward.node.as_str(), reward.status, reward.hold_reason.as_deref())).collect();
    assert_eq!(states, expected, "{context}");
    for reward in rewards.iter().filter(|reward| reward.status == RewardStatus::Confirmed) {
        assert!(reward.signature.is_some(), "{context}: a confirmed reward without a signature: {reward:?}");
    }

    assert_eq!(fixture.open_settlement_count(), 0, "{context}");
    assert!(fixture.batches().iter().all(|batch| batch.state != BatchState::Planned), "{context}");
    assert_eq!(fixture.precondition_count(), 0, "{context}");
    let treasury = fixture.treasury_state();
    assert_eq!((treasury.credited_total, treasury.paid_total), (1_000_505, 1_000_005), "{context}");
    assert!(fixture.chain.landed().iter().all(|(_, succeeded)| *succeeded), "{context}");
}

fn assert_paid_once_after_a_crash_at_any_call(asset: Asset) {
    let clean = fixture(asset);
    let point = CrashPoint::never();
    clean.settle_with_crash(&point).unwrap();
    assert_paid_once(&clean, "without a crash");

    for at in 0..point.calls() {
        for timing in [CrashTiming::BeforeEffect, CrashTiming::AfterEffect] {
            let context = format!("{asset:?}: crash at call {at} of {}, {timing:?}", point.calls());
            let fixture = fixture(asset);
            let crashed = fixture.settle_with_crash(&CrashPoint::new(at, timing));
            assert!(
                crashed.is_err() || timing == CrashTiming::AfterEffect || at + 1 == point.calls(),
                "{context}: {crashed:?}"
            );
            fixture.settle();
            assert_paid_once(&fixture, &context);
        }
    }
}

#[test]
fn every_reward_is_paid_once_after_a_crash_at_any_call() {
    assert_paid_once_after_a_crash_at_any_call(Asset::Sol);
}

#[test]
fn every_reward_in_tokens_is_paid_once_after_a_crash_at_any_call() {
    assert_paid_once_after_a_crash_at_any_call(Asset::Tokens(TokenProgram::PToken));
}

#[test]
fn every_reward_is_paid_once_after_repeated_crashes() {
    // Each process makes a few more calls than the one before, so the crashes are spread over the whole settlement.
    for (asset, step) in ASSETS.into_iter().flat_map(|asset| [3, 7, 11].map(|step| (asset, step))) {
        let fixture = fixture(asset);
        let mut calls = 1;
        while fixture.settle_with_crash(&CrashPoint::new(calls, CrashTiming::AfterEffect)).is_err() {
            calls += step;
            assert!(calls < 1_000, "the settlement does not finish");
        }
        fixture.settle();
        assert_paid_once(&fixture, &format!("{asset:?}: each process makes {step} more calls"));
    }
}

#[test]
fn a_transaction_is_sent_only_after_its_signature_is_stored() {
    let clean = fixture(Asset::Sol);
    let point = CrashPoint::never();
    clean.settle_with_crash(&point).unwrap();
    for at in 0..point.calls() {
        let fixture = fixture(Asset::Sol);
        let _ = fixture.settle_with_crash(&CrashPoint::new(at, CrashTiming::BeforeEffect));
        fixture.chain.produce_block();
        let stored: Vec<_> = fixture.attempts().into_iter().filter_map(|attempt| attempt.signature).collect();
        for (signature, _) in fixture.chain.landed() {
            assert!(stored.contains(&signature.to_string()), "call {at}: {signature} landed but is not stored");
        }
    }
}

#[test]
fn a_runner_that_has_lost_its_lease_stops_before_its_next_write() {
    let fixture = fixture(Asset::Sol);
    let first = fixture.engine(&fixture.database, &fixture.chain);
    block_on(first.advance(TRIGGER)).unwrap();
    let busy = block_on(fixture.engine(&fixture.database, &fixture.chain).advance(TRIGGER)).unwrap();
    assert!(matches!(busy, Progress::Busy { .. }), "{busy:?}");

    fixture.settle();
    assert_paid_once(&fixture, "by the second runner");
    // When the first runner resumes, the ledger is settled or another runner holds the lease.
    let _ = block_on(first.advance(TRIGGER));
    assert_paid_once(&fixture, "after the first runner has resumed");
}
