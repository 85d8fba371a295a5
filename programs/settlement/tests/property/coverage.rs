//! Counts what the sequences covered, to detect a test that no longer exercises everything.

use std::collections::BTreeMap;
use std::fmt;

use settlement::events::{BatchSettled, PaidOut};
use settlement::rules::SkipReason;

use super::step::Step;

/// Skip reasons that cannot occur in the simulation: each token program has only one mint, no account
/// is a program or requires a memo, nodes cannot set a reserved destination, nobody has enough funds
/// for a total near 2^64, and the treasury always holds what it owes.
const UNREACHABLE: [SkipReason; 6] = [
    SkipReason::Overflow,
    SkipReason::DestinationExecutable,
    SkipReason::DestinationReserved,
    SkipReason::TokenAccountWrongMint,
    SkipReason::TokenAccountNeedsMemo,
    SkipReason::TreasuryTokensShort,
];

#[derive(Default)]
pub(crate) struct Coverage {
    /// (succeeded, rejected) steps by action.
    steps: BTreeMap<String, (u64, u64)>,
    reasons: BTreeMap<u8, u64>,
}

impl Coverage {
    pub(crate) fn record_step(&mut self, step: &Step, succeeded: bool) {
        let action = format!("{:?}", step.action);
        let action = action.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let (successes, rejections) = self.steps.entry(action.to_owned()).or_default();
        *(if succeeded { successes } else { rejections }) += 1;
    }

    pub(crate) fn record_skip_reasons(&mut self, events: &[Vec<u8>]) {
        for event in events {
            let settled = BatchSettled::decode_cpi(event).map(|event| event.reasons);
            for reason in settled.or(PaidOut::decode_cpi(event).map(|event| event.reasons)).unwrap_or_default() {
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    pub(crate) fn steps_run(&self) -> u64 {
        self.steps.values().map(|(succeeded, rejected)| succeeded + rejected).sum()
    }

    /// Asserts that every action succeeded and every reachable skip reason occurred at least once.
    pub(crate) fn assert_complete(&self) {
        for (action, (succeeded, _)) in &self.steps {
            assert!(*succeeded > 0, "{action} never succeeded\n{self}");
        }
        for reason in SkipReason::ALL.into_iter().filter(|reason| !UNREACHABLE.contains(reason)) {
            assert!(self.reasons.contains_key(&reason.into()), "{reason} never occurred\n{self}");
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (action, (succeeded, rejected)) in &self.steps {
            writeln!(f, "{action:>17} {succeeded:>7} succeeded {rejected:>7} rejected")?;
        }
        for (reason, count) in &self.reasons {
            let name = SkipReason::try_from(*reason).map_or("unknown", SkipReason::as_str);
            writeln!(f, "{name:>32} {count:>7} entries")?;
        }
        write!(f, "{} steps run", self.steps_run())
    }
}
