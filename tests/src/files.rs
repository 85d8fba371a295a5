//! Directories and files of a run. Secrets are readable by their owner only.

use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use solana_keypair::Keypair;

use crate::HarnessError;

/// Creates `directory` and its missing parents, accessible by their owner only.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn create_directory(directory: &Path) -> Result<(), HarnessError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(HarnessError::io(format!("creating directory {}", directory.display())))
}

/// Creates `directory`, removing any previous contents.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn create_empty_directory(directory: &Path) -> Result<(), HarnessError> {
    if directory.exists() {
        std::fs::remove_dir_all(directory)
            .map_err(HarnessError::io(format!("removing directory {}", directory.display())))?;
    }
    create_directory(directory)
}

/// Writes `content` to `path`, readable by its owner only.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn write_secret(path: &Path, content: &str) -> Result<(), HarnessError> {
    let failed = || HarnessError::io(format!("writing {}", path.display()));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed())?;
    file.write_all(content.as_bytes()).map_err(failed())
}

/// Writes `keypair` to `name`.json in the format of Solana's tools, a JSON array of 64 bytes, and returns the path.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn write_keypair(directory: &Path, name: &str, keypair: &Keypair) -> Result<PathBuf, HarnessError> {
    let path = directory.join(format!("{name}.json"));
    write_secret(&path, &keypair_json(keypair))?;
    Ok(path)
}

/// Formats a keypair as a JSON array of 64 bytes.
pub fn keypair_json(keypair: &Keypair) -> String {
    let bytes: Vec<String> = keypair.to_bytes().iter().map(u8::to_string).collect();
    format!("[{}]", bytes.join(","))
}
