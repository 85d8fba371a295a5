//! The memory and the processor time of this process.

use std::time::{Duration, Instant};

use crate::BenchError;

/// The present, for measuring durations.
#[allow(clippy::disallowed_methods, reason = "durations are what is measured here")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Forgets the peak: from now on, the peak is what the process holds at least.
pub(crate) fn reset_peak() -> Result<(), BenchError> {
    std::fs::write("/proc/self/clear_refs", "5").map_err(BenchError::other)
}

/// The peak of the resident set in KiB.
pub(crate) fn peak_kib() -> Result<u64, BenchError> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(BenchError::other)?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
        .ok_or_else(|| BenchError::Other("/proc/self/status has no VmHWM".to_owned()))
}

/// The processor time that this thread has taken.
pub(crate) fn processor_time() -> Result<Duration, BenchError> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").map_err(BenchError::other)?;
    let nanoseconds = text.split_whitespace().next().and_then(|number| number.parse().ok());
    nanoseconds
        .map(Duration::from_nanos)
        .ok_or_else(|| BenchError::Other("/proc/thread-self/schedstat cannot be read".to_owned()))
}
