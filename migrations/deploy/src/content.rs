//! What is to be put on the chain: the bytecode and the IDL, read from their files and looked at before anything else.

use std::path::{Path, PathBuf};

use serde_json::Value;
use solana_pubkey::Pubkey;

use crate::program_metadata;

/// What every ELF file begins with.
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// Where an ELF file names its machine: two bytes, little-endian.
const ELF_MACHINE: std::ops::Range<usize> = 18..20;

/// The machines that Solana's loader takes: BPF, and sBPF with a number of its own.
const MACHINES: [u16; 2] = [247, 263];

/// Why a file cannot be put on the chain.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// It is not there, or cannot be read.
    #[error("the bytecode {} cannot be read: {reason}; 'make program' builds it", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
    /// It is no program.
    #[error("{} is no Solana program: {reason}", path.display())]
    NotAProgram {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// The IDL is no JSON, or another program's.
    #[error("{} is not the program's IDL: {reason}", path.display())]
    NotTheIdl {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Reads the bytecode.
///
/// # Errors
/// See [`ContentError`].
pub fn bytecode(path: &Path) -> Result<Vec<u8>, ContentError> {
    let elf = std::fs::read(path)
        .map_err(|error| ContentError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    check_elf(&elf).map_err(|reason| ContentError::NotAProgram { path: path.to_owned(), reason })?;
    Ok(elf)
}

fn check_elf(elf: &[u8]) -> Result<(), &'static str> {
    if !elf.starts_with(ELF_MAGIC) {
        return Err("it is no ELF file");
    }
    let machine = elf.get(ELF_MACHINE).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok()).map(u16::from_le_bytes);
    if machine.is_some_and(|machine| MACHINES.contains(&machine)) { Ok(()) } else { Err("it is for another machine") }
}

/// Whether the bytecode holds the address: every program of Anchor's compares itself with its `declare_id!`.
pub fn names(elf: &[u8], program: &Pubkey) -> bool {
    elf.windows(size_of::<Pubkey>()).any(|window| window == program.as_ref())
}

/// An IDL.
#[derive(Debug)]
pub enum Idl {
    /// None is wanted.
    Unwanted,
    /// The file's text, and what is written of it.
    File {
        /// Where it was.
        path: PathBuf,
        /// Its text.
        text: String,
        /// Its text, packed.
        packed: Vec<u8>,
    },
    /// The file is not there; where nothing can be published that is no matter.
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
}

impl Idl {
    /// Reads the IDL of `program`.
    ///
    /// # Errors
    /// [`ContentError::NotTheIdl`].
    pub fn read(path: Option<PathBuf>, program: &Pubkey) -> Result<Self, ContentError> {
        let Some(path) = path else { return Ok(Self::Unwanted) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return Ok(Self::Missing { path, reason: error.to_string() }),
        };
        check_idl(&text, program).map_err(|reason| ContentError::NotTheIdl { path: path.clone(), reason })?;
        let packed = program_metadata::pack(&text)
            .map_err(|error| ContentError::NotTheIdl { path: path.clone(), reason: error.to_string() })?;
        Ok(Self::File { path, text, packed })
    }

    /// Its text, and what is written of it; empty without one.
    pub fn text_and_packed(&self) -> (Option<&str>, &[u8]) {
        match self {
            Self::File { text, packed, .. } => (Some(text), packed),
            Self::Unwanted | Self::Missing { .. } => (None, &[]),
        }
    }
}

fn check_idl(text: &str, program: &Pubkey) -> Result<(), String> {
    let idl: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON ({error})"))?;
    match idl.get("address").and_then(Value::as_str) {
        Some(address) if address == program.to_string() => Ok(()),
        Some(address) => Err(format!("it is that of {address}, this build's program is {program}: build it again")),
        None => Err("it names no address".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Pubkey = Pubkey::new_from_array([9; 32]);

    #[test]
    fn only_an_elf_file_for_solana_s_machine_is_a_program() {
        let elf = |machine: u16| [b"\x7fELF".as_slice(), &[0; 14], &machine.to_le_bytes(), &[0; 44]].concat();
        assert_eq!((check_elf(&elf(247)), check_elf(&elf(263))), (Ok(()), Ok(())));
        assert_eq!(check_elf(&elf(62)), Err("it is for another machine"));
        assert_eq!(check_elf(b"\x7fELF"), Err("it is for another machine"));
        assert_eq!(check_elf(b"#!/bin/sh"), Err("it is no ELF file"));
    }

    #[test]
    fn a_program_built_with_another_id_is_noticed() {
        let elf = [b"\x7fELF".as_slice(), PROGRAM.as_ref(), b"rest"].concat();
        assert!(names(&elf, &PROGRAM));
        assert!(!names(&elf, &Pubkey::new_from_array([8; 32])));
    }

    #[test]
    fn an_idl_is_the_program_s_own() {
        assert_eq!(check_idl(&format!(r#"{{"address": "{PROGRAM}"}}"#), &PROGRAM), Ok(()));
        let other = check_idl(r#"{"address": "abc"}"#, &PROGRAM).unwrap_err();
        assert!(other.contains("abc") && other.contains(&PROGRAM.to_string()), "{other}");
        assert!(check_idl("{}", &PROGRAM).is_err() && check_idl("idl", &PROGRAM).is_err());
        let missing = Idl::read(Some("/no/such/idl.json".into()), &PROGRAM).unwrap();
        assert!(matches!(missing, Idl::Missing { .. }));
    }
}
