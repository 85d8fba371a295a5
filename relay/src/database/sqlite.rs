//! The ledger in a SQLite file.
//!
//! The schema comes from the same files that wrangler applies to D1, and is recorded in the same table: a file can be
//! moved from one to the other. Parameters are bound as text and rows must be text, as on D1, so that a statement
//! that forgot a CAST fails here as well. Every commit is on the disk before it is reported (`synchronous = FULL`):
//! a signature that was stored must survive a power cut.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{Database, DatabaseError, Row, Statement};

/// The schema, oldest first: each file's name and text.
const MIGRATIONS: &[(&str, &str)] = &[("0001_ledger.sql", include_str!("../../../migrations/0001_ledger.sql"))];

/// How long a statement waits for another process to finish its write. A write takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many prepared statements are kept: more than the ledger has.
const STATEMENT_CACHE: usize = 200;

/// The table in which wrangler, and so this module, records what was applied.
const CREATE_MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS d1_migrations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)";

/// Why a file cannot be used as the ledger.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The folder of the file does not exist.
    #[error("the folder {} for the ledger does not exist: create it, or name another file", .0.display())]
    MissingFolder(PathBuf),
    /// The file does not exist, and it was not to be created.
    #[error("there is no ledger at {}: 'williw-relay run' creates one, or name another file", .0.display())]
    MissingFile(PathBuf),
    /// The file is something else.
    #[error("{} is not an SQLite database: name another file", .0.display())]
    NotADatabase(PathBuf),
    /// The file is the database of another program.
    #[error("{} is a database of another program (it has tables, but none of a ledger): name another file", .0.display())]
    NotALedger(PathBuf),
    /// A newer version of this program has worked on the file.
    #[error("the ledger {} has the migration {migration}, which this version does not know: install a newer one", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// The first migration that is not known here.
        migration: String,
    },
    /// Another process holds the file.
    #[error("the ledger {} is locked by another process: wait for it to end, or stop it, and try again", .0.display())]
    Locked(PathBuf),
    /// A migration failed; nothing of it was applied.
    #[error("the migration {migration} cannot be applied to the ledger {}: {source}", file.display())]
    Migration {
        /// The file.
        file: PathBuf,
        /// The migration.
        migration: &'static str,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Anything else, such as missing permissions.
    #[error("the ledger {} cannot be opened: {source}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

/// A ledger in a SQLite file.
pub struct SqliteDatabase {
    connection: Mutex<Connection>,
}

impl SqliteDatabase {
    /// Opens the ledger in `file`, creates it when there is none, and applies the migrations that it lacks.
    ///
    /// # Errors
    /// [`SqliteError`], with what to do.
    pub fn open(file: &Path) -> Result<Self, SqliteError> {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            return Err(SqliteError::MissingFolder(folder.to_owned()));
        }
        Self::open_with(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens the ledger in `file`, which must exist, and applies the migrations that it lacks.
    ///
    /// # Errors
    /// [`SqliteError`], with what to do.
    pub fn open_existing(file: &Path) -> Result<Self, SqliteError> {
        if !file.exists() {
            return Err(SqliteError::MissingFile(file.to_owned()));
        }
        Self::open_with(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn open_with(file: &Path, flags: OpenFlags) -> Result<Self, SqliteError> {
        let mut connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| open_error(file, error))?;
        configure(&connection).map_err(|error| open_error(file, error))?;
        migrate(&mut connection, file, MIGRATIONS)?;
        Ok(Self { connection: connection.into() })
    }
}

impl fmt::Debug for SqliteDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteDatabase")
    }
}

impl Database for SqliteDatabase {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        // A panic while the lock was held has rolled its transaction back: the connection is as good as before.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut connection, &statements)
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

fn open_error(file: &Path, source: rusqlite::Error) -> SqliteError {
    let file = file.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => SqliteError::NotADatabase(file),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SqliteError::Locked(file),
        _ => SqliteError::Open { file, source },
    }
}

/// Applies what is missing of `migrations`, all of it or nothing.
fn migrate(
    connection: &mut Connection,
    file: &Path,
    migrations: &[(&'static str, &'static str)],
) -> Result<(), SqliteError> {
    let failed = |source| open_error(file, source);
    // Most of the time nothing is missing, and then no lock is needed to find that out.
    if missing(connection, file, migrations)?.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    transaction.execute_batch(CREATE_MIGRATIONS_TABLE).map_err(failed)?;
    for (migration, sql) in missing(&transaction, file, migrations)? {
        transaction
            .execute_batch(sql)
            .and_then(|()| transaction.execute("INSERT INTO d1_migrations (name) VALUES (?1)", [migration]))
            .map_err(|source| SqliteError::Migration { file: file.to_owned(), migration, source })?;
    }
    transaction.commit().map_err(failed)
}

/// The migrations that the file lacks.
fn missing(
    connection: &Connection,
    file: &Path,
    migrations: &[(&'static str, &'static str)],
) -> Result<Vec<(&'static str, &'static str)>, SqliteError> {
    let failed = |source| open_error(file, source);
    let names = |sql: &str| -> rusqlite::Result<Vec<String>> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    // D1 keeps tables of its own, called _cf_….
    let tables = names(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'",
    )
    .map_err(failed)?;
    if tables.is_empty() {
        return Ok(migrations.to_vec());
    }
    if !tables.iter().any(|table| table == "d1_migrations") {
        return Err(SqliteError::NotALedger(file.to_owned()));
    }
    let applied = names("SELECT name FROM d1_migrations ORDER BY id").map_err(failed)?;
    if let Some(migration) = applied.iter().find(|name| !migrations.iter().any(|(known, _)| known == name)) {
        return Err(SqliteError::Newer { file: file.to_owned(), migration: migration.clone() });
    }
    Ok(migrations.iter().filter(|(name, _)| !applied.iter().any(|it| it == name)).copied().collect())
}

fn run(connection: &mut Connection, statements: &[Statement]) -> Result<Vec<Vec<Row>>, DatabaseError> {
    let read_only = statements
        .iter()
        .map(|statement| Ok(connection.prepare_cached(statement.sql())?.readonly()))
        .collect::<rusqlite::Result<Vec<_>>>()
        .map_err(database_error)?
        .into_iter()
        .all(|read_only| read_only);
    // A transaction that will write takes the lock at once: taking it later could fail half-way.
    let behavior = if read_only { TransactionBehavior::Deferred } else { TransactionBehavior::Immediate };
    let transaction = connection.transaction_with_behavior(behavior).map_err(database_error)?;
    let results = statements
        .iter()
        .map(|statement| {
            let prepared = transaction.prepare_cached(statement.sql()).map_err(database_error)?;
            rows(prepared, statement.parameters())
        })
        .collect::<Result<Vec<_>, _>>()?;
    transaction.commit().map_err(database_error)?;
    Ok(results)
}

fn rows(mut prepared: CachedStatement<'_>, parameters: &[Option<String>]) -> Result<Vec<Row>, DatabaseError> {
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let mut found = prepared.query(rusqlite::params_from_iter(parameters)).map_err(database_error)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(database_error)? {
        let row = columns
            .iter()
            .enumerate()
            .map(|(index, column)| Ok((column.clone(), text(column, row.get_ref(index).map_err(database_error)?)?)))
            .collect::<Result<Row, DatabaseError>>()?;
        rows.push(row);
    }
    Ok(rows)
}

fn text(column: &str, value: ValueRef<'_>) -> Result<Option<String>, DatabaseError> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map(|text| Some(text.to_owned()))
            .map_err(|_| DatabaseError::Decode(format!("column '{column}' is not UTF-8"))),
        other => Err(DatabaseError::Decode(format!(
            "column '{column}' is {} and not text: it has to be read with CAST(… AS TEXT)",
            other.data_type()
        ))),
    }
}

fn database_error(error: rusqlite::Error) -> DatabaseError {
    let message = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => DatabaseError::Constraint(message),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            let seconds = BUSY_TIMEOUT.as_secs();
            DatabaseError::Unavailable(format!("another process has been writing to it for more than {seconds} s"))
        }
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::OutOfMemory,
        ) => DatabaseError::Unavailable(message),
        _ => DatabaseError::Statement(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &Connection, name: &str) -> i64 {
        connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_commit_is_on_the_disk_before_it_is_reported() {
        const FULL: i64 = 2;

        let folder = tempfile::TempDir::new().unwrap();
        let database = SqliteDatabase::open(&folder.path().join("ledger.sqlite3")).unwrap();
        let connection = database.connection.lock().unwrap();
        assert_eq!(pragma(&connection, "synchronous"), FULL);
        assert_eq!(pragma(&connection, "foreign_keys"), 1);
    }

    #[test]
    fn of_a_failed_migration_nothing_stays() {
        let mut connection = Connection::open_in_memory().unwrap();
        let file = Path::new("ledger.sqlite3");
        let good = ("0001_good.sql", "CREATE TABLE good (id INTEGER);");
        let bad = ("0002_bad.sql", "CREATE TABLE bad (id INTEGER); CREATE TABLE bad (id INTEGER);");
        migrate(&mut connection, file, &[good]).unwrap();
        let error = migrate(&mut connection, file, &[good, bad]).unwrap_err();
        assert!(matches!(error, SqliteError::Migration { migration: "0002_bad.sql", .. }), "{error}");
        let tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('good', 'bad')";
        assert_eq!(connection.query_row(tables, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
        let repaired = ("0002_bad.sql", "CREATE TABLE bad (id INTEGER);");
        migrate(&mut connection, file, &[good, repaired]).unwrap();
        assert!(missing(&connection, file, &[good, repaired]).unwrap().is_empty());
    }
}
