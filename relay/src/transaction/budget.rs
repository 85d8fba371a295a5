//! The compute budget of a transaction: its limits and its priority fee.

/// The maximum compute unit limit of a transaction (Agave's `MAX_COMPUTE_UNIT_LIMIT`).
pub const MAX_COMPUTE_UNITS: u32 = 1_400_000;

/// The maximum size of the account data that a transaction may load, in bytes (Agave's
/// `MAX_LOADED_ACCOUNTS_DATA_SIZE_BYTES`).
pub const MAX_LOADED_ACCOUNTS_DATA_BYTES: u32 = 64 * 1024 * 1024;

/// The page size in which loaded account data is charged (SIMD-0186); limits are rounded up to whole pages.
const PAGE_BYTES: u32 = 32 * 1024;

/// Compute unit prices are in micro-lamports.
const MICRO_LAMPORTS_PER_LAMPORT: u64 = 1_000_000;

/// The limits and the priority fee of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The maximum number of compute units.
    pub compute_unit_limit: u32,
    /// The maximum size of loaded account data in bytes, programs included.
    pub loaded_accounts_data_limit: u32,
    /// The price in micro-lamports per compute unit of the limit.
    pub compute_unit_price: u64,
}

impl Budget {
    /// The highest limits that the cluster accepts, for simulations.
    pub const WIDEST: Self = Self {
        compute_unit_limit: MAX_COMPUTE_UNITS,
        loaded_accounts_data_limit: MAX_LOADED_ACCOUNTS_DATA_BYTES,
        compute_unit_price: 0,
    };

    /// Sizes a budget for a transaction whose simulation consumed `units` compute units and loaded `loaded_bytes` of
    /// account data. The margin of 15 % more units and one more page of data allows for accounts that change before the
    /// transaction lands. If the cluster does not report the loaded data, its limit is the maximum.
    pub fn for_usage(units: u64, loaded_bytes: Option<u32>, compute_unit_price: u64) -> Self {
        let with_margin = units.saturating_add(units.saturating_mul(15).div_ceil(100));
        let loaded = loaded_bytes.map_or(MAX_LOADED_ACCOUNTS_DATA_BYTES, |bytes| {
            bytes.div_ceil(PAGE_BYTES).saturating_add(1).saturating_mul(PAGE_BYTES)
        });
        Self {
            compute_unit_limit: u32::try_from(with_margin).unwrap_or(MAX_COMPUTE_UNITS).clamp(1, MAX_COMPUTE_UNITS),
            loaded_accounts_data_limit: loaded.min(MAX_LOADED_ACCOUNTS_DATA_BYTES),
            compute_unit_price,
        }
    }

    /// The total priority fee in lamports, rounded up as the runtime does.
    pub fn priority_fee_lamports(&self) -> u64 {
        u64::from(self.compute_unit_limit).saturating_mul(self.compute_unit_price).div_ceil(MICRO_LAMPORTS_PER_LAMPORT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_has_a_margin_of_fifteen_percent_and_one_page() {
        let budget = Budget::for_usage(10_001, Some(PAGE_BYTES + 1), 1_000);
        assert_eq!(budget.compute_unit_limit, 11_502);
        assert_eq!(budget.loaded_accounts_data_limit, 3 * PAGE_BYTES);
        assert_eq!(budget.priority_fee_lamports(), 12);
    }

    #[test]
    fn a_budget_never_exceeds_the_cluster_limits() {
        let budget = Budget::for_usage(u64::MAX, Some(u32::MAX), u64::MAX);
        assert_eq!(budget.compute_unit_limit, MAX_COMPUTE_UNITS);
        assert_eq!(budget.loaded_accounts_data_limit, MAX_LOADED_ACCOUNTS_DATA_BYTES);
        assert_eq!(Budget::for_usage(0, None, 0).compute_unit_limit, 1);
    }
}
