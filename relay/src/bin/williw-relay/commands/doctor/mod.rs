//! The `doctor` command: checks everything that a run needs, and says what to do about what is wrong.

mod cluster;
mod ledger;
mod report;
mod tables;

use williw_relay::clock::{Clock, SystemClock};
use williw_relay::metrics::LedgerReading;
use williw_relay::signer::Signer as _;

use crate::arguments::ConnectionArguments;
use crate::environment;
use crate::error::CliError;
use crate::ledger::Ledger;
use crate::output::Output;

use report::Report;

/// What the checks of the cluster compare with the ledger.
#[derive(Default)]
struct LedgerFacts {
    /// The ledger, if it can be read.
    database: Option<Ledger>,
    /// What the ledger is bound to, by name.
    binding: std::collections::BTreeMap<String, String>,
    reading: Option<LedgerReading>,
}

impl LedgerFacts {
    /// What the ledger is bound to as `name`, if that is not `expected`.
    fn bound_elsewhere(&self, name: &str, expected: &str) -> Option<&str> {
        self.binding.get(name).map(String::as_str).filter(|bound| *bound != expected)
    }
}

/// Checks everything that a run needs. Sends nothing and changes nothing.
///
/// # Errors
/// [`CliError::Doctor`] if a run would fail.
pub(crate) async fn doctor(connection: &ConnectionArguments, output: &Output) -> Result<(), CliError> {
    let mut report = Report::default();
    let now_ms = SystemClock.now_ms();
    let signer = report.require("keypair", environment::secret_key());
    let network = report.require("network", environment::network(connection));
    let facts = ledger::check(connection, now_ms, &mut report).await;
    if let Some(nodes) = report.require("rpc", environment::nodes(connection)) {
        let genesis = cluster::check_nodes(&nodes, &facts, &mut report).await;
        if let (Some(network), Some(signer), Some(_), Ok(chain)) =
            (network, signer, genesis, environment::cluster(connection))
        {
            cluster::check_network(&chain, &network, &signer, &facts, now_ms, &mut report).await;
            tables::check(&chain, network.address(), signer.address(), &facts, &mut report).await;
        }
    }
    output.result(&report.to_json(), &report)?;
    match report.errors() {
        0 => Ok(()),
        errors => Err(CliError::Doctor { errors }),
    }
}
