//! Direct read-only access to a ledger's SQLite file, or to the SQLite file behind a local D1 database. It bypasses
//! the relay, the Worker and their codecs.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::HarnessError;

/// A read-only connection to a ledger.
#[derive(Debug)]
pub struct LedgerFile {
    connection: Connection,
}

impl LedgerFile {
    /// Opens the ledger in the SQLite file `file`.
    ///
    /// # Errors
    /// [`HarnessError::Sqlite`].
    pub fn open(file: &Path) -> Result<Self, HarnessError> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|source| HarnessError::Sqlite { what: format!("opening {}", file.display()), source })?;
        Ok(Self { connection })
    }

    /// Opens the D1 database below wrangler's `--persist-to` directory.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] if the directory contains no database, [`HarnessError::Sqlite`] if it cannot be
    /// opened.
    pub fn open_d1(persist_to: &Path) -> Result<Self, HarnessError> {
        Self::open(&d1_file(persist_to)?)
    }

    /// Runs a query with at most one text parameter, `?1`, and returns all rows. Every column is returned as text,
    /// NULL as `None`.
    ///
    /// # Errors
    /// [`HarnessError::Sqlite`].
    pub fn rows(&self, sql: &str, parameter: Option<&str>) -> Result<Vec<Vec<Option<String>>>, HarnessError> {
        let failed = |source| HarnessError::Sqlite { what: format!("querying the ledger: {sql}"), source };
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let columns = statement.column_count();
        let mut results = statement.query(rusqlite::params_from_iter(parameter)).map_err(failed)?;
        let mut rows = Vec::new();
        while let Some(row) = results.next().map_err(failed)? {
            let values: Result<Vec<_>, _> = (0..columns).map(|column| row.get(column).map(text)).collect();
            rows.push(values.map_err(failed)?);
        }
        Ok(rows)
    }

    /// Runs a query that returns a single number.
    ///
    /// # Errors
    /// [`HarnessError::Sqlite`], or [`HarnessError::Unexpected`] if the result is not an unsigned integer.
    pub fn number(&self, sql: &str, parameter: Option<&str>) -> Result<u64, HarnessError> {
        let rows = self.rows(sql, parameter)?;
        let value = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        value
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| HarnessError::Unexpected(format!("expected one number but got {rows:?} from: {sql}")))
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Real(real) => Some(real.to_string()),
        Value::Text(text) => Some(text),
        Value::Blob(bytes) => Some(format!("{} bytes", bytes.len())),
    }
}

/// Locates the database file. Miniflare derives its name from a hash of the binding and stores its own
/// `metadata.sqlite` in the same directory.
fn d1_file(persist_to: &Path) -> Result<PathBuf, HarnessError> {
    let directory = persist_to.join("v3/d1/miniflare-D1DatabaseObject");
    let missing = || HarnessError::Missing {
        what: format!("the D1 database in {}", directory.display()),
        remedy: "start the Worker with Worker::start, which applies the migrations".to_owned(),
    };
    std::fs::read_dir(&directory)
        .map_err(|_| missing())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|it| it == "sqlite") && !path.ends_with("metadata.sqlite"))
        .ok_or_else(missing)
}
