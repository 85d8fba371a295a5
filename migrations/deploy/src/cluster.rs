//! The cluster: how to reach it, and which one it is.
//!
//! A URL can contain an access token, so only its host is ever displayed.

use reqwest::Url;
use solana_hash::Hash;
use solana_signature::Signature;

use crate::config::ConfigError;

/// The genesis hashes of the public clusters, as in the crate `solana-cluster-type` 3.1.
const GENESIS: [(&str, ClusterKind); 3] = [
    ("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d", ClusterKind::Mainnet),
    ("4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY", ClusterKind::Testnet),
    ("EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG", ClusterKind::Devnet),
];

/// The RPC port of a localnet unless RPC_PORT is set; Solana's default.
const DEFAULT_RPC_PORT: u16 = 8899;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClusterKind {
    Mainnet,
    Testnet,
    Devnet,
    /// Reached at a loopback address.
    Local,
    /// Any other cluster.
    Private,
}

impl ClusterKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet-beta",
            Self::Testnet => "testnet",
            Self::Devnet => "devnet",
            Self::Local => "local cluster",
            Self::Private => "private cluster",
        }
    }

    pub(crate) fn is_public(self) -> bool {
        matches!(self, Self::Mainnet | Self::Testnet | Self::Devnet)
    }

    /// The transaction's page in Solana Explorer; `None` on clusters that it does not show.
    pub(crate) fn explorer_url(self, signature: &Signature) -> Option<String> {
        let query = match self {
            Self::Mainnet => "",
            Self::Testnet => "?cluster=testnet",
            Self::Devnet => "?cluster=devnet",
            Self::Local | Self::Private => return None,
        };
        Some(format!("https://explorer.solana.com/tx/{signature}{query}"))
    }
}

/// The URL of an RPC node.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint(Url);

impl Endpoint {
    /// The endpoint that the configuration or the command line names; `variable` reads the environment.
    pub(crate) fn resolve(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let invalid = |reason: String| ConfigError::setting("cluster.url", reason);
        let text = match text.strip_prefix("env:") {
            Some(name) => {
                variable(name).ok_or_else(|| invalid(format!("the environment variable {name} is not set")))?
            }
            None => text.to_owned(),
        };
        let text = match text.trim() {
            "localnet" | "localhost" => {
                let port = match variable("RPC_PORT").filter(|port| !port.is_empty()) {
                    None => DEFAULT_RPC_PORT,
                    Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                        invalid(format!("RPC_PORT is '{text}', which is not a port number from 1 to 65535"))
                    })?,
                };
                format!("http://127.0.0.1:{port}")
            }
            "devnet" => "https://api.devnet.solana.com".to_owned(),
            "testnet" => "https://api.testnet.solana.com".to_owned(),
            "mainnet-beta" | "mainnet" => "https://api.mainnet-beta.solana.com".to_owned(),
            other => other.to_owned(),
        };
        // The text is not repeated: it could contain an access token.
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Self).ok_or_else(|| {
            invalid(
                "not a valid URL: expected an RPC URL (https://…), env:NAME, localnet, devnet, testnet or \
                     mainnet-beta"
                    .to_owned(),
            )
        })
    }

    /// The whole URL, which must not be displayed.
    pub(crate) fn url(&self) -> &str {
        self.0.as_str()
    }

    /// Host and port, for display.
    pub(crate) fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// Identifies the cluster by its genesis hash, which takes precedence over the URL: a public cluster behind a proxy on
    /// this machine is a public cluster.
    pub(crate) fn kind(&self, genesis: &Hash) -> ClusterKind {
        let genesis = genesis.to_string();
        let public = GENESIS.iter().find(|(hash, _)| *hash == genesis).map(|(_, kind)| *kind);
        public.unwrap_or(if self.is_loopback() { ClusterKind::Local } else { ClusterKind::Private })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, rpc_port: &str) -> Result<Endpoint, String> {
        let environment = |name: &str| match name {
            "MY_RPC" => Some("https://rpc.example/?token=secret".to_owned()),
            "RPC_PORT" => Some(rpc_port.to_owned()),
            _ => None,
        };
        Endpoint::resolve(text, environment).map_err(|error| error.to_string())
    }

    #[test]
    fn a_cluster_is_given_by_url_variable_or_name() {
        for (text, port, url) in [
            ("localnet", "", "http://127.0.0.1:8899/"),
            ("localnet", "9899", "http://127.0.0.1:9899/"),
            ("devnet", "", "https://api.devnet.solana.com/"),
            ("http://127.0.0.1:9000", "", "http://127.0.0.1:9000/"),
            ("env:MY_RPC", "", "https://rpc.example/?token=secret"),
        ] {
            assert_eq!(resolve(text, port).unwrap().url(), url);
        }
        assert_eq!(resolve("env:MY_RPC", "").unwrap().host(), "rpc.example");
    }

    #[test]
    fn an_invalid_url_is_rejected_without_being_repeated() {
        for text in ["", "rpc.example?secret", "ftp://rpc.example/secret", "wss://rpc.example/secret", "https://"] {
            let error = resolve(text, "").unwrap_err();
            assert!(error.contains("not a valid URL") && !error.contains("secret"), "{error}");
        }
        assert!(resolve("env:NONE", "").unwrap_err().contains("NONE is not set"));
        assert!(resolve("localnet", "99999").unwrap_err().contains("'99999'"));
    }

    #[test]
    fn the_genesis_hash_decides_which_cluster_it_is() {
        let here = resolve("http://127.0.0.1:1", "").unwrap();
        let there = resolve("https://rpc.example", "").unwrap();
        for (hash, kind) in GENESIS {
            let hash = hash.parse().unwrap();
            assert_eq!((here.kind(&hash), there.kind(&hash)), (kind, kind));
        }
        let other = Hash::new_from_array([7; 32]);
        assert_eq!((here.kind(&other), there.kind(&other)), (ClusterKind::Local, ClusterKind::Private));
        assert_eq!(resolve("http://[::1]:1", "").unwrap().kind(&other), ClusterKind::Local);
    }

    #[test]
    fn only_public_clusters_have_an_explorer() {
        let url = |kind: ClusterKind| kind.explorer_url(&Signature::default());
        assert!(url(ClusterKind::Mainnet).is_some_and(|url| url.ends_with(&Signature::default().to_string())));
        assert!(url(ClusterKind::Devnet).is_some_and(|url| url.ends_with("?cluster=devnet")));
        assert_eq!((url(ClusterKind::Local), url(ClusterKind::Private)), (None, None));
    }
}
