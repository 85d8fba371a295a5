//! Who is credited and paid what: every decision of the program as a pure function of integers.
//!
//! The relay plans with the same functions that the program decides with. Nothing in here may
//! know an account, a key type or the runtime, and nothing may panic or wrap.

pub mod credit;
pub mod name;
pub mod parameters;
pub mod payout;
pub mod rent;
mod skip;
pub mod surplus;
pub mod token_layout;
pub mod token_payout;
pub mod window;
pub mod withdrawal;

pub use payout::destination_rent_exempt;
pub use rent::rent_minimum;
pub use skip::{Entry, SkipReason, SkipSet, UnknownSkipReason};

/// Entries that one `credit` may hold: with the fee payer, the treasury, the event authority and
/// the program they take the 64 account locks of a transaction.
pub const MAX_CREDIT_ENTRIES: usize = 60;

/// Entries that one `settle` or `payout` may hold: two accounts each in the same 64 locks.
pub const MAX_SETTLE_ENTRIES: usize = 30;

/// Entries of a `settle` or `payout` that fit those locks in a network that pays in tokens, where
/// the treasury's token account, the mint and the token program take three of them.
pub const MAX_TOKEN_SETTLE_ENTRIES: usize = 28;
