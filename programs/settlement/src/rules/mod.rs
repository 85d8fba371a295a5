//! The program's decisions about who is credited and paid how much, as pure functions of integers.
//!
//! The relay plans with the same functions. Nothing in this module may depend on accounts, key types or
//! the runtime, and nothing may panic or wrap.

pub mod compute_units;
pub mod credit;
pub mod name;
pub mod parameters;
pub mod pause;
pub mod payout;
pub mod rent;
mod skip;
pub mod surplus;
pub mod token_layout;
pub mod token_payout;
pub mod window;
pub mod withdrawal;

pub use payout::destination_rent_exempt;
pub use rent::{rent_floor, rent_minimum};
pub use skip::{Entry, SkipReason, SkipSet, UnknownSkipReason};

/// Maximum number of entries of a `credit`: together with the settler, who pays the fee, the network, the treasury and
/// the program, they use the 64 account locks of a transaction.
pub const MAX_CREDIT_ENTRIES: usize = 60;

/// Maximum number of entries of a `settle` or `payout`, which use two of those account locks each. A `payout` also names
/// the event authority, so that only 29 fit in a transaction.
pub const MAX_SETTLE_ENTRIES: usize = 30;

/// Maximum number of entries of a `settle` or `payout` in a network that pays in tokens, where the
/// treasury's token account, the mint and the token program use three of those account locks.
pub const MAX_TOKEN_SETTLE_ENTRIES: usize = 28;
