//! Two relays settle the same ledger at once.

use super::Scenario;
use crate::fixture::{localnet, wait_until_exited};

#[test]
fn two_relays_on_one_ledger_do_no_work_twice() {
    let mut scenario = Scenario::new("two-relays");
    let mut relays = [scenario.spawn(localnet().url()), scenario.spawn(localnet().url())];
    relays.iter_mut().for_each(wait_until_exited);
    scenario.verify();
    assert_eq!(scenario.latest_attempts(), ["finalized"]);
}
