//! What the runs have to reach: a promise that is never at risk is not tested.
//!
//! Each seed's situation is a matter of chance, but how many of a thousand reach something is not: a change of the engine moves
//! the numbers only a little, unless it makes something unreachable.

use std::collections::BTreeMap;

use crate::SEEDS;
use crate::checker::{Evaluations, Rule};
use crate::scenario::{SOL, Scenario};

/// The number of runs that are looked at, spread over all.
const SAMPLES: u64 = 1_000;

/// Parts of the stories' lines, and what they stand for.
const RARE: &[&str] = &[
    "CRASHES",
    "stands still",
    "is asked to stop",
    "a clock that is",
    "drops 4 blocks",
    "is stuck",
    "has lost the lease",
    "the ledger rejected the write",
    "the request is late",
    "the answer is lost",
    "behind slot",
    "limits the rate",
    " lies",
    "the RPC nodes disagree",
    "a URL of another cluster",
    "this ledger is bound to",
    "expired without landing",
    "nothing is left to do for its nodes",
    "failed on-chain",
    "fails as a whole and is split",
    "nothing more can be sent",
    "the network is paused",
    "cannot pay",
    "landed in slot",
    "restores the ledger",
    "chain_above_ledger",
    "held: treasury_short",
    "held: window_limit",
    "held: destination",
    "wallet read, 1 node held",
    "rewards name no transaction",
    "(register, ",
    "(credit, ",
    "(settle, ",
    ", v0), attempt 1",
    ", v1), attempt 1",
    "attempt 3: signed",
    "Reopen",
    "TopUpRent",
    "with 0 log lines",
];

/// The same for scenarios that are not about SOL alone, each of which is looked at.
const RARE_IN_VARIANTS: &[&str] = &[
    "held: token_account_invalid",
    "held: token_account_frozen",
    "held: token_account_wrong_owner",
    "held: token_account_needs_memo",
    "held: treasury_frozen",
    "Create lookup table",
    "Extend lookup table",
    "wallets are looked up in 1 tables",
];

/// What scenarios are about. Every rule must be at stake in each.
const KINDS: &[&str] = &[SOL, "lookup tables", "p-token", "SPL Token", "Token-2022", "Token-2022 with a fee"];

/// Rules that are at stake too seldom to be so in each kind of scenario. They do not depend on it.
const SELDOM: &[Rule] =
    &[Rule::SkippedIsTrue, Rule::DisagreementsAreTrue, Rule::OnlyTheLateLoseTheirLease, Rule::ErrorsHaveACauseOutside];

/// Whether the run with this number, of `count`, is one of the samples. Of scenarios that are not about SOL alone, each is.
pub(crate) fn is_sample(number: u64, count: u64, scenario: &Scenario) -> bool {
    number.is_multiple_of((count / SAMPLES).max(1)) || scenario.kind() != SOL
}

/// How many of the samples have reached what is rare.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    samples: u64,
    reached: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Adds the story of a run.
    pub(crate) fn add(&mut self, story: &str) {
        self.samples += 1;
        for part in RARE.iter().chain(RARE_IN_VARIANTS) {
            *self.reached.entry(part).or_default() += u64::from(story.contains(part));
        }
    }

    /// Panics if something was never reached, or a rule never evaluated in one kind of scenario, unless there are too few
    /// of the `runs` to tell; 0 stands for runs of one kind only.
    pub(crate) fn check(&self, runs: u64, evaluations: &BTreeMap<&'static str, Evaluations>) {
        println!("{self:#?}");
        let can_tell = runs > 0 && self.samples >= SAMPLES;
        let mut all = Evaluations::default();
        for kind in KINDS {
            let evaluations = evaluations.get(kind).cloned().unwrap_or_default();
            let counts: Vec<_> = evaluations.iter().map(|(rule, count)| format!("{rule:?} {count}")).collect();
            println!("evaluated in {kind}: {}", counts.join(", "));
            all.add(&evaluations);
            let unused = evaluations.unused().filter(|rule| !SELDOM.contains(rule)).collect::<Vec<_>>();
            assert!(runs < SEEDS || unused.is_empty(), "never evaluated in {kind}: {unused:?}");
        }
        let unused: Vec<_> = all.unused().collect();
        assert!(!can_tell || unused.is_empty(), "never evaluated: {unused:?}");
        let is_expected = |part| runs >= SEEDS || RARE.contains(part);
        let missed = self.reached.iter().filter(|(part, count)| **count == 0 && is_expected(*part));
        let never: Vec<_> = missed.map(|(part, _)| part).collect();
        assert!(!can_tell || never.is_empty(), "never reached: {never:?}");
    }
}
