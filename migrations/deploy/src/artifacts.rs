//! The build artifacts to deploy, the bytecode and the IDL, read from their files and validated.

use std::path::{Path, PathBuf};

use serde_json::Value;
use solana_pubkey::Pubkey;
use solana_security_txt::Contact;

use crate::config::ConfigError;
use crate::content::Chunks;
use crate::program_metadata;
use crate::text::display_path;

const ELF_MAGIC: &[u8] = b"\x7fELF";

/// The position of an ELF file's machine type, two bytes in little-endian order.
const ELF_MACHINE: std::ops::Range<usize> = 18..20;

/// The machine types that Solana's loader accepts: BPF and sBPF.
const MACHINES: [u16; 2] = [247, 263];

/// Reads the program's bytecode.
pub(crate) fn read_program(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let elf = std::fs::read(path).map_err(|error| {
        ConfigError::file(path, format!("cannot read the program: {error}; run 'make program' to build it"))
    })?;
    check_elf(&elf).map_err(|reason| ConfigError::file(path, format!("not a Solana program: {reason}")))?;
    Ok(elf)
}

fn check_elf(elf: &[u8]) -> Result<(), &'static str> {
    if !elf.starts_with(ELF_MAGIC) {
        return Err("not an ELF file");
    }
    let machine = elf.get(ELF_MACHINE).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok()).map(u16::from_le_bytes);
    if machine.is_some_and(|machine| MACHINES.contains(&machine)) { Ok(()) } else { Err("built for another machine") }
}

/// Whether the bytecode contains the address: every Anchor program compares its own address with `declare_id!`.
pub(crate) fn contains_address(elf: &[u8], program: &Pubkey) -> bool {
    elf.windows(size_of::<Pubkey>()).any(|window| window == program.as_ref())
}

/// The part of a security.txt that the configuration sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecurityTxt {
    contacts: Vec<String>,
    pub(crate) source_code: String,
}

impl SecurityTxt {
    pub(crate) fn new(contact: &str, source_code: &str) -> Self {
        let contacts = contact.split(',').filter_map(|contact| Contact::try_from(contact.trim()).ok());
        Self { contacts: contacts.map(|contact| contact.to_string()).collect(), source_code: source_code.to_owned() }
    }

    /// The security.txt in the bytecode; `None` if there is none, or an invalid one.
    pub(crate) fn find(elf: &[u8]) -> Option<Self> {
        let found = solana_security_txt::find_and_parse(elf).ok()?;
        let contacts = found.contacts.iter().map(Contact::to_string).collect();
        Some(Self { contacts, source_code: found.source_code.unwrap_or_default() })
    }

    pub(crate) fn contacts(&self) -> String {
        self.contacts.join(", ")
    }
}

/// The IDL's file.
#[derive(Clone, Debug)]
pub(crate) struct IdlFile {
    /// The file's path, for display.
    pub(crate) path: String,
    /// The content, or why it cannot be read. That is an error only on a cluster where an IDL can be published.
    pub(crate) content: Result<Idl, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Idl {
    pub(crate) text: String,
    /// The text in the form that is uploaded.
    pub(crate) packed: Chunks,
}

/// Reads the IDL of `program`, to be uploaded in chunks of `chunk_size` bytes.
pub(crate) fn read_idl(path: PathBuf, program: &Pubkey, chunk_size: usize) -> Result<IdlFile, ConfigError> {
    let content = match std::fs::read_to_string(&path) {
        Err(error) => Err(error.to_string()),
        Ok(text) => {
            let packed = check_idl(&text, program)
                .and_then(|()| program_metadata::pack(&text).map_err(|error| error.to_string()))
                .map_err(|reason| ConfigError::file(&path, format!("not the program's IDL: {reason}")))?;
            Ok(Idl { text, packed: Chunks::new(packed, chunk_size) })
        }
    };
    Ok(IdlFile { path: display_path(&path), content })
}

fn check_idl(text: &str, program: &Pubkey) -> Result<(), String> {
    let idl: Value = serde_json::from_str(text).map_err(|error| format!("not valid JSON ({error})"))?;
    match idl.get("address").and_then(Value::as_str) {
        Some(address) if address == program.to_string() => Ok(()),
        Some(address) => Err(format!("its address is {address}, but this build's program is {program}: rebuild it")),
        None => Err("it has no address".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Pubkey = Pubkey::new_from_array([9; 32]);

    #[test]
    fn only_an_elf_file_for_solana_is_a_program() {
        let elf = |machine: u16| [b"\x7fELF".as_slice(), &[0; 14], &machine.to_le_bytes(), &[0; 44]].concat();
        assert_eq!((check_elf(&elf(247)), check_elf(&elf(263))), (Ok(()), Ok(())));
        assert_eq!(check_elf(&elf(62)), Err("built for another machine"));
        assert_eq!(check_elf(b"\x7fELF"), Err("built for another machine"));
        assert_eq!(check_elf(b"#!/bin/sh"), Err("not an ELF file"));
    }

    #[test]
    fn a_program_built_with_another_id_is_detected() {
        let elf = [b"\x7fELF".as_slice(), PROGRAM.as_ref(), b"rest"].concat();
        assert!(contains_address(&elf, &PROGRAM));
        assert!(!contains_address(&elf, &Pubkey::new_from_array([8; 32])));
    }

    #[test]
    fn an_idl_of_another_program_is_rejected() {
        assert_eq!(check_idl(&format!(r#"{{"address": "{PROGRAM}"}}"#), &PROGRAM), Ok(()));
        let other = check_idl(r#"{"address": "abc"}"#, &PROGRAM).unwrap_err();
        assert!(other.contains("abc") && other.contains(&PROGRAM.to_string()), "{other}");
        assert!(check_idl("{}", &PROGRAM).is_err() && check_idl("idl", &PROGRAM).is_err());
        assert!(read_idl("/no/such/idl.json".into(), &PROGRAM, 1).unwrap().content.is_err());
    }
}
