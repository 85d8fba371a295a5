//! Runs the fast path off-chain on instructions generated from arbitrary bytes, serialized as by the
//! runtime, and checks the properties that must hold for each of them.
//!
//! Shared by the fuzz target `fast_path` and the test `fast_path_input`, which uses seeded random numbers.

mod case;
mod check;
mod host;
mod layout;
mod model;

use settlement::fast_path;

/// The outcome of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The fast path left the instruction to Anchor.
    LeftToAnchor,
    /// The instruction failed as a whole.
    Failed,
    /// The instruction succeeded without crediting or paying anything.
    NothingMoved,
    /// The instruction credited or paid something.
    Moved,
}

/// Runs the instruction generated from `bytes`. Panics if a property doesn't hold.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let Ok(case) = case::Case::generate(bytes) else { return Outcome::LeftToAnchor };
    let mut input = layout::serialize(&case.accounts, &case.list, &case.data);
    let host = host::FakeHost::new(&case);
    // SAFETY: the input is serialized as by the runtime, with the index of an earlier account for each
    // repeated one; words are aligned to 8; the buffer is exclusively borrowed. The host accesses only
    // accounts of calls, and writes the data of token accounts only.
    let outcome = unsafe { fast_path::process(&host, input.as_mut_ptr()) };
    let after = input.updated(&case.accounts);
    assert!(input.matches(&after, &case.data), "bytes outside of the accounts' fields were written");
    let calls = host.into_calls();
    let is_failed_by_runtime = check::always(&case, &after, &calls);
    match outcome {
        None => {
            assert!(after == case.accounts && calls.is_empty(), "the input was changed before Anchor gets it");
            Outcome::LeftToAnchor
        }
        Some(Err(_)) => Outcome::Failed,
        Some(Ok(())) if is_failed_by_runtime => Outcome::Failed,
        Some(Ok(())) => check::success(&case, &after, &calls),
    }
}
