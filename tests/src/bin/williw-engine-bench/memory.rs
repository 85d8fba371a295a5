//! The memory of this process.

use crate::BenchError;

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
