//! The rent-exempt minimum: what an account has to hold so that the runtime leaves it alone.

/// Bytes that the runtime charges for an account beside its data.
pub const ACCOUNT_OVERHEAD_BYTES: u64 = 128;

/// Lamports an account of `data_len` bytes has to hold, at `lamports_per_byte` for as long as it
/// exists (the Rent sysvar's rate times its exemption threshold; 6,960 when networks began).
///
/// `None` when the product passes 2^64 - 1. The formula is the runtime's
/// `Rent::minimum_balance`; the program itself asks the sysvar.
#[inline(always)]
pub const fn rent_minimum(lamports_per_byte: u64, data_len: u64) -> Option<u64> {
    // Factors that can't reach 64 bits together: a check of the product costs as much as a batch's
    // entry on the chain.
    if lamports_per_byte < 1 << 36 && data_len < 1 << 27 {
        return Some(ACCOUNT_OVERHEAD_BYTES.wrapping_add(data_len).wrapping_mul(lamports_per_byte));
    }
    rent_minimum_wide(lamports_per_byte, data_len)
}

#[cold]
const fn rent_minimum_wide(lamports_per_byte: u64, data_len: u64) -> Option<u64> {
    match ACCOUNT_OVERHEAD_BYTES.checked_add(data_len) {
        Some(bytes) => bytes.checked_mul(lamports_per_byte),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_account_needs_the_known_minimum() {
        assert_eq!(rent_minimum(6_960, 0), Some(890_880));
    }

    #[test]
    fn a_minimum_beyond_the_integers_is_none() {
        assert_eq!(rent_minimum(6_960, u64::MAX), None);
        assert_eq!(rent_minimum(u64::MAX, 0), None);
    }
}
