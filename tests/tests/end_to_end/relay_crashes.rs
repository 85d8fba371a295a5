//! A relay that is killed at any time and run again still pays every reward exactly once.

use std::time::Duration;

use williw_tests::process::{Process, run_to_success};
use williw_tests::sample_nodes::NodeKind;
use williw_tests::wait;

use crate::fixture::{OrFail, SqliteNetworkFixture, nodes, seed};

/// Number of kills at random times. `failure_modes/killed_relay.rs` kills at chosen ones.
const KILLS: usize = 3;
/// Maximum delay of a kill in milliseconds: about the duration of a settlement.
const MAX_DELAY_MS: u64 = 8_000;

#[test]
fn a_relay_killed_at_any_time_pays_every_reward_once() {
    let network = SqliteNetworkFixture::new("killed-relay");
    let parameters = network.parameters;
    let mut random = fastrand::Rng::with_seed(seed(2));
    let mut all = nodes(NodeKind::Paid, parameters, 34);
    for node in &mut all {
        node.register(&network.ingest).or_fail();
    }
    for round in 0..KILLS {
        for node in &mut all {
            if round > 0 {
                node.work(parameters.destination_minimum_lamports / parameters.lamports_per_score);
            }
            node.report(&network.ingest, parameters).or_fail();
        }
        let log = network.directory.join(format!("relay-{round}.log"));
        let run_once = || network.relay_cli.run_once(&network.ledger_location);
        let mut relay = Process::spawn("the relay", run_once(), &log).or_fail();
        let delay = Duration::from_millis(random.u64(0..MAX_DELAY_MS));
        wait::sleep(delay);
        relay.kill();
        eprintln!("killed after {delay:?}");
        // The next run recovers without manual intervention.
        run_to_success(run_once()).or_fail();
        network.assert_settled(&mut all);
    }
    let duplicates = "SELECT batch_id FROM attempts WHERE state IN ('landed', 'finalized') GROUP BY batch_id \
                      HAVING COUNT(*) > 1";
    assert!(network.ledger.rows(duplicates, None).or_fail().is_empty(), "a batch has more than one transaction");
}
