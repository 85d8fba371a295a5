//! What the runs have to reach: a promise that is never at risk is not tested.

use std::collections::BTreeMap;

use crate::run::run_seed;

/// The number of runs, from seed 0 on, that have to reach everything.
const RUNS: u64 = 250;

/// Parts of the stories' lines, and what they stand for.
const RARE: &[&str] = &[
    "CRASHES",
    "drops 4 blocks",
    "is stuck",
    "has lost the lease",
    "the ledger rejected the write",
    "the request is late",
    "the answer is lost",
    "behind slot",
    "limits the rate",
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
    "rewards of 1 node held: treasury_short",
    "held: window_limit",
    "held: destination",
    "wallet read, 1 node held",
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

#[test]
fn the_first_seeds_reach_whatever_is_rare() {
    let mut reached: BTreeMap<&str, u64> = RARE.iter().map(|part| (*part, 0)).collect();
    for seed in 0..RUNS {
        let story = run_seed(seed, true).story;
        for (part, runs) in &mut reached {
            *runs += u64::from(story.contains(part));
        }
    }
    println!("{reached:#?}");
    let never: Vec<_> = reached.iter().filter(|(_, runs)| **runs == 0).map(|(part, _)| part).collect();
    assert!(never.is_empty(), "never reached: {never:?}");
}
