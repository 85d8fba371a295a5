//! SQLite keeps the promises that the ledger needs of a database, directly and through the JSON of the endpoint.

use williw_relay::database::conformance::{self, Outcome};
use williw_relay::database::wire::{BatchRequest, BatchResults};
use williw_relay::database::{Database, DatabaseError, Row, Statement};

use crate::fixture::Fixture;

fn assert_all_kept(outcomes: &[Outcome]) {
    let broken: Vec<_> = outcomes.iter().filter(|outcome| outcome.failure.is_some()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(outcomes.len() > 10);
}

#[tokio::test]
async fn sqlite_keeps_every_promise_of_the_suite() {
    let ledger = Fixture::new();
    let before = ledger.row_counts();
    assert_all_kept(&conformance::run(&ledger.database).await);
    assert_eq!(ledger.read("SELECT COUNT(*) FROM leases"), ["0"], "the suite left rows behind");
    assert_eq!(ledger.row_counts(), before);
}

/// The database behind the endpoint's JSON, without the HTTP in between.
struct OverTheWire<D>(D);

impl<D: Database> Database for OverTheWire<D> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let request = serde_json::to_string(&BatchRequest::from(statements.as_slice())).unwrap();
        let received: BatchRequest = serde_json::from_str(&request).unwrap();
        let results = BatchResults { results: self.0.batch(received.into_statements().unwrap()).await? };
        let answer = serde_json::to_string(&results).unwrap();
        Ok(serde_json::from_str::<BatchResults>(&answer).unwrap().results)
    }
}

#[tokio::test]
async fn the_json_of_the_endpoint_loses_nothing() {
    let ledger = Fixture::new();
    assert_all_kept(&conformance::run(&OverTheWire(&ledger.database)).await);
}
