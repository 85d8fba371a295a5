//! How many requests are sent in any second.

use std::collections::VecDeque;
use std::num::NonZeroU32;

/// The length of the window in which requests are counted, in milliseconds.
const WINDOW_MS: u64 = 1_000;

/// The longest time for which a place can be reserved in advance, in milliseconds.
const MAX_AHEAD_MS: u64 = 60_000;

/// The times of the last requests, as many as are allowed in a second.
pub(super) struct Pace {
    allowed: usize,
    /// When they were sent or are going to be, oldest first.
    sent: VecDeque<u64>,
}

impl Pace {
    pub(super) fn new(requests_per_second: NonZeroU32) -> Self {
        Self { allowed: usize::try_from(requests_per_second.get()).unwrap_or(usize::MAX), sent: VecDeque::new() }
    }

    /// Reserves a place for a request, and returns after how many milliseconds it may be sent.
    ///
    /// # Errors
    /// The number of milliseconds if it is more than `max_wait_ms`. Nothing was reserved.
    pub(super) fn reserve(&mut self, now_ms: u64, max_wait_ms: u64) -> Result<u64, u64> {
        // Later than any place that can be reserved: time was set back.
        if self.sent.back().is_some_and(|last| *last > now_ms.saturating_add(MAX_AHEAD_MS)) {
            self.sent.clear();
        }
        let is_full = self.sent.len() >= self.allowed;
        let earliest = self.sent.front().filter(|_| is_full).map_or(0, |first| first.saturating_add(WINDOW_MS));
        let at = earliest.max(now_ms);
        let wait = at.saturating_sub(now_ms);
        if wait > max_wait_ms.min(MAX_AHEAD_MS) {
            return Err(wait);
        }
        if is_full {
            self.sent.pop_front();
        }
        self.sent.push_back(at);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(allowed: u32) -> Pace {
        Pace::new(NonZeroU32::new(allowed).unwrap())
    }

    #[test]
    fn no_second_has_more_requests_than_allowed() {
        for allowed in [1, 3, 50] {
            let (mut pace, mut sent, mut now) = (pace(allowed), Vec::new(), 5_000);
            for request in 0..400_u64 {
                sent.extend(pace.reserve(now, 7_500).map(|wait| now + wait));
                // Bursts, and pauses of all lengths.
                now += if request % 7 == 0 { request * 13 % 1_700 } else { 0 };
            }
            assert!(sent.is_sorted());
            for window in sent.windows(allowed as usize + 1) {
                assert!(window[allowed as usize] - window[0] >= 1_000, "{window:?}");
            }
        }
    }

    #[test]
    fn what_would_wait_for_too_long_takes_no_place() {
        let mut pace = pace(2);
        assert_eq!([pace.reserve(0, 500), pace.reserve(0, 500), pace.reserve(0, 500)], [Ok(0), Ok(0), Err(1_000)]);
        assert_eq!([pace.reserve(600, 500), pace.reserve(600, 500)], [Ok(400), Ok(400)]);
        assert_eq!(pace.reserve(600, 500), Err(1_400));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut pace = pace(1);
        assert_eq!(pace.reserve(3_600_000, 0), Ok(0));
        assert_eq!(pace.reserve(0, 0), Ok(0));
        assert_eq!(pace.reserve(0, 5_000), Ok(1_000));
    }
}
