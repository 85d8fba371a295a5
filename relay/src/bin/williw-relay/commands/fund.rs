//! The `fund` command: transfers lamports to the network's treasury.

use std::fmt;

use serde::Serialize;
use settlement::client::{fund_ix, treasury_address};
use williw_relay::chain::{AccountData, Chain, Commitment};
use williw_relay::signer::Signer;
use williw_relay::types::Lamports;

use crate::arguments::{ConnectionArguments, FundArguments};
use crate::environment;
use crate::error::CliError;
use crate::output::{Output, format_sol};
use crate::shutdown::Shutdown;
use crate::transaction::{self, SIGNATURE_FEE_LAMPORTS};

/// The result of the command.
#[derive(Serialize)]
struct Funded {
    network: String,
    treasury: String,
    amount_lamports: Lamports,
    treasury_balance_lamports: Lamports,
    signature: String,
}

impl fmt::Display for Funded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "transferred {} to the treasury of network '{}' in transaction {}",
            format_sol(self.amount_lamports),
            self.network,
            self.signature
        )?;
        write!(f, "  treasury  {} (balance: {})", self.treasury, format_sol(self.treasury_balance_lamports))
    }
}

/// Transfers lamports from the signer to the treasury.
pub(crate) async fn fund(
    connection: &ConnectionArguments,
    arguments: &FundArguments,
    output: &Output,
) -> Result<(), CliError> {
    if arguments.lamports.is_zero() {
        return Err(CliError::Usage("the amount must be at least 1 lamport".to_owned()));
    }
    let chain = environment::cluster(connection)?;
    let network = environment::network(connection)?;
    let key = environment::secret_key()?;
    let address = network.address();
    let treasury = treasury_address(&address);
    let response = chain.accounts(&[settlement::ID, address], AccountData::Full, Commitment::Confirmed, 0).await?;
    let [program, network_account] = response.accounts.as_slice() else {
        return Err(CliError::Internal("the RPC node returned the wrong number of accounts".to_owned()));
    };
    super::require_program(program.as_ref())?;
    super::require_network(&network, network_account.as_ref())?;
    let needed = arguments.lamports.get().saturating_add(SIGNATURE_FEE_LAMPORTS);
    super::require_funds(&chain, key.address(), needed).await?;

    let mut shutdown = Shutdown::listen()?;
    let instruction = fund_ix(key.address(), address, network.admin, arguments.lamports.get());
    let signature = transaction::send(&chain, &key, &[instruction], &mut shutdown).await?;
    let funded = Funded {
        network: network.name(),
        treasury: treasury.to_string(),
        amount_lamports: arguments.lamports,
        treasury_balance_lamports: Lamports::new(super::balance(&chain, treasury).await?)
            .map_err(|error| CliError::Internal(error.to_string()))?,
        signature: signature.to_string(),
    };
    output.result(&funded, &funded)
}
