//! Where a key comes from: a keypair file, or an environment variable. Never the configuration itself.

use std::path::{Path, PathBuf};

use williw_relay::signer::{SecretKey, SecretKeyError};

/// Bytes of a keypair: what stands in a configuration by mistake has as many.
const KEYPAIR_BYTES: usize = 64;

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// An environment variable: base58, a JSON array, or the path of a keypair file.
    Variable(String),
    /// A keypair file, as Solana's tools write it.
    File(PathBuf),
}

/// Why there is no key. Never holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A key stands in the configuration.
    #[error("{role}: a key itself does not belong into a configuration; name a keypair file, or env:NAME")]
    InTheOpen {
        /// The entry.
        role: &'static str,
    },
    /// The entry is missing where there is no default.
    #[error("{role} is missing: name a keypair file, or env:NAME")]
    Missing {
        /// The entry.
        role: &'static str,
    },
    /// The variable is not set.
    #[error("{role}: the environment variable {variable} is not set")]
    NotSet {
        /// The entry.
        role: &'static str,
        /// The variable.
        variable: String,
    },
    /// What was found is no key.
    #[error("{role}: {reason}")]
    NotAKey {
        /// The entry.
        role: &'static str,
        /// Why.
        reason: SecretKeyError,
    },
}

impl KeySource {
    /// The source that the entry `role` names with `text`; paths begin at `folder`, or at the home folder after `~/`.
    ///
    /// # Errors
    /// [`KeyError::InTheOpen`] and [`KeyError::Missing`].
    pub fn parse(role: &'static str, text: &str, folder: &Path) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Missing { role });
        }
        if let Some(variable) = text.strip_prefix("env:") {
            return Ok(Self::Variable(variable.to_owned()));
        }
        let decoded = bs58::decode(text).into_vec();
        if text.starts_with('[') || decoded.is_ok_and(|bytes| bytes.len() == KEYPAIR_BYTES) {
            return Err(KeyError::InTheOpen { role });
        }
        Ok(Self::File(match (text.strip_prefix("~/"), std::env::var_os("HOME")) {
            (Some(rest), Some(home)) => Path::new(&home).join(rest),
            _ => folder.join(text),
        }))
    }

    /// The key.
    ///
    /// # Errors
    /// [`KeyError::NotSet`] and [`KeyError::NotAKey`].
    pub fn load(&self, role: &'static str) -> Result<SecretKey, KeyError> {
        let not_a_key = |reason| KeyError::NotAKey { role, reason };
        match self {
            Self::Variable(variable) => {
                let text = std::env::var(variable).ok().filter(|text| !text.trim().is_empty());
                let text = text.ok_or_else(|| KeyError::NotSet { role, variable: variable.clone() })?;
                SecretKey::parse_or_read(&text).map_err(not_a_key)
            }
            Self::File(path) => {
                let unreadable = |error: std::io::Error| {
                    not_a_key(SecretKeyError::File { path: path.display().to_string(), reason: error.to_string() })
                };
                SecretKey::parse(&std::fs::read_to_string(path).map_err(unreadable)?).map_err(not_a_key)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use solana_keypair::Keypair;

    use super::*;

    #[test]
    fn a_key_is_named_by_file_or_by_variable() {
        let parse = |text| KeySource::parse("keys.payer", text, Path::new("/etc/williw"));
        assert_eq!(parse("a.json"), Ok(KeySource::File("/etc/williw/a.json".into())));
        assert_eq!(parse("/root-owned/a.json"), Ok(KeySource::File("/root-owned/a.json".into())));
        assert_eq!(parse("env:ADMIN"), Ok(KeySource::Variable("ADMIN".to_owned())));
        assert_eq!(parse(" "), Err(KeyError::Missing { role: "keys.payer" }));
    }

    #[test]
    fn a_key_in_the_configuration_is_refused_and_not_repeated() {
        let bytes = Keypair::new().to_bytes();
        for text in [bs58::encode(bytes).into_string(), format!("{:?}", bytes.as_slice())] {
            let error = KeySource::parse("keys.admin", &text, Path::new("")).unwrap_err();
            assert_eq!(error, KeyError::InTheOpen { role: "keys.admin" });
            assert!(!error.to_string().contains(&text[..8]));
        }
    }

    #[test]
    fn a_missing_file_or_variable_is_named_with_its_entry() {
        let variable =
            KeySource::Variable("WILLIW_NO_SUCH_VARIABLE".to_owned()).load("keys.admin").unwrap_err().to_string();
        assert!(variable.contains("keys.admin") && variable.contains("WILLIW_NO_SUCH_VARIABLE"), "{variable}");
        let file = KeySource::File("/no/such/file.json".into()).load("keys.payer").unwrap_err().to_string();
        assert!(file.contains("keys.payer") && file.contains("/no/such/file.json"), "{file}");
    }
}
