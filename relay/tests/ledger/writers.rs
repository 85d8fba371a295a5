//! Concurrent writers to one file.

use std::thread;

use williw_relay::clock::ManualClock;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::ledger::contributions;

use crate::fixture::{Fixture, NOW_MS, contribution, rate};

/// Runs `work` in several threads, each with a separate connection to the ledger.
fn run_concurrently(ledger: &Fixture, writers: usize, work: impl Fn(usize, &SqliteDatabase) + Sync) {
    let file = ledger.file();
    thread::scope(|scope| {
        for writer in 0..writers {
            let (file, work) = (&file, &work);
            scope.spawn(move || work(writer, &SqliteDatabase::open(file).unwrap()));
        }
    });
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn concurrent_writers_leave_no_gaps_in_the_running_total() {
    const WRITERS: usize = 4;
    const REPORTS_PER_WRITER: usize = 25;

    let ledger = Fixture::new();
    block_on(ledger.register("node-1"));
    run_concurrently(&ledger, WRITERS, |writer, database| {
        let clock = ManualClock::at(NOW_MS);
        for number in 0..REPORTS_PER_WRITER {
            let report = contribution(&format!("c-{writer}-{number}"), "node-1");
            block_on(contributions::record(database, &clock, rate(1), report)).unwrap();
        }
    });
    let expected: Vec<String> = (1..=WRITERS * REPORTS_PER_WRITER).map(|count| (5 * count).to_string()).collect();
    assert_eq!(ledger.read("SELECT node_total_lamports FROM rewards ORDER BY sequence"), expected);
    assert_eq!(
        ledger.read("SELECT contribution_count, total_compute_score, total_rewards_lamports FROM nodes"),
        ["100|500|500"]
    );
}

#[test]
fn concurrent_reports_of_one_contribution_earn_once() {
    let ledger = Fixture::new();
    block_on(ledger.register("node-1"));
    let recorded_count = std::sync::atomic::AtomicUsize::new(0);
    run_concurrently(&ledger, 8, |_, database| {
        let clock = ManualClock::at(NOW_MS);
        let recorded =
            block_on(contributions::record(database, &clock, rate(1), contribution("c-1", "node-1"))).unwrap();
        if !recorded.duplicate {
            recorded_count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    assert_eq!(recorded_count.into_inner(), 1);
    assert_eq!(ledger.read("SELECT COUNT(*), SUM(amount_lamports) FROM rewards"), ["1|5"]);
}
