//! Several processes write to one file.

use std::thread;

use williw_relay::clock::ManualClock;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::ledger::contributions;

use crate::fixture::{Fixture, NOW_MS, contribution, rate};

/// Runs `work` on its own connection to the ledger, as another process would.
fn in_parallel(ledger: &Fixture, writers: usize, work: impl Fn(usize, &SqliteDatabase) + Sync) {
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
fn a_running_total_has_no_gaps_however_many_write() {
    const WRITERS: usize = 4;
    const EACH: usize = 25;

    let ledger = Fixture::new();
    block_on(ledger.register("node-1"));
    in_parallel(&ledger, WRITERS, |writer, database| {
        let clock = ManualClock::at(NOW_MS);
        for number in 0..EACH {
            let report = contribution(&format!("c-{writer}-{number}"), "node-1");
            block_on(contributions::record(database, &clock, rate(1), report)).unwrap();
        }
    });
    let expected: Vec<String> = (1..=WRITERS * EACH).map(|count| (5 * count).to_string()).collect();
    assert_eq!(ledger.read("SELECT node_total_lamports FROM rewards ORDER BY sequence"), expected);
    assert_eq!(
        ledger.read("SELECT contribution_count, total_compute_score, total_rewards_lamports FROM nodes"),
        ["100|500|500"]
    );
}

#[test]
fn one_report_sent_by_many_at_once_earns_once() {
    let ledger = Fixture::new();
    block_on(ledger.register("node-1"));
    let fresh = std::sync::atomic::AtomicUsize::new(0);
    in_parallel(&ledger, 8, |_, database| {
        let clock = ManualClock::at(NOW_MS);
        let recorded =
            block_on(contributions::record(database, &clock, rate(1), contribution("c-1", "node-1"))).unwrap();
        if !recorded.duplicate {
            fresh.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    assert_eq!(fresh.into_inner(), 1);
    assert_eq!(ledger.read("SELECT COUNT(*), SUM(amount_lamports) FROM rewards"), ["1|5"]);
}
