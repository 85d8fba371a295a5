//! The `fund` command: transfers lamports, or tokens of the network's mint, to its treasury.

use std::fmt;

use serde::Serialize;
use settlement::client::{
    TokenAsset, associated_token_address, fund_ix, fund_tokens_ix, treasury_address, treasury_token_address,
};
use settlement::rules::token_layout::TokenAccount;
use solana_pubkey::Pubkey;
use williw_relay::chain::{AccountData, Chain, Commitment};
use williw_relay::engine::Asset;
use williw_relay::signer::Signer;
use williw_relay::transaction::SIGNATURE_FEE_LAMPORTS;
use williw_relay::types::Lamports;

use crate::arguments::{ConnectionArguments, FundArguments};
use crate::environment;
use crate::error::CliError;
use crate::output::{Output, format_amount};
use crate::shutdown::Shutdown;
use crate::transaction;

/// The result of the command.
#[derive(Serialize)]
struct Funded {
    network: String,
    treasury: String,
    /// What the network pays in, as text.
    asset: String,
    /// In base units of the asset, as the balance is.
    amount_lamports: Lamports,
    treasury_balance_lamports: Lamports,
    signature: String,
    #[serde(skip)]
    paid_in: Asset,
}

impl fmt::Display for Funded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "transferred {} to the treasury of network '{}' in transaction {}",
            format_amount(self.amount_lamports, Some(&self.paid_in)),
            self.network,
            self.signature
        )?;
        let balance = format_amount(self.treasury_balance_lamports, Some(&self.paid_in));
        write!(f, "  treasury  {} (balance: {balance})", self.treasury)
    }
}

/// Transfers lamports or tokens from the signer to the treasury.
pub(crate) async fn fund(
    connection: &ConnectionArguments,
    arguments: &FundArguments,
    output: &Output,
) -> Result<(), CliError> {
    if arguments.lamports.is_zero() {
        return Err(CliError::Usage("the amount must be at least 1 lamport or base unit".to_owned()));
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
    let asset = Asset::of(&super::require_network(&network, network_account.as_ref())?).ok_or_else(|| {
        CliError::Rejected(format!(
            "network '{}' pays in an asset that this version does not know: update williw-relay",
            network.name()
        ))
    })?;
    let (funder, amount) = (key.address(), arguments.lamports.get());
    let instruction = match asset.mint() {
        None => {
            super::require_funds(&chain, funder, amount.saturating_add(SIGNATURE_FEE_LAMPORTS)).await?;
            fund_ix(funder, address, network.admin, amount)
        }
        Some(mint) => {
            super::require_funds(&chain, funder, SIGNATURE_FEE_LAMPORTS).await?;
            let from = associated_token_address(&funder, mint);
            let available = tokens(&chain, from, mint).await?;
            if available < amount {
                return Err(CliError::Rejected(format!(
                    "insufficient funds: the token account {from} of {funder} (the signer in SOLANA_PRIVATE_KEY) holds \
                     {available} base units of the mint {}, but {amount} are to be transferred",
                    mint.mint
                )));
            }
            fund_tokens_ix(funder, from, address, network.admin, mint, amount)
        }
    };

    let mut shutdown = Shutdown::listen()?;
    let signature = transaction::send(&chain, &key, &[instruction], &mut shutdown).await?;
    let balance = match asset.mint() {
        None => super::balance(&chain, treasury).await?,
        Some(mint) => tokens(&chain, treasury_token_address(&address, mint), mint).await?,
    };
    let funded = Funded {
        network: network.name(),
        treasury: treasury.to_string(),
        asset: asset.to_string(),
        amount_lamports: arguments.lamports,
        treasury_balance_lamports: Lamports::new(balance).map_err(|error| CliError::Internal(error.to_string()))?,
        signature: signature.to_string(),
        paid_in: asset,
    };
    output.result(&funded, &funded)
}

/// The base units of a mint in a token account; 0 if there is no such account.
async fn tokens<C: Chain>(chain: &C, address: Pubkey, mint: &TokenAsset) -> Result<u64, CliError> {
    let read = chain.accounts(&[address], AccountData::Full, Commitment::Confirmed, 0).await?;
    let account = read.accounts.into_iter().next().flatten().filter(|account| account.owner == mint.token_program);
    Ok(account.and_then(|account| TokenAccount::parse(&account.data)).map_or(0, |account| account.amount))
}
