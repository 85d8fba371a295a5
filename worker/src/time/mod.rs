//! Time in a Worker.
//!
//! In a Worker, `Date.now()` is frozen while code runs and only advances with I/O, and std's clocks panic. All code
//! therefore uses a [`WorkersClock`]. A timestamp from a request header is only an untrusted hint: it may be used to
//! order log entries, but must never affect money, expiry or authentication.

mod clock;
mod timestamp_utils;

pub use clock::{MAX_HINT_SKEW_MS, WorkersClock};
pub use timestamp_utils::{REQUEST_START_TIME_HEADER, TimestampError, TimestampUtils};
