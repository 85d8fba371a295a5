//! The configuration file: what to deploy, to which cluster, and which keys sign. Relative paths in it start at the
//! file's folder.
//!
//! It names keys and never contains them. Error messages give the setting and the line without quoting the line, which
//! could contain a key by mistake.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};
use settlement::client::{CreateNetworkArgs, NetworkId, network_address};
use settlement::rules::pause::MAX_PAUSE_SECONDS;
use solana_pubkey::Pubkey;
use solana_security_txt::Contact;

/// An invalid configuration, or a key or file that it names and that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("{setting}: {reason}")]
    Setting { setting: &'static str, reason: String },
}

impl ConfigError {
    pub(crate) fn file(path: &Path, reason: impl ToString) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn setting(setting: &'static str, reason: impl ToString) -> Self {
        Self::Setting { setting, reason: reason.to_string() }
    }
}

/// The configuration file. `cluster.example.toml` documents every setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configuration {
    pub(crate) cluster: ClusterSettings,
    #[serde(default)]
    pub(crate) program: ProgramSettings,
    #[serde(default)]
    pub(crate) keys: KeySettings,
    pub(crate) security: Option<SecuritySettings>,
    /// Without it, only the program and its IDL are deployed.
    pub(crate) network: Option<NetworkSettings>,
    #[serde(default)]
    pub(crate) authorities: AuthoritySettings,
    /// The file's folder, where relative paths start.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterSettings {
    pub(crate) url: String,
    /// Micro-lamports per compute unit.
    #[serde(default)]
    pub(crate) compute_unit_price: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgramSettings {
    /// The bytecode. Default: what `make program` builds.
    pub(crate) file: Option<PathBuf>,
    /// The keypair of the program's address, which only the first deployment needs.
    pub(crate) keypair: Option<String>,
    /// Bytes to reserve at the first deployment. Default: the length of the bytecode.
    pub(crate) max_len: Option<usize>,
    /// Default: no IDL is published.
    pub(crate) idl: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeySettings {
    pub(crate) payer: Option<String>,
    /// Default: the payer.
    pub(crate) upgrade_authority: Option<String>,
    /// Default: the payer.
    pub(crate) admin: Option<String>,
}

/// What the program's security.txt must contain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecuritySettings {
    /// Where to report a vulnerability: one or more contacts as security.txt writes them, separated by commas.
    #[serde(deserialize_with = "contacts")]
    pub(crate) contact: String,
    /// The URL of the source repository.
    pub(crate) source_code: String,
}

/// A network's terms. Amounts are in base units of the asset (lamports for SOL).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkSettings {
    #[serde(deserialize_with = "network_id")]
    name: NetworkId,
    /// The key that created the network. Default: the admin.
    creator: Option<Address>,
    asset: Asset,
    settler: Option<Address>,
    guardian: Option<Address>,
    default_threshold: NonZeroU64,
    per_node_cap: NonZeroU64,
    per_batch_cap: NonZeroU64,
    window_limit: NonZeroU64,
    window_seconds: NonZeroU64,
    max_pending_age: MaxPendingAge,
    /// Seconds for which a pause can keep owners from withdrawing.
    #[serde(default = "default_max_pause", deserialize_with = "max_pause")]
    max_pause_seconds: u64,
}

/// A week: long enough to answer an incident, and short enough for owners to bear.
const DEFAULT_MAX_PAUSE_SECONDS: u64 = 7 * 24 * 3_600;

fn default_max_pause() -> u64 {
    DEFAULT_MAX_PAUSE_SECONDS
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a number of seconds (at least 1), or \"never\"")]
enum MaxPendingAge {
    Seconds(NonZeroU64),
    Never(Never),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Never {
    Never,
}

/// The authorities after the deployment.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthoritySettings {
    pub(crate) upgrade: Option<FinalAuthority>,
    /// Proposed as the network's next admin.
    pub(crate) admin: Option<Address>,
}

/// An address; never the default address, for which nobody has the key.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) struct Address(pub(crate) Pubkey);

/// What a network pays in.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) enum Asset {
    Sol,
    Mint(Pubkey),
}

/// The program's upgrade authority after the deployment.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) enum FinalAuthority {
    Address(Pubkey),
    /// The program becomes immutable.
    None,
}

fn address(text: &str) -> Option<Pubkey> {
    text.parse().ok().filter(|address| *address != Pubkey::default())
}

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        address(&text).map(Self).ok_or("not a valid address: expected 32 bytes in base58")
    }
}

impl TryFrom<String> for Asset {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "sol" => Ok(Self::Sol),
            mint => address(mint).map(Self::Mint).ok_or("not a valid asset: expected \"sol\" or a mint's address"),
        }
    }
}

impl TryFrom<String> for FinalAuthority {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "none" => Ok(Self::None),
            text => address(text)
                .map(Self::Address)
                .ok_or("not a valid authority: expected an address, or \"none\" to make the program immutable"),
        }
    }
}

fn network_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NetworkId, D::Error> {
    NetworkId::from_name(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn max_pause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (1..=MAX_PAUSE_SECONDS).contains(&seconds) {
        return Ok(seconds);
    }
    Err(de::Error::custom(format!("expected 1 to {MAX_PAUSE_SECONDS} seconds (30 days)")))
}

fn contacts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.split(',').all(|contact| Contact::try_from(contact.trim()).is_ok()) {
        return Ok(text);
    }
    Err(de::Error::custom(
        "not a valid contact: expected for example \"email:security@example.org\" or \"link:https://…\"",
    ))
}

/// A network's terms, with defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NetworkTerms {
    pub(crate) id: NetworkId,
    /// Part of the network's address, so it stays the same after the admin's role was handed over.
    pub(crate) creator: Pubkey,
    pub(crate) asset: Asset,
    pub(crate) args: CreateNetworkArgs,
}

impl NetworkTerms {
    /// The address of the network's account.
    pub(crate) fn address(&self) -> Pubkey {
        network_address(&self.creator, &self.id)
    }
}

impl NetworkSettings {
    /// The terms, with `admin` in the roles that have no key of their own.
    pub(crate) fn terms(&self, admin: Pubkey) -> NetworkTerms {
        let role = |address: Option<Address>| address.map_or(admin, |address| address.0);
        let args = CreateNetworkArgs {
            id: self.name.0,
            settler: role(self.settler),
            guardian: role(self.guardian),
            default_threshold: self.default_threshold.get(),
            per_node_cap: self.per_node_cap.get(),
            per_batch_cap: self.per_batch_cap.get(),
            window_limit: self.window_limit.get(),
            window_seconds: self.window_seconds.get(),
            max_pending_age: match &self.max_pending_age {
                MaxPendingAge::Seconds(seconds) => seconds.get(),
                MaxPendingAge::Never(Never::Never) => u64::MAX,
            },
            max_pause_seconds: self.max_pause_seconds,
        };
        NetworkTerms { id: self.name, creator: role(self.creator), asset: self.asset, args }
    }
}

impl Configuration {
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::file(path, format!("cannot read the configuration: {error}")))?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let configuration =
            Self::parse(&text).map_err(|reason| ConfigError::file(path, format!("invalid configuration: {reason}")))?;
        Ok(Self { folder, ..configuration })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let located = |setting: String, error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start).min(text.len());
            let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
            format!("line {line}{setting}: {}", error.message())
        };
        let deserializer = toml::Deserializer::parse(text).map_err(|error| located(String::new(), error))?;
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let setting = match error.path().to_string() {
                path if path == "." => String::new(),
                path => format!(", {path}"),
            };
            located(setting, error.into_inner())
        })
    }

    /// Resolves a path of the configuration.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The bytecode: the configured file, or what `make program` builds.
    pub(crate) fn program_file(&self) -> PathBuf {
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

    const LOCALNET: &str = include_str!("../localnet.toml");
    const EXAMPLE: &str = include_str!("../cluster.example.toml");
    const ADMIN: Pubkey = Pubkey::new_from_array([6; 32]);

    /// The error for the example with `from` replaced by `to`.
    fn error(from: &str, to: &str) -> String {
        assert!(EXAMPLE.contains(from), "{from}");
        Configuration::parse(&EXAMPLE.replace(from, to)).unwrap_err()
    }

    #[test]
    fn the_committed_configurations_are_valid() {
        let localnet = Configuration::parse(LOCALNET).unwrap();
        let terms = localnet.network.unwrap().terms(ADMIN);
        assert_eq!((terms.args.settler, terms.args.guardian, terms.asset), (ADMIN, ADMIN, Asset::Sol));
        assert_eq!((terms.args.max_pending_age, terms.args.max_pause_seconds), (2_592_000, 604_800));
        assert_eq!(terms.creator, ADMIN);

        let never = EXAMPLE.replace("max_pending_age = 2_592_000", "max_pending_age = \"never\"");
        let example = Configuration::parse(&never).unwrap();
        let terms = example.network.unwrap().terms(ADMIN);
        assert_eq!(terms.args.settler.to_string(), "SettLer111111111111111111111111111111111111");
        assert_eq!(terms.args.max_pending_age, u64::MAX);
        assert_eq!(example.security.unwrap().contact, "email:security@example.org");
    }

    #[test]
    fn an_invalid_setting_is_reported_with_its_name_and_line_but_not_its_value() {
        let secret = bs58::encode([7; 64]).into_string();
        let default_address = Pubkey::default().to_string();
        for (from, to, setting, reason) in [
            ("name = \"my-network\"", "name = \"Mine\"", "network.name", "a-z"),
            ("window_limit = 1_000_000_000_000", "window_limit = 0", "network.window_limit", "nonzero"),
            ("asset = \"sol\"", "asset = \"usdc\"", "network.asset", "\"sol\""),
            ("asset = \"sol\"", &format!("asset = \"{secret}\""), "network.asset", "not a valid asset"),
            ("SettLer111111111111111111111111111111111111", &secret, "network.settler", "not a valid address"),
            ("SettLer111111111111111111111111111111111111", &default_address, "network.settler", "not a valid"),
            ("max_pending_age = 2_592_000", "max_pending_age = \"soon\"", "network.max_pending_age", "\"never\""),
            ("max_pause_seconds = 604_800", "max_pause_seconds = 2_592_001", "network.max_pause_seconds", "30 days"),
            ("max_pause_seconds = 604_800", "max_pause_seconds = 0", "network.max_pause_seconds", "expected 1"),
            ("# upgrade = \"", "upgrade = \"nobody", "authorities.upgrade", "\"none\""),
            ("contact = \"email:", "contact = \"", "security.contact", "email:"),
        ] {
            let error = error(from, to);
            let line = EXAMPLE.lines().position(|line| line.contains(from)).unwrap() + 1;
            assert!(error.starts_with(&format!("line {line}, {setting}: ")) && error.contains(reason), "{error}");
            assert!(!error.contains(&secret[..8]), "{error}");
        }
    }

    #[test]
    fn an_unknown_or_missing_setting_is_reported_by_name() {
        let misspelt = Configuration::parse("[cluster]\nurl = \"localnet\"\n[authorities]\nupgrad = \"none\"");
        let misspelt = misspelt.unwrap_err();
        assert!(misspelt.starts_with("line 4") && misspelt.contains("upgrad"), "{misspelt}");
        assert!(Configuration::parse("[program]\n").unwrap_err().contains("cluster"));
        let syntax = Configuration::parse("[cluster]\nurl = \"secret\n").unwrap_err();
        assert!(syntax.starts_with("line 2") && !syntax.contains("secret"), "{syntax}");
    }

    #[test]
    fn a_network_stays_the_creators_after_its_admin_has_changed() {
        let creator = Pubkey::new_from_array([8; 32]);
        let text = LOCALNET.replace("[network]\n", &format!("[network]\ncreator = \"{creator}\"\n"));
        let terms = Configuration::parse(&text).unwrap().network.unwrap().terms(ADMIN);
        assert_eq!((terms.creator, terms.args.settler), (creator, ADMIN));
        assert_eq!(terms.address(), network_address(&creator, &terms.id));
    }

    #[test]
    fn the_maximum_pause_is_a_week_by_default() {
        let text = LOCALNET.replace("max_pause_seconds = 604_800", "");
        assert_ne!(text, LOCALNET);
        let terms = Configuration::parse(&text).unwrap().network.unwrap().terms(ADMIN);
        assert_eq!(terms.args.max_pause_seconds, 7 * 86_400);
    }

    #[test]
    fn the_final_upgrade_authority_is_an_address_or_none() {
        let parse = |text: &str| FinalAuthority::try_from(text.to_owned());
        assert_eq!(parse("none"), Ok(FinalAuthority::None));
        assert_eq!(parse(&ADMIN.to_string()), Ok(FinalAuthority::Address(ADMIN)));
    }

    #[test]
    fn relative_paths_start_at_the_configuration_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deploy.toml");
        std::fs::write(&file, "[cluster]\nurl = \"localnet\"\n[program]\nfile = \"a.so\"").unwrap();
        assert_eq!(Configuration::read(&file).unwrap().program_file(), folder.path().join("a.so"));
    }
}
