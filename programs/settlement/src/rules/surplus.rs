//! What of a treasury is owed to nobody.

/// Base units that nodes have been credited and not paid yet. `None` for totals that contradict
/// each other, which the program never writes.
#[inline(always)]
pub fn liabilities(credited_total: u64, paid_total: u64) -> Option<u64> {
    credited_total.checked_sub(paid_total)
}

/// Base units that may leave a treasury that holds `held` and has to keep `kept_back`: its rent
/// where it holds lamports, its liabilities where it holds tokens.
#[inline(always)]
pub fn surplus(held: u64, kept_back: u64) -> u64 {
    held.saturating_sub(kept_back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_is_credited_less_paid() {
        assert_eq!(liabilities(7, 5), Some(2));
        assert_eq!(liabilities(5, 5), Some(0));
        assert_eq!(liabilities(4, 5), None);
    }

    #[test]
    fn what_is_kept_back_is_no_surplus() {
        assert_eq!(surplus(10, 4), 6);
        assert_eq!(surplus(4, 4), 0);
        assert_eq!(surplus(3, 4), 0);
    }
}
