//! The commands, one module each.

pub(crate) mod controls;
pub(crate) mod doctor;
pub(crate) mod fund;
pub(crate) mod key;
pub(crate) mod network;
pub(crate) mod rebuild;
pub(crate) mod receipt;
pub(crate) mod reconcile;
pub(crate) mod rent;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod tables;
pub(crate) mod verify;

use settlement::state::{ClosedNetwork, Network};
use solana_pubkey::Pubkey;
use williw_relay::chain::{Account, AccountData, Chain, Commitment};
use williw_relay::engine::NetworkRef;

use crate::error::CliError;

/// The balance of an account in lamports; 0 if it does not exist.
async fn balance<C: Chain>(chain: &C, address: Pubkey) -> Result<u64, CliError> {
    let read = chain.accounts(&[address], AccountData::Omitted, Commitment::Confirmed, 0).await?;
    Ok(read.accounts.first().and_then(Option::as_ref).map_or(0, |account| account.lamports))
}

/// Returns an error unless `payer` has at least `needed` lamports.
async fn require_funds<C: Chain>(chain: &C, payer: Pubkey, needed: u64) -> Result<(), CliError> {
    let available = balance(chain, payer).await?;
    if available < needed {
        return Err(CliError::Rejected(format!(
            "insufficient funds: {payer} (the signer in SOLANA_PRIVATE_KEY) has {available} lamports, but needs {needed}: \
             transfer SOL to it"
        )));
    }
    Ok(())
}

/// Returns an error unless the settlement program is deployed.
fn require_program(account: Option<&Account>) -> Result<(), CliError> {
    if account.is_some_and(|account| account.executable) {
        return Ok(());
    }
    Err(CliError::Rejected(format!(
        "the settlement program {} is not deployed on this cluster: deploy it first, or check SOLANA_RPC_URL",
        settlement::ID
    )))
}

/// Returns the network, or an error unless it exists and has the expected admin.
fn require_network(expected: &NetworkRef, account: Option<&Account>) -> Result<Network, CliError> {
    let NetworkRef { creator, admin, .. } = expected;
    let name = expected.name();
    let account = account.filter(|account| account.owner == settlement::ID).ok_or_else(|| {
        CliError::Rejected(format!(
            "{creator} has not created a network '{name}' on this cluster: check NETWORK_CREATOR and NETWORK, or create the \
             network with 'williw-relay network create'"
        ))
    })?;
    if ClosedNetwork::decode(&account.data).is_ok() {
        return Err(CliError::Rejected(format!("network '{name}' was closed by its admin")));
    }
    let network = Network::decode(&account.data).map_err(|error| {
        CliError::Rejected(format!(
            "network '{name}' cannot be decoded ({error}): use the matching version of williw-relay"
        ))
    })?;
    if network.admin != *admin {
        return Err(CliError::Rejected(format!(
            "the admin of network '{name}' is {}, but {admin} is expected: if you know of the handover, pass \
             --network-admin or set NETWORK_ADMIN",
            network.admin
        )));
    }
    Ok(network)
}
