//! The program and the upload buffers on the chain.

use sha2::{Digest, Sha256};
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_pubkey::Pubkey;
use solana_sdk_ids::{bpf_loader_upgradeable, system_program};
use williw_relay::chain::Account;

use crate::content::{Chunks, Content};
use crate::program_metadata;

/// The account at the program's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProgramState {
    /// There is no program. The address may hold lamports, which anybody can send there.
    Absent { lamports: u64 },
    Deployed {
        /// `None` if the program is immutable.
        authority: Option<Pubkey>,
        /// Bytes available to the bytecode without extending the program.
        capacity: usize,
        /// The balance of the ProgramData account.
        data_lamports: u64,
        /// Whether the bytecode is that of the file, followed only by zeros.
        matches: bool,
        /// SHA-256 of as many bytes as the file has.
        sha256: [u8; 32],
        /// The slot of the last deployment or upgrade.
        slot: u64,
    },
    /// The program was closed; its address cannot be reused.
    Closed,
    /// The address is in use, but not by an upgradeable program.
    OtherAccount { owner: Pubkey },
}

impl ProgramState {
    /// Reads the program's account and its ProgramData account, and compares the bytecode with `elf`.
    pub(super) fn read(program: Option<&Account>, program_data: Option<&Account>, elf: &[u8]) -> Self {
        let Some(program) = program else { return Self::Absent { lamports: 0 } };
        if program.owner == system_program::ID && program.data.is_empty() {
            return Self::Absent { lamports: program.lamports };
        }
        let state = wincode::deserialize::<UpgradeableLoaderState>(&program.data);
        if program.owner != bpf_loader_upgradeable::ID || !matches!(state, Ok(UpgradeableLoaderState::Program { .. })) {
            return Self::OtherAccount { owner: program.owner };
        }
        let Some(program_data) = program_data.filter(|account| account.owner == bpf_loader_upgradeable::ID) else {
            return Self::Closed;
        };
        let header = UpgradeableLoaderState::size_of_programdata_metadata();
        let (Ok(UpgradeableLoaderState::ProgramData { slot, upgrade_authority_address }), Some(code)) =
            (wincode::deserialize::<UpgradeableLoaderState>(&program_data.data), program_data.data.get(header..))
        else {
            return Self::Closed;
        };
        let (start, rest) = code.split_at_checked(elf.len()).unwrap_or((code, &[]));
        Self::Deployed {
            authority: upgrade_authority_address,
            capacity: code.len(),
            data_lamports: program_data.lamports,
            matches: start == elf && rest.iter().all(|byte| *byte == 0),
            sha256: sha256(start),
            slot,
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The buffer account of an interrupted upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BufferState {
    /// `None` if nobody can write to the account, or it is not such a buffer.
    pub(crate) authority: Option<Pubkey>,
    pub(crate) lamports: u64,
    /// Whether the buffer has the length of the content.
    pub(crate) fits: bool,
    /// The number of chunks that still have to be written.
    pub(crate) missing: usize,
}

impl BufferState {
    /// Reads the buffer that `chunks` of `content` are uploaded to.
    pub(super) fn read(account: &Account, content: Content, chunks: &Chunks) -> Self {
        let authority = match content {
            Content::Program if account.owner == bpf_loader_upgradeable::ID => {
                match wincode::deserialize::<UpgradeableLoaderState>(&account.data) {
                    Ok(UpgradeableLoaderState::Buffer { authority_address }) => authority_address,
                    _ => None,
                }
            }
            Content::Idl if account.owner == program_metadata::ID => program_metadata::buffer_authority(&account.data),
            Content::Program | Content::Idl => None,
        };
        let header = header_bytes(content);
        let written = account.data.get(header..).unwrap_or_default();
        Self {
            authority,
            lamports: account.lamports,
            fits: account.data.len() == header + chunks.len(),
            missing: chunks.missing(written).len(),
        }
    }
}

/// The number of bytes that precede a buffer's content.
pub(crate) fn header_bytes(content: Content) -> usize {
    match content {
        Content::Program => UpgradeableLoaderState::size_of_buffer_metadata(),
        Content::Idl => program_metadata::HEADER_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: Pubkey = Pubkey::new_from_array([3; 32]);
    const ELF: &[u8] = b"\x7fELF and the rest";

    fn account(owner: Pubkey, data: Vec<u8>) -> Account {
        Account { lamports: 5, owner, executable: false, space: data.len() as u64, data }
    }

    fn loader_account(state: &UpgradeableLoaderState, header: usize, content: &[u8]) -> Account {
        let mut data = wincode::serialize(state).unwrap();
        data.resize(header, 0);
        data.extend_from_slice(content);
        account(bpf_loader_upgradeable::ID, data)
    }

    fn program() -> Account {
        let state = UpgradeableLoaderState::Program { programdata_address: Pubkey::new_from_array([2; 32]) };
        loader_account(&state, UpgradeableLoaderState::size_of_program(), &[])
    }

    fn buffer(content: &[u8]) -> Account {
        let state = UpgradeableLoaderState::Buffer { authority_address: Some(AUTHORITY) };
        loader_account(&state, UpgradeableLoaderState::size_of_buffer_metadata(), content)
    }

    #[test]
    fn bytecode_matches_if_only_zeros_follow_the_bytes_of_the_file() {
        for (authority, code, expected) in [
            (Some(AUTHORITY), ELF.to_vec(), true),
            (None, [ELF, &[0; 9]].concat(), true),
            (Some(AUTHORITY), [ELF, b"x"].concat(), false),
            (Some(AUTHORITY), ELF[1..].to_vec(), false),
            (Some(AUTHORITY), ELF[..4].to_vec(), false),
        ] {
            let state = UpgradeableLoaderState::ProgramData { slot: 9, upgrade_authority_address: authority };
            let data = loader_account(&state, UpgradeableLoaderState::size_of_programdata_metadata(), &code);
            match ProgramState::read(Some(&program()), Some(&data), ELF) {
                ProgramState::Deployed { matches, authority: found, capacity, .. } => {
                    assert_eq!((matches, found, capacity), (expected, authority, code.len()));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn absent_closed_and_other_accounts_are_distinguished() {
        let other = |owner| ProgramState::OtherAccount { owner };
        for (account, expected) in [
            (None, ProgramState::Absent { lamports: 0 }),
            (Some(account(system_program::ID, Vec::new())), ProgramState::Absent { lamports: 5 }),
            (Some(program()), ProgramState::Closed),
            (Some(account(AUTHORITY, vec![0; 36])), other(AUTHORITY)),
            (Some(buffer(b"")), other(bpf_loader_upgradeable::ID)),
        ] {
            assert_eq!(ProgramState::read(account.as_ref(), None, ELF), expected);
        }
    }

    #[test]
    fn buffer_authority_and_missing_chunks_are_read() {
        let read = |account: &Account, content: &[u8]| {
            BufferState::read(account, Content::Program, &Chunks::new(content.to_vec(), 4))
        };
        let account = buffer(b"abcd\0\0\0\0");
        let expected = BufferState { authority: Some(AUTHORITY), lamports: 5, fits: true, missing: 1 };
        assert_eq!(read(&account, b"abcdefgh"), expected);
        assert!(!read(&account, b"abcdefghi").fits);
        let foreign = Account { owner: AUTHORITY, ..account };
        assert_eq!(read(&foreign, b"abcdefgh").authority, None);
    }
}
