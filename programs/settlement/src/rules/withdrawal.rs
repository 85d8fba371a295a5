//! How much of a node's pending amount a withdrawal pays.

/// Why a withdrawal is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithdrawalError {
    /// Nothing is pending.
    NothingPending,
    /// The requested amount is zero.
    ZeroAmount,
    /// The requested amount exceeds the pending amount.
    AbovePending,
}

/// Base units to pay out of `pending`: the requested amount, or all of it.
pub fn amount(pending: u64, requested: Option<u64>) -> Result<u64, WithdrawalError> {
    match requested {
        Some(0) => Err(WithdrawalError::ZeroAmount),
        _ if pending == 0 => Err(WithdrawalError::NothingPending),
        Some(requested) if requested > pending => Err(WithdrawalError::AbovePending),
        Some(requested) => Ok(requested),
        None => Ok(pending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_pending_or_the_requested_part() {
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
