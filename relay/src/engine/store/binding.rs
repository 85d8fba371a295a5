//! The cluster, program, network and asset that the ledger is bound to. The binding is written once.

use std::collections::BTreeMap;

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

/// Binds `name` to `value` unless `name` is already bound.
pub(crate) fn bind(name: &str, value: &str) -> Statement {
    Statement::new(INSERT).bind(name).bind(value)
}
