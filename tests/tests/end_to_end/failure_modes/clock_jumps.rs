//! The clock of the relay's machine is wrong, or is corrected in the middle of a settlement.

use std::path::PathBuf;
use std::process::Command;

use williw_tests::faults::Fault;

use super::{Scenario, wait_for_success};
use crate::fixture::{OrFail, artifacts};

/// Milliseconds per hour.
const HOUR_MS: i64 = 3_600_000;

/// A wall clock that differs from the real one.
struct SkewedClock {
    /// The file with the difference in milliseconds.
    offset: PathBuf,
}

impl SkewedClock {
    fn new(scenario: &Scenario, offset_ms: i64) -> Self {
        let clock = Self { offset: scenario.network.directory.join("clock-offset") };
        clock.jump_to(offset_ms);
        clock
    }

    fn jump_to(&self, offset_ms: i64) {
        std::fs::write(&self.offset, offset_ms.to_string()).or_fail();
    }

    /// The command, with this clock.
    fn skew(&self, mut command: Command) -> Command {
        // The dynamic linker ignores a library that is missing.
        let shim = &artifacts().clock_shim;
        assert!(
            shim.is_file(),
            "{} is missing: run 'cargo build -p williw-tests --example clock_shim'",
            shim.display()
        );
        command.env("LD_PRELOAD", shim).env("WILLIW_CLOCK_OFFSET", &self.offset);
        command
    }
}

#[test]
fn a_clock_that_jumps_in_the_middle_of_a_settlement_changes_no_payment() {
    let mut scenario = Scenario::new("clock-jumps");
    // From an hour ahead to two hours behind, and the other way round.
    for (before, after) in [(HOUR_MS, -2 * HOUR_MS), (-2 * HOUR_MS, HOUR_MS)] {
        let clock = SkewedClock::new(&scenario, before);
        let mut held = scenario.spawn_changed_up_to("sendTransaction", Fault::Forward, |relay| clock.skew(relay));
        clock.jump_to(after);
        held.gate.open().or_fail();
        wait_for_success(&mut held.relay);
        scenario.verify();
        assert_eq!(scenario.latest_attempts(), ["finalized"]);
        scenario.report_more();
    }
}

#[test]
fn a_relay_killed_while_its_clock_was_ahead_blocks_no_other_relay_once_the_clock_is_right() {
    let mut scenario = Scenario::new("clock-corrected");
    let clock = SkewedClock::new(&scenario, HOUR_MS);
    let mut held = scenario.spawn_changed_up_to("sendTransaction", Fault::Forward, |relay| clock.skew(relay));
    held.relay.kill();
    let ahead = "SELECT COUNT(*) FROM leases WHERE expires_at > (unixepoch() + 3000) * 1000";
    assert_eq!(scenario.network.ledger.number(ahead, None).or_fail(), 1, "the lease ends in an hour");
    scenario.run_and_verify();
}
