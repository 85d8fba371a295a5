//! What a network may be set up with.
//!
//! A zero is refused everywhere: it reads like a value that was forgotten, and as a cap it would
//! stop the network, as a threshold or an age it would defeat holding back small amounts.

/// The numbers of a network. Amounts in base units of its asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Smallest threshold of a node, and the one it gets when it names none.
    pub default_threshold: u64,
    /// What one entry of a batch may credit.
    pub per_node_cap: u64,
    /// What one batch may credit.
    pub per_batch_cap: u64,
    /// What the outflow window holds.
    pub window_limit: u64,
    /// Seconds in which a full outflow window empties.
    pub window_seconds: u64,
    /// Seconds after which a pending amount below its threshold is paid out anyway.
    pub max_pending_age: u64,
}

/// What is wrong with a network's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParametersError {
    /// A cap, the window's limit or its seconds are zero.
    ZeroLimit,
    /// The default threshold is zero.
    ZeroThreshold,
    /// The age from which small amounts are paid is zero.
    ZeroPendingAge,
}

impl Parameters {
    /// Whether a network can run with these numbers.
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
        Ok(())
    }
}

/// The threshold a node gets: the one `asked` for, or the network's. `None` when it asks for less
/// than the network's.
pub fn node_threshold(asked: Option<u64>, default_threshold: u64) -> Option<u64> {
    match asked {
        None => Some(default_threshold),
        Some(asked) => (asked >= default_threshold).then_some(asked),
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
    };

    #[test]
    fn a_zero_anywhere_is_refused_by_its_own_name() {
        assert_eq!(GOOD.check(), Ok(()));
        let cases = [
            (Parameters { per_node_cap: 0, ..GOOD }, ParametersError::ZeroLimit),
            (Parameters { per_batch_cap: 0, ..GOOD }, ParametersError::ZeroLimit),
            (Parameters { window_limit: 0, ..GOOD }, ParametersError::ZeroLimit),
            (Parameters { window_seconds: 0, ..GOOD }, ParametersError::ZeroLimit),
            (Parameters { default_threshold: 0, ..GOOD }, ParametersError::ZeroThreshold),
            (Parameters { max_pending_age: 0, ..GOOD }, ParametersError::ZeroPendingAge),
        ];
        for (parameters, refused) in cases {
            assert_eq!(parameters.check(), Err(refused));
        }
    }

    #[test]
    fn a_node_may_raise_its_threshold_but_not_lower_it() {
        assert_eq!(node_threshold(None, 10), Some(10));
        assert_eq!(node_threshold(Some(10), 10), Some(10));
        assert_eq!(node_threshold(Some(u64::MAX), 10), Some(u64::MAX));
        assert_eq!(node_threshold(Some(9), 10), None);
    }
}
