//! A relay that is killed at any moment, and started again, ends with every reward paid once.

use crate::support::{CrashPoint, NodeSpec, Scenario, When};

/// The nodes of these tests: above and below the threshold, unpayable, without an address; wallets all missing.
fn scenario() -> Scenario {
    let scenario = Scenario::new(&[
        NodeSpec::payable("a"),
        NodeSpec::payable("b"),
        NodeSpec::unfunded("poor"),
        NodeSpec::without_address("late"),
    ]);
    for (node, amount) in [("a", 1_000_000), ("a", 5), ("b", 400), ("poor", 100), ("late", 9)] {
        scenario.reward(node, amount);
    }
    scenario
}

fn assert_paid_once(scenario: &Scenario, context: &str) {
    let totals = |node: &str| scenario.wallet(node).map(|wallet| (wallet.credited_total, wallet.paid_total));
    assert_eq!(totals("a"), Some((1_000_005, 1_000_005)), "{context}");
    assert_eq!(totals("b"), Some((400, 0)), "{context}");
    assert_eq!(totals("poor"), Some((100, 0)), "{context}");
    assert_eq!(totals("late"), None, "{context}");
    let rewards =
        "SELECT node_id || ' ' || status || ' ' || COALESCE(hold_reason, '') AS value FROM rewards ORDER BY sequence";
    let expected = ["a confirmed ", "a confirmed ", "b confirmed ", "poor confirmed ", "late pending no_address"];
    let rows: Vec<String> = scenario.column(rewards).into_iter().flatten().collect();
    assert_eq!(rows, expected, "{context}");
    let unsigned = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM rewards \
        WHERE status = 'confirmed' AND transaction_signature IS NULL";
    assert_eq!(scenario.count(unsigned), 0, "{context}");
    let open = "SELECT CAST((SELECT COUNT(*) FROM settlements WHERE state = 'open') \
        + (SELECT COUNT(*) FROM batches WHERE state = 'planned') \
        + (SELECT COUNT(*) FROM preconditions) AS TEXT) AS value";
    assert_eq!(scenario.count(open), 0, "{context}");
    let treasury = scenario.treasury_state();
    assert_eq!((treasury.credited_total, treasury.paid_total), (1_000_505, 1_000_005), "{context}");
    assert!(scenario.chain.landed().iter().all(|(_, succeeded)| *succeeded), "{context}");
}

#[test]
fn killed_at_any_call_and_started_again_every_reward_is_paid_once() {
    let clean = scenario();
    let point = CrashPoint::never();
    clean.run(&point).unwrap();
    assert_paid_once(&clean, "without a crash");

    for at in 0..point.calls() {
        for when in [When::Before, When::After] {
            let context = format!("killed {when:?} call {at} of {}", point.calls());
            let scenario = scenario();
            let crashed = scenario.run(&CrashPoint::new(at, when));
            assert!(crashed.is_err() || when == When::After || at + 1 == point.calls(), "{context}: {crashed:?}");
            scenario.settle();
            assert_paid_once(&scenario, &context);
        }
    }
}

#[test]
fn killed_again_and_again_every_reward_is_still_paid_once() {
    // Each process lives a little longer than the one before it, so that every stretch of the way is cut somewhere.
    for step in [3, 7, 11] {
        let scenario = scenario();
        let mut life = 1;
        while scenario.run(&CrashPoint::new(life, When::After)).is_err() {
            life += step;
            assert!(life < 1_000, "it never comes to an end");
        }
        scenario.settle();
        assert_paid_once(&scenario, &format!("lives that grow by {step} calls"));
    }
}

#[test]
fn bytes_are_sent_only_after_their_signature_is_stored() {
    let clean = scenario();
    let point = CrashPoint::never();
    clean.run(&point).unwrap();
    for at in 0..point.calls() {
        let scenario = scenario();
        let _ = scenario.run(&CrashPoint::new(at, When::Before));
        scenario.chain.produce_block();
        let stored = scenario.column("SELECT signature AS value FROM attempts WHERE signature IS NOT NULL");
        for (signature, _) in scenario.chain.landed() {
            assert!(stored.contains(&Some(signature.to_string())), "call {at}: {signature} landed and is not stored");
        }
    }
}

#[test]
fn a_runner_that_lost_its_lease_stops_before_its_next_write() {
    let scenario = scenario();
    let first = scenario.engine(&scenario.database, &scenario.chain);
    let trigger = williw_relay::engine::Trigger { name: "test", retry_held: false };
    crate::support::block_on(first.advance(trigger)).unwrap();
    let busy = crate::support::block_on(scenario.engine(&scenario.database, &scenario.chain).advance(trigger)).unwrap();
    assert!(matches!(busy, williw_relay::engine::Progress::Busy { .. }), "{busy:?}");

    scenario.settle();
    assert_paid_once(&scenario, "by the second runner");
    // The first wakes up again: what it finds is a ledger that is settled, or a lease that is not its own.
    let _ = crate::support::block_on(first.advance(trigger));
    assert_paid_once(&scenario, "after the first runner woke up");
}
