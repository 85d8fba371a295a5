//! Settings: secrets from the environment, and arguments that some commands require.

use std::collections::BTreeSet;
use std::rc::Rc;

use settlement::client::NetworkId;
use williw_relay::chain::{HttpTransport, JsonRpc, Observed, Pool, RpcCounters};
use williw_relay::engine::NetworkRef;
use williw_relay::signer::SecretKey;

use crate::arguments::ConnectionArguments;
use crate::error::CliError;

/// The client for the RPC nodes given on the command line.
pub(crate) type Cluster = Pool<Observed<JsonRpc<HttpTransport>>>;

/// Reads the signer's keypair from the environment.
pub(crate) fn secret_key() -> Result<SecretKey, CliError> {
    let text = secret("SOLANA_PRIVATE_KEY")?.ok_or_else(|| {
        CliError::Setting(
            "SOLANA_PRIVATE_KEY is not set: set it to a keypair (base58 or a JSON array), or to the path of a keypair file"
                .to_owned(),
        )
    })?;
    SecretKey::parse_or_read(&text).map_err(|error| CliError::Setting(format!("SOLANA_PRIVATE_KEY: {error}")))
}

/// Reads the API key for a Worker's ledger from the environment.
pub(crate) fn api_key() -> Result<String, CliError> {
    secret("WILLIW_API_KEY")?.ok_or_else(|| {
        CliError::Setting(
            "WILLIW_API_KEY is not set: set it to an API key with scope 'ledger' (create one with 'williw-relay key \
             create'), or to the Worker's admin key"
                .to_owned(),
        )
    })
}

fn secret(name: &str) -> Result<Option<String>, CliError> {
    match std::env::var(name) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(CliError::Setting(format!("{name} is not valid UTF-8"))),
    }
}

/// Creates the client for the RPC nodes.
pub(crate) fn cluster(connection: &ConnectionArguments) -> Result<Cluster, CliError> {
    counted_cluster(connection, &Rc::default())
}

/// Creates the client for the RPC nodes, and counts its requests.
pub(crate) fn counted_cluster(
    connection: &ConnectionArguments,
    counters: &Rc<RpcCounters>,
) -> Result<Cluster, CliError> {
    Ok(Pool::new(
        nodes(connection)?
            .into_iter()
            .enumerate()
            .map(|(position, node)| Observed::new(node, position, Rc::clone(counters))),
    ))
}

/// Creates a client for each of the RPC nodes, in the order of the setting.
pub(crate) fn nodes(connection: &ConnectionArguments) -> Result<Vec<JsonRpc<HttpTransport>>, CliError> {
    if connection.rpc_url.is_empty() {
        return Err(CliError::Usage(
            "the URL of an RPC node is required: pass --rpc-url or set SOLANA_RPC_URL".to_owned(),
        ));
    }
    // Named twice, one node would pass for the two that must agree about money.
    if connection.rpc_url.iter().map(|url| url.trim_end_matches('/')).collect::<BTreeSet<_>>().len()
        < connection.rpc_url.len()
    {
        return Err(CliError::Setting("SOLANA_RPC_URL names the same RPC node twice: name each node once".to_owned()));
    }
    connection.rpc_url.iter().map(|url| node(url)).collect()
}

fn node(url: &str) -> Result<JsonRpc<HttpTransport>, CliError> {
    // The URL is not part of the error, because it may contain an access token.
    let parsed = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if parsed.is_none() {
        return Err(CliError::Setting(
            "the RPC node's URL is invalid: it must start with https:// or http://".to_owned(),
        ));
    }
    Ok(JsonRpc::new(HttpTransport::new(url)?))
}

/// Returns the network's name, which is required.
pub(crate) fn network_name(connection: &ConnectionArguments) -> Result<&NetworkId, CliError> {
    connection
        .network
        .as_ref()
        .ok_or_else(|| CliError::Usage("the name of a network is required: pass --network or set NETWORK".to_owned()))
}

/// Returns the network: its name and its creator are required.
pub(crate) fn network(connection: &ConnectionArguments) -> Result<NetworkRef, CliError> {
    let id = network_name(connection)?;
    let creator = connection.network_creator.ok_or_else(|| {
        CliError::Usage(
            "the creator of the network is required: pass --network-creator or set NETWORK_CREATOR to the address that \
             'williw-relay network create' printed"
                .to_owned(),
        )
    })?;
    Ok(NetworkRef::new(*id, creator, connection.network_admin))
}
