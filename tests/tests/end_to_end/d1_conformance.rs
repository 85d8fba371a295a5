//! D1, accessed through the Worker's ledger endpoint, meets the ledger's database requirements.

use williw_relay::database::conformance;
use williw_relay::database::remote::RemoteDatabase;

use crate::fixture::{NetworkFixture, OrFail};

#[test]
fn d1_over_http_passes_the_conformance_suite() {
    let network = NetworkFixture::new("conformance");
    let database = RemoteDatabase::new(network.worker.api().url(), &network.worker.options().admin_key).or_fail();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().or_fail();
    let outcomes = runtime.block_on(conformance::run(&database));
    assert!(!outcomes.is_empty());
    let failed: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| outcome.failure.as_ref().map(|failure| format!("{}: {failure}", outcome.case)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
