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

/// Since when a row of `$table` is held, which is now held for the reason `$reason`, or released if that is NULL. What was
/// evicted is released to be planned again, and may be evicted again.
macro_rules! held_since {
    ($table:literal, $reason:literal) => {
        concat!(
            "CASE WHEN ",
            $reason,
            " IS NULL THEN CASE WHEN ",
            $table,
            ".hold_reason IS NULL \
                    OR substr(",
            $table,
            ".hold_reason, 1, 7) = 'evicted' THEN ",
            $table,
            ".held_since END \
                WHEN ",
            $table,
            ".hold_reason = ",
            $reason,
            " \
                    OR (",
            $table,
            ".hold_reason IS NULL AND substr(",
            $reason,
            ", 1, 7) = 'evicted') \
                THEN MIN(COALESCE(",
            $table,
            ".held_since, ",
            crate::database::now_ms!(),
            "), ",
            crate::database::now_ms!(),
            ") \
                ELSE ",
            crate::database::now_ms!(),
            " END"
        )
    };
}

/// For how many milliseconds the hold in `$hold` lasts at most: one of `holds_json`, with the limits in the parameters ?2 and ?3.
macro_rules! longest_hold {
    ($hold:literal) => {
        concat!("CAST(CASE WHEN ", $hold, " ->> 'lasts' THEN ?3 ELSE ?2 END AS INTEGER)")
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
use {held_since, is_due_by_age, is_due_by_amount, longest_hold, retry_has_come, retry_is_absurd};

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
