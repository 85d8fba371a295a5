//! The settings that are secret, and those that a command cannot do without.

use settlement::client::NetworkId;
use williw_relay::chain::{HttpTransport, JsonRpc};
use williw_relay::signer::SecretKey;

use crate::arguments::Location;
use crate::failure::Failure;

/// The cluster that the command line names.
pub type Cluster = JsonRpc<HttpTransport>;

/// The key that signs, from the environment.
pub fn secret_key() -> Result<SecretKey, Failure> {
    let text = secret("SOLANA_PRIVATE_KEY")?.ok_or_else(|| {
        Failure::Setting(
            "SOLANA_PRIVATE_KEY is not set: set it to a keypair in base58, as a JSON array, or to the path of a keypair file"
                .to_owned(),
        )
    })?;
    SecretKey::parse_or_read(&text).map_err(|error| Failure::Setting(format!("SOLANA_PRIVATE_KEY: {error}")))
}

/// The key for a Worker's ledger, from the environment.
pub fn api_key() -> Result<String, Failure> {
    secret("WILLIW_API_KEY")?.ok_or_else(|| {
        Failure::Setting(
            "WILLIW_API_KEY is not set: a Worker's ledger needs a key with the scope 'ledger' (make one with \
             'williw-relay key create', or use the Worker's admin key)"
                .to_owned(),
        )
    })
}

fn secret(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::Setting(format!("{name} is not text"))),
    }
}

/// The cluster to talk to.
pub fn cluster(at: &Location) -> Result<Cluster, Failure> {
    let url = at
        .rpc_url
        .as_deref()
        .ok_or_else(|| Failure::Usage("no RPC node is named: pass --rpc-url or set SOLANA_RPC_URL".to_owned()))?;
    // The URL itself is not repeated: it can hold an access token.
    let parsed = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if parsed.is_none() {
        return Err(Failure::Setting("the RPC node's URL is none: it begins with https:// or http://".to_owned()));
    }
    Ok(JsonRpc::new(HttpTransport::new(url)))
}

/// The network to work for.
pub fn network(at: &Location) -> Result<&NetworkId, Failure> {
    at.network.as_ref().ok_or_else(|| Failure::Usage("no network is named: pass --network or set NETWORK".to_owned()))
}
