//! The file: what it is made of, and what is said when it cannot be used.

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;
use williw_relay::database::DatabaseError;
use williw_relay::database::sqlite::{SqliteDatabase, SqliteError};
use williw_relay::ledger::{LedgerError, nodes};

use crate::fixture::{Fixture, new_node};

#[test]
fn the_schema_comes_from_the_same_files_that_wrangler_applies() {
    let ledger = Fixture::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let mut files: Vec<String> = fs::read_dir(folder)
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
async fn opening_again_keeps_everything() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let before = ledger.read("SELECT * FROM d1_migrations");
    let again = SqliteDatabase::open(&ledger.file()).unwrap();
    assert!(nodes::get(&again, &"node-1".parse().unwrap()).await.is_ok());
    assert_eq!(ledger.read("SELECT * FROM d1_migrations"), before);
}

#[test]
fn a_missing_folder_is_named() {
    let folder = TempDir::new().unwrap();
    let error = SqliteDatabase::open(&folder.path().join("no/ledger.sqlite3")).unwrap_err();
    assert!(matches!(&error, SqliteError::MissingFolder(path) if path.ends_with("no")), "{error}");
    assert!(error.to_string().contains("create it"), "{error}");
}

#[test]
fn a_reader_does_not_create_a_ledger() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.sqlite3");
    let error = SqliteDatabase::open_existing(&file).unwrap_err();
    assert!(matches!(error, SqliteError::MissingFile(_)), "{error}");
    assert!(!file.exists());
}

#[test]
fn what_is_no_database_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("notes.txt");
    let text = "these are my notes, and they are longer than the header of a database file would be: one hundred bytes";
    fs::write(&file, text).unwrap();
    let error = SqliteDatabase::open(&file).unwrap_err();
    assert!(matches!(error, SqliteError::NotADatabase(_)), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_folder_is_no_ledger() {
    let folder = TempDir::new().unwrap();
    let error = SqliteDatabase::open(folder.path()).unwrap_err();
    assert!(matches!(error, SqliteError::Open { .. }), "{error}");
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("other.sqlite3");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    let error = SqliteDatabase::open(&file).unwrap_err();
    assert!(matches!(error, SqliteError::NotALedger(_)), "{error}");
    let tables: u32 =
        Connection::open(&file).unwrap().query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn a_ledger_of_a_newer_version_is_refused_by_the_migrations_name() {
    let ledger = Fixture::new();
    ledger.write("INSERT INTO d1_migrations (name) VALUES ('9999_future.sql')");
    let error = SqliteDatabase::open(&ledger.file()).unwrap_err();
    assert!(matches!(&error, SqliteError::Newer { migration, .. } if migration == "9999_future.sql"), "{error}");
}

#[test]
fn a_locked_file_says_so_instead_of_waiting_for_ever() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.sqlite3");
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = SqliteDatabase::open(&file).unwrap_err();
    assert!(matches!(error, SqliteError::Locked(_)), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    SqliteDatabase::open(&file).unwrap();
}

#[tokio::test]
async fn a_reader_is_not_kept_waiting_by_a_writer_and_a_second_writer_gives_up_cleanly() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let other = Connection::open(ledger.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(nodes::get(&ledger.database, &"node-1".parse().unwrap()).await.is_ok());
    let refused = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, new_node("node-2", None)).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, LedgerError::Database(DatabaseError::Unavailable(_))), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    ledger.register("node-2").await;
}
