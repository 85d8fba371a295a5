//! Transactions: compute budget, loaded account data, wire format and capacity.

mod budget;
mod capacity;
mod compute_units;
mod format;
mod loaded_data;
mod lookups;

pub use budget::{BatchSize, Budget, DESTINATION_GROWTH_BYTES, MAX_COMPUTE_UNITS, MAX_LOADED_ACCOUNTS_DATA_BYTES};
pub use capacity::{BatchKind, capacity, capacity_with_lookup_tables};
pub use format::{Format, MAX_ACCOUNT_LOCKS, SignedTransaction, TransactionBuildError, UnsignedTransaction};
pub use loaded_data::LoadedData;
pub use lookups::Lookups;

/// The fee of a signature, in lamports.
pub const SIGNATURE_FEE_LAMPORTS: u64 = 5_000;
