//! The engine's SQL: statements, and rows decoded into types. No decisions are made here.
//!
//! Every write of a settlement is one atomic batch that begins with [`leases::require`].

pub(crate) mod attempts;
pub(crate) mod batches;
pub(crate) mod binding;
pub(crate) mod credits;
pub(crate) mod fees;
pub(crate) mod leases;
pub(crate) mod payables;
pub(crate) mod rewards;
pub(crate) mod settlement_nodes;
pub(crate) mod settlements;
pub(crate) mod wallets;

use solana_pubkey::Pubkey;

use crate::database::{DatabaseError, Row};

/// Whether what is held until `retry_at` is to be tried again by the parameter `$latest`, or by the database's present time if
/// that is NULL.
macro_rules! retry_has_come {
    ($latest:literal) => {
        concat!("retry_at <= COALESCE(CAST(", $latest, " AS INTEGER), ", crate::database::now_ms!(), ")")
    };
}

/// Whether `retry_at` is further away than the parameter `$longest`, in milliseconds, for which anything is held: it was set
/// before the database's clock was set back, and has come as well.
macro_rules! retry_is_absurd {
    ($longest:literal) => {
        concat!("retry_at > ", crate::database::now_ms!(), " + CAST(", $longest, " AS INTEGER)")
    };
}

/// Whether the payout of a wallet is due by its amount.
macro_rules! is_due_by_amount {
    () => {
        "pending_rewards_lamports > 0 AND pending_rewards_lamports >= threshold_lamports"
    };
}

/// Whether the payout of a wallet is due by its age at the time that the parameter `$now` has.
macro_rules! is_due_by_age {
    ($now:literal) => {
        concat!(
            "oldest_unpaid_at IS NOT NULL \
                AND oldest_unpaid_at <= CAST(",
            $now,
            " AS INTEGER) - (SELECT max_pending_age_ms FROM treasury)"
        )
    };
}
use {is_due_by_age, is_due_by_amount, retry_has_come, retry_is_absurd};

/// All statements of the engine, by module.
pub(crate) const MODULES: &[&[&str]] = &[
    attempts::ALL,
    batches::ALL,
    binding::ALL,
    credits::ALL,
    fees::ALL,
    leases::ALL,
    payables::ALL,
    rewards::ALL,
    settlement_nodes::ALL,
    settlements::ALL,
    wallets::ALL,
];

/// Reads a column that holds a base58 address.
fn address(row: &Row, column: &str) -> Result<Pubkey, DatabaseError> {
    row.get(column)
}

/// Reads a column that holds a count or an amount.
fn unsigned(row: &Row, column: &str) -> Result<u64, DatabaseError> {
    row.get(column)
}
