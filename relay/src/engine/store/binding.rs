//! The cluster, program, network and asset that the ledger is bound to. The binding is written once.

use std::collections::BTreeMap;

use solana_hash::Hash;
use solana_pubkey::Pubkey;

use crate::database::{Database, DatabaseError, Row, Statement, statements};

statements! {
    /// The whole binding.
    pub(crate) SELECT = "SELECT name, value FROM ledger_binding";

    /// Binds ?1 to ?2 unless ?1 is already bound.
    INSERT = "INSERT INTO ledger_binding (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
}

/// The name of the network's asset, whose value is an [`Asset`](crate::engine::Asset).
pub(crate) const ASSET: &str = "asset";

/// Reads the binding.
pub(crate) async fn read(database: &impl Database) -> Result<BTreeMap<String, String>, DatabaseError> {
    from_rows(&database.query(Statement::new(SELECT)).await?)
}

/// The binding, from the rows of [`SELECT`].
pub(crate) fn from_rows(rows: &[Row]) -> Result<BTreeMap<String, String>, DatabaseError> {
    rows.iter().map(|row| Ok((row.get("name")?, row.get("value")?))).collect()
}

/// What a ledger of `network` on the cluster with this genesis hash is bound to, apart from the asset.
pub(crate) fn expected(genesis_hash: &Hash, network: &Pubkey) -> [(&'static str, String); 3] {
    [
        ("genesis_hash", genesis_hash.to_string()),
        ("program_id", settlement::ID.to_string()),
        ("network", network.to_string()),
    ]
}

/// Something else than expected that a ledger is bound to.
pub(crate) struct Mismatch {
    /// `genesis_hash`, `program_id` or `network`.
    pub(crate) name: &'static str,
    /// What the ledger is bound to.
    pub(crate) bound: String,
    /// What it would have to be bound to.
    pub(crate) expected: String,
}

/// The first of `expected` in place of which a ledger is `bound` to something else.
pub(crate) fn mismatch(bound: &BTreeMap<String, String>, expected: &[(&'static str, String)]) -> Option<Mismatch> {
    expected.iter().find_map(|(name, expected)| {
        let bound = bound.get(*name).filter(|bound| *bound != expected)?;
        Some(Mismatch { name, bound: bound.clone(), expected: expected.clone() })
    })
}

/// Binds `name` to `value` unless `name` is already bound.
pub(crate) fn bind(name: &str, value: &str) -> Statement {
    Statement::new(INSERT).bind(name).bind(value)
}
