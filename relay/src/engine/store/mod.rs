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
