//! The SQLite file: its schema, and errors if it cannot be used.

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;
use williw_relay::database::DatabaseError;
use williw_relay::database::sqlite::{SqliteDatabase, SqliteError};
use williw_relay::ledger::{LedgerError, nodes};

use crate::fixture::{Fixture, new_node};

#[test]
fn all_migration_files_are_applied_and_recorded_like_wrangler_does() {
    let ledger = Fixture::new();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let mut files: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".sql"))
        .collect();
    files.sort();
    assert_eq!(ledger.read("SELECT name FROM d1_migrations ORDER BY id"), files);
    assert_eq!(
        ledger.read("SELECT name, type, pk FROM pragma_table_info('d1_migrations')"),
        ["id|INTEGER|1", "name|TEXT|0", "applied_at|TIMESTAMP|0"]
    );
}

#[tokio::test]
async fn reopening_preserves_the_ledger() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let before = ledger.read("SELECT * FROM d1_migrations");
    let again = SqliteDatabase::open(&ledger.file()).unwrap();
    assert!(nodes::get(&again, &"node-1".parse().unwrap()).await.is_ok());
    assert_eq!(ledger.read("SELECT * FROM d1_migrations"), before);
}

#[test]
fn a_missing_directory_is_an_error() {
    let directory = TempDir::new().unwrap();
    let error = SqliteDatabase::open(&directory.path().join("no/ledger.sqlite3")).unwrap_err();
    assert!(matches!(&error, SqliteError::MissingDirectory(path) if path.ends_with("no")), "{error}");
    assert!(error.to_string().contains("create it"), "{error}");
}

#[test]
fn open_existing_does_not_create_a_ledger() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("ledger.sqlite3");
    let error = SqliteDatabase::open_existing(&file).unwrap_err();
    assert!(matches!(error, SqliteError::MissingFile(_)), "{error}");
    assert!(!file.exists());
}

#[test]
fn files_other_than_databases_are_not_modified() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("notes.txt");
    let text =
        "a text file that is longer than the header of an SQLite database, whose length is exactly one hundred bytes";
    fs::write(&file, text).unwrap();
    let error = SqliteDatabase::open(&file).unwrap_err();
    assert!(matches!(error, SqliteError::NotADatabase(_)), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_directory_is_not_a_ledger() {
    let directory = TempDir::new().unwrap();
    let error = SqliteDatabase::open(directory.path()).unwrap_err();
    assert!(matches!(error, SqliteError::Open { .. }), "{error}");
}

#[test]
fn databases_of_other_programs_are_not_modified() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("other.sqlite3");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    let error = SqliteDatabase::open(&file).unwrap_err();
    assert!(matches!(error, SqliteError::NotALedger(_)), "{error}");
    let tables: u32 =
        Connection::open(&file).unwrap().query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn a_ledger_with_an_unknown_migration_is_rejected() {
    let ledger = Fixture::new();
    ledger.write("INSERT INTO d1_migrations (name) VALUES ('9999_future.sql')");
    let error = SqliteDatabase::open(&ledger.file()).unwrap_err();
    assert!(matches!(&error, SqliteError::NewerSchema { migration, .. } if migration == "9999_future.sql"), "{error}");
}

#[test]
fn opening_a_locked_file_times_out() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("ledger.sqlite3");
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = SqliteDatabase::open(&file).unwrap_err();
    assert!(matches!(error, SqliteError::Locked(_)), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    SqliteDatabase::open(&file).unwrap();
}

#[tokio::test]
async fn readers_are_not_blocked_and_a_second_writer_times_out() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let other = Connection::open(ledger.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(nodes::get(&ledger.database, &"node-1".parse().unwrap()).await.is_ok());
    let result = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, new_node("node-2", None)).await;
    let error = result.unwrap_err();
    assert!(matches!(error, LedgerError::Database(DatabaseError::Unavailable(_))), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    ledger.register("node-2").await;
}
