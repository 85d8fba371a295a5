//! Transactions: compute budget, wire format and capacity.

mod budget;
mod capacity;
mod format;

pub use budget::{Budget, MAX_COMPUTE_UNITS, MAX_LOADED_ACCOUNTS_DATA_BYTES};
pub use capacity::{BatchKind, capacity};
pub use format::{Format, SignedTransaction, TransactionBuildError, UnsignedTransaction};
