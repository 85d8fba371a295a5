//! What has to outlive an interrupted run: the keys of the buffers, and on a local cluster the payer's. One folder for
//! each cluster, beside the configuration.
//!
//! A buffer's key is written before its account is created, so that no run loses an account that holds rent.

use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use solana_hash::Hash;
use solana_keypair::Keypair;
use williw_relay::signer::{SecretKey, SecretKeyError};

use crate::cluster::Kind;

/// The folder's name. Git ignores it.
const FOLDER: &str = ".williw-deploy";

/// Characters of a genesis hash that tell clusters apart.
const CLUSTER_CHARACTERS: usize = 8;

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The buffer of the program's upload.
    ProgramBuffer,
    /// The buffer of the IDL's upload.
    IdlBuffer,
    /// The payer of a local cluster.
    LocalPayer,
}

impl Kept {
    fn file_name(self) -> &'static str {
        match self {
            Self::ProgramBuffer => "program-buffer.json",
            Self::IdlBuffer => "idl-buffer.json",
            Self::LocalPayer => "payer.json",
        }
    }
}

/// Why a key could not be kept or found again.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file system's word.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
    /// The file holds no key.
    #[error("{}: {reason}; if it cannot be restored, remove it: the rent of the account that it is the key of stays there", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: SecretKeyError,
    },
}

/// Where keys are kept.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
}

impl State {
    /// The folder for the cluster with this genesis hash, beside a configuration in `configuration_folder`. All local
    /// clusters share one: each start of one has another hash. Nothing is made yet.
    pub fn new(configuration_folder: &Path, cluster: Kind, genesis: &Hash) -> Self {
        let cluster: String = match cluster {
            Kind::Local => "local".to_owned(),
            _ => genesis.to_string().chars().take(CLUSTER_CHARACTERS).collect(),
        };
        Self { folder: configuration_folder.join(FOLDER).join(cluster) }
    }

    /// Where a key is kept.
    pub fn path(&self, kept: Kept) -> PathBuf {
        self.folder.join(kept.file_name())
    }

    /// The key that an earlier run kept; `None` when there is none.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn find(&self, kept: Kept) -> Result<Option<Keypair>, StateError> {
        let path = self.path(kept);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::Io { path, reason: error.to_string() }),
        };
        match SecretKey::parse(&text) {
            Ok(key) => Ok(Some(key.keypair().insecure_clone())),
            Err(reason) => Err(StateError::NotAKey { path, reason }),
        }
    }

    /// Keeps `key`, readable by its owner alone. The file appears whole.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn keep(&self, kept: Kept, key: &Keypair) -> Result<(), StateError> {
        let path = self.path(kept);
        let failed = |error: std::io::Error| StateError::Io { path: path.clone(), reason: error.to_string() };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
        let partial = path.with_extension("partial");
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&partial).map_err(failed)?;
        let bytes: Vec<String> = key.to_bytes().iter().map(u8::to_string).collect();
        file.write_all(format!("[{}]", bytes.join(",")).as_bytes()).map_err(failed)?;
        // On the disk before its account is created: a power cut must not lose it either.
        file.sync_all().map_err(failed)?;
        std::fs::rename(&partial, &path).map_err(failed)
    }

    /// Forgets a key whose account is gone.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn forget(&self, kept: Kept) -> Result<(), StateError> {
        let path = self.path(kept);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StateError::Io { path, reason: error.to_string() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use solana_signer::Signer;

    use super::*;

    #[test]
    fn a_kept_key_is_found_again_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::new(folder.path(), Kind::Devnet, &Hash::new_from_array([7; 32]));
        assert!(state.find(Kept::ProgramBuffer).unwrap().is_none());
        let key = Keypair::new();
        state.keep(Kept::ProgramBuffer, &key).unwrap();
        assert_eq!(state.find(Kept::ProgramBuffer).unwrap().map(|key| key.pubkey()), Some(key.pubkey()));
        assert!(state.find(Kept::IdlBuffer).unwrap().is_none());
        let mode = std::fs::metadata(state.path(Kept::ProgramBuffer)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        state.forget(Kept::ProgramBuffer).unwrap();
        state.forget(Kept::ProgramBuffer).unwrap();
        assert!(state.find(Kept::ProgramBuffer).unwrap().is_none());
    }

    #[test]
    fn a_broken_file_is_named_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::new(folder.path(), Kind::Local, &Hash::default());
        state.keep(Kept::IdlBuffer, &Keypair::new()).unwrap();
        std::fs::write(state.path(Kept::IdlBuffer), "[1, 2").unwrap();
        let error = state.find(Kept::IdlBuffer).unwrap_err().to_string();
        assert!(error.contains("idl-buffer.json"), "{error}");
        assert!(state.path(Kept::IdlBuffer).exists());
    }
}
