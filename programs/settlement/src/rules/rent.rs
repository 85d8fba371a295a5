//! The rent-exempt minimum balance of an account.

/// Bytes that the runtime charges for an account in addition to its data.
pub const ACCOUNT_OVERHEAD_BYTES: u64 = 128;

/// The rent-exempt minimum of an account with `data_len` bytes of data, in lamports.
///
/// `lamports_per_byte` is the rate of the Rent sysvar times its exemption threshold (initially 6,960).
/// `None` if the product exceeds 2^64 - 1. The formula is that of the runtime's
/// `Rent::minimum_balance`.
#[inline(always)]
pub const fn rent_minimum(lamports_per_byte: u64, data_len: u64) -> Option<u64> {
    // The product of such factors has less than 64 bits. Checking the multiplication for overflow would
    // cost as much on-chain as an entry of a batch.
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
    fn an_account_without_data_has_the_known_minimum() {
        assert_eq!(rent_minimum(6_960, 0), Some(890_880));
    }

    #[test]
    fn a_minimum_that_overflows_is_none() {
        assert_eq!(rent_minimum(6_960, u64::MAX), None);
        assert_eq!(rent_minimum(u64::MAX, 0), None);
    }
}
