//! SQLite passes the conformance suite, both directly and through the JSON format of the HTTP endpoint.

use williw_relay::database::conformance::{self, Outcome};
use williw_relay::database::wire::{BatchRequest, BatchResults};
use williw_relay::database::{Database, DatabaseError, Row, Statement};

use crate::fixture::Fixture;

fn assert_all_passed(outcomes: &[Outcome]) {
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.failure.is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcomes.len() > 10);
}

#[tokio::test]
async fn sqlite_passes_the_conformance_suite() {
    let ledger = Fixture::new();
    let before = ledger.row_counts();
    assert_all_passed(&conformance::run(&ledger.database).await);
    assert_eq!(ledger.read("SELECT COUNT(*) FROM leases"), ["0"], "the suite did not delete its rows");
    assert_eq!(ledger.row_counts(), before);
}

/// A database accessed through the endpoint's JSON format, but without HTTP.
struct OverTheWire<D>(D);

impl<D: Database> Database for OverTheWire<D> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let request = serde_json::to_string(&BatchRequest::from(statements.as_slice())).unwrap();
        let received: BatchRequest = serde_json::from_str(&request).unwrap();
        let results = BatchResults { results: self.0.batch(received.into_statements().unwrap()).await? };
        let response = serde_json::to_string(&results).unwrap();
        Ok(serde_json::from_str::<BatchResults>(&response).unwrap().results)
    }
}

#[tokio::test]
async fn sqlite_passes_the_conformance_suite_through_json() {
    let ledger = Fixture::new();
    assert_all_passed(&conformance::run(&OverTheWire(&ledger.database)).await);
}
