//! Transactions: compute budget, loaded account data, wire format and capacity.

mod budget;
mod capacity;
mod compute_units;
mod format;
mod loaded_data;

pub use budget::{BatchSize, Budget, DESTINATION_GROWTH_BYTES, MAX_COMPUTE_UNITS, MAX_LOADED_ACCOUNTS_DATA_BYTES};
pub use capacity::{BatchKind, capacity};
pub use format::{Format, SignedTransaction, TransactionBuildError, UnsignedTransaction};
pub use loaded_data::LoadedData;

/// The fee of a signature, in lamports.
pub const SIGNATURE_FEE_LAMPORTS: u64 = 5_000;
