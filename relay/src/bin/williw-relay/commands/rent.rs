//! The `rent` commands: adjust the accounts of all nodes in the ledger after a change of the cluster's rent.

use std::fmt;

use serde::Serialize;
use settlement::client::node_wallet_address;
use solana_pubkey::Pubkey;
use williw_relay::chain::{AccountData, Chain, Commitment};
use williw_relay::ledger::owners::owners;
use williw_relay::rent::{self, AccountToAdjust, RentAdjustment, RentReader};
use williw_relay::signer::{SecretKey, Signer};
use williw_relay::transaction::Format;
use williw_relay::types::Lamports;

use crate::arguments::{ConnectionArguments, RentArguments};
use crate::environment::{self, Cluster};
use crate::error::CliError;
use crate::ledger::{self, IfMissing, Ledger};
use crate::output::{Output, format_sol};
use crate::shutdown::Shutdown;
use crate::transaction;

/// The result of a command.
#[derive(Serialize)]
struct Adjusted {
    network: String,
    /// The number of accounts that were adjusted.
    accounts: usize,
    lamports: Lamports,
    /// What the treasury could not provide.
    missing_lamports: Lamports,
    signatures: Vec<String>,
    #[serde(skip)]
    adjustment: RentAdjustment,
}

impl fmt::Display for Adjusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, accounts, .. } = self;
        if *accounts == 0 && self.missing_lamports.is_zero() {
            return write!(f, "no account of network '{network}' needs to be adjusted; no transaction was sent");
        }
        let amount = format_sol(self.lamports);
        let transactions = self.signatures.len();
        match self.adjustment {
            RentAdjustment::Sweep => write!(f, "moved {amount} to the treasury of network '{network}'")?,
            RentAdjustment::TopUp => write!(f, "moved {amount} from the treasury of network '{network}'")?,
        }
        write!(f, "\n  accounts      {accounts}\n  transactions  {transactions}")?;
        if !self.missing_lamports.is_zero() {
            let missing = format_sol(self.missing_lamports);
            write!(f, "\n  missing       {missing} (more than the treasury holds: fund it, and run again)")?;
        }
        Ok(())
    }
}

/// Moves what the accounts of nodes hold too much to the treasury.
pub(crate) async fn sweep(
    connection: &ConnectionArguments,
    arguments: &RentArguments,
    output: &Output,
) -> Result<(), CliError> {
    adjust(RentAdjustment::Sweep, connection, arguments, output).await
}

/// Brings wallets with a pending amount to their rent-exempt minimum.
pub(crate) async fn top_up(
    connection: &ConnectionArguments,
    arguments: &RentArguments,
    output: &Output,
) -> Result<(), CliError> {
    adjust(RentAdjustment::TopUp, connection, arguments, output).await
}

async fn adjust(
    adjustment: RentAdjustment,
    connection: &ConnectionArguments,
    arguments: &RentArguments,
    output: &Output,
) -> Result<(), CliError> {
    let chain = environment::cluster(connection)?;
    let expected = environment::network(connection)?;
    let key = environment::secret_key()?;
    let database = ledger::open(connection, IfMissing::Fail)?;
    let network = expected.address();
    let read = chain.accounts(&[settlement::ID, network], AccountData::Full, Commitment::Confirmed, 0).await?;
    let [program, network_account] = read.accounts.as_slice() else {
        return Err(CliError::Internal("the RPC node returned the wrong number of accounts".to_owned()));
    };
    super::require_program(program.as_ref())?;
    let state = super::require_network(&expected, network_account.as_ref())?;
    let reader = RentReader::new(&chain, network).await?.ok_or_else(|| {
        CliError::Rejected(
            "the network's treasury cannot be decoded: use the matching version of williw-relay".to_owned(),
        )
    })?;
    if adjustment == RentAdjustment::TopUp {
        if !reader.pays_in_sol() {
            return Err(CliError::Rejected(
                "the network pays in tokens, so no payout takes lamports from a wallet account: nothing to top up"
                    .to_owned(),
            ));
        }
        if ![state.settler, state.admin].contains(&key.address()) {
            return Err(CliError::Rejected(format!(
                "SOLANA_PRIVATE_KEY is the key of {}, but only the settler {} and the admin {} can top up wallets",
                key.address(),
                state.settler,
                state.admin
            )));
        }
    }
    let format = arguments.format.resolve(&chain, key.address()).await?;
    let (accounts, missing) = find(&reader, adjustment, &database, network).await?;

    let mut shutdown = Shutdown::listen()?;
    let sender = Sender { chain: &chain, key: &key, network, format };
    let signatures = sender.send(adjustment, &accounts, &mut shutdown).await?;
    let lamports = |amount: u64| Lamports::new(amount).map_err(|error| CliError::Internal(error.to_string()));
    let adjusted = Adjusted {
        network: expected.name(),
        accounts: accounts.len(),
        lamports: lamports(sum(&accounts))?,
        missing_lamports: lamports(missing)?,
        signatures,
        adjustment,
    };
    output.result(&adjusted, &adjusted)
}

/// The accounts to adjust, and the lamports that further accounts lack and the treasury cannot provide.
async fn find(
    reader: &RentReader<'_, Cluster>,
    adjustment: RentAdjustment,
    database: &Ledger,
    network: Pubkey,
) -> Result<(Vec<AccountToAdjust>, u64), CliError> {
    let (mut found, mut missing, mut left) = (Vec::new(), 0_u64, reader.surplus());
    let mut last = None;
    loop {
        let owners = owners(database, last.as_ref()).await?;
        let Some(node) = owners.last() else { return Ok((found, missing)) };
        last = Some(node.node_id.clone());
        let wallets: Vec<Pubkey> =
            owners.iter().map(|node| node_wallet_address(&network, &node.node_id.on_chain(), &node.owner)).collect();
        for account in reader.find(adjustment, &wallets).await? {
            match (adjustment, left.checked_sub(account.lamports)) {
                (RentAdjustment::Sweep, _) => found.push(account),
                (RentAdjustment::TopUp, Some(rest)) => {
                    left = rest;
                    found.push(account);
                }
                (RentAdjustment::TopUp, None) => missing = missing.saturating_add(account.lamports),
            }
        }
    }
}

fn sum(accounts: &[AccountToAdjust]) -> u64 {
    accounts.iter().fold(0, |sum: u64, account| sum.saturating_add(account.lamports))
}

struct Sender<'a> {
    chain: &'a Cluster,
    key: &'a SecretKey,
    network: Pubkey,
    format: Format,
}

impl Sender<'_> {
    /// Adjusts `accounts` in as few transactions as possible, one after the other. Each is complete in itself: after a
    /// failure, the next run continues with the remaining accounts.
    async fn send(
        &self,
        adjustment: RentAdjustment,
        accounts: &[AccountToAdjust],
        shutdown: &mut Shutdown,
    ) -> Result<Vec<String>, CliError> {
        let mut signatures = Vec::new();
        for chunk in accounts.chunks(rent::capacity(self.format).max(1)) {
            let instruction = rent::instruction(adjustment, self.key.address(), self.network, chunk);
            let signature = transaction::send_in(self.format, self.chain, self.key, &[instruction], shutdown).await?;
            signatures.push(signature.to_string());
        }
        Ok(signatures)
    }
}
