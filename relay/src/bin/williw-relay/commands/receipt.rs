//! The `receipt` command: prints the proof that a reward was credited.

use williw_relay::audit;

use crate::arguments::ConnectionArguments;
use crate::arguments::audit::ReceiptArguments;
use crate::environment;
use crate::error::CliError;
use crate::ledger::{self, IfMissing};
use crate::output::Output;

/// Prints the receipt of a reward.
pub(crate) async fn receipt(
    connection: &ConnectionArguments,
    arguments: &ReceiptArguments,
    output: &Output,
) -> Result<(), CliError> {
    let chain = environment::cluster(connection)?;
    let network = environment::network(connection)?;
    let database = ledger::open(connection, IfMissing::Fail)?;
    let receipt = audit::issue(&database, &chain, &network, &arguments.reward).await?;
    output.result(&receipt, &receipt.to_json())
}
