//! Waiting for conditions. Nothing in the harness or the tests waits for a time to pass.

use std::time::{Duration, Instant};

use crate::HarnessError;

/// Between two looks at a condition: short beside everything that is waited for, long beside one look.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// For states that pass quickly.
const CLOSE_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// What a look at a condition saw.
pub enum Seen<T> {
    /// The condition holds.
    Done(T),
    /// Not yet; the text tells what was seen, for the error at the deadline.
    NotYet(String),
}

/// Looks at a condition until it holds.
///
/// # Errors
/// [`HarnessError::Timeout`] after `deadline`, and at once whatever error the look returns.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    look: impl FnMut() -> Result<Seen<T>, HarnessError>,
) -> Result<T, HarnessError> {
    every(POLL_INTERVAL, what, deadline, look)
}

/// As [`until`], but looks so often that a state which lasts for milliseconds is seen. The look must be cheap.
///
/// # Errors
/// As for [`until`].
pub fn closely<T>(
    what: &str,
    deadline: Duration,
    look: impl FnMut() -> Result<Seen<T>, HarnessError>,
) -> Result<T, HarnessError> {
    every(CLOSE_POLL_INTERVAL, what, deadline, look)
}

#[expect(clippy::disallowed_methods, reason = "the deadline is one of the machine, not of the ledger")]
fn every<T>(
    interval: Duration,
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Result<Seen<T>, HarnessError>,
) -> Result<T, HarnessError> {
    let started = Instant::now();
    loop {
        let last = match look()? {
            Seen::Done(value) => return Ok(value),
            Seen::NotYet(last) => last,
        };
        let waited = started.elapsed();
        if waited >= deadline {
            let last = (!last.is_empty()).then_some(last);
            return Err(HarnessError::Timeout { what: what.to_owned(), waited, last });
        }
        std::thread::sleep(interval);
    }
}

/// Lets `duration` pass. Only for choosing the moment of an injected fault; never for something to be ready.
pub fn pass(duration: Duration) {
    std::thread::sleep(duration);
}

/// What `work` gives, and how long it took.
#[expect(clippy::disallowed_methods, reason = "measures the machine, not the ledger")]
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let result = work();
    (result, started.elapsed())
}
