//! A Worker that is killed at any moment and started again ends with every reward paid once.

use std::time::Duration;

use williw_tests::sample::{NodeKind, SampleNode};
use williw_tests::settlements::{Report, wake_until_idle};
use williw_tests::wait::{self, Seen};

use crate::fixture::{OrFail, SETTLEMENT_DEADLINE, World, nodes, seed};

/// States of the ledger in which the Worker is killed: a name, and a query that gives more than 0 once it is there.
/// They are asked past the Worker, so the kill comes within milliseconds of the state.
const LEDGER_STATES: &[(&str, &str)] = &[
    ("a settlement is open", "SELECT COUNT(*) FROM settlements WHERE state = 'open'"),
    ("batches are planned", "SELECT COUNT(*) FROM batches WHERE state = 'planned'"),
    ("a signature is stored", "SELECT COUNT(*) FROM attempts WHERE state = 'signed'"),
    ("bytes have left", "SELECT COUNT(*) FROM attempts WHERE state = 'sent'"),
    ("an attempt has landed", "SELECT COUNT(*) FROM attempts WHERE state = 'landed'"),
    (
        "a settlement is being reconciled",
        "SELECT COUNT(*) FROM settlements WHERE state = 'open' AND step = 'reconcile'",
    ),
];

/// Kills at random moments.
const RANDOM_KILLS: usize = 3;
/// The longest delay in milliseconds: about what a settlement takes.
const LONGEST_DELAY_MS: u64 = 8_000;

#[test]
fn a_worker_killed_at_any_state_of_the_ledger_pays_everyone_once() {
    let mut world = World::new("killed-worker-states");
    let mut all = nodes(NodeKind::Paid, world.tariff, 34);
    all.extend(nodes(NodeKind::BelowThreshold, world.tariff, 3));
    for (state, query) in LEDGER_STATES {
        work_and_report(&world, &mut all);
        let ledger = world.edge.d1().or_fail();
        let before = Report::read(&world.edge).or_fail().settlement_id();
        world.edge.fire_cron().or_fail();
        // The state may pass between two looks: then the kill comes a little later, after the settlement.
        let reached = wait::closely(state, SETTLEMENT_DEADLINE, || {
            let there = ledger.number(query, None)? > 0;
            let over = ledger
                .number(&format!("SELECT COUNT(*) FROM settlements WHERE id > {before} AND state <> 'open'"), None)?
                > 0;
            Ok(if there || over { Seen::Done(there) } else { Seen::NotYet(String::new()) })
        })
        .or_fail();
        world.edge.kill();
        eprintln!("killed when {state}{}", if reached { "" } else { " had passed" });
        recover(&mut world, &mut all);
    }
    assert_one_payment_for_each_batch(&world);
}

#[test]
fn a_worker_killed_at_random_moments_pays_everyone_once() {
    let mut world = World::new("killed-worker-random");
    let mut random = fastrand::Rng::with_seed(seed(1));
    let mut all = nodes(NodeKind::Paid, world.tariff, 34);
    for _ in 0..RANDOM_KILLS {
        work_and_report(&world, &mut all);
        world.edge.fire_cron().or_fail();
        let delay = Duration::from_millis(random.u64(0..LONGEST_DELAY_MS));
        eprintln!("killing after {} ms", delay.as_millis());
        wait::pass(delay);
        world.edge.kill();
        recover(&mut world, &mut all);
    }
    assert_one_payment_for_each_batch(&world);
}

/// Everyone does something more and reports it; those who are new register.
fn work_and_report(world: &World, all: &mut [SampleNode]) {
    let first = all.iter().all(|node| node.expected.earned == 0);
    for node in all {
        if first {
            node.register(world.edge.api()).or_fail();
        } else {
            let least_paid = world.tariff.destination_minimum_lamports / world.tariff.lamports_per_score + 1;
            node.work(if node.kind == NodeKind::Paid { least_paid } else { 1 });
        }
        node.report(world.edge.api(), world.tariff).or_fail();
    }
}

/// Starts the Worker again, lets cron come by once, and holds the books against what everyone must have.
fn recover(world: &mut World, all: &mut [SampleNode]) {
    world.edge.start_again().or_fail();
    wake_until_idle(&mut world.edge, SETTLEMENT_DEADLINE, |edge| edge.fire_cron()).or_fail();
    for node in all.iter_mut() {
        node.expect_settlement(world.tariff);
    }
    world.assert_books_agree(all);
}

/// No batch has two transactions on the chain, and nothing is left open.
fn assert_one_payment_for_each_batch(world: &World) {
    let ledger = world.edge.d1().or_fail();
    let twice = ledger
        .rows(
            "SELECT batch_id, COUNT(*) FROM attempts WHERE state IN ('landed', 'finalized') GROUP BY batch_id \
             HAVING COUNT(*) > 1",
            None,
        )
        .or_fail();
    assert!(twice.is_empty(), "batches with two transactions: {twice:?}");
    let open = ledger.number("SELECT COUNT(*) FROM settlements WHERE state = 'open'", None).or_fail();
    assert_eq!(open, 0);
    let live = ledger
        .number("SELECT COUNT(*) FROM attempts WHERE state NOT IN ('finalized', 'expired', 'failed')", None)
        .or_fail();
    assert_eq!(live, 0, "attempts that nobody follows any more");
}
