//! The rent-exempt minimum balance of an account, and how far a payment may lower a balance.
//!
//! The rate changes in both directions (SIMD-0437). After a rise, accounts may hold less than the minimum. The runtime
//! then accepts a transaction that leaves each existing account with no less than it held before (SIMD-0392), and
//! requires the minimum of accounts that the transaction creates.

/// Bytes that the runtime charges for an account in addition to its data.
pub const ACCOUNT_OVERHEAD_BYTES: u64 = 128;

/// The rent-exempt minimum of an account with `data_len` bytes of data, in lamports.
///
/// `lamports_per_byte` is the rate of the Rent sysvar times its exemption threshold.
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

/// The least that an existing account may hold after an instruction, in lamports: its rent-exempt `minimum`, or what it
/// held `before` the instruction if that is less.
///
/// The runtime compares with the balance before the transaction. The same holds for that if it holds for each
/// instruction: none goes below both the minimum and what the instruction before it left.
#[inline(always)]
pub const fn rent_floor(before: u64, minimum: u64) -> u64 {
    if before < minimum { before } else { minimum }
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
    fn a_balance_may_not_fall_below_the_minimum_or_further_below_it() {
        assert_eq!(rent_floor(100, 50), 50);
        assert_eq!(rent_floor(50, 50), 50);
        assert_eq!(rent_floor(49, 50), 49);
        assert_eq!(rent_floor(0, 50), 0);
    }

    #[test]
    fn a_minimum_that_overflows_is_none() {
        assert_eq!(rent_minimum(6_960, u64::MAX), None);
        assert_eq!(rent_minimum(u64::MAX, 0), None);
    }
}
