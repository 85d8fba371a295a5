//! The runtime's input, read in place.
//!
//! Layout, all little-endian and 8-byte aligned: the number of accounts (8 bytes); each account;
//! the length of the instruction's data (8 bytes) and the data; the program's address. An account
//! that was there before is its index in 1 byte and 7 bytes of padding. Any other is a marker 255,
//! whether it signs, is writable, is a program (1 byte each), 4 bytes of padding, its address and
//! its owner (32 bytes each), its lamports and the length of its data (8 bytes each), the data,
//! 10,240 bytes to grow into, padding to 8 bytes, and the epoch of its rent (8 bytes).
//! Source: `solana_program_entrypoint::deserialize`.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::data::Data;

/// An address, as the four words that the machine compares.
pub type Key = [u64; 4];

/// Whether two addresses are the same. Written out, because a comparison of arrays becomes a call.
#[inline(always)]
pub fn same(a: &Key, b: &Key) -> bool {
    a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3]
}

/// An address's words.
pub const fn key(bytes: &[u8; 32]) -> Key {
    let mut words = [0; 4];
    let (chunks, _) = bytes.as_chunks::<8>();
    let mut i = 0;
    while i < words.len() {
        words[i] = u64::from_le_bytes(chunks[i]);
        i += 1;
    }
    words
}

/// Accounts that are looked at: more than any batch has. Instructions with more are counted right
/// and refused.
pub const MAX_ACCOUNTS: usize = 72;

/// Marks an account that was not there before.
const NOT_DUPLICATE: u8 = 255;
const SIGNER_AT: usize = 1;
const WRITABLE_AT: usize = 2;
const EXECUTABLE_AT: usize = 3;
const KEY_AT: usize = 8;
const OWNER_AT: usize = 40;
const LAMPORTS_AT: usize = 72;
const DATA_LEN_AT: usize = 80;
const DATA_AT: usize = 88;
/// Bytes between an account's data and its padding.
const ROOM_TO_GROW: usize = 10_240;
const RENT_EPOCH_LEN: usize = 8;

/// One account of the input. Copies are the same account.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    at: *mut u8,
    input: PhantomData<&'a u8>,
}

// SAFETY of every method: `at` points at an account of the input that outlives `'a` (the only
// constructor is `Input::read`), fields lie at the offsets above and are aligned to their size.
// Reads and writes go through raw pointers, so that copies may be used in turn.
impl<'a> Account<'a> {
    #[inline(always)]
    fn byte(self, at: usize) -> u8 {
        unsafe { self.at.add(at).read() }
    }

    #[inline(always)]
    fn word(self, at: usize) -> u64 {
        unsafe { self.at.add(at).cast::<u64>().read() }
    }

    /// Whether it signed the transaction, or the calling program signed for it.
    #[inline(always)]
    pub fn is_signer(self) -> bool {
        self.byte(SIGNER_AT) != 0
    }

    /// Whether the instruction may write it.
    #[inline(always)]
    pub fn is_writable(self) -> bool {
        self.byte(WRITABLE_AT) != 0
    }

    /// Whether it is a program.
    #[inline(always)]
    pub fn is_executable(self) -> bool {
        self.byte(EXECUTABLE_AT) != 0
    }

    /// Its address.
    #[inline(always)]
    pub fn key(self) -> &'a Key {
        // SAFETY: nothing writes addresses of the input.
        unsafe { &*self.at.add(KEY_AT).cast() }
    }

    /// The program it belongs to.
    #[inline(always)]
    pub fn owner(self) -> &'a Key {
        // SAFETY: nothing here writes owners.
        unsafe { &*self.at.add(OWNER_AT).cast() }
    }

    /// Lamports it holds.
    #[inline(always)]
    pub fn lamports(self) -> u64 {
        self.word(LAMPORTS_AT)
    }

    /// Sets the lamports it holds. The runtime refuses what doesn't add up in the end.
    #[inline(always)]
    pub fn set_lamports(self, lamports: u64) {
        unsafe { self.at.add(LAMPORTS_AT).cast::<u64>().write(lamports) }
    }

    /// Bytes of its data.
    #[inline(always)]
    pub fn data_len(self) -> usize {
        self.word(DATA_LEN_AT) as usize
    }

    /// Where its data begins.
    #[inline(always)]
    pub fn data_at(self) -> *mut u8 {
        unsafe { self.at.add(DATA_AT) }
    }

    /// Where its lamports are.
    #[cfg(target_os = "solana")]
    pub(super) fn lamports_at(self) -> *const u64 {
        unsafe { self.at.add(LAMPORTS_AT).cast() }
    }

    /// Its data.
    ///
    /// # Safety
    ///
    /// Nothing may write the data as long as the slice is used.
    #[inline(always)]
    pub unsafe fn data(self) -> &'a [u8] {
        unsafe { core::slice::from_raw_parts(self.data_at(), self.data_len()) }
    }
}

/// An instruction's accounts and data.
pub struct Input<'a> {
    accounts: &'a [Account<'a>],
    /// Accounts of the instruction, also those beyond [`MAX_ACCOUNTS`].
    pub count: usize,
    /// The instruction's data.
    pub data: Data<'a>,
}

/// Room for the accounts of an [`Input`].
pub struct Room<'a>([MaybeUninit<Account<'a>>; MAX_ACCOUNTS]);

impl Room<'_> {
    /// Room that holds nothing yet.
    #[inline(always)]
    pub fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; MAX_ACCOUNTS])
    }
}

impl Default for Room<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Input<'a> {
    /// Finds the accounts and the data.
    ///
    /// # Safety
    ///
    /// As for [`process`](super::process).
    #[inline(always)]
    pub unsafe fn read(input: *mut u8, room: &'a mut Room<'a>) -> Self {
        // SAFETY of the walk: each step is the layout's own length, so that `at` stays inside.
        // Offsets wrap rather than check: what the runtime laid out lies in memory.
        let count = unsafe { input.cast::<u64>().read() } as usize;
        let mut at = input.wrapping_add(8);
        let seen = count.min(MAX_ACCOUNTS);
        let first = room.0.as_mut_ptr();
        let mut place = first;
        let end = place.wrapping_add(seen);
        while place != end {
            let (account, next) = unsafe { Self::step(at) };
            let account = match account {
                Ok(account) => account,
                // SAFETY: the runtime marks an account with the index of an earlier one.
                Err(index) => unsafe { first.wrapping_add(index).read().assume_init() },
            };
            // SAFETY: before the end of the room.
            unsafe { place.write(MaybeUninit::new(account)) };
            place = place.wrapping_add(1);
            at = next;
        }
        for _ in seen..count {
            (_, at) = unsafe { Self::step(at) };
        }
        let len = unsafe { at.cast::<u64>().read() } as usize;
        // SAFETY: the data follows its length, and nothing writes it; that many accounts are written.
        unsafe {
            let data = Data::new(core::slice::from_raw_parts(at.add(8), len));
            Self { accounts: core::slice::from_raw_parts(first.cast(), seen), count, data }
        }
    }

    /// The account at `at`, or the index of the earlier one that it is, and where the next begins.
    ///
    /// # Safety
    ///
    /// There is an account at `at`.
    #[inline(always)]
    unsafe fn step(at: *mut u8) -> (Result<Account<'a>, usize>, *mut u8) {
        // SAFETY: as promised by the caller.
        let marker = unsafe { at.read() };
        if marker != NOT_DUPLICATE {
            return (Err(usize::from(marker)), at.wrapping_add(8));
        }
        let account = Account { at, input: PhantomData };
        let padded = account.data_len().wrapping_add(7) & !7;
        (Ok(account), at.wrapping_add(DATA_AT + ROOM_TO_GROW + RENT_EPOCH_LEN).wrapping_add(padded))
    }

    /// The accounts, as long as there are no more than [`MAX_ACCOUNTS`]; else the first of them.
    #[inline(always)]
    pub fn accounts(&self) -> &'a [Account<'a>] {
        self.accounts
    }
}
