//! A Worker that is killed at any time and restarted still pays every reward exactly once.

use std::time::Duration;

use williw_tests::sample_nodes::{NodeKind, SampleNode};
use williw_tests::settlements::LatestSettlement;
use williw_tests::wait::{self, Poll};

use crate::fixture::{NetworkFixture, OrFail, SETTLEMENT_DEADLINE, mixed_nodes, nodes, seed};

/// Ledger states in which the Worker is killed: a description, and a query that returns more than 0 in this state. The
/// queries bypass the Worker, so that it is killed within milliseconds.
const LEDGER_STATES: &[(&str, &str)] = &[
    ("a settlement is open", "SELECT COUNT(*) FROM settlements WHERE state = 'open'"),
    ("batches are planned", "SELECT COUNT(*) FROM batches WHERE state = 'planned'"),
    ("a signature is stored", "SELECT COUNT(*) FROM attempts WHERE state = 'signed'"),
    ("a transaction is sent", "SELECT COUNT(*) FROM attempts WHERE state = 'sent'"),
    ("an attempt has landed", "SELECT COUNT(*) FROM attempts WHERE state = 'landed'"),
    (
        "a settlement is being reconciled",
        "SELECT COUNT(*) FROM settlements WHERE state = 'open' AND step = 'reconcile'",
    ),
];

/// Number of kills at random times.
const RANDOM_KILLS: usize = 3;
/// Maximum delay of a random kill in milliseconds: about the duration of a settlement.
const MAX_DELAY_MS: u64 = 8_000;

#[test]
fn a_worker_killed_in_any_ledger_state_pays_every_reward_once() {
    let mut network = NetworkFixture::new("killed-worker-states");
    let mut all = mixed_nodes(network.parameters, &[(NodeKind::Paid, 34), (NodeKind::BelowThreshold, 3)]);
    for (state, query) in LEDGER_STATES {
        work_and_report(&network, &mut all);
        let ledger = network.worker.d1().or_fail();
        let before = LatestSettlement::read(&network.worker).or_fail().settlement_id();
        network.worker.fire_cron().or_fail();
        // If the state passes between two polls, the Worker is killed after the settlement instead.
        let reached = wait::until_fast(state, SETTLEMENT_DEADLINE, || {
            let is_reached = ledger.number(query, None)? > 0;
            let is_over = ledger
                .number(&format!("SELECT COUNT(*) FROM settlements WHERE id > {before} AND state <> 'open'"), None)?
                > 0;
            Ok(if is_reached || is_over { Poll::Ready(is_reached) } else { Poll::Pending(String::new()) })
        })
        .or_fail();
        network.worker.kill();
        eprintln!("killed {} {state}", if reached { "while" } else { "after the settlement; missed:" });
        restart_and_verify(&mut network, &mut all);
    }
    assert_one_payment_per_batch(&network);
}

#[test]
fn a_worker_killed_at_random_times_pays_every_reward_once() {
    let mut network = NetworkFixture::new("killed-worker-random");
    let mut random = fastrand::Rng::with_seed(seed(1));
    let mut all = nodes(NodeKind::Paid, network.parameters, 34);
    for _ in 0..RANDOM_KILLS {
        work_and_report(&network, &mut all);
        network.worker.fire_cron().or_fail();
        let delay = Duration::from_millis(random.u64(0..MAX_DELAY_MS));
        eprintln!("killing after {} ms", delay.as_millis());
        wait::sleep(delay);
        network.worker.kill();
        restart_and_verify(&mut network, &mut all);
    }
    assert_one_payment_per_batch(&network);
}

/// Every node performs and reports more work. In the first round, the nodes register first.
fn work_and_report(network: &NetworkFixture, all: &mut [SampleNode]) {
    let is_first_round = all.iter().all(|node| node.expected.earned == 0);
    for node in all {
        if is_first_round {
            node.register(network.worker.api()).or_fail();
        } else {
            let payable_score =
                network.parameters.destination_minimum_lamports / network.parameters.lamports_per_score + 1;
            node.work(if node.kind == NodeKind::Paid { payable_score } else { 1 });
        }
        node.report(network.worker.api(), network.parameters).or_fail();
    }
}

/// Restarts the Worker, fires the cron trigger once, and verifies all balances.
fn restart_and_verify(network: &mut NetworkFixture, all: &mut [SampleNode]) {
    network.worker.restart().or_fail();
    network.run_cron_until_idle();
    network.assert_settled(all);
}

/// Asserts that no batch has more than one transaction on the chain and that no settlement or attempt is left open.
fn assert_one_payment_per_batch(network: &NetworkFixture) {
    let ledger = network.worker.d1().or_fail();
    let duplicates = ledger
        .rows(
            "SELECT batch_id, COUNT(*) FROM attempts WHERE state IN ('landed', 'finalized') GROUP BY batch_id \
             HAVING COUNT(*) > 1",
            None,
        )
        .or_fail();
    assert!(duplicates.is_empty(), "batches with more than one transaction: {duplicates:?}");
    let open = ledger.number("SELECT COUNT(*) FROM settlements WHERE state = 'open'", None).or_fail();
    assert_eq!(open, 0, "open settlements");
    let unresolved = ledger
        .number("SELECT COUNT(*) FROM attempts WHERE state NOT IN ('finalized', 'expired', 'failed')", None)
        .or_fail();
    assert_eq!(unresolved, 0, "unresolved attempts");
}
