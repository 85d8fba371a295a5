//! The part of a treasury that is not owed to nodes.

/// Base units that have been credited to nodes but not paid. `None` if the totals are inconsistent, which
/// the program never writes.
#[inline(always)]
pub fn liabilities(credited_total: u64, paid_total: u64) -> Option<u64> {
    credited_total.checked_sub(paid_total)
}

/// Base units that may leave a treasury that holds `held` and must keep `reserved`: its rent for
/// lamports, its liabilities for tokens.
#[inline(always)]
pub fn surplus(held: u64, reserved: u64) -> u64 {
    held.saturating_sub(reserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn liabilities_are_credited_minus_paid() {
        assert_eq!(liabilities(7, 5), Some(2));
        assert_eq!(liabilities(5, 5), Some(0));
        assert_eq!(liabilities(4, 5), None);
    }

    #[test]
    fn what_is_reserved_is_not_surplus() {
        assert_eq!(surplus(10, 4), 6);
        assert_eq!(surplus(4, 4), 0);
        assert_eq!(surplus(3, 4), 0);
    }
}
