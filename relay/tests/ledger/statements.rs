//! Every statement of the ledger is known by its text, and fits the schema.

use rusqlite::Connection;
use williw_relay::database::wire::{BatchRequest, UnknownStatement};
use williw_relay::ledger::{all_statements, known_statement};

use crate::fixture::Fixture;

#[test]
fn every_statement_fits_the_schema() {
    let ledger = Fixture::new();
    let connection = Connection::open(ledger.file()).unwrap();
    let mut count = 0;
    for sql in all_statements() {
        // The suite's own proof that an error is told as what it is.
        if sql.contains("no_such_column") {
            continue;
        }
        if let Err(error) = connection.prepare(sql) {
            panic!("{error}: {sql}");
        }
        count += 1;
    }
    assert!(count > 30, "only {count} statements were found");
}

#[test]
fn no_statement_takes_more_parameters_than_d1_allows() {
    let ledger = Fixture::new();
    let connection = Connection::open(ledger.file()).unwrap();
    for sql in all_statements().filter(|sql| !sql.contains("no_such_column")) {
        assert!(connection.prepare(sql).unwrap().parameter_count() <= 100, "{sql}");
    }
}

#[test]
fn only_the_ledgers_own_text_becomes_a_statement() {
    let known = all_statements().next().unwrap();
    assert_eq!(known_statement(known), Some(known));
    for foreign in ["", "DELETE FROM rewards", &format!("{known};"), &format!(" {known}"), &known.to_lowercase()] {
        assert_eq!(known_statement(foreign), None, "{foreign}");
    }
    let request = format!(r#"{{"statements":[{{"sql":{known:?}}},{{"sql":"DELETE FROM rewards","parameters":[]}}]}}"#);
    let request: BatchRequest = serde_json::from_str(&request).unwrap();
    assert_eq!(request.into_statements(), Err(UnknownStatement { position: 1 }));
}
