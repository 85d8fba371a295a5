//! Values of command-line arguments: programs and airdrops.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use solana_pubkey::Pubkey;

use crate::error::LocalnetError;

/// The magic number of an ELF file.
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// `--program ID=FILE.so`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramFile {
    pub id: Pubkey,
    pub path: PathBuf,
}

/// A program whose file has been read.
#[derive(Debug)]
pub struct Program {
    pub id: Pubkey,
    pub path: PathBuf,
    pub elf: Vec<u8>,
}

impl ProgramFile {
    /// Reads the file.
    ///
    /// # Errors
    /// When the file cannot be read or is not an ELF file.
    pub fn read(&self) -> Result<Program, LocalnetError> {
        let elf = std::fs::read(&self.path)
            .map_err(|source| LocalnetError::ProgramUnreadable { path: self.path.clone(), source })?;
        if !elf.starts_with(ELF_MAGIC) {
            return Err(LocalnetError::ProgramNotElf { path: self.path.clone() });
        }
        Ok(Program { id: self.id, path: self.path.clone(), elf })
    }
}

impl FromStr for ProgramFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, path) = split(text, "ID=FILE.so")?;
        Ok(Self { id: address(id)?, path: Path::new(path).to_owned() })
    }
}

/// `--airdrop PUBKEY=LAMPORTS`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Airdrop {
    pub account: Pubkey,
    pub lamports: u64,
}

impl FromStr for Airdrop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (account, lamports) = split(text, "PUBKEY=LAMPORTS")?;
        let lamports = lamports
            .parse()
            .map_err(|_| format!("'{lamports}' is not a valid number of lamports (expected a whole number)"))?;
        Ok(Self { account: address(account)?, lamports })
    }
}

fn split<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once('=').filter(|(_, value)| !value.is_empty()).ok_or_else(|| format!("expected {form}"))
}

/// Parses an address, for a command-line argument.
///
/// # Errors
/// With a message for the user.
pub fn address(text: &str) -> Result<Pubkey, String> {
    text.parse().map_err(|_| format!("'{text}' is not a valid address (expected 32 bytes in base58)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_a_program_is_rejected_before_startup() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("text.so");
        std::fs::write(&path, "text").expect("written");
        let error = ProgramFile { id: Pubkey::default(), path }.read().expect_err("must be rejected");
        assert!(matches!(error, LocalnetError::ProgramNotElf { .. }), "{error}");
        let missing = ProgramFile { id: Pubkey::default(), path: directory.path().join("missing.so") };
        let error = missing.read().expect_err("must be rejected");
        assert!(matches!(error, LocalnetError::ProgramUnreadable { .. }), "{error}");
    }
}
