//! The buffer of an upload that was interrupted.

use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_pubkey::Pubkey;
use solana_sdk_ids::bpf_loader_upgradeable;
use williw_relay::chain::Account;

use crate::carry_out::upload::chunks_left;
use crate::program_metadata;

/// A buffer on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferFacts {
    /// Who may write to it; `None` when it is no such buffer, or nobody may.
    pub authority: Option<Pubkey>,
    /// Its lamports.
    pub lamports: u64,
    /// Whether it has the length that is needed.
    pub fits: bool,
    /// Transactions that are left to write to it.
    pub chunks_left: usize,
}

impl BufferFacts {
    /// Reads a buffer of the upgradeable loader that is to hold `elf`, `chunk` bytes by transaction.
    pub fn of_program(account: &Account, elf: &[u8], chunk: usize) -> Self {
        let authority = match wincode::deserialize::<UpgradeableLoaderState>(&account.data) {
            Ok(UpgradeableLoaderState::Buffer { authority_address }) if account.owner == bpf_loader_upgradeable::ID => {
                authority_address
            }
            _ => None,
        };
        let header = UpgradeableLoaderState::size_of_buffer_metadata();
        Self::new(account, authority, header, elf, chunk)
    }

    /// Reads a buffer of the Program Metadata program that is to hold `packed`, `chunk` bytes by transaction.
    pub fn of_idl(account: &Account, packed: &[u8], chunk: usize) -> Self {
        let authority = (account.owner == program_metadata::ID)
            .then(|| program_metadata::buffer_authority(&account.data))
            .flatten();
        Self::new(account, authority, program_metadata::HEADER_BYTES, packed, chunk)
    }

    fn new(account: &Account, authority: Option<Pubkey>, header: usize, content: &[u8], chunk: usize) -> Self {
        let written = account.data.get(header..).unwrap_or_default();
        Self {
            authority,
            lamports: account.lamports,
            fits: account.data.len() == header + content.len(),
            chunks_left: chunks_left(content, written, chunk).len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_tells_whose_it_is_and_what_it_lacks() {
        let authority = Pubkey::new_from_array([3; 32]);
        let state = UpgradeableLoaderState::Buffer { authority_address: Some(authority) };
        let mut data = wincode::serialize(&state).unwrap();
        data.extend_from_slice(b"abcd\0\0\0\0");
        let account = Account {
            lamports: 5,
            owner: bpf_loader_upgradeable::ID,
            executable: false,
            space: 45,
            data: data.clone(),
        };
        let expected = BufferFacts { authority: Some(authority), lamports: 5, fits: true, chunks_left: 1 };
        assert_eq!(BufferFacts::of_program(&account, b"abcdefgh", 4), expected);
        assert!(!BufferFacts::of_program(&account, b"abcdefghi", 4).fits);
        let foreign = Account { owner: authority, ..account };
        assert_eq!(BufferFacts::of_program(&foreign, b"abcdefgh", 4).authority, None);
    }
}
