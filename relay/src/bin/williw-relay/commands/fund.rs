//! `fund`: lamports into the network's treasury.

use std::fmt;

use serde::Serialize;
use settlement::client::{fund_ix, network_address, treasury_address};
use williw_relay::chain::{AccountData, Chain, Commitment};
use williw_relay::signer::Signer;
use williw_relay::types::Lamports;

use crate::arguments::{FundArguments, Location};
use crate::environment;
use crate::failure::Failure;
use crate::output::{Output, sol};
use crate::shutdown::Shutdown;
use crate::transaction::{self, SIGNATURE_FEE_LAMPORTS};

/// What was moved.
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
            "{} moved into the treasury of '{}' by {}",
            sol(self.amount_lamports),
            self.network,
            self.signature
        )?;
        write!(f, "  treasury  {} holds {}", self.treasury, sol(self.treasury_balance_lamports))
    }
}

/// Moves lamports of the signer's into the treasury.
pub async fn fund(at: &Location, arguments: &FundArguments, output: &Output) -> Result<(), Failure> {
    if arguments.lamports.is_zero() {
        return Err(Failure::Usage("the amount is 0 lamports: fund at least 1".to_owned()));
    }
    let chain = environment::cluster(at)?;
    let id = environment::network(at)?;
    let key = environment::secret_key()?;
    let network = network_address(id);
    let treasury = treasury_address(&network);
    let read = chain.accounts(&[settlement::ID, network], AccountData::None, Commitment::Confirmed).await?;
    let [program, network_account] = read.accounts.as_slice() else {
        return Err(Failure::Internal("the RPC node left accounts out of its answer".to_owned()));
    };
    super::require_program(program.as_ref())?;
    if network_account.is_none() {
        return Err(Failure::Refused(format!(
            "there is no network '{}' on this cluster: create it with 'williw-relay network create'",
            id.name()
        )));
    }
    let needed = arguments.lamports.get().saturating_add(SIGNATURE_FEE_LAMPORTS);
    super::require_funds(&chain, key.address(), needed).await?;

    let mut shutdown = Shutdown::listen()?;
    let instruction = fund_ix(key.address(), network, arguments.lamports.get());
    let signature = transaction::send(&chain, &key, &[instruction], &mut shutdown).await?;
    let funded = Funded {
        network: id.name(),
        treasury: treasury.to_string(),
        amount_lamports: arguments.lamports,
        treasury_balance_lamports: Lamports::new(super::balance(&chain, treasury).await?)
            .map_err(|error| Failure::Internal(error.to_string()))?,
        signature: signature.to_string(),
    };
    output.result(&funded, &funded)
}
