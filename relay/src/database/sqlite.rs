//! A ledger in an SQLite file.
//!
//! The schema is created from the same migration files that wrangler applies to D1, and they are recorded in the same
//! table, so that a database can be moved between the two. As with D1, parameters are bound as text and columns must be
//! text, so that a missing CAST fails here as well. Commits are durable (`synchronous = FULL`): a stored signature must
//! survive a power failure.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{Database, DatabaseError, Row, Statement};

/// The migrations, oldest first: file name and SQL.
const MIGRATIONS: &[(&str, &str)] = &[("0001_ledger.sql", include_str!("../../../migrations/0001_ledger.sql"))];

/// How long to wait for another process to finish writing. A write takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The size of the prepared statement cache, more than the number of the ledger's statements.
const STATEMENT_CACHE: usize = 200;

/// The size of the page cache in KiB. A settlement touches the pages of its nodes again and again.
const PAGE_CACHE_KIB: i64 = 64 * 1_024;

/// After how many pages the write-ahead log is copied back into the file: 32 MiB. A page that several commits change is then
/// copied once, and the commit that copies them does not take long.
const CHECKPOINT_PAGES: i64 = 8 * 1_024;

/// The table in which wrangler records applied migrations. This module records them there too.
const CREATE_MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS d1_migrations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)";

/// Why a file cannot be used as a ledger.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The directory of the file does not exist.
    #[error("the directory {} of the ledger does not exist: create it, or choose another path", .0.display())]
    MissingDirectory(PathBuf),
    /// The file does not exist, and must not be created.
    #[error("there is no ledger at {}: create it with 'williw-relay run', or choose another path", .0.display())]
    MissingFile(PathBuf),
    /// The file is not an SQLite database.
    #[error("{} is not an SQLite database: choose another path", .0.display())]
    NotADatabase(PathBuf),
    /// The file is an SQLite database, but not a ledger.
    #[error("{} is the database of another program (it has no d1_migrations table): choose another path", .0.display())]
    NotALedger(PathBuf),
    /// The ledger was migrated by a newer version of this program.
    #[error("the ledger {} has migration {migration}, which this version does not support: upgrade williw-relay", file.display())]
    NewerSchema {
        /// The path of the ledger.
        file: PathBuf,
        /// The first unsupported migration.
        migration: String,
    },
    /// Another process has locked the file.
    #[error("the ledger {} is locked by another process: wait until it is done or stop it, then try again", .0.display())]
    Locked(PathBuf),
    /// A migration failed and was rolled back.
    #[error("migration {migration} cannot be applied to the ledger {} and was rolled back: {source}", file.display())]
    Migration {
        /// The path of the ledger.
        file: PathBuf,
        /// The file name of the migration.
        migration: &'static str,
        /// The error that SQLite returned.
        source: rusqlite::Error,
    },
    /// The file could not be opened for another reason, such as missing permissions.
    #[error("the ledger {} cannot be opened ({source}): check that it is a file that you may read and write", file.display())]
    Open {
        /// The path of the ledger.
        file: PathBuf,
        /// The error that SQLite returned.
        source: rusqlite::Error,
    },
}

/// A ledger in an SQLite file.
pub struct SqliteDatabase {
    connection: Mutex<Connection>,
}

impl SqliteDatabase {
    /// Opens the ledger in `file`, creating it if necessary, and applies pending migrations.
    ///
    /// # Errors
    /// See [`SqliteError`].
    pub fn open(file: &Path) -> Result<Self, SqliteError> {
        if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir()) {
            return Err(SqliteError::MissingDirectory(parent.to_owned()));
        }
        Self::open_with(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens the ledger in `file`, which must exist, and applies pending migrations.
    ///
    /// # Errors
    /// See [`SqliteError`].
    pub fn open_existing(file: &Path) -> Result<Self, SqliteError> {
        if !file.exists() {
            return Err(SqliteError::MissingFile(file.to_owned()));
        }
        Self::open_with(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens the ledger in `file`, which must exist, without changing it. Returns the migrations that it lacks as well: unless there are
    /// none, the ledger's statements may not fit its schema.
    ///
    /// # Errors
    /// See [`SqliteError`].
    pub fn open_unmigrated(file: &Path) -> Result<(Self, Vec<&'static str>), SqliteError> {
        if !file.exists() {
            return Err(SqliteError::MissingFile(file.to_owned()));
        }
        let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let missing = pending_migrations(&connection, file, MIGRATIONS)?.into_iter().map(|(name, _)| name).collect();
        Ok((Self { connection: connection.into() }, missing))
    }

    /// Replaces the database's own clock, by which leases expire, with `now_ms` in Unix milliseconds. For simulations.
    ///
    /// # Errors
    /// The error that SQLite returned.
    pub fn set_clock(&self, now_ms: impl Fn() -> i64 + Send + 'static) -> Result<(), rusqlite::Error> {
        // SQLite's `unixepoch('subsec')` returns the current time in seconds as a floating-point number.
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.create_scalar_function("unixepoch", 1, FunctionFlags::SQLITE_UTF8, move |_| {
            #[allow(clippy::cast_precision_loss, reason = "times in milliseconds are far below 2^53")]
            Ok(now_ms() as f64 / 1_000.0)
        })
    }

    /// Looks for damage: pages that SQLite cannot read, and rows whose node, reward, batch or settlement is missing. Returns at
    /// most ten lines, none for a sound ledger. Reads the whole file.
    ///
    /// # Errors
    /// [`DatabaseError`] if the file cannot be read.
    pub fn damage(&self) -> Result<Vec<String>, DatabaseError> {
        const MAX_LINES: usize = 10;

        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = |sql: &str, line: fn(&rusqlite::Row<'_>) -> rusqlite::Result<String>| {
            let mut statement = connection.prepare(sql)?;
            statement.query_map([], line)?.take(MAX_LINES).collect::<rusqlite::Result<Vec<String>>>()
        };
        let mut damage = lines("PRAGMA quick_check(10)", |row| row.get(0)).map_err(database_error)?;
        damage.retain(|line| line != "ok");
        damage.extend(
            lines("PRAGMA foreign_key_check", |row| {
                Ok(format!(
                    "a row of {} refers to a row of {} that does not exist",
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(2)?
                ))
            })
            .map_err(database_error)?,
        );
        damage.truncate(MAX_LINES);
        Ok(damage)
    }

    fn open_with(file: &Path, flags: OpenFlags) -> Result<Self, SqliteError> {
        let mut connection = connect(file, flags)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(|error| open_error(file, error))?;
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
        // A panic while the lock was held has rolled the transaction back, so the connection is still usable.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut connection, &statements)
    }
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, SqliteError> {
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| open_error(file, error))?;
    configure(&connection).map_err(|error| open_error(file, error))?;
    Ok(connection)
}

/// Sets what holds for a connection, and not for the file.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // With statistics of kind STAT4 compiled in, SQLite would otherwise prepare a statement again for most parameters, in the
    // hope of a better plan. The plans of these statements do not depend on the parameters.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A negative number is in KiB instead of pages.
    connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
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

/// Applies the missing migrations in one transaction.
fn migrate(
    connection: &mut Connection,
    file: &Path,
    migrations: &[(&'static str, &'static str)],
) -> Result<(), SqliteError> {
    let failed = |source| open_error(file, source);
    // Usually there is nothing to do, and finding that out needs no lock.
    if pending_migrations(connection, file, migrations)?.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    transaction.execute_batch(CREATE_MIGRATIONS_TABLE).map_err(failed)?;
    for (migration, sql) in pending_migrations(&transaction, file, migrations)? {
        transaction
            .execute_batch(sql)
            .and_then(|()| transaction.execute("INSERT INTO d1_migrations (name) VALUES (?1)", [migration]))
            .map_err(|source| SqliteError::Migration { file: file.to_owned(), migration, source })?;
    }
    transaction.commit().map_err(failed)
}

/// The migrations that have not been applied yet.
fn pending_migrations(
    connection: &Connection,
    file: &Path,
    migrations: &[(&'static str, &'static str)],
) -> Result<Vec<(&'static str, &'static str)>, SqliteError> {
    let failed = |source| open_error(file, source);
    let names = |sql: &str| -> rusqlite::Result<Vec<String>> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    // D1 has internal tables called _cf_….
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
        return Err(SqliteError::NewerSchema { file: file.to_owned(), migration: migration.clone() });
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
    // A transaction that writes takes the write lock at its start, because upgrading a read lock later can fail.
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
    let columns: Arc<[String]> = prepared.column_names().map(str::to_owned).collect();
    let mut found = prepared.query(rusqlite::params_from_iter(parameters)).map_err(database_error)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(database_error)? {
        // Most rows of a result are of about the same length.
        let text_bytes = rows.last().map_or(0, Row::text_bytes);
        let mut values = Row::new(Arc::clone(&columns), text_bytes);
        for (index, column) in columns.iter().enumerate() {
            values.push(text(column, row.get_ref(index).map_err(database_error)?)?);
        }
        rows.push(values);
    }
    Ok(rows)
}

fn text<'a>(column: &str, value: ValueRef<'a>) -> Result<Option<&'a str>, DatabaseError> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map(Some)
            .map_err(|_| DatabaseError::Decode(format!("column '{column}' is not UTF-8"))),
        other => Err(DatabaseError::Decode(format!(
            "column '{column}' is {} instead of text: read it with CAST(… AS TEXT)",
            other.data_type()
        ))),
    }
}

fn database_error(error: rusqlite::Error) -> DatabaseError {
    let message = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) if message.contains("FOREIGN KEY") => DatabaseError::Constraint(format!(
            "{message}: a row refers to one that does not exist; if the ledger is damaged, 'williw-relay doctor' finds it"
        )),
        Some(ErrorCode::ConstraintViolation) => DatabaseError::Constraint(message),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            let seconds = BUSY_TIMEOUT.as_secs();
            DatabaseError::Unavailable(format!("another process has held the write lock for more than {seconds} s"))
        }
        Some(ErrorCode::DiskFull) => DatabaseError::Unavailable(format!("{message}: free space on its disk")),
        Some(ErrorCode::SystemIoFailure) => {
            DatabaseError::Unavailable(format!("{message}: check the disk and the space that is left on it"))
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => DatabaseError::Unavailable(format!(
            "{message}: its file and its directory must be writable for the user that runs williw-relay"
        )),
        Some(ErrorCode::DatabaseCorrupt) => {
            DatabaseError::Unavailable(format!("{message}: stop all relays and restore the file from a backup"))
        }
        Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase | ErrorCode::OutOfMemory) => {
            DatabaseError::Unavailable(message)
        }
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
    fn commits_are_durable_and_foreign_keys_enforced() {
        const FULL: i64 = 2;

        let directory = tempfile::TempDir::new().unwrap();
        let database = SqliteDatabase::open(&directory.path().join("ledger.sqlite3")).unwrap();
        let connection = database.connection.lock().unwrap();
        assert_eq!(pragma(&connection, "synchronous"), FULL);
        assert_eq!(pragma(&connection, "foreign_keys"), 1);
    }

    #[test]
    fn what_a_statement_may_have_to_undo_stays_in_memory() {
        let connection = Connection::open_in_memory().unwrap();
        let mut options = connection.prepare("SELECT compile_options FROM pragma_compile_options").unwrap();
        let options: Vec<String> = options.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        for option in ["STMTJRNL_SPILL=4194304", "DEFAULT_MEMSTATUS=0"] {
            assert!(options.iter().any(|set| set == option), "{option} of .cargo/config.toml: {options:?}");
        }
    }

    #[test]
    fn a_full_disk_is_named_and_loses_nothing() {
        let directory = tempfile::TempDir::new().unwrap();
        let database = SqliteDatabase::open(&directory.path().join("ledger.sqlite3")).unwrap();
        let mut connection = database.connection.lock().unwrap();
        let pages = pragma(&connection, "page_count");
        connection.pragma_update(None, "max_page_count", pages).unwrap();
        let fill = Statement::new(
            "INSERT INTO audit_log (at, actor, action, subject, details) \
            SELECT 0, 'a', 'b', 'c', '\"' || hex(zeroblob(3000)) || '\"' FROM json_each('[1,2,3,4,5,6,7,8,9]')",
        );
        let error = run(&mut connection, std::slice::from_ref(&fill)).unwrap_err();
        assert!(matches!(&error, DatabaseError::Unavailable(text) if text.contains("free space")), "{error}");
        let rows = |connection: &Connection| -> i64 {
            connection.query_row("SELECT COUNT(*) FROM audit_log", [], |row| row.get(0)).unwrap()
        };
        assert_eq!(rows(&connection), 0, "a part was written");
        connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        run(&mut connection, &[fill]).unwrap();
        assert_eq!(rows(&connection), 9);
    }

    #[test]
    fn a_failed_migration_is_rolled_back() {
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
        assert!(pending_migrations(&connection, file, &[good, repaired]).unwrap().is_empty());
    }
}
