//! Settings: secrets from the environment, and arguments that some commands require.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::rc::Rc;

use settlement::client::NetworkId;
use williw_relay::chain::throttle::{Rate, share_of_requests};
use williw_relay::chain::{HttpTransport, JsonRpc, Observed, Pool, RpcCounters, Throttled, TokioTimer};
use williw_relay::engine::NetworkRef;
use williw_relay::signer::SecretKey;

use crate::arguments::ConnectionArguments;
use crate::error::CliError;

/// The number of requests that all RPC nodes together work on at a time: two for each that the engine makes at a time.
const REQUESTS_IN_FLIGHT: usize = 12;

/// The client for one RPC node.
pub(crate) type RpcNode = JsonRpc<Throttled<HttpTransport, TokioTimer>>;

/// The client for the RPC nodes given on the command line.
pub(crate) type Cluster = Pool<Observed<RpcNode>>;

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
pub(crate) fn nodes(connection: &ConnectionArguments) -> Result<Vec<RpcNode>, CliError> {
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
    let in_flight = share_of_requests(REQUESTS_IN_FLIGHT, connection.rpc_url.len());
    connection.rpc_url.iter().map(|url| node(url, connection.max_rpc_requests_per_second, in_flight)).collect()
}

fn node(url: &str, requests_per_second: NonZeroU32, in_flight: usize) -> Result<RpcNode, CliError> {
    // The URL is not part of the error, because it may contain an access token.
    let parsed = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if parsed.is_none() {
        return Err(CliError::Setting(
            "the RPC node's URL is invalid: it must start with https:// or http://".to_owned(),
        ));
    }
    let rate = Rc::new(Rate::new(requests_per_second));
    Ok(JsonRpc::new(Throttled::new(HttpTransport::new(url)?, TokioTimer::new(), rate, in_flight)))
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
