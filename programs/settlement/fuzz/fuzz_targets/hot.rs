//! Feeds the hot path inputs made of a fuzzer's bytes. What they are and what must hold for them is
//! in `tests/hot_input`, which tries the same without a fuzzer.

#![no_main]

#[path = "../../tests/hot_input/harness/mod.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    harness::run(bytes);
});
