//! A relay that is killed at any time and run again still pays every reward exactly once.

use std::time::Duration;

use williw_tests::ledger_file::LedgerFile;
use williw_tests::process::{Process, run_to_success};
use williw_tests::sample_nodes::NodeKind;
use williw_tests::wait::{self, Poll};

use crate::fixture::{OrFail, SETTLEMENT_DEADLINE, SqliteNetworkFixture, nodes, seed};

/// Ledger states in which the relay is killed: a description, and a query that returns more than 0 in this state.
const LEDGER_STATES: &[(&str, &str)] = &[
    ("a settlement is open", "SELECT COUNT(*) FROM settlements WHERE state = 'open'"),
    ("a signature is stored", "SELECT COUNT(*) FROM attempts WHERE state = 'signed'"),
    ("a transaction is sent", "SELECT COUNT(*) FROM attempts WHERE state = 'sent'"),
    ("an attempt has landed", "SELECT COUNT(*) FROM attempts WHERE state = 'landed'"),
];

/// Number of kills at random times.
const RANDOM_KILLS: usize = 2;
/// Maximum delay of a random kill in milliseconds: about the duration of a settlement.
const MAX_DELAY_MS: u64 = 8_000;

#[test]
fn a_relay_killed_at_any_time_pays_every_reward_once() {
    let network = SqliteNetworkFixture::new("killed-relay");
    let parameters = network.parameters;
    let mut random = fastrand::Rng::with_seed(seed(2));
    let random_kills =
        (0..RANDOM_KILLS).map(|_| KillTrigger::Delay(Duration::from_millis(random.u64(0..MAX_DELAY_MS))));
    let triggers: Vec<KillTrigger> = LEDGER_STATES
        .iter()
        .map(|(state, query)| KillTrigger::LedgerState { state, query })
        .chain(random_kills)
        .collect();
    let mut all = nodes(NodeKind::Paid, parameters, 34);
    for node in &mut all {
        node.register(&network.ingest).or_fail();
    }
    for (round, trigger) in triggers.iter().enumerate() {
        for node in &mut all {
            if round > 0 {
                node.work(parameters.destination_minimum_lamports / parameters.lamports_per_score);
            }
            node.report(&network.ingest, parameters).or_fail();
        }
        let log = network.directory.join(format!("relay-{round}.log"));
        let run_once = || network.relay_cli.run_once(&network.ledger_location);
        let mut relay = Process::spawn("the relay", run_once(), &log).or_fail();
        trigger.wait(&network.ledger);
        relay.kill();
        eprintln!("killed: {trigger:?}");
        // The next run recovers without manual intervention.
        run_to_success(run_once()).or_fail();
        network.assert_settled(&mut all);
    }
    let duplicates = "SELECT batch_id FROM attempts WHERE state IN ('landed', 'finalized') GROUP BY batch_id \
                      HAVING COUNT(*) > 1";
    assert!(network.ledger.rows(duplicates, None).or_fail().is_empty(), "a batch has more than one transaction");
}

/// When to kill the relay.
#[derive(Debug)]
enum KillTrigger {
    /// As soon as `query` returns more than 0, or when the settlement is over because the state passed between two
    /// polls.
    LedgerState {
        state: &'static str,
        query: &'static str,
    },
    Delay(Duration),
}

impl KillTrigger {
    fn wait(&self, ledger: &LedgerFile) {
        match self {
            Self::Delay(delay) => wait::sleep(*delay),
            Self::LedgerState { state, query } => {
                let all_confirmed = "SELECT COUNT(*) = 0 FROM rewards WHERE status <> 'confirmed'";
                wait::until_fast(state, SETTLEMENT_DEADLINE, || {
                    let is_reached = ledger.number(query, None)? > 0 || ledger.number(all_confirmed, None)? > 0;
                    Ok(Poll::when(is_reached, String::new))
                })
                .or_fail();
            }
        }
    }
}
