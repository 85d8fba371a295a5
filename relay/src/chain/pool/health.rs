//! Which nodes are worth waiting for.

use std::cell::Cell;

use crate::chain::ChainError;

/// How many requests a node is left out of once it has not answered one.
const FIRST_REST: u32 = 32;

/// How many requests a node is left out of at most, however often it has not answered.
const LONGEST_REST: u32 = 1_024;

/// Whether a node answers.
///
/// Counted in requests and not in time, since the engine has no timers. A node that has not answered is left out of the next
/// requests as long as enough others answer, each time of twice as many: waiting for a timeout then costs little, even
/// though a node is never given up. Concurrent requests do not all wait for the one that finds out whether the node has
/// recovered.
#[derive(Default)]
pub(super) struct Health {
    /// How often in a row the node was asked in vain, or is being asked again since.
    silences: Cell<u32>,
    /// The number of requests that it is still left out of.
    rest: Cell<u32>,
}

impl Health {
    /// Whether the node answered when it was last asked.
    pub(super) fn is_well(&self) -> bool {
        self.silences.get() == 0
    }

    /// Counts a request. Returns whether the node should be among those that are asked.
    pub(super) fn is_due(&self) -> bool {
        if let Some(rest) = self.rest.get().checked_sub(1) {
            self.rest.set(rest);
            return false;
        }
        if !self.is_well() {
            self.was_silent_again();
        }
        true
    }

    /// Notes the result of a request. Any response of the node is an answer, even an error.
    pub(super) fn note<T>(&self, answer: &Result<T, ChainError>) {
        if !matches!(answer, Err(ChainError::Unreachable(_))) {
            self.silences.set(0);
            self.rest.set(0);
        } else if self.is_well() {
            self.was_silent_again();
        }
    }

    fn was_silent_again(&self) {
        let silences = self.silences.get();
        self.rest.set(FIRST_REST.saturating_mul(2_u32.saturating_pow(silences)).min(LONGEST_REST));
        self.silences.set(silences.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many requests the node is asked again.
    fn rest_of(health: &Health) -> u32 {
        (0..).find(|_| health.is_due()).unwrap()
    }

    #[test]
    fn a_silent_node_is_asked_again_after_twice_as_many_requests_each_time_and_never_given_up() {
        let (health, silent) = (Health::default(), Err::<(), _>(ChainError::Unreachable(String::new())));
        assert!(health.is_due());
        // Requests that were sent together do not count as several silences.
        for _ in 0..6 {
            health.note(&silent);
        }
        for expected in [32, 64, 128, 256, 512, 1_024, 1_024, 1_024] {
            assert_eq!(rest_of(&health), expected);
            health.note(&silent);
        }
        for _ in 0..100 {
            assert_eq!(rest_of(&health), LONGEST_REST);
        }
        health.note(&Err::<(), _>(ChainError::RateLimited { retry_after_ms: None }));
        assert!(health.is_well() && health.is_due() && health.is_due());
        health.note(&silent);
        assert_eq!(rest_of(&health), FIRST_REST);
    }
}
