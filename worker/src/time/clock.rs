//! The clock of the Worker.

use std::cell::Cell;

use williw_relay::clock::Clock;

/// The maximum difference between a client's timestamp and the runtime's clock, in milliseconds. Machines that
/// synchronize with NTP agree within a fraction of a second, so five seconds is generous.
pub const MAX_HINT_SKEW_MS: i64 = 5_000;

/// The runtime's clock during one invocation, and an optional hint about the current time from a client.
#[derive(Clone, Debug)]
pub struct WorkersClock {
    runtime_ms: fn() -> i64,
    hint_ms: Cell<Option<i64>>,
}

impl WorkersClock {
    /// The clock of the JavaScript runtime, `Date.now()`.
    pub fn new() -> Self {
        Self::with_runtime(|| worker::js_sys::Date::now() as i64)
    }

    /// A clock over another source of the current time in Unix milliseconds.
    pub fn with_runtime(runtime_ms: fn() -> i64) -> Self {
        Self { runtime_ms, hint_ms: Cell::new(None) }
    }

    /// Sets a client's timestamp (Unix milliseconds) as the hint for [`timestamp_ms`](Self::timestamp_ms). Returns
    /// whether the hint was accepted: it is rejected if it differs from the runtime's clock by more than
    /// [`MAX_HINT_SKEW_MS`].
    pub fn set_timestamp(&self, timestamp_ms: i64) -> bool {
        let plausible = timestamp_ms.abs_diff((self.runtime_ms)()) <= MAX_HINT_SKEW_MS.unsigned_abs();
        if plausible {
            self.hint_ms.set(Some(timestamp_ms));
        }
        plausible
    }

    /// The current time for display, in Unix milliseconds: the runtime's clock, or the hint if that is later. Must not
    /// be used for money, expiry or authentication; these use [`Clock::now_ms`].
    pub fn timestamp_ms(&self) -> i64 {
        let runtime_ms = (self.runtime_ms)();
        self.hint_ms.get().map_or(runtime_ms, |hint_ms| hint_ms.max(runtime_ms))
    }

    /// Like [`timestamp_ms`](Self::timestamp_ms), in whole Unix seconds.
    pub fn timestamp_secs(&self) -> i64 {
        self.timestamp_ms().div_euclid(1_000)
    }

    /// Whether `timeout_ms` milliseconds have passed since `start_ms` (Unix milliseconds), according to the runtime's
    /// clock. A start time in the future has not timed out.
    pub fn is_timeout(&self, start_ms: i64, timeout_ms: u64) -> bool {
        let elapsed_ms = (self.runtime_ms)().saturating_sub(start_ms);
        u64::try_from(elapsed_ms).is_ok_and(|elapsed_ms| elapsed_ms >= timeout_ms)
    }
}

impl Default for WorkersClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for WorkersClock {
    /// The runtime's clock, regardless of any hint.
    fn now_ms(&self) -> i64 {
        (self.runtime_ms)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_999;

    fn clock() -> WorkersClock {
        WorkersClock::with_runtime(|| NOW_MS)
    }

    #[test]
    fn without_a_hint_the_time_is_that_of_the_runtime() {
        assert_eq!(clock().timestamp_ms(), NOW_MS);
        assert_eq!(clock().timestamp_secs(), 1_700_000_000);
    }

    #[test]
    fn a_hint_is_accepted_only_if_it_is_close_to_the_runtimes_clock() {
        for (hint_ms, accepted) in [
            (NOW_MS + MAX_HINT_SKEW_MS, true),
            (NOW_MS - MAX_HINT_SKEW_MS, true),
            (NOW_MS + MAX_HINT_SKEW_MS + 1, false),
            (NOW_MS - MAX_HINT_SKEW_MS - 1, false),
            (i64::MAX, false),
            (i64::MIN, false),
        ] {
            let clock = clock();
            assert_eq!(clock.set_timestamp(hint_ms), accepted, "{hint_ms}");
            assert_eq!(clock.timestamp_ms(), if accepted { hint_ms.max(NOW_MS) } else { NOW_MS }, "{hint_ms}");
        }
    }

    #[test]
    fn a_hint_does_not_affect_the_time_for_money_expiry_and_authentication() {
        let clock = clock();
        assert!(clock.set_timestamp(NOW_MS + MAX_HINT_SKEW_MS));
        assert_eq!(clock.now_ms(), NOW_MS);
        assert!(!clock.is_timeout(NOW_MS, 1));
    }

    #[test]
    fn a_timeout_is_measured_from_its_start() {
        let clock = clock();
        assert!(clock.is_timeout(NOW_MS - 100, 100));
        assert!(!clock.is_timeout(NOW_MS - 99, 100));
        assert!(clock.is_timeout(NOW_MS, 0));
        assert!(!clock.is_timeout(NOW_MS + 1, 0), "a start time in the future");
        assert!(!clock.is_timeout(i64::MAX, 0));
        assert!(clock.is_timeout(i64::MIN, u64::from(u32::MAX)));
    }
}
