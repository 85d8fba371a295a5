//! Runs many seeds on all cores.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::checker::Evaluations;
use crate::coverage::{self, Coverage};
use crate::run::{run, run_seed};
use crate::scenario::Scenario;

/// How many seeds may fail before the rest is not run any more, unless `WILLIW_SIMULATION_FAILURES` says otherwise.
const MAX_FAILURES: u64 = 20;

/// A number from an environment variable.
pub(crate) fn number_from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
}

/// Runs `count` seeds from `first` on, or those of them that are about `WILLIW_SIMULATION_KIND`. Panics with the story of the lowest one that fails, or if together they do not reach
/// what is rare.
pub(crate) fn run_all(first: u64, count: u64) {
    let next = AtomicU64::new(first);
    let (failures, coverage) = (Mutex::new(Vec::new()), Mutex::new(Coverage::default()));
    let evaluations: Mutex<BTreeMap<&'static str, Evaluations>> = Mutex::default();
    let max_failures = number_from_environment("WILLIW_SIMULATION_FAILURES").unwrap_or(MAX_FAILURES) as usize;
    let kind = std::env::var("WILLIW_SIMULATION_KIND").ok();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failures.lock().expect("no thread panics").len() >= max_failures {
                        return;
                    }
                    let scenario = Scenario::of(seed);
                    if kind.as_ref().is_some_and(|kind| *kind != scenario.kind()) {
                        continue;
                    }
                    let is_sample = coverage::is_sample(seed - first, count, &scenario);
                    match catch_unwind(AssertUnwindSafe(|| run(scenario, seed, is_sample))) {
                        Ok(outcome) => {
                            let mut evaluations = evaluations.lock().expect("no thread panics");
                            evaluations.entry(outcome.kind).or_default().add(&outcome.evaluations);
                            drop(evaluations);
                            if is_sample {
                                coverage.lock().expect("no thread panics").add(&outcome.story);
                            }
                            if let Some(violation) = outcome.violation {
                                failures.lock().expect("no thread panics").push((seed, violation.text));
                            }
                        }
                        Err(panic) => {
                            let text = panic.downcast_ref::<String>().cloned();
                            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
                            failures.lock().expect("no thread panics").push((seed, text.unwrap_or_default()));
                        }
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("no thread panics");
    failures.sort();
    let Some((seed, _)) = failures.first() else {
        // The seeds of one kind do not reach what all of them do.
        let runs = if kind.is_some() { 0 } else { count };
        let evaluations = evaluations.into_inner().expect("no thread panics");
        coverage.into_inner().expect("no thread panics").check(runs, &evaluations);
        return;
    };
    if let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| run_seed(*seed, true))) {
        println!("The story of seed {seed}:\n{}", outcome.story);
    }
    let list: Vec<String> = failures.iter().map(|(seed, failure)| format!("seed {seed}: {failure}")).collect();
    panic!("{} of the seeds fail:\n{}", failures.len(), list.join("\n"));
}
