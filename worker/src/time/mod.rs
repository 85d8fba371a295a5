//! Time at the edge.
//!
//! In a Worker `Date.now()` stands still while code runs and moves on after I/O, and std's clocks panic. All code
//! asks a [`WorkersClock`]. A time that comes in a header is a hint from outside: it may order log lines, and must
//! never decide about money, expiry or authentication.

mod clock;
mod timestamp_utils;

pub use clock::{MAX_HINT_SKEW_MS, WorkersClock};
pub use timestamp_utils::{REQUEST_START_TIME_HEADER, TimestampError, TimestampUtils};
