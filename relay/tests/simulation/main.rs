//! Simulates relays that settle a network on a cluster where everything goes wrong that can, with the real program, the
//! real engine and a real ledger, and checks after every step that nobody is paid twice and nothing is lost.
//!
//! A run is determined by its seed alone: time, the order of everything that happens, and all faults. After a random time
//! the faults end, and then everything must be settled. A run that breaks a promise is repeated, with the same result,
//! by its number, and tells its story:
//!
//! ```text
//! WILLIW_SIMULATION_SEED=42 cargo test -p williw-relay --test simulation one_seed -- --nocapture
//! WILLIW_SIMULATION_SEEDS=1000000 cargo test -p williw-relay --test simulation every_seed
//! WILLIW_SIMULATION_KIND="lookup tables" cargo test -p williw-relay --test simulation every_seed
//! ```
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something unexpected fails by a panic"
)]

mod actors;
mod agenda;
mod checker;
mod cluster;
mod coverage;
mod faults;
mod ledger;
mod lies;
mod named;
mod process;
#[path = "../support/program.rs"]
mod program;
mod random;
mod regressions;
mod rpc;
mod run;
mod scenario;
mod seeds;
mod story;
mod tables;
#[path = "../../../programs/settlement/tests/support/token_programs.rs"]
mod token_programs;
mod variants;
mod world;
mod wrongs;

use seeds::{number_from_environment, run_all};

/// The number of seeds that are run unless `WILLIW_SIMULATION_SEEDS` says otherwise.
const SEEDS: u64 = 10_000;

#[test]
fn every_seed_keeps_the_promises_and_settles_everything_once_the_faults_end() {
    let first = number_from_environment("WILLIW_SIMULATION_FIRST_SEED").unwrap_or(0);
    run_all(first, number_from_environment("WILLIW_SIMULATION_SEEDS").unwrap_or(SEEDS));
}

#[test]
fn one_seed_tells_its_story() {
    let Some(seed) = number_from_environment("WILLIW_SIMULATION_SEED") else { return };
    let outcome = run::run_seed(seed, true);
    println!("{}", outcome.story);
    assert_eq!(outcome.violation, None, "seed {seed}");
}

#[test]
fn a_seed_tells_the_same_story_every_time_and_in_any_thread() {
    let seeds = 0..40;
    let forwards: Vec<_> = seeds.clone().map(|seed| run::run_seed(seed, false).hash).collect();
    let others = seeds.clone();
    let backwards = std::thread::spawn(move || others.rev().map(|seed| run::run_seed(seed, true).hash).collect());
    let mut backwards: Vec<_> = backwards.join().expect("no run panics");
    backwards.reverse();
    assert_eq!(forwards, backwards);
    let distinct: std::collections::BTreeSet<_> = forwards.iter().collect();
    assert_eq!(distinct.len(), seeds.count(), "every seed has a story of its own");
}
