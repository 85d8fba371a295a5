//! The relay is killed between any two of its acts.

use williw_tests::faults::Fault;

use super::Scenario;
use crate::fixture::OrFail;

#[test]
fn a_relay_killed_before_after_or_between_signing_sending_and_landing_pays_every_reward_once() {
    let mut scenario = Scenario::new("killed-at-a-request");
    // What the relay was about to do, and whether that still reached the cluster.
    let deaths = [
        ("getLatestBlockhash", Fault::CloseConnection),
        // Signed and stored. The next run sends the same bytes, or signs others if the blockhash has expired.
        ("sendTransaction", Fault::CloseConnection),
        // Sent, but nobody knows.
        ("sendTransaction", Fault::DropResponse),
    ];
    for (method, fault) in deaths {
        let arrives = matches!(fault, Fault::DropResponse);
        let mut held = scenario.spawn_up_to(method, fault);
        held.relay.kill();
        // Only now is the request forwarded or dropped: nobody can act on the answer any more.
        held.gate.open().or_fail();
        scenario.run_and_verify();
        let attempts = scenario.latest_attempts();
        assert!(attempts.ends_with(&["finalized".to_owned()]), "killed at {method}: {attempts:?}");
        assert!(attempts.len() == 1 || !arrives, "killed at {method}: {attempts:?}");
        scenario.report_more();
    }
    let mut held = scenario.spawn_up_to("getSignatureStatuses", Fault::CloseConnection);
    // It has landed and is final, which the relay is about to learn.
    scenario.wait_for_credits();
    held.relay.kill();
    scenario.run_and_verify();
    assert_eq!(scenario.latest_attempts(), ["finalized"]);
}
