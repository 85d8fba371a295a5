//! The outflow window: a leaky bucket that limits how much a stolen settler key can move.
//!
//! Credits fill it, and it drains at a rate of `limit / seconds`. Regardless of how batches are timed, at
//! most `limit * (1 + t / seconds)` leaves the treasury within t seconds.

/// The state of the window at `updated_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Capacity in base units.
    pub limit: u64,
    /// Seconds in which a full window drains.
    pub seconds: u64,
    /// Base units in the window.
    pub used: u64,
    /// Time up to which the window has been drained, in Unix seconds.
    pub updated_at: i64,
}

impl Window {
    /// The window at `now` (Unix seconds), before anything else is credited.
    ///
    /// If the clock has gone backwards, nothing drains, and no time is counted twice. Time that is too
    /// short to drain a single unit is not counted yet, so that frequent batches don't keep the window
    /// from draining.
    pub fn at(self, now: i64) -> Self {
        let elapsed = if now > self.updated_at { now.abs_diff(self.updated_at) } else { 0 };
        if elapsed == 0 {
            return self;
        }
        let drained = drained(elapsed, self.limit, self.seconds);
        Self {
            used: self.used.saturating_sub(drained),
            updated_at: if drained == 0 && self.used > 0 { self.updated_at } else { now },
            ..self
        }
    }

    /// Base units that may be credited.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// `elapsed * limit / seconds`, rounded down and saturated at 2^64 - 1.
#[inline(always)]
fn drained(elapsed: u64, limit: u64, seconds: u64) -> u64 {
    if seconds == 0 {
        // No network has such a window. The safe interpretation is that it never drains.
        return 0;
    }
    // The product fits if the elapsed time, and its product with the limit's upper half, are below 2^31.
    if elapsed >> 31 == 0 && (limit >> 32).wrapping_mul(elapsed) >> 31 == 0 {
        return elapsed.wrapping_mul(limit) / seconds;
    }
    drained_wide(elapsed, limit, seconds)
}

/// The same for products of more than 64 bits, whose division is many times as expensive on-chain.
#[cold]
fn drained_wide(elapsed: u64, limit: u64, seconds: u64) -> u64 {
    // At most (2^64 - 1)^2, which a u128 holds.
    let product = u128::from(elapsed) * u128::from(limit);
    product.checked_div(u128::from(seconds)).map_or(0, |drained| u64::try_from(drained).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { limit: 3_600, seconds: 60, used: 3_600, updated_at: 1_000 };

    #[test]
    fn the_window_drains_at_its_rate() {
        let later = WINDOW.at(1_001);
        assert_eq!((later.used, later.left()), (3_540, 60));
        assert_eq!(later.updated_at, 1_001);
        assert_eq!(WINDOW.at(1_060).used, 0);
        assert_eq!(WINDOW.at(i64::MAX).used, 0);
    }

    #[test]
    fn a_clock_that_goes_backwards_drains_nothing_and_no_time_counts_twice() {
        let back = WINDOW.at(900);
        assert_eq!(back, WINDOW);
        assert_eq!(back.at(1_001).used, 3_540);
        assert_eq!(WINDOW.at(i64::MIN), WINDOW);
    }

    #[test]
    fn an_empty_window_does_not_save_up_time() {
        let empty = Window { used: 0, ..WINDOW }.at(2_000);
        assert_eq!(empty.updated_at, 2_000);
        let full = Window { used: 3_600, ..empty };
        assert_eq!(full.at(2_001).left(), 60);
    }

    #[test]
    fn frequent_batches_do_not_keep_a_slow_window_from_draining() {
        let slow = Window { limit: 1, seconds: 10, used: 1, updated_at: 0 };
        let mut window = slow;
        for now in 1..=9 {
            window = window.at(now);
            assert_eq!(window.used, 1);
        }
        assert_eq!(window.at(10).used, 0);
    }

    #[test]
    fn the_largest_values_neither_wrap_nor_panic() {
        let window = Window { limit: u64::MAX, seconds: 1, used: u64::MAX, updated_at: i64::MIN };
        assert_eq!(window.at(i64::MAX).used, 0);
        let never = Window { seconds: 0, ..WINDOW };
        assert_eq!(never.at(i64::MAX).used, WINDOW.used);
    }

    #[test]
    fn a_limit_lowered_below_its_use_leaves_nothing() {
        let lowered = Window { limit: 1_000, ..WINDOW };
        assert_eq!(lowered.left(), 0);
    }
}
