//! The program on the chain: the upgradeable loader's accounts.

use sha2::{Digest, Sha256};
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_pubkey::Pubkey;
use solana_sdk_ids::{bpf_loader_upgradeable, system_program};
use williw_relay::chain::Account;

/// What is at the program's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramFacts {
    /// Nothing but perhaps lamports, which anybody can send there.
    Absent {
        /// The lamports.
        lamports: u64,
    },
    /// A program.
    Deployed {
        /// Who may upgrade it.
        authority: Option<Pubkey>,
        /// Bytes that it may have without being extended.
        capacity: usize,
        /// Lamports of its ProgramData account.
        data_lamports: u64,
        /// Whether it has the very bytes of the file, followed by zeros.
        matches: bool,
        /// SHA-256 of as many of its bytes as the file has.
        sha256: [u8; 32],
        /// The slot that it was last changed in.
        slot: u64,
    },
    /// A program that was closed: the address cannot be used again.
    Closed,
    /// Something else.
    Taken {
        /// The program that owns it.
        owner: Pubkey,
    },
}

impl ProgramFacts {
    /// Reads the program's account and its ProgramData account, and compares it with `elf`.
    pub fn read(program: Option<&Account>, program_data: Option<&Account>, elf: &[u8]) -> Self {
        let Some(program) = program else { return Self::Absent { lamports: 0 } };
        if program.owner == system_program::ID && program.data.is_empty() {
            return Self::Absent { lamports: program.lamports };
        }
        let state = wincode::deserialize::<UpgradeableLoaderState>(&program.data);
        if program.owner != bpf_loader_upgradeable::ID || !matches!(state, Ok(UpgradeableLoaderState::Program { .. })) {
            return Self::Taken { owner: program.owner };
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

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: Pubkey = Pubkey::new_from_array([3; 32]);
    const ELF: &[u8] = b"\x7fELF and the rest";

    fn account(owner: Pubkey, data: Vec<u8>) -> Account {
        Account { lamports: 5, owner, executable: false, space: data.len() as u64, data }
    }

    fn program() -> Account {
        let state = UpgradeableLoaderState::Program { programdata_address: Pubkey::new_from_array([2; 32]) };
        account(bpf_loader_upgradeable::ID, wincode::serialize(&state).unwrap())
    }

    fn program_data(authority: Option<Pubkey>, code: &[u8]) -> Account {
        let state = UpgradeableLoaderState::ProgramData { slot: 9, upgrade_authority_address: authority };
        let mut data = wincode::serialize(&state).unwrap();
        data.resize(UpgradeableLoaderState::size_of_programdata_metadata(), 0);
        data.extend_from_slice(code);
        account(bpf_loader_upgradeable::ID, data)
    }

    fn matches(authority: Option<Pubkey>, code: &[u8]) -> (bool, Option<Pubkey>, usize) {
        match ProgramFacts::read(Some(&program()), Some(&program_data(authority, code)), ELF) {
            ProgramFacts::Deployed { matches, authority, capacity, .. } => (matches, authority, capacity),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_program_is_the_file_s_when_only_zeros_follow_its_bytes() {
        assert_eq!(matches(Some(AUTHORITY), ELF), (true, Some(AUTHORITY), ELF.len()));
        assert_eq!(matches(None, &[ELF, &[0; 9]].concat()), (true, None, ELF.len() + 9));
        assert!(!matches(Some(AUTHORITY), &[ELF, b"x"].concat()).0);
        assert!(!matches(Some(AUTHORITY), &ELF[1..]).0);
        assert!(!matches(Some(AUTHORITY), &ELF[..4]).0);
    }

    #[test]
    fn what_is_no_program_is_told_apart() {
        assert_eq!(ProgramFacts::read(None, None, ELF), ProgramFacts::Absent { lamports: 0 });
        let lamports_only = account(system_program::ID, Vec::new());
        assert_eq!(ProgramFacts::read(Some(&lamports_only), None, ELF), ProgramFacts::Absent { lamports: 5 });
        assert_eq!(ProgramFacts::read(Some(&program()), None, ELF), ProgramFacts::Closed);
        let foreign = account(AUTHORITY, vec![0; 36]);
        assert_eq!(ProgramFacts::read(Some(&foreign), None, ELF), ProgramFacts::Taken { owner: AUTHORITY });
        let buffer = UpgradeableLoaderState::Buffer { authority_address: None };
        let buffer = account(bpf_loader_upgradeable::ID, wincode::serialize(&buffer).unwrap());
        let taken = ProgramFacts::Taken { owner: bpf_loader_upgradeable::ID };
        assert_eq!(ProgramFacts::read(Some(&buffer), None, ELF), taken);
    }
}
