//! What the ledger belongs to: written once.

use std::collections::BTreeMap;

use crate::database::{Database, DatabaseError, Statement, statements};

statements! {
    /// All of it.
    SELECT = "SELECT name, value FROM ledger_binding";

    /// Binds ?1 to ?2, once.
    INSERT = "INSERT INTO ledger_binding (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
}

/// The binding as it stands.
pub(crate) async fn read(database: &impl Database) -> Result<BTreeMap<String, String>, DatabaseError> {
    let rows = database.query(Statement::new(SELECT)).await?;
    rows.iter().map(|row| Ok((row.get("name")?, row.get("value")?))).collect()
}

/// Binds `name` to `value` unless it is bound.
pub(crate) fn bind(name: &str, value: &str) -> Statement {
    Statement::new(INSERT).bind(name).bind(value)
}
