//! The `network create` command: creates a network and its treasury on-chain.

use std::fmt;

use serde::Serialize;
use settlement::client::{
    CreateNetworkArgs, SPL_TOKEN_ID, TOKEN_2022_ID, TokenAsset, create_network_ix, create_token_network_ix,
    treasury_address,
};
use settlement::rules::token_layout::TOKEN_ACCOUNT_LEN;
use settlement::state::{ClosedNetwork, Network, Treasury};
use solana_pubkey::Pubkey;
use williw_relay::chain::{Account, AccountData, Chain, Commitment};
use williw_relay::engine::{Asset, NetworkRef};
use williw_relay::signer::Signer;
use williw_relay::transaction::SIGNATURE_FEE_LAMPORTS;

use crate::arguments::{ConnectionArguments, CreateNetworkArguments};
use crate::environment;
use crate::error::CliError;
use crate::output::Output;
use crate::shutdown::Shutdown;
use crate::transaction;

/// The result of the command.
#[derive(Serialize)]
struct Created {
    network: String,
    address: String,
    treasury: String,
    creator: String,
    admin: String,
    settler: String,
    guardian: String,
    /// The mint that the network pays in; `None` for SOL.
    mint: Option<String>,
    /// `None` if the network existed already.
    signature: Option<String>,
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.signature {
            Some(signature) => writeln!(f, "created network '{}' in transaction {signature}", self.network)?,
            None => writeln!(
                f,
                "network '{}' already exists with the same parameters; no transaction was sent",
                self.network
            )?,
        }
        writeln!(f, "  address   {}", self.address)?;
        writeln!(f, "  treasury  {}", self.treasury)?;
        writeln!(f, "  creator   {}", self.creator)?;
        writeln!(f, "  admin     {}", self.admin)?;
        writeln!(f, "  settler   {}", self.settler)?;
        writeln!(f, "  guardian  {}", self.guardian)?;
        write!(f, "  pays in   {}", self.mint.as_deref().unwrap_or("SOL"))
    }
}

/// Creates the network, unless it exists with the same parameters.
pub(crate) async fn create(
    connection: &ConnectionArguments,
    arguments: &CreateNetworkArguments,
    output: &Output,
) -> Result<(), CliError> {
    let chain = environment::cluster(connection)?;
    let id = environment::network_name(connection)?;
    let key = environment::secret_key()?;
    let creator = key.address();
    if let Some(expected) = connection.network_creator.filter(|expected| *expected != creator) {
        return Err(CliError::Usage(format!(
            "the network's creator would be {creator}, the signer in SOLANA_PRIVATE_KEY, and not {expected}, which \
             --network-creator or NETWORK_CREATOR names: change one of them"
        )));
    }
    let network = NetworkRef::new(*id, creator, connection.network_admin);
    let args = CreateNetworkArgs {
        id: id.0,
        settler: arguments.settler.unwrap_or(creator),
        guardian: arguments.guardian.unwrap_or(creator),
        default_threshold: arguments.threshold_lamports.get(),
        per_node_cap: arguments.per_node_cap_lamports.get(),
        per_batch_cap: arguments.per_batch_cap_lamports.get(),
        window_limit: arguments.window_limit_lamports.get(),
        window_seconds: arguments.window_seconds,
        max_pending_age: arguments.max_pending_age_seconds,
        max_pause_seconds: arguments.max_pause_seconds,
    };
    let address = network.address();
    let treasury = treasury_address(&address);
    let mut created = Created {
        network: id.name(),
        address: address.to_string(),
        treasury: treasury.to_string(),
        creator: creator.to_string(),
        admin: network.admin.to_string(),
        settler: args.settler.to_string(),
        guardian: args.guardian.to_string(),
        mint: arguments.mint.map(|mint| mint.to_string()),
        signature: None,
    };
    if exists_with(&chain, &network, &args, arguments.mint).await? {
        return output.result(&created, &created);
    }
    if network.admin != creator {
        return Err(CliError::Usage(format!(
            "the admin of a new network is its creator {creator}, and not {}, which --network-admin or NETWORK_ADMIN names: \
             omit it",
            network.admin
        )));
    }
    let asset = match arguments.mint {
        Some(mint) => Some(token_asset(&chain, mint).await?),
        None => None,
    };
    let mut needed = SIGNATURE_FEE_LAMPORTS;
    let token_account = asset.map_or(0, |_| TOKEN_ACCOUNT_LEN);
    for size in [Network::SIZE, Treasury::SIZE, token_account].into_iter().filter(|size| *size > 0) {
        needed = needed.saturating_add(chain.minimum_balance(size as u64).await?);
    }
    super::require_funds(&chain, creator, needed).await?;
    let mut shutdown = Shutdown::listen()?;
    let instruction = match &asset {
        None => create_network_ix(creator, args),
        Some(asset) => create_token_network_ix(creator, args, asset),
    };
    let signature = transaction::send(&chain, &key, &[instruction], &mut shutdown).await?;
    created.signature = Some(signature.to_string());
    output.result(&created, &created)
}

/// The mint at `mint` with its token program. Whether a network can pay in it is for the program to decide.
///
/// # Errors
/// [`CliError::Rejected`] if no token program owns the account.
async fn token_asset<C: Chain>(chain: &C, mint: Pubkey) -> Result<TokenAsset, CliError> {
    let read = chain.accounts(&[mint], AccountData::Omitted, Commitment::Confirmed, 0).await?;
    let owner = read.accounts.first().and_then(Option::as_ref).map(|account| account.owner);
    match owner.filter(|owner| [SPL_TOKEN_ID, TOKEN_2022_ID].contains(owner)) {
        Some(token_program) => Ok(TokenAsset { mint, token_program }),
        None => Err(CliError::Rejected(format!(
            "{mint} is no mint of SPL Token or Token-2022 on this cluster: check --mint and SOLANA_RPC_URL"
        ))),
    }
}

/// Whether the network exists with the same parameters.
///
/// # Errors
/// [`CliError::Rejected`] if it exists with different parameters, or if the program is not deployed.
async fn exists_with<C: Chain>(
    chain: &C,
    expected: &NetworkRef,
    args: &CreateNetworkArgs,
    mint: Option<Pubkey>,
) -> Result<bool, CliError> {
    let address = expected.address();
    let addresses = [settlement::ID, address, treasury_address(&address)];
    let response = chain.accounts(&addresses, AccountData::Full, Commitment::Confirmed, 0).await?;
    let [program, network, treasury] = response.accounts.as_slice() else {
        return Err(CliError::Internal("the RPC node returned the wrong number of accounts".to_owned()));
    };
    super::require_program(program.as_ref())?;
    let network = owned_by_program(network);
    if network.is_some_and(|network| ClosedNetwork::decode(&network.data).is_ok()) {
        return Err(CliError::Rejected(format!(
            "network '{}' of this creator was closed, and its name cannot be used again: choose another name",
            expected.name()
        )));
    }
    let (Some(network), Some(treasury)) = (network, owned_by_program(treasury)) else {
        return Ok(false);
    };
    let unreadable = |error| {
        CliError::Rejected(format!(
            "network '{}' exists, but its accounts cannot be decoded ({error}): choose another name, or use the \
             matching version of williw-relay",
            expected.name()
        ))
    };
    let network = Network::decode(&network.data).map_err(unreadable)?;
    let treasury = Treasury::decode(&treasury.data).map_err(unreadable)?;
    let pays_in = |mint: Option<Pubkey>| mint.map_or_else(|| "SOL".to_owned(), |mint| mint.to_string());
    let actual_mint = Asset::of(&network).and_then(|asset| asset.mint().map(|mint| mint.mint));
    let parameters = [
        ("asset", pays_in(actual_mint), pays_in(mint)),
        ("admin", network.admin.to_string(), expected.admin.to_string()),
        ("settler", network.settler.to_string(), args.settler.to_string()),
        ("guardian", network.guardian.to_string(), args.guardian.to_string()),
        ("threshold", network.default_threshold.to_string(), args.default_threshold.to_string()),
        ("per-node cap", treasury.per_node_cap.to_string(), args.per_node_cap.to_string()),
        ("per-batch cap", treasury.per_batch_cap.to_string(), args.per_batch_cap.to_string()),
        ("window limit", treasury.window_limit.to_string(), args.window_limit.to_string()),
        ("window length in seconds", treasury.window_seconds.to_string(), args.window_seconds.to_string()),
        ("maximum pending age in seconds", treasury.max_pending_age.to_string(), args.max_pending_age.to_string()),
        ("maximum pause in seconds", treasury.max_pause_seconds.to_string(), args.max_pause_seconds.to_string()),
    ];
    match parameters.iter().find(|(_, actual, requested)| actual != requested) {
        None => Ok(true),
        Some((parameter, actual, requested)) => Err(CliError::Rejected(format!(
            "network '{}' already exists with a different {parameter} ({actual} instead of {requested}): choose another name",
            expected.name()
        ))),
    }
}

/// The account, if it belongs to the settlement program. Anybody can send lamports to an address before the program
/// creates its account; such an account belongs to the System Program.
fn owned_by_program(account: &Option<Account>) -> Option<&Account> {
    account.as_ref().filter(|account| account.owner == settlement::ID)
}

#[cfg(test)]
mod tests {
    use solana_pubkey::Pubkey;

    use super::*;

    #[test]
    fn an_account_that_only_received_lamports_does_not_count_as_existing() {
        let account = |owner| Some(Account { lamports: 1, owner, executable: false, data: Vec::new(), space: 0 });
        assert!(owned_by_program(&account(settlement::ID)).is_some());
        assert!(owned_by_program(&account(Pubkey::default())).is_none());
        assert!(owned_by_program(&None).is_none());
    }
}
