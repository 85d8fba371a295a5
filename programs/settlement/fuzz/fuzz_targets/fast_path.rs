//! Feeds the fast path inputs made of a fuzzer's bytes. What they are and what must hold for them is
//! in `tests/fast_path_input`, which tries the same without a fuzzer.

#![no_main]

#[path = "../../tests/fast_path_input/harness/mod.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    harness::run(bytes);
});
