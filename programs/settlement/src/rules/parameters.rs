//! Validation of a network's parameters.
//!
//! Zero is rejected everywhere. It is probably an omission; as a cap it would stop the network, and as
//! a threshold or an age it would make every small amount due.

use super::pause::MAX_PAUSE_SECONDS;

/// The parameters of a network. Amounts are in base units of its asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Minimum payout threshold of a node, and the default for nodes that don't set one.
    pub default_threshold: u64,
    /// Maximum that one entry of a batch may credit.
    pub per_node_cap: u64,
    /// Maximum that one batch may credit.
    pub per_batch_cap: u64,
    /// Capacity of the outflow window.
    pub window_limit: u64,
    /// Seconds in which a full outflow window drains.
    pub window_seconds: u64,
    /// Seconds after which a pending amount is paid out even if it is below its threshold.
    pub max_pending_age: u64,
    /// Seconds for which a pause can keep owners from withdrawing: 1 to [`MAX_PAUSE_SECONDS`].
    pub max_pause_seconds: u64,
}

/// Why parameters are invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParametersError {
    /// A cap, the window limit or the window duration is zero.
    ZeroLimit,
    /// The default threshold is zero.
    ZeroThreshold,
    /// The maximum pending age is zero.
    ZeroPendingAge,
    /// The maximum pause is zero or longer than [`MAX_PAUSE_SECONDS`].
    MaxPause,
}

impl Parameters {
    /// Checks that a network can use these parameters.
    pub fn check(&self) -> Result<(), ParametersError> {
        let limits = [self.per_node_cap, self.per_batch_cap, self.window_limit, self.window_seconds];
        if limits.contains(&0) {
            return Err(ParametersError::ZeroLimit);
        }
        if self.default_threshold == 0 {
            return Err(ParametersError::ZeroThreshold);
        }
        if self.max_pending_age == 0 {
            return Err(ParametersError::ZeroPendingAge);
        }
        if self.max_pause_seconds == 0 || self.max_pause_seconds > MAX_PAUSE_SECONDS {
            return Err(ParametersError::MaxPause);
        }
        Ok(())
    }
}

/// The threshold of a node: the requested one, or the network's default. `None` if the requested one is
/// below the default.
pub fn node_threshold(requested: Option<u64>, default_threshold: u64) -> Option<u64> {
    match requested {
        None => Some(default_threshold),
        Some(requested) => (requested >= default_threshold).then_some(requested),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Parameters = Parameters {
        default_threshold: 1,
        per_node_cap: 1,
        per_batch_cap: 1,
        window_limit: 1,
        window_seconds: 1,
        max_pending_age: 1,
        max_pause_seconds: 1,
    };

    #[test]
    fn each_zero_is_rejected_with_its_own_error() {
        assert_eq!(GOOD.check(), Ok(()));
        let cases = [
            (Parameters { per_node_cap: 0, ..GOOD }, ParametersError::ZeroLimit),
            (Parameters { per_batch_cap: 0, ..GOOD }, ParametersError::ZeroLimit),
            (Parameters { window_limit: 0, ..GOOD }, ParametersError::ZeroLimit),
            (Parameters { window_seconds: 0, ..GOOD }, ParametersError::ZeroLimit),
            (Parameters { default_threshold: 0, ..GOOD }, ParametersError::ZeroThreshold),
            (Parameters { max_pending_age: 0, ..GOOD }, ParametersError::ZeroPendingAge),
            (Parameters { max_pause_seconds: 0, ..GOOD }, ParametersError::MaxPause),
        ];
        for (parameters, error) in cases {
            assert_eq!(parameters.check(), Err(error));
        }
    }

    #[test]
    fn a_pause_may_hold_withdrawals_for_up_to_30_days() {
        assert_eq!(Parameters { max_pause_seconds: 2_592_000, ..GOOD }.check(), Ok(()));
        assert_eq!(Parameters { max_pause_seconds: 2_592_001, ..GOOD }.check(), Err(ParametersError::MaxPause));
    }

    #[test]
    fn a_node_may_raise_its_threshold_above_the_default_but_not_lower_it() {
        assert_eq!(node_threshold(None, 10), Some(10));
        assert_eq!(node_threshold(Some(10), 10), Some(10));
        assert_eq!(node_threshold(Some(u64::MAX), 10), Some(u64::MAX));
        assert_eq!(node_threshold(Some(9), 10), None);
    }
}
