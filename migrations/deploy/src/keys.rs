//! The keys that sign, loaded from keypair files or environment variables, never from the configuration itself.

use std::path::{Path, PathBuf};

use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::signer::SecretKey;

use crate::cluster::ClusterKind;
use crate::config::{ConfigError, Configuration};
use crate::key_store::{KeyStore, StoredKey};

/// The length of a keypair, to recognize one that was pasted into the configuration by mistake.
const KEYPAIR_BYTES: usize = 64;

const KEY_REFERENCE: &str = "expected a keypair file, or env:NAME";

/// Loads the key that `setting` names with `text`: `env:NAME`, or the path of a keypair file, relative to `folder`
/// or to the home folder after `~/`. Error messages never contain any part of a key.
fn load(setting: &'static str, text: &str, folder: &Path) -> Result<Keypair, ConfigError> {
    let invalid = |reason: String| ConfigError::setting(setting, reason);
    let text = text.trim();
    let key = if let Some(variable) = text.strip_prefix("env:") {
        let value = std::env::var(variable).ok().filter(|value| !value.trim().is_empty());
        let value = value.ok_or_else(|| invalid(format!("the environment variable {variable} is not set")))?;
        SecretKey::parse_or_read(&value)
    } else {
        let decoded = bs58::decode(text).into_vec();
        if text.starts_with('[') || decoded.is_ok_and(|bytes| bytes.len() == KEYPAIR_BYTES) {
            return Err(invalid(format!("the configuration must not contain a key itself: {KEY_REFERENCE}")));
        }
        if text.is_empty() {
            return Err(invalid(format!("empty: {KEY_REFERENCE}")));
        }
        let path: PathBuf = match (text.strip_prefix("~/"), std::env::var_os("HOME")) {
            (Some(rest), Some(home)) => Path::new(&home).join(rest),
            _ => folder.join(text),
        };
        let content = std::fs::read_to_string(&path)
            .map_err(|error| invalid(format!("cannot read the keypair file {}: {error}", path.display())))?;
        SecretKey::parse(&content)
    };
    key.map(|key| key.keypair().insecure_clone()).map_err(|error| invalid(error.to_string()))
}

pub(crate) struct Keys {
    payer: Keypair,
    upgrade_authority: Option<Keypair>,
    admin: Option<Keypair>,
    program: Option<Keypair>,
}

/// Whether a payer that is generated for a local cluster is stored for the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewPayer {
    Store,
    /// For a dry run, which leaves no files behind.
    Discard,
}

impl Keys {
    /// Loads the configured keys. On a local cluster a payer is generated unless one is configured.
    pub(crate) fn load(
        configuration: &Configuration,
        cluster: ClusterKind,
        store: &KeyStore,
        new_payer: NewPayer,
    ) -> Result<Self, ConfigError> {
        let settings = &configuration.keys;
        let load_optional = |setting: &'static str, text: &Option<String>| {
            text.as_ref().map(|text| load(setting, text, &configuration.folder)).transpose()
        };
        let payer = match load_optional("keys.payer", &settings.payer)? {
            Some(key) => key,
            None if cluster == ClusterKind::Local => match store.load(StoredKey::LocalPayer)? {
                Some(key) => key,
                None => {
                    let key = Keypair::new();
                    if new_payer == NewPayer::Store {
                        store.save(StoredKey::LocalPayer, &key)?;
                    }
                    key
                }
            },
            None => return Err(ConfigError::setting("keys.payer", format!("missing: {KEY_REFERENCE}"))),
        };
        Ok(Self {
            payer,
            upgrade_authority: load_optional("keys.upgrade_authority", &settings.upgrade_authority)?,
            admin: load_optional("keys.admin", &settings.admin)?,
            program: load_optional("program.keypair", &configuration.program.keypair)?,
        })
    }

    pub(crate) fn payer(&self) -> Pubkey {
        self.payer.pubkey()
    }

    pub(crate) fn upgrade_authority(&self) -> Pubkey {
        self.upgrade_authority.as_ref().unwrap_or(&self.payer).pubkey()
    }

    pub(crate) fn admin(&self) -> Pubkey {
        self.admin.as_ref().unwrap_or(&self.payer).pubkey()
    }

    pub(crate) fn program(&self) -> Option<Pubkey> {
        self.program.as_ref().map(Keypair::pubkey)
    }

    pub(crate) fn all(&self) -> Vec<&Keypair> {
        let optional = [&self.upgrade_authority, &self.admin, &self.program];
        [&self.payer].into_iter().chain(optional.into_iter().flatten()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_error(text: &str) -> String {
        load("keys.admin", text, Path::new("/etc/williw")).unwrap_err().to_string()
    }

    #[test]
    fn a_key_is_loaded_from_a_file_in_the_configuration_folder_or_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let key = Keypair::new();
        let file = folder.path().join("a.json");
        std::fs::write(&file, format!("{:?}", key.to_bytes().as_slice())).unwrap();
        for (text, folder) in [("a.json", folder.path()), (file.to_str().unwrap(), Path::new("/etc/williw"))] {
            assert_eq!(load("keys.payer", text, folder).unwrap().pubkey(), key.pubkey());
        }
    }

    #[test]
    fn a_key_in_the_configuration_is_rejected_and_not_repeated() {
        let bytes = Keypair::new().to_bytes();
        for text in [bs58::encode(bytes).into_string(), format!("{:?}", bytes.as_slice())] {
            let error = load_error(&text);
            assert!(error.contains("must not contain a key") && !error.contains(&text[..8]), "{error}");
        }
    }

    #[test]
    fn a_missing_file_or_variable_is_reported_with_its_setting() {
        for (text, part) in [
            ("env:WILLIW_NO_SUCH_VARIABLE", "WILLIW_NO_SUCH_VARIABLE is not set"),
            ("no-such-file.json", "/etc/williw/no-such-file.json"),
            (" ", "empty"),
        ] {
            let error = load_error(text);
            assert!(error.starts_with("keys.admin: ") && error.contains(part), "{error}");
        }
    }
}
