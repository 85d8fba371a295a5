//! Runs the fuzz target `fast_path` as an ordinary test: the same inputs and checks, but with seeded random
//! numbers instead of a fuzzer, so that it runs everywhere and is reproducible.
//!
//! `toolchain/miri.sh` runs it in Miri, which detects undefined behavior, with fewer inputs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that encounters something unexpected fails by panicking"
)]

mod harness;

use std::collections::BTreeMap;

use harness::Outcome;

/// Number of inputs.
const CASES: usize = if cfg!(miri) { 60 } else { 50_000 };
/// Number of bytes that an input is generated from, which is enough for the largest.
const BYTES_PER_CASE: usize = 6_000;
/// Number of corpus files that run; Miri takes seconds for each.
const CORPUS_FILES: usize = if cfg!(miri) { 12 } else { usize::MAX };

/// A small random number generator (xorshift64*), which is fast and the same on every platform.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[test]
fn every_property_holds_for_random_inputs() {
    let mut random = Random(42);
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut bytes = vec![0; BYTES_PER_CASE];
    for _ in 0..CASES {
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&random.next().to_le_bytes());
        }
        *outcomes.entry(format!("{:?}", harness::run(&bytes))).or_default() += 1;
    }
    println!("{outcomes:?}");
    for outcome in [Outcome::LeftToAnchor, Outcome::Failed, Outcome::NothingMoved, Outcome::Moved] {
        let count = outcomes.get(&format!("{outcome:?}")).copied().unwrap_or(0);
        // The few inputs in Miri don't have to cover the rare outcomes.
        assert!(cfg!(miri) || count * 100 > CASES, "only {count} inputs had the outcome {outcome:?}");
    }
}

#[test]
fn every_property_holds_for_the_fuzz_corpus() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/fast_path");
    let mut files: Vec<_> =
        std::fs::read_dir(corpus).expect("a corpus").map(|entry| entry.expect("a directory entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus is empty");
    for file in files.iter().take(CORPUS_FILES) {
        harness::run(&std::fs::read(file).expect("a readable file"));
    }
}
