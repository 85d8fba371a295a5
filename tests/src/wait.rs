//! Waiting for conditions. The harness and the tests never sleep for a fixed time in the hope that something is ready.

use std::time::{Duration, Instant};

use crate::HarnessError;

/// Interval between two checks: short compared with what is waited for, long compared with one check.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Interval for observing short-lived states.
const FAST_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// The result of one check of a condition.
pub enum Poll<T> {
    /// The condition is met.
    Ready(T),
    /// The condition is not met yet. The text describes the current state and becomes part of a timeout error.
    Pending(String),
}

impl Poll<()> {
    /// [`Poll::Ready`] if `condition` holds; otherwise [`Poll::Pending`] with the description returned by `state`.
    pub fn when(condition: bool, state: impl FnOnce() -> String) -> Self {
        if condition { Self::Ready(()) } else { Self::Pending(state()) }
    }
}

/// Polls a condition until it is met.
///
/// # Errors
/// [`HarnessError::Timeout`] after `deadline`. An error returned by `check` is passed on immediately.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    check: impl FnMut() -> Result<Poll<T>, HarnessError>,
) -> Result<T, HarnessError> {
    poll(POLL_INTERVAL, what, deadline, check)
}

/// Like [`until`], but polls every millisecond to observe short-lived states. The check must be cheap.
///
/// # Errors
/// See [`until`].
pub fn until_fast<T>(
    what: &str,
    deadline: Duration,
    check: impl FnMut() -> Result<Poll<T>, HarnessError>,
) -> Result<T, HarnessError> {
    poll(FAST_POLL_INTERVAL, what, deadline, check)
}

#[expect(clippy::disallowed_methods, reason = "the deadline is measured in machine time, not in ledger time")]
fn poll<T>(
    interval: Duration,
    what: &str,
    deadline: Duration,
    mut check: impl FnMut() -> Result<Poll<T>, HarnessError>,
) -> Result<T, HarnessError> {
    let started = Instant::now();
    loop {
        let last = match check()? {
            Poll::Ready(value) => return Ok(value),
            Poll::Pending(last) => last,
        };
        let waited = started.elapsed();
        if waited >= deadline {
            let last = (!last.is_empty()).then_some(last);
            return Err(HarnessError::Timeout { what: what.to_owned(), waited, last });
        }
        std::thread::sleep(interval);
    }
}

/// Sleeps for `duration`. Use this only to time an injected fault, never to wait until something is ready.
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// Runs `work` and returns its result together with the elapsed time.
#[expect(clippy::disallowed_methods, reason = "measures machine time, not ledger time")]
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let result = work();
    (result, started.elapsed())
}
