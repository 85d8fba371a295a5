//! The fast path on whatever an instruction could bring: inputs made of arbitrary bytes, laid out as
//! the runtime does, run off the chain, and held against what must hold for each of them.
//!
//! Shared by the fuzz target `fast_path` and by the test that tries the same with numbers from a seed.

mod case;
mod check;
mod host;
mod layout;

use settlement::fast_path;

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not the fast path's.
    LeftToAnchor,
    Refused,
    /// Nothing was credited and nothing paid.
    NothingMoved,
    /// This many base units were credited or paid.
    Moved,
}

/// Runs the input that the bytes describe. Panics where a promise is broken.
pub fn run(bytes: &[u8]) -> Outcome {
    let Ok(case) = case::Case::of(bytes) else { return Outcome::LeftToAnchor };
    let mut laid = layout::lay_out(&case.accounts, &case.list, &case.data);
    let host = host::FakeHost::new(&case);
    // SAFETY: laid out as the runtime does, aligned to 8, and this call's own.
    let outcome = unsafe { fast_path::process(&host, laid.start()) };
    let after = laid.read_back(&case.accounts);
    assert!(laid.is_all_of(&after, &case.data), "something was written between the accounts");
    let calls = host.into_calls();
    check::anywhere(&case, &after, &calls);
    match outcome {
        None => {
            assert!(after == case.accounts && calls.is_empty(), "Anchor gets another input than came");
            Outcome::LeftToAnchor
        }
        Some(Err(_)) => Outcome::Refused,
        Some(Ok(())) => check::applied(&case, &after, &calls),
    }
}
