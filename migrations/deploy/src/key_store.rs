//! Keypairs that must survive an interrupted run: those of the upload buffers and, on a local cluster, the payer's.
//! They are stored beside the configuration, in one folder per cluster.
//!
//! A buffer's keypair is stored before its account is created, so that an account that holds rent is never lost.

use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use solana_hash::Hash;
use solana_keypair::Keypair;
use williw_relay::signer::SecretKey;

use crate::cluster::ClusterKind;
use crate::config::ConfigError;
use crate::content::Content;

/// Ignored by Git.
const FOLDER: &str = ".williw-deploy";

/// How many characters of the genesis hash identify a cluster.
const CLUSTER_CHARACTERS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredKey {
    Buffer(Content),
    LocalPayer,
}

impl StoredKey {
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::Buffer(Content::Program) => "program-buffer.json",
            Self::Buffer(Content::Idl) => "idl-buffer.json",
            Self::LocalPayer => "payer.json",
        }
    }
}

#[derive(Debug)]
pub(crate) struct KeyStore {
    folder: PathBuf,
}

impl KeyStore {
    /// The store for the cluster with this genesis hash. All local clusters share one store, because each start of a
    /// local cluster has another hash. Nothing is created on disk yet.
    pub(crate) fn new(configuration_folder: &Path, cluster: ClusterKind, genesis: &Hash) -> Self {
        let cluster: String = match cluster {
            ClusterKind::Local => "local".to_owned(),
            _ => genesis.to_string().chars().take(CLUSTER_CHARACTERS).collect(),
        };
        Self { folder: configuration_folder.join(FOLDER).join(cluster) }
    }

    fn path(&self, key: StoredKey) -> PathBuf {
        self.folder.join(key.file_name())
    }

    /// The keypair that an earlier run stored.
    pub(crate) fn load(&self, key: StoredKey) -> Result<Option<Keypair>, ConfigError> {
        let path = self.path(key);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ConfigError::file(&path, error)),
        };
        let invalid = |error| {
            let remedy = "restore the file, or delete it and lose the rent in that key's account";
            ConfigError::file(&path, format!("{error}; {remedy}"))
        };
        SecretKey::parse(&text).map(|key| Some(key.keypair().insecure_clone())).map_err(invalid)
    }

    /// Stores a keypair, readable by its owner only. The file is replaced atomically.
    pub(crate) fn save(&self, key: StoredKey, keypair: &Keypair) -> Result<(), ConfigError> {
        let path = self.path(key);
        let save = || -> std::io::Result<()> {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let partial = path.with_extension("partial");
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
            file.write_all(format!("{:?}", keypair.to_bytes().as_slice()).as_bytes())?;
            // The account is created next: a power failure must not lose its keypair.
            file.sync_all()?;
            std::fs::rename(&partial, &path)
        };
        save().map_err(|error| ConfigError::file(&path, error))
    }

    /// Deletes the keypair of an account that no longer exists.
    pub(crate) fn delete(&self, key: StoredKey) -> Result<(), ConfigError> {
        let path = self.path(key);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(ConfigError::file(&path, error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use solana_signer::Signer;

    use super::*;

    const PROGRAM_BUFFER: StoredKey = StoredKey::Buffer(Content::Program);
    const IDL_BUFFER: StoredKey = StoredKey::Buffer(Content::Idl);

    #[test]
    fn a_stored_key_is_loaded_until_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let store = KeyStore::new(folder.path(), ClusterKind::Devnet, &Hash::new_from_array([7; 32]));
        assert!(store.load(PROGRAM_BUFFER).unwrap().is_none());
        let key = Keypair::new();
        store.save(PROGRAM_BUFFER, &key).unwrap();
        assert_eq!(store.load(PROGRAM_BUFFER).unwrap().map(|key| key.pubkey()), Some(key.pubkey()));
        assert!(store.load(IDL_BUFFER).unwrap().is_none());
        let mode = std::fs::metadata(store.path(PROGRAM_BUFFER)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        store.delete(PROGRAM_BUFFER).unwrap();
        store.delete(PROGRAM_BUFFER).unwrap();
        assert!(store.load(PROGRAM_BUFFER).unwrap().is_none());
    }

    #[test]
    fn a_corrupt_file_is_reported_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = KeyStore::new(folder.path(), ClusterKind::Local, &Hash::default());
        store.save(IDL_BUFFER, &Keypair::new()).unwrap();
        std::fs::write(store.path(IDL_BUFFER), "[1, 2").unwrap();
        let error = store.load(IDL_BUFFER).unwrap_err().to_string();
        assert!(error.contains("idl-buffer.json"), "{error}");
        assert!(store.path(IDL_BUFFER).exists());
    }
}
