//! Two relays settle the same ledger at once.

use williw_tests::faults::Fault;
use williw_tests::wait::{self, Poll};

use super::{Scenario, wait_for_success};
use crate::fixture::{OrFail, SETTLEMENT_DEADLINE, localnet};

#[test]
fn two_relays_on_one_ledger_do_no_work_twice() {
    let mut scenario = Scenario::new("two-relays");
    let one = scenario.spawn_up_to("sendTransaction", Fault::Forward);
    let mut other = scenario.spawn(localnet().url());
    wait::until("the other relay to find the lease taken", SETTLEMENT_DEADLINE, || {
        let log = other.log_tail();
        Ok(Poll::when(log.contains("waiting for the lease"), || log.clone()))
    })
    .or_fail();
    one.finish();
    wait_for_success(&mut other);
    scenario.verify();
    assert_eq!(scenario.latest_attempts(), ["finalized"]);
}
