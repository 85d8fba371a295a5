//! A relay that is killed at any moment and run again ends with every reward paid once.

use std::process::Command;
use std::time::Duration;

use williw_tests::audit::Sources;
use williw_tests::chain::Witness;
use williw_tests::intake::FileIntake;
use williw_tests::ledger_file::LedgerFile;
use williw_tests::operator::{LedgerAt, Operator, Terms, succeed};
use williw_tests::process::Process;
use williw_tests::sample::{NodeKind, SampleNode, Tariff};
use williw_tests::stage::SOL;
use williw_tests::wait::{self, Seen};

use crate::fixture::{OrFail, SETTLEMENT_DEADLINE, artifacts, directory, localnet, nodes, seed};

/// States of the ledger in which the relay is killed, as in `killed_worker`.
const LEDGER_STATES: &[(&str, &str)] = &[
    ("a settlement is open", "SELECT COUNT(*) FROM settlements WHERE state = 'open'"),
    ("a signature is stored", "SELECT COUNT(*) FROM attempts WHERE state = 'signed'"),
    ("bytes have left", "SELECT COUNT(*) FROM attempts WHERE state = 'sent'"),
    ("an attempt has landed", "SELECT COUNT(*) FROM attempts WHERE state = 'landed'"),
];

/// Kills at random moments.
const RANDOM_KILLS: usize = 2;
/// The longest delay in milliseconds: about what a settlement takes.
const LONGEST_DELAY_MS: u64 = 8_000;

#[test]
fn a_relay_killed_at_any_moment_pays_everyone_once() {
    let name = "killed-relay";
    let folder = directory(name);
    let chain = Witness::new(localnet().url());
    let tariff = Tariff::for_cluster(chain.rent_minimum(0).or_fail());
    let operator = Operator::new(artifacts(), localnet().url(), name, &folder.join("keys")).or_fail();
    chain.airdrop(&operator.admin(), 20 * SOL).or_fail();
    chain.airdrop(&operator.settler(), 5 * SOL).or_fail();
    operator.create_network(Terms { threshold_lamports: tariff.threshold_lamports }).or_fail();
    operator.fund(10 * SOL).or_fail();
    let file = folder.join("ledger.sqlite");
    let intake = FileIntake::open(&file, tariff.lamports_per_score).or_fail();
    let ledger = LedgerFile::open(&file).or_fail();
    let at = LedgerAt::File(file.clone());

    let mut random = fastrand::Rng::with_seed(seed(2));
    let random_kills = (0..RANDOM_KILLS).map(|_| Kill::After(Duration::from_millis(random.u64(0..LONGEST_DELAY_MS))));
    let kills: Vec<Kill> =
        LEDGER_STATES.iter().map(|(name, query)| Kill::When(name, query)).chain(random_kills).collect();
    let mut all = nodes(NodeKind::Paid, tariff, 34);
    for node in &mut all {
        node.register(&intake).or_fail();
    }
    for (round, kill) in kills.iter().enumerate() {
        for node in &mut all {
            if round > 0 {
                node.work(tariff.destination_minimum_lamports / tariff.lamports_per_score);
            }
            node.report(&intake, tariff).or_fail();
        }
        let log = folder.join(format!("relay-{round}.log"));
        let mut relay = Process::spawn("the relay", operator.run_once(&at), &log).or_fail();
        kill.wait(&ledger);
        relay.kill();
        eprintln!("killed: {kill:?}");
        run_to_the_end(operator.run_once(&at));
        for node in &mut all {
            node.expect_settlement(tariff);
        }
        assert_books_agree(&Sources { chain: &chain, ledger: &ledger, api: None, network: name }, &all);
    }
    let twice = "SELECT batch_id FROM attempts WHERE state IN ('landed', 'finalized') GROUP BY batch_id \
                 HAVING COUNT(*) > 1";
    assert!(ledger.rows(twice, None).or_fail().is_empty(), "a batch has two transactions");
}

/// When to kill.
#[derive(Debug)]
enum Kill {
    /// As soon as the ledger is in this state (its name, and a query that gives more than 0 then), or the settlement
    /// is over because the state passed between two looks.
    When(&'static str, &'static str),
    /// After so long.
    After(Duration),
}

impl Kill {
    fn wait(&self, ledger: &LedgerFile) {
        match self {
            Self::After(delay) => wait::pass(*delay),
            Self::When(name, query) => {
                let all_confirmed = "SELECT COUNT(*) = 0 FROM rewards WHERE status <> 'confirmed'";
                wait::closely(name, SETTLEMENT_DEADLINE, || {
                    let there = ledger.number(query, None)? > 0 || ledger.number(all_confirmed, None)? > 0;
                    Ok(if there { Seen::Done(()) } else { Seen::NotYet(String::new()) })
                })
                .or_fail();
            }
        }
    }
}

/// Runs the relay until it ends by itself: the next run after a crash needs no help.
fn run_to_the_end(relay: Command) {
    succeed(relay).or_fail();
}

fn assert_books_agree(sources: &Sources<'_>, all: &[SampleNode]) {
    let mismatches = sources.audit(all).or_fail();
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}
