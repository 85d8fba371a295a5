//! What a batch can cost at most in compute units, whatever the owners of its nodes do.
//!
//! An owner can make an entry dearer at any time, for example by allocating data at its destination, by choosing another
//! destination, or by closing the node, and so can a rise of the rent. A simulation therefore does not bound what the same
//! batch costs when it lands; these functions do. `tests/program/worst_case.rs` measures the dearest batches: the bounds are
//! about 10 % above their costs. They cover the one instruction; other instructions of the same transaction come on top.

/// The maximum cost of a batch without its entries: decoding, checking the named accounts, updating the treasury and
/// emitting the event.
pub const FIXED: u32 = 2_200;

/// The maximum cost of an entry of a `credit`.
pub const CREDIT_ENTRY: u32 = 280;

/// The maximum cost of an entry of a `settle` in a network that pays in SOL.
pub const SETTLE_ENTRY: u32 = 590;

/// The maximum cost of an entry of a `payout` in a network that pays in SOL.
pub const PAYOUT_ENTRY: u32 = 280;

/// The maximum number of compute units of a `credit` of `entries` entries. Saturates at `u32::MAX`.
pub const fn credit_limit(entries: usize) -> u32 {
    limit(entries, CREDIT_ENTRY)
}

/// The maximum number of compute units of a `settle` of `entries` entries in a network that pays in SOL. Saturates at
/// `u32::MAX`.
pub const fn settle_limit(entries: usize) -> u32 {
    limit(entries, SETTLE_ENTRY)
}

/// The maximum number of compute units of a `payout` of `entries` entries in a network that pays in SOL. Saturates at
/// `u32::MAX`.
pub const fn payout_limit(entries: usize) -> u32 {
    limit(entries, PAYOUT_ENTRY)
}

const fn limit(entries: usize, per_entry: u32) -> u32 {
    // A batch has at most `MAX_CREDIT_ENTRIES` entries, so the conversion is exact for every batch there can be.
    let entries = if entries > u32::MAX as usize { u32::MAX } else { entries as u32 };
    FIXED.saturating_add(per_entry.saturating_mul(entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES};

    #[test]
    fn the_limit_grows_with_every_entry_and_saturates() {
        assert_eq!(credit_limit(0), FIXED);
        assert_eq!(credit_limit(60), FIXED + 60 * CREDIT_ENTRY);
        assert_eq!(settle_limit(30), FIXED + 30 * SETTLE_ENTRY);
        assert_eq!(payout_limit(30), FIXED + 30 * PAYOUT_ENTRY);
        // The lower 32 bits of the first are zero.
        for entries in [1 << 32, usize::MAX] {
            assert_eq!(settle_limit(entries), u32::MAX);
        }
    }

    #[test]
    fn the_largest_batches_fit_a_transaction() {
        const MAX_COMPUTE_UNITS: u32 = 1_400_000;
        assert!(credit_limit(MAX_CREDIT_ENTRIES) < MAX_COMPUTE_UNITS);
        assert!(settle_limit(MAX_SETTLE_ENTRIES) < MAX_COMPUTE_UNITS);
    }
}
