//! The compute budget of a transaction: its limits and its priority fee.

use settlement::state::AssetKind;

use super::{BatchKind, Format, capacity, compute_units};

/// The maximum compute unit limit of a transaction (Agave's `MAX_COMPUTE_UNIT_LIMIT`).
pub const MAX_COMPUTE_UNITS: u32 = 1_400_000;

/// The maximum size of the account data that a transaction may load, in bytes (Agave's
/// `MAX_LOADED_ACCOUNTS_DATA_SIZE_BYTES`).
pub const MAX_LOADED_ACCOUNTS_DATA_BYTES: u32 = 64 * 1024 * 1024;

/// The page size in which loaded account data is charged (SIMD-0186); limits are rounded up to whole pages.
const PAGE_BYTES: u32 = 32 * 1024;

/// By how much destinations may grow between a simulation and the landing of the batch: the maximum size of an account
/// (Agave's `MAX_PERMITTED_DATA_LENGTH`).
///
/// The owner of a destination can grow it to that size with a single instruction, if they lock the rent of 10 MiB. So
/// this covers one owner who does the worst, or a thousand steps of the 10 KiB by which a program can grow an account at
/// once. It costs no fee and 320 pages of 8 units of the block's cost: 2,560, about a tenth of what a full `settle` costs
/// with its 60 write locks of 300 units. Covering more owners would cost as much again for each of them, and two owners
/// who do this only delay the batch: it fails to load, moves nothing, and is halved.
pub const DESTINATION_GROWTH_BYTES: u32 = 10 * 1024 * 1024;

/// What a lookup table counts for in a transaction that uses it, however long it is (Agave's
/// `ADDRESS_LOOKUP_TABLE_BASE_SIZE`, SIMD-0186).
const LOOKUP_TABLE_BYTES: u32 = 8_248;

/// The fewest accounts of a transaction that are looked up in one table.
pub(super) const MIN_LOOKUPS_PER_TABLE: usize = 2;

/// The compute units of the ComputeBudget instructions of a v0 transaction: at most three, of 150 units each. In v1, the
/// limits are part of the header.
const V0_BUDGET_INSTRUCTIONS_UNITS: u32 = 3 * 150;

/// Compute unit prices are in micro-lamports.
const MICRO_LAMPORTS_PER_LAMPORT: u64 = 1_000_000;

/// What the cost of a batch depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// What it does.
    pub kind: BatchKind,
    /// What the network pays in.
    pub asset: AssetKind,
    /// The format of its transaction.
    pub format: Format,
    /// The number of its entries.
    pub entries: usize,
}

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

    /// Sizes the budget of `batch`, whose simulation consumed `units` compute units and loaded `loaded_bytes` of account data.
    ///
    /// The compute unit limit of a credit or settle batch is a bound on its cost, because the owners of its nodes can make it
    /// dearer between the simulation and the landing. In a network that pays in tokens, a simulation that consumes more than the
    /// bound is believed: the token program may be another one than the measured one. For the same reason, the limit of a
    /// settle batch's loaded data leaves room for [`DESTINATION_GROWTH_BYTES`]. A register batch is sized as by
    /// [`Budget::for_usage`].
    ///
    /// A batch that needs lookup tables may load as many of them as it can name, because the simulation may have been that of
    /// another batch, with fewer tables.
    pub fn for_batch(batch: BatchSize, units: u64, loaded_bytes: Option<u32>, compute_unit_price: u64) -> Self {
        let BatchSize { kind, asset, format, entries } = batch;
        let growth = if kind == BatchKind::Settle { DESTINATION_GROWTH_BYTES } else { 0 };
        let growth = growth.saturating_add(lookup_table_bytes(batch));
        let loaded_bytes = loaded_bytes.map(|bytes| bytes.saturating_add(growth));
        let used = Self::for_usage(units, loaded_bytes, compute_unit_price);
        let Some(bound) = compute_units::bound(kind, asset, entries) else { return used };
        let overhead = match format {
            Format::V0 => V0_BUDGET_INSTRUCTIONS_UNITS,
            Format::V1 => 0,
        };
        let bound = bound.saturating_add(overhead).min(MAX_COMPUTE_UNITS);
        let compute_unit_limit = match asset {
            AssetKind::Sol => bound,
            AssetKind::SplToken | AssetKind::Token2022 => bound.max(used.compute_unit_limit),
        };
        Self { compute_unit_limit, ..used }
    }

    /// The same limits at a price that is lower if need be, so that the priority fee is at most `lamports`.
    #[must_use]
    pub fn with_priority_fee_up_to(self, lamports: u64) -> Self {
        let highest = lamports.saturating_mul(MICRO_LAMPORTS_PER_LAMPORT) / u64::from(self.compute_unit_limit.max(1));
        Self { compute_unit_price: self.compute_unit_price.min(highest), ..self }
    }

    /// The total priority fee in lamports, rounded up as the runtime does.
    pub fn priority_fee_lamports(&self) -> u64 {
        u64::from(self.compute_unit_limit).saturating_mul(self.compute_unit_price).div_ceil(MICRO_LAMPORTS_PER_LAMPORT)
    }
}

/// What the lookup tables of a batch count for at most.
fn lookup_table_bytes(batch: BatchSize) -> u32 {
    let BatchSize { kind, asset, format, entries } = batch;
    let accounts_per_entry = match kind {
        _ if format != Format::V0 || entries <= capacity(kind, asset, format) => return 0,
        BatchKind::Register => return 0,
        BatchKind::Credit => 1,
        BatchKind::Settle => 2,
    };
    let tables = entries.saturating_mul(accounts_per_entry) / MIN_LOOKUPS_PER_TABLE;
    u32::try_from(tables).unwrap_or(u32::MAX).saturating_mul(LOOKUP_TABLE_BYTES)
}

#[cfg(test)]
mod tests {
    use settlement::rules::compute_units::{credit_limit, settle_limit};

    use super::*;

    #[test]
    fn a_budget_has_a_margin_of_fifteen_percent_and_one_page() {
        let budget = Budget::for_usage(10_001, Some(PAGE_BYTES + 1), 1_000);
        assert_eq!(budget.compute_unit_limit, 11_502);
        assert_eq!(budget.loaded_accounts_data_limit, 3 * PAGE_BYTES);
        assert_eq!(budget.priority_fee_lamports(), 12);
    }

    const SOL: BatchSize =
        BatchSize { kind: BatchKind::Settle, asset: AssetKind::Sol, format: Format::V1, entries: 30 };

    #[test]
    fn a_batch_is_limited_by_the_programs_bound_whatever_its_simulation_consumed() {
        for units in [1, 1_000_000] {
            let units_of = |batch| Budget::for_batch(batch, units, None, 0).compute_unit_limit;
            let credit = BatchSize { kind: BatchKind::Credit, ..SOL };
            assert_eq!(units_of(credit), credit_limit(30));
            assert_eq!(units_of(SOL), settle_limit(30));
            assert_eq!(units_of(BatchSize { format: Format::V0, ..SOL }), settle_limit(30) + 450);
        }
        let registration =
            Budget::for_batch(BatchSize { kind: BatchKind::Register, ..SOL }, 10_001, Some(PAGE_BYTES + 1), 1_000);
        assert_eq!(registration, Budget::for_usage(10_001, Some(PAGE_BYTES + 1), 1_000));
    }

    #[test]
    fn a_batch_of_tokens_may_consume_what_its_simulation_did() {
        for asset in [AssetKind::SplToken, AssetKind::Token2022] {
            let units_of =
                |units| Budget::for_batch(BatchSize { asset, entries: 28, ..SOL }, units, None, 0).compute_unit_limit;
            assert!(units_of(1) > settle_limit(28), "the bound holds for cheap simulations");
            assert_eq!(units_of(1_000_000), 1_150_000);
        }
    }

    #[test]
    fn a_destination_can_grow_to_the_maximum_after_the_simulation() {
        let loaded = 3 * 1024 * 1024;
        let limit_of =
            |kind| Budget::for_batch(BatchSize { kind, ..SOL }, 1, Some(loaded), 0).loaded_accounts_data_limit;
        assert!(limit_of(BatchKind::Settle) >= loaded + DESTINATION_GROWTH_BYTES);
        assert!(limit_of(BatchKind::Settle) <= loaded + DESTINATION_GROWTH_BYTES + 2 * PAGE_BYTES);
        assert!(limit_of(BatchKind::Credit) <= loaded + 2 * PAGE_BYTES, "wallets do not grow");
    }

    #[test]
    fn a_batch_that_needs_lookup_tables_may_load_all_that_it_can_name() {
        let limit_of = |format, entries| {
            let batch = BatchSize { kind: BatchKind::Credit, asset: AssetKind::Sol, format, entries };
            Budget::for_batch(batch, 1, Some(PAGE_BYTES), 0).loaded_accounts_data_limit
        };
        assert!(limit_of(Format::V0, 60) >= PAGE_BYTES + 30 * LOOKUP_TABLE_BYTES);
        assert_eq!(limit_of(Format::V1, 60), 2 * PAGE_BYTES);
        assert_eq!(limit_of(Format::V0, 21), 2 * PAGE_BYTES, "this fits without tables");
    }

    #[test]
    fn a_price_is_lowered_to_the_highest_fee_allowed() {
        for limit in [1, 37_000, MAX_COMPUTE_UNITS] {
            let budget =
                Budget { compute_unit_limit: limit, loaded_accounts_data_limit: 1, compute_unit_price: u64::MAX };
            for lamports in [0, 1, 999, 1_000_000] {
                let fee = budget.with_priority_fee_up_to(lamports).priority_fee_lamports();
                assert!(fee <= lamports && fee.saturating_add(2) > lamports, "{fee} of {lamports}");
            }
        }
        let cheap = Budget { compute_unit_price: 5, ..Budget::WIDEST };
        assert_eq!(cheap.with_priority_fee_up_to(1_000_000), cheap);
    }

    #[test]
    fn a_budget_never_exceeds_the_cluster_limits() {
        let budget = Budget::for_usage(u64::MAX, Some(u32::MAX), u64::MAX);
        assert_eq!(budget.compute_unit_limit, MAX_COMPUTE_UNITS);
        assert_eq!(budget.loaded_accounts_data_limit, MAX_LOADED_ACCOUNTS_DATA_BYTES);
        assert_eq!(Budget::for_usage(0, None, 0).compute_unit_limit, 1);
    }
}
