//! The configuration: what is to be there, on which cluster, and whose keys sign. Paths in it begin at its folder.
//!
//! It holds names of keys, never a key.

mod key_source;
mod terms;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use key_source::{KeyError, KeySource};
pub use terms::{Asset, FinalAuthority, NetworkTerms, TermsError, address};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there, or cannot be read.
    #[error("the configuration {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
    /// It is no TOML, or has a wrong or unknown entry.
    #[error("the configuration {} is wrong: {reason}", path.display())]
    Malformed {
        /// Its path.
        path: PathBuf,
        /// What the parser says, with line and column.
        reason: String,
    },
}

/// A configuration as it stands in its file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The cluster.
    pub cluster: ClusterEntries,
    /// The program and its IDL.
    #[serde(default)]
    pub program: ProgramEntries,
    /// Who signs.
    #[serde(default)]
    pub keys: KeyEntries,
    /// The network; without it only the program is looked after.
    pub network: Option<terms::NetworkEntries>,
    /// Who shall be in charge at the end.
    #[serde(default)]
    pub authorities: AuthorityEntries,
    /// The folder of the file, where its paths begin.
    #[serde(skip)]
    folder: PathBuf,
}

/// `[cluster]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterEntries {
    /// An RPC URL, `env:NAME`, `localnet`, `devnet`, `testnet` or `mainnet-beta`.
    pub url: String,
    /// Micro-lamports per compute unit, on top of the fee of the signatures.
    #[serde(default)]
    pub compute_unit_price: u64,
}

/// `[program]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramEntries {
    /// The bytecode; what `make program` builds when it is left out.
    pub file: Option<PathBuf>,
    /// The key of the program's address; only the first deployment needs it.
    pub keypair: Option<String>,
    /// Bytes that the program may grow to without being extended; the file's when it is left out.
    pub max_len: Option<usize>,
    /// The IDL; it is not published when it is left out.
    pub idl: Option<PathBuf>,
}

/// `[keys]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntries {
    /// Pays rent and fees.
    pub payer: Option<String>,
    /// May upgrade the program; the payer when it is left out.
    pub upgrade_authority: Option<String>,
    /// Creates the network; the payer when it is left out.
    pub admin: Option<String>,
}

/// `[authorities]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityEntries {
    /// Who may upgrade the program from then on: an address, or "none" for nobody ever.
    pub upgrade: Option<String>,
    /// Who is proposed as the network's next admin.
    pub admin: Option<String>,
}

impl Configuration {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, folder)
            .map_err(|reason| ConfigError::Malformed { path: path.to_owned(), reason: reason.to_string() })
    }

    fn parse(text: &str, folder: PathBuf) -> Result<Self, toml::de::Error> {
        toml::from_str(text).map(|configuration| Self { folder, ..configuration })
    }

    /// The folder of the file.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a path of the file leads.
    pub fn path(&self, entry: &Path) -> PathBuf {
        self.folder.join(entry)
    }

    /// Where the bytecode is: what the file names, or what `make program` built.
    pub fn program_file(&self) -> PathBuf {
        match &self.program.file {
            Some(file) => self.path(file),
            None => {
                let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
                Path::new(&target).join("deploy/settlement.so")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLES: [(&str, &str); 2] = [
        ("localnet.toml", include_str!("../../localnet.toml")),
        ("cluster.example.toml", include_str!("../../cluster.example.toml")),
    ];

    #[test]
    fn the_committed_examples_can_be_read() {
        for (name, text) in EXAMPLES {
            let configuration =
                Configuration::parse(text, PathBuf::new()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(configuration.network.is_some(), "{name}");
        }
    }

    #[test]
    fn an_entry_that_nobody_reads_is_refused_by_name_and_line() {
        let refused = |text: &str| Configuration::parse(text, PathBuf::new()).unwrap_err().to_string();
        let misspelt = refused("[cluster]\nurl = \"localnet\"\n[authorities]\nupgrad = \"none\"");
        assert!(misspelt.contains("upgrad") && misspelt.contains("line 4"), "{misspelt}");
        assert!(refused("[program]\n").contains("cluster"));
    }

    #[test]
    fn paths_begin_at_the_configuration_s_folder() {
        let text = "[cluster]\nurl = \"localnet\"\n[program]\nfile = \"a.so\"";
        let configuration = Configuration::parse(text, PathBuf::from("/etc/williw")).unwrap();
        assert_eq!(configuration.program_file(), Path::new("/etc/williw/a.so"));
    }
}
