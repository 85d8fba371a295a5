//! What was played, so that a test that tries nothing any more is found out.

use std::collections::BTreeMap;
use std::fmt;

use settlement::events::{BatchSettled, PaidOut};
use settlement::rules::SkipReason;

use super::step::Step;

/// Skip reasons that this world can't bring about: its mints have no second one of the same token
/// program, none of its accounts is a program or wants a memo, no destination that a node may name
/// is reserved, nobody has the funds for a total near 2^64, and the treasury is never short of what
/// it owes.
const OUT_OF_REACH: [SkipReason; 6] = [
    SkipReason::Overflow,
    SkipReason::DestinationExecutable,
    SkipReason::DestinationReserved,
    SkipReason::TokenAccountWrongMint,
    SkipReason::TokenAccountNeedsMemo,
    SkipReason::TreasuryTokensShort,
];

#[derive(Default)]
pub struct Tally {
    /// (done, refused) by kind of step.
    steps: BTreeMap<String, (u64, u64)>,
    reasons: BTreeMap<u8, u64>,
}

impl Tally {
    pub fn count(&mut self, step: &Step, done: bool) {
        let kind = format!("{:?}", step.what);
        let kind = kind.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let (did, refused) = self.steps.entry(kind.to_owned()).or_default();
        *(if done { did } else { refused }) += 1;
    }

    pub fn count_reasons(&mut self, events: &[Vec<u8>]) {
        for event in events {
            let settled = BatchSettled::decode_cpi(event).map(|event| event.reasons);
            for reason in settled.or(PaidOut::decode_cpi(event).map(|event| event.reasons)).unwrap_or_default() {
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    pub fn played(&self) -> u64 {
        self.steps.values().map(|(done, refused)| done + refused).sum()
    }

    /// Every kind of step was done, and every reason to skip an entry was met.
    pub fn assert_all_met(&self) {
        for (kind, (done, _)) in &self.steps {
            assert!(*done > 0, "{kind} was never done\n{self}");
        }
        for reason in SkipReason::ALL.into_iter().filter(|reason| !OUT_OF_REACH.contains(reason)) {
            assert!(self.reasons.contains_key(&reason.into()), "{reason} was never met\n{self}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, (done, refused)) in &self.steps {
            writeln!(f, "{kind:>16} {done:>7} done {refused:>7} refused")?;
        }
        for (reason, count) in &self.reasons {
            let name = SkipReason::try_from(*reason).map_or("unknown", SkipReason::as_str);
            writeln!(f, "{name:>32} {count:>7} entries")?;
        }
        write!(f, "{} steps played", self.played())
    }
}
