//! The runtime's input, byte by byte: `solana_program_entrypoint::deserialize` reads it.

use anchor_lang::prelude::Pubkey;

const ROOM_TO_GROW: usize = 10_240;
const FIELDS: usize = 88;
const RENT_EPOCH: usize = 8;

/// An account of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub key: Pubkey,
    pub owner: Pubkey,
    pub lamports: u64,
    pub data: Vec<u8>,
    pub is_signer: bool,
    pub is_writable: bool,
    pub is_executable: bool,
}

/// An input.
pub struct Laid {
    /// Words, for the alignment.
    words: Vec<u64>,
    /// Where each account begins that is in the input: (its place among all, byte).
    accounts: Vec<(usize, usize)>,
    list: Vec<usize>,
}

/// Lays out the accounts that `list` names and the data.
pub fn lay_out(accounts: &[Account], list: &[usize], data: &[u8]) -> Laid {
    let first = |place: usize| list[..place].iter().position(|earlier| *earlier == list[place]);
    let sizes = list.iter().enumerate().map(|(place, &index)| match first(place) {
        Some(_) => 8,
        None => FIELDS + accounts[index].data.len().next_multiple_of(8) + ROOM_TO_GROW + RENT_EPOCH,
    });
    let size = 8 + sizes.sum::<usize>() + 8 + data.len() + 32;
    // Zeros as the allocator has them: filling in so many byte by byte takes longer than the rest.
    let mut words = vec![0u64; size.div_ceil(8)];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);

    let mut at = 0;
    let mut put = |at: &mut usize, what: &[u8]| {
        bytes[*at..*at + what.len()].copy_from_slice(what);
        *at += what.len();
    };
    let mut begun = vec![];
    put(&mut at, &(list.len() as u64).to_le_bytes());
    for (place, &index) in list.iter().enumerate() {
        if let Some(first) = first(place) {
            put(&mut at, &[u8::try_from(first).expect("no more than 255 accounts"), 0, 0, 0, 0, 0, 0, 0]);
            continue;
        }
        let account = &accounts[index];
        begun.push((index, at));
        let flags = [account.is_signer, account.is_writable, account.is_executable].map(u8::from);
        put(&mut at, &[255, flags[0], flags[1], flags[2], 0, 0, 0, 0]);
        put(&mut at, account.key.as_array());
        put(&mut at, account.owner.as_array());
        put(&mut at, &account.lamports.to_le_bytes());
        put(&mut at, &(account.data.len() as u64).to_le_bytes());
        put(&mut at, &account.data);
        at = at.next_multiple_of(8) + ROOM_TO_GROW;
        put(&mut at, &[0xff; RENT_EPOCH]);
    }
    put(&mut at, &(data.len() as u64).to_le_bytes());
    put(&mut at, data);
    put(&mut at, settlement::ID.as_array());
    Laid { words, accounts: begun, list: list.to_vec() }
}

impl Laid {
    pub fn start(&mut self) -> *mut u8 {
        self.words.as_mut_ptr().cast()
    }

    /// All accounts, those of the input as they are in it now.
    pub fn read_back(&self, accounts: &[Account]) -> Vec<Account> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.words);
        let mut now = accounts.to_vec();
        for &(index, at) in &self.accounts {
            let account = &mut now[index];
            account.lamports = u64::from_le_bytes(bytes[at + 72..at + 80].try_into().expect("8 bytes"));
            let len = account.data.len();
            account.data.copy_from_slice(&bytes[at + FIELDS..at + FIELDS + len]);
        }
        now
    }

    /// Whether the input is these accounts and this data, and nothing else was written.
    pub fn is_all_of(&self, accounts: &[Account], data: &[u8]) -> bool {
        lay_out(accounts, &self.list, data).words == self.words
    }
}
