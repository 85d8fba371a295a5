//! The fuzz target `fast_path` as an ordinary test: the same inputs and the same promises, with numbers
//! from a seed instead of a fuzzer's, so that it runs everywhere and finds the same every time.

mod harness;

use std::collections::BTreeMap;

use harness::Outcome;

/// Inputs that are tried.
const CASES: usize = 50_000;
/// Bytes that an input is made of: enough for the largest.
const MOST_BYTES: usize = 6_000;

/// A small generator of numbers (xorshift64*): cheap, and the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[test]
fn no_input_breaks_a_promise_of_the_hot_path() {
    let mut numbers = Numbers(42);
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut bytes = vec![0; MOST_BYTES];
    for _ in 0..CASES {
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&numbers.next().to_le_bytes());
        }
        *outcomes.entry(format!("{:?}", harness::run(&bytes))).or_default() += 1;
    }
    println!("{outcomes:?}");
    for outcome in [Outcome::LeftToAnchor, Outcome::Refused, Outcome::NothingMoved, Outcome::Moved] {
        let met = outcomes.get(&format!("{outcome:?}")).copied().unwrap_or(0);
        assert!(met * 100 > CASES, "{outcome:?} was met {met} times: the test is empty");
    }
}

#[test]
fn no_seed_of_the_fuzz_targets_corpus_breaks_a_promise() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/fast_path");
    let mut files: Vec<_> =
        std::fs::read_dir(corpus).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus is empty");
    for file in files {
        harness::run(&std::fs::read(&file).expect("a seed"));
    }
}
