//! How long a pause can keep owners from withdrawing.
//!
//! A pause stops whoever stole a key, but must not become a way to keep what nodes have earned. So it holds
//! withdrawals for at most `max_seconds`, and after a hold has ended there is none for as long again, however often the
//! network is paused and unpaused: in any period of twice that length, owners can withdraw during at least half of it.

/// The longest `max_seconds` that a network may have: 30 days.
pub const MAX_PAUSE_SECONDS: u64 = 30 * 86_400;

/// The hold that the latest pause placed on withdrawals. Times are in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The end of the latest hold.
    pub until: i64,
    /// How long a hold lasts.
    pub max_seconds: u64,
}

impl Hold {
    /// The end of the hold after the network is paused at `now`, having been unpaused before. A hold that is still
    /// running, or that ended less than `max_seconds` ago, is not extended.
    #[must_use]
    pub fn until_after_pause(self, now: i64) -> i64 {
        if self.is_settled(now) { now.saturating_add_unsigned(self.max_seconds) } else { self.until }
    }

    /// Whether owners had as long to withdraw at `now` as the latest hold lasted. Until then, how long a hold lasts must not
    /// change: a shorter time would let the next one begin sooner.
    pub fn is_settled(self, now: i64) -> bool {
        now >= self.until.saturating_add_unsigned(self.max_seconds)
    }

    /// Whether owners of a paused network can withdraw at `now`.
    pub fn is_over(self, now: i64) -> bool {
        now >= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    const NEVER_PAUSED: Hold = Hold { until: 0, max_seconds: 86_400 };
    const NOW: i64 = 1_800_000_000;

    #[test]
    fn a_pause_holds_withdrawals_for_the_time_that_the_network_names() {
        let until = NEVER_PAUSED.until_after_pause(NOW);
        assert_eq!(until, NOW + DAY);
        let hold = Hold { until, ..NEVER_PAUSED };
        assert!(!hold.is_over(NOW + DAY - 1));
        assert!(hold.is_over(NOW + DAY));
    }

    #[test]
    fn pausing_again_does_not_extend_a_hold_until_owners_had_as_long_to_withdraw() {
        let hold = Hold { until: NOW + DAY, max_seconds: 86_400 };
        for later in [0, 1, DAY, 2 * DAY - 1] {
            assert_eq!(hold.until_after_pause(NOW + later), NOW + DAY);
        }
        assert_eq!(hold.until_after_pause(NOW + 2 * DAY), NOW + 3 * DAY);
    }

    #[test]
    fn times_at_the_limits_neither_wrap_nor_panic() {
        let hold = Hold { until: i64::MAX, max_seconds: u64::MAX };
        assert_eq!(hold.until_after_pause(i64::MAX), i64::MAX);
        assert_eq!(Hold { until: i64::MIN, max_seconds: 1 }.until_after_pause(i64::MAX), i64::MAX);
    }
}
