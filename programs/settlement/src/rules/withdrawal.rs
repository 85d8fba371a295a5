//! How much of a node's pending amount its owner takes out.

/// Why an owner's withdrawal is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithdrawalError {
    /// Nothing is pending.
    NothingPending,
    /// The amount asked for is zero.
    ZeroAmount,
    /// The amount asked for is above what is pending.
    AbovePending,
}

/// Base units to pay out of `pending`: all of it, or the amount `asked` for.
pub fn amount(pending: u64, asked: Option<u64>) -> Result<u64, WithdrawalError> {
    match asked {
        Some(0) => Err(WithdrawalError::ZeroAmount),
        _ if pending == 0 => Err(WithdrawalError::NothingPending),
        Some(asked) if asked > pending => Err(WithdrawalError::AbovePending),
        Some(asked) => Ok(asked),
        None => Ok(pending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_pending_or_the_part_asked_for() {
        assert_eq!(amount(10, None), Ok(10));
        assert_eq!(amount(10, Some(1)), Ok(1));
        assert_eq!(amount(10, Some(10)), Ok(10));
    }

    #[test]
    fn never_more_than_is_pending_and_never_nothing() {
        assert_eq!(amount(10, Some(11)), Err(WithdrawalError::AbovePending));
        assert_eq!(amount(10, Some(0)), Err(WithdrawalError::ZeroAmount));
        assert_eq!(amount(0, None), Err(WithdrawalError::NothingPending));
        assert_eq!(amount(0, Some(1)), Err(WithdrawalError::NothingPending));
    }
}
