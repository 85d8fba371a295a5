//! Until when an RPC node has asked not to be asked.

/// The longest time that a node can ask to wait, in milliseconds: an hour. One that asks for more is asked once an hour.
pub(crate) const MAX_RETRY_AFTER_MS: u64 = 60 * 60 * 1_000;

/// How long a node that does not say how long is left alone, in milliseconds. It doubles with every further refusal.
const FIRST_PAUSE_MS: u64 = 1_000;

/// The number of doublings: 64 seconds.
const MAX_DOUBLINGS: u32 = 6;

/// The refusals of a node that limits the rate of requests.
#[derive(Default)]
pub(super) struct Refusal {
    /// When it may be asked again.
    until_ms: u64,
    /// When it has refused last.
    refused_at_ms: u64,
    /// How often it has refused since it has last answered.
    in_a_row: u32,
}

impl Refusal {
    /// For how many milliseconds it is not to be asked.
    pub(super) fn remaining_ms(&mut self, now_ms: u64) -> u64 {
        let remaining = self.until_ms.saturating_sub(now_ms);
        // Longer than any pause: time was set back.
        if remaining > MAX_RETRY_AFTER_MS {
            *self = Self::default();
            return 0;
        }
        remaining
    }

    /// Notes that a request that was sent at `sent_ms` was refused, and returns for how many milliseconds to leave the node alone.
    pub(super) fn refused(&mut self, sent_ms: u64, now_ms: u64, retry_after_ms: Option<u64>) -> u64 {
        // Requests that were sent together do not count as several refusals.
        if self.in_a_row == 0 || sent_ms >= self.refused_at_ms {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        self.refused_at_ms = now_ms;
        let doublings = self.in_a_row.saturating_sub(1).min(MAX_DOUBLINGS);
        let pause = retry_after_ms.unwrap_or(FIRST_PAUSE_MS << doublings).min(MAX_RETRY_AFTER_MS);
        self.until_ms = self.until_ms.max(now_ms.saturating_add(pause));
        self.remaining_ms(now_ms)
    }

    /// Notes that a request that was sent at `sent_ms` was answered.
    pub(super) fn answered(&mut self, sent_ms: u64) {
        if sent_ms >= self.until_ms {
            self.in_a_row = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_left_alone_for_as_long_as_it_asks_up_to_an_hour() {
        for (asked, left) in [(0, 0), (7_000, 7_000), (3_600_000, 3_600_000), (86_400_000, 3_600_000)] {
            let mut refusal = Refusal::default();
            assert_eq!(refusal.refused(5, 10, Some(asked)), left);
            assert_eq!([refusal.remaining_ms(10), refusal.remaining_ms(10 + left)], [left, 0]);
        }
        // A shorter pause does not end a longer one.
        let mut refusal = Refusal::default();
        refusal.refused(0, 0, Some(9_000));
        assert_eq!(refusal.refused(0, 1_000, Some(2_000)), 8_000);
    }

    #[test]
    fn a_node_that_does_not_say_how_long_is_asked_more_and_more_rarely() {
        let (mut refusal, mut now) = (Refusal::default(), 0);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            // Six requests that were sent together are one refusal.
            for _ in 0..6 {
                refusal.refused(now, now + 1, None);
            }
            now += 1;
            pauses.push(refusal.remaining_ms(now));
            now += refusal.remaining_ms(now);
        }
        assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 64_000, 64_000]);
        // An answer to a request from before the refusal says nothing.
        refusal.answered(now - 1);
        assert_eq!(refusal.refused(now, now, None), 64_000);
        now += 64_000;
        refusal.answered(now);
        assert_eq!(refusal.refused(now, now, None), 1_000);
    }

    #[test]
    fn a_clock_that_is_set_back_closes_a_node_for_no_longer_than_an_hour() {
        let mut refusal = Refusal::default();
        refusal.refused(90_000_000, 90_000_000, Some(60_000));
        assert_eq!(refusal.remaining_ms(0), 0);
    }
}
