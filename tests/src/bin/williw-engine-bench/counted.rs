//! The ledger's database, with a stopwatch.

use std::cell::Cell;
use std::time::Duration;

use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::database::{Database, DatabaseError, Row, Statement};

use crate::process;

/// Counts the calls of a database.
pub(crate) struct CountedDatabase {
    pub(crate) inner: SqliteDatabase,
    pub(crate) calls: Cell<u64>,
    pub(crate) statements: Cell<u64>,
    /// The time spent in all calls.
    pub(crate) total: Cell<Duration>,
    /// The longest call.
    pub(crate) longest: Cell<Duration>,
}

impl CountedDatabase {
    pub(crate) fn new(inner: SqliteDatabase) -> Self {
        Self { inner, calls: Cell::new(0), statements: Cell::new(0), total: Cell::default(), longest: Cell::default() }
    }
}

impl Database for CountedDatabase {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        self.calls.set(self.calls.get() + 1);
        self.statements.set(self.statements.get() + statements.len() as u64);
        let start = process::now();
        let result = self.inner.batch(statements).await;
        let duration = start.elapsed();
        self.total.set(self.total.get() + duration);
        self.longest.set(self.longest.get().max(duration));
        result
    }
}
