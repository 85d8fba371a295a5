//! Which cluster it is: where it answers, and what its genesis hash says it is.
//!
//! A URL can hold an access token: only its host is ever shown.

use reqwest::Url;
use solana_hash::Hash;
use solana_signature::Signature;

/// The genesis hashes of the public clusters (solana-cluster-type 3.1).
const GENESIS: [(&str, Kind); 3] = [
    ("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d", Kind::Mainnet),
    ("4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY", Kind::Testnet),
    ("EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG", Kind::Devnet),
];

/// The port of a localnet's RPC where RPC_PORT names no other (Solana's default).
const DEFAULT_RPC_PORT: u16 = 8899;

/// What a cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Real money.
    Mainnet,
    /// The validators' public test cluster.
    Testnet,
    /// The developers' public test cluster.
    Devnet,
    /// A cluster of one's own on this machine.
    Local,
    /// Any other cluster.
    Other,
}

/// Why a cluster's address is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No URL, or none of a kind that can be used. The text is not repeated: it could hold a token.
    #[error(
        "the cluster's url is none: write an RPC URL (https://…), env:NAME, localnet, devnet, testnet or mainnet-beta"
    )]
    Malformed,
    /// An environment variable that is not set.
    #[error("the cluster's url is to come from the environment variable {0}, which is not set")]
    Unset(String),
    /// RPC_PORT holds no port.
    #[error("RPC_PORT is '{0}', which is no port: write a number from 1 to 65535")]
    Port(String),
}

/// Where a cluster answers.
#[derive(Clone)]
pub struct Endpoint {
    url: Url,
}

impl Endpoint {
    /// The endpoint that a configuration or the command line names; `variable` reads the environment.
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn resolve(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, UrlError> {
        let text = match text.strip_prefix("env:") {
            Some(name) => variable(name).ok_or_else(|| UrlError::Unset(name.to_owned()))?,
            None => text.to_owned(),
        };
        let text = match text.trim() {
            "localnet" | "localhost" => {
                let port = match variable("RPC_PORT").filter(|port| !port.is_empty()) {
                    None => DEFAULT_RPC_PORT,
                    Some(port) => match port.parse() {
                        Ok(number) if number > 0 => number,
                        _ => return Err(UrlError::Port(port)),
                    },
                };
                format!("http://127.0.0.1:{port}")
            }
            "devnet" => "https://api.devnet.solana.com".to_owned(),
            "testnet" => "https://api.testnet.solana.com".to_owned(),
            "mainnet-beta" | "mainnet" => "https://api.mainnet-beta.solana.com".to_owned(),
            other => other.to_owned(),
        };
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(|url| Self { url }).ok_or(UrlError::Malformed)
    }

    /// The whole URL, for the client only.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Host and port, which may be shown.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    fn is_loopback(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// What the cluster with this genesis hash behind this endpoint is. The hash decides: a public cluster behind a
    /// proxy on this machine is a public cluster.
    pub fn kind(&self, genesis: &Hash) -> Kind {
        let genesis = genesis.to_string();
        let public = GENESIS.iter().find(|(hash, _)| *hash == genesis).map(|(_, kind)| *kind);
        public.unwrap_or(if self.is_loopback() { Kind::Local } else { Kind::Other })
    }
}

impl Kind {
    /// The cluster's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet-beta",
            Self::Testnet => "testnet",
            Self::Devnet => "devnet",
            Self::Local => "a local cluster",
            Self::Other => "a private cluster",
        }
    }

    /// Where Solana's explorer shows a transaction; `None` for clusters that it does not see.
    pub fn explorer(self, signature: &Signature) -> Option<String> {
        let cluster = match self {
            Self::Mainnet => "",
            Self::Testnet => "?cluster=testnet",
            Self::Devnet => "?cluster=devnet",
            Self::Local | Self::Other => return None,
        };
        Some(format!("https://explorer.solana.com/tx/{signature}{cluster}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "MY_RPC" => Some("https://rpc.example/?token=hush".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn a_cluster_is_named_by_url_by_variable_or_by_moniker() {
        let url = |text| Endpoint::resolve(text, environment).unwrap().url().to_owned();
        assert_eq!(url("localnet"), "http://127.0.0.1:8899/");
        assert_eq!(url("devnet"), "https://api.devnet.solana.com/");
        assert_eq!(url("http://127.0.0.1:9000"), "http://127.0.0.1:9000/");
        assert_eq!(url("env:MY_RPC"), "https://rpc.example/?token=hush");
        let port = |port: &'static str| move |name: &str| (name == "RPC_PORT").then(|| port.to_owned());
        assert_eq!(Endpoint::resolve("localnet", port("9899")).unwrap().url(), "http://127.0.0.1:9899/");
        let refused = Endpoint::resolve("localnet", port("99999")).err();
        assert_eq!(refused, Some(UrlError::Port("99999".to_owned())));
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        for text in ["", "rpc.example", "ftp://rpc.example", "wss://rpc.example", "https://"] {
            assert_eq!(Endpoint::resolve(text, environment).err(), Some(UrlError::Malformed), "{text}");
        }
        assert_eq!(Endpoint::resolve("env:NONE", environment).err(), Some(UrlError::Unset("NONE".to_owned())));
        assert_eq!(Endpoint::resolve("env:MY_RPC", environment).unwrap().host(), "rpc.example");
    }

    #[test]
    fn the_genesis_hash_says_what_a_cluster_is_whatever_its_url() {
        let here = Endpoint::resolve("http://127.0.0.1:1", environment).unwrap();
        let there = Endpoint::resolve("https://rpc.example", environment).unwrap();
        for (hash, kind) in GENESIS {
            let hash = hash.parse().unwrap();
            assert_eq!((here.kind(&hash), there.kind(&hash)), (kind, kind));
        }
        let other = Hash::new_from_array([7; 32]);
        assert_eq!((here.kind(&other), there.kind(&other)), (Kind::Local, Kind::Other));
        assert_eq!(Endpoint::resolve("http://[::1]:1", environment).unwrap().kind(&other), Kind::Local);
    }

    #[test]
    fn only_public_clusters_have_an_explorer() {
        let signature = Signature::default();
        assert!(Kind::Mainnet.explorer(&signature).is_some_and(|url| url.ends_with(&signature.to_string())));
        assert!(Kind::Devnet.explorer(&signature).is_some_and(|url| url.ends_with("?cluster=devnet")));
        assert_eq!((Kind::Local.explorer(&signature), Kind::Other.explorer(&signature)), (None, None));
    }
}
