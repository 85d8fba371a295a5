//! Runs the fast path on inputs generated from a fuzzer's bytes. The generator and the checks are in
//! `tests/fast_path_input`, which runs them without a fuzzer.

#![no_main]

#[path = "../../tests/fast_path_input/harness/mod.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    harness::run(bytes);
});
