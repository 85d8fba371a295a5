//! Serializes an instruction as the runtime does. `solana_program_entrypoint::deserialize` is the inverse.

use anchor_lang::prelude::Pubkey;

const GROWTH_LEN: usize = 10_240;
const DATA_AT: usize = 88;
const RENT_EPOCH_LEN: usize = 8;

/// An account of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) key: Pubkey,
    pub(crate) owner: Pubkey,
    pub(crate) lamports: u64,
    pub(crate) data: Vec<u8>,
    pub(crate) is_signer: bool,
    pub(crate) is_writable: bool,
    pub(crate) is_executable: bool,
}

/// A serialized instruction.
pub(crate) struct InputBuffer {
    /// Words rather than bytes, for the alignment.
    words: Vec<u64>,
    /// The index of each account in the input, and the offset of its record.
    accounts: Vec<(usize, usize)>,
    list: Vec<usize>,
}

/// Serializes the accounts with the indexes `list`, and the data.
pub(crate) fn serialize(accounts: &[Account], list: &[usize], data: &[u8]) -> InputBuffer {
    let first = |i: usize| list[..i].iter().position(|earlier| *earlier == list[i]);
    let sizes = list.iter().enumerate().map(|(i, &index)| match first(i) {
        Some(_) => 8,
        None => DATA_AT + accounts[index].data.len().next_multiple_of(8) + GROWTH_LEN + RENT_EPOCH_LEN,
    });
    let size = 8 + sizes.sum::<usize>() + 8 + data.len() + 32;
    // Allocated as zeros, which is much faster than writing them.
    let mut words = vec![0u64; size.div_ceil(8)];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);

    let mut at = 0;
    let mut put = |at: &mut usize, value: &[u8]| {
        bytes[*at..*at + value.len()].copy_from_slice(value);
        *at += value.len();
    };
    let mut records = vec![];
    put(&mut at, &(list.len() as u64).to_le_bytes());
    for (i, &index) in list.iter().enumerate() {
        if let Some(first) = first(i) {
            put(&mut at, &[u8::try_from(first).expect("no more than 255 accounts"), 0, 0, 0, 0, 0, 0, 0]);
            continue;
        }
        let account = &accounts[index];
        records.push((index, at));
        let flags = [account.is_signer, account.is_writable, account.is_executable].map(u8::from);
        put(&mut at, &[255, flags[0], flags[1], flags[2], 0, 0, 0, 0]);
        put(&mut at, account.key.as_array());
        put(&mut at, account.owner.as_array());
        put(&mut at, &account.lamports.to_le_bytes());
        put(&mut at, &(account.data.len() as u64).to_le_bytes());
        put(&mut at, &account.data);
        at = at.next_multiple_of(8) + GROWTH_LEN;
        put(&mut at, &[0xff; RENT_EPOCH_LEN]);
    }
    put(&mut at, &(data.len() as u64).to_le_bytes());
    put(&mut at, data);
    put(&mut at, settlement::ID.as_array());
    InputBuffer { words, accounts: records, list: list.to_vec() }
}

impl InputBuffer {
    /// Pointer to the input.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.words.as_mut_ptr().cast()
    }

    /// Returns all accounts, with the current state of those in the input.
    pub(crate) fn updated(&self, accounts: &[Account]) -> Vec<Account> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.words);
        let mut updated = accounts.to_vec();
        for &(index, at) in &self.accounts {
            let account = &mut updated[index];
            account.lamports = u64::from_le_bytes(bytes[at + 72..at + 80].try_into().expect("8 bytes"));
            let len = account.data.len();
            account.data.copy_from_slice(&bytes[at + DATA_AT..at + DATA_AT + len]);
        }
        updated
    }

    /// Whether the input is exactly these accounts and this data: nothing else was written.
    pub(crate) fn matches(&self, accounts: &[Account], data: &[u8]) -> bool {
        serialize(accounts, &self.list, data).words == self.words
    }
}
