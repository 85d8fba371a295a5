//! The network is paused between planning and landing, and put back into service as docs/runbooks/paused-network.md says.

use williw_tests::faults::Fault;
use williw_tests::process::run_to_exit;

use super::Scenario;
use super::runbook::Runbook;
use crate::fixture::{OrFail, localnet, wait_until_exited};

#[test]
fn rewards_of_a_network_paused_in_the_middle_of_a_settlement_are_paid_after_the_pause() {
    let mut scenario = Scenario::new("paused");
    let mut held = scenario.spawn_up_to("sendTransaction", Fault::Forward);
    scenario.network.control(&["pause"]);
    held.gate.open().or_fail();
    wait_until_exited(&mut held.relay);
    // Nothing was paid, and the next run says why.
    let output = run_to_exit(scenario.relay(localnet().url())).or_fail();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(6) && error.contains("paused"), "{error}");
    let pending = "SELECT COUNT(*) FROM rewards WHERE status = 'pending'";
    assert_eq!(scenario.network.ledger.number(pending, None).or_fail(), 3);

    let runbook = Runbook::open(&scenario, "paused-network.md");
    let shown = runbook.run(1, &[], &[0]);
    assert!(shown.contains("state     paused"), "{shown}");
    runbook.run(2, &[], &[0]);
    runbook.run(3, &[], &[0]);
    runbook.close(&[]);
    scenario.verify();
}
