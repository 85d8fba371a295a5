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
use crate::unlikely::unlikely;
use crate::state::NodeWallet;

/// An address, as the four words that the machine compares.
pub type Key = [u64; 4];

/// Whether two addresses are the same. Written out, because a comparison of arrays becomes a call.
#[inline(always)]
pub fn same(a: &Key, b: &Key) -> bool {
    a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3]
}

/// Whether two addresses that are nearly always the same differ.
#[inline(always)]
pub fn differ(a: &Key, b: &Key) -> bool {
    unlikely(a[0] != b[0]) || unlikely(a[1] != b[1]) || unlikely(a[2] != b[2]) || unlikely(a[3] != b[3])
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
pub struct Input<'a, Entries> {
    /// The accounts that the instruction names, and all others unless they are `entries`.
    pub accounts: &'a [Account<'a>],
    /// The accounts behind those.
    pub entries: Entries,
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

/// Number of accounts of an instruction, also those beyond [`MAX_ACCOUNTS`].
#[derive(Clone, Copy)]
pub struct Count(pub usize);

impl<'a> Input<'a, Count> {
    /// Finds the accounts, whatever they are, and the data.
    ///
    /// # Safety
    ///
    /// As for [`process`](super::process).
    #[inline(always)]
    pub unsafe fn read(input: *mut u8, room: &'a mut Room<'a>) -> Self {
        // SAFETY of the walk: each step is the layout's own length, so that `at` stays inside.
        // Offsets wrap rather than check: what the runtime laid out lies in memory.
        let count = unsafe { input.cast::<u64>().read() } as usize;
        let seen = count.min(MAX_ACCOUNTS);
        let mut at = unsafe { walk(input.wrapping_add(8), seen, room) };
        for _ in seen..count {
            (_, at) = unsafe { step(at) };
        }
        // SAFETY: the data follows the accounts, and so many are written.
        unsafe { Self { accounts: room.first(seen), entries: Count(count), data: data_at(at) } }
    }
}

/// Entries of one account each, of which every one is writable, was not there before, neither signs
/// nor is a program, and has as many bytes as a wallet.
pub struct Wallets<'a> {
    at: *mut u8,
    input: PhantomData<&'a u8>,
}

/// Entries of two accounts each: the first as in [`Wallets`], the second writable, no program, not
/// there before and without data.
pub struct Pairs<'a> {
    at: *mut u8,
    input: PhantomData<&'a u8>,
}

/// What nearly every batch looks like, found without noting down where its accounts are.
pub enum Regular<'a> {
    /// As of a `credit`.
    Wallets(Input<'a, Wallets<'a>>, Count),
    /// As of a `settle` in lamports.
    Pairs(Input<'a, Pairs<'a>>, Count),
}

/// Accounts that `credit` and `settle` name.
const NAMED: usize = 4;
const WALLET_STRIDE: usize = DATA_AT + NodeWallet::SIZE + ROOM_TO_GROW + RENT_EPOCH_LEN;
const EMPTY_STRIDE: usize = DATA_AT + ROOM_TO_GROW + RENT_EPOCH_LEN;
const _: () = assert!(NodeWallet::SIZE.is_multiple_of(8));

/// The first four bytes of an account that was not there before, doesn't sign, is writable and is no
/// program.
const PLAIN: u32 = 0x0001_00ff;
/// Whether it signs, among them.
const SIGNER: u32 = 0x0000_ff00;

impl<'a> Regular<'a> {
    /// The input as that of a regular batch, if it is one.
    ///
    /// # Safety
    ///
    /// As for [`process`](super::process).
    #[inline(always)]
    pub unsafe fn read(input: *mut u8, room: &'a mut Room<'a>) -> Option<Self> {
        // SAFETY of all below: as in `Input::read`; a step is the stride of what was seen there.
        let count = unsafe { input.cast::<u64>().read() } as usize;
        if count <= NAMED || count > MAX_ACCOUNTS {
            return None;
        }
        let entries = unsafe { walk(input.wrapping_add(8), NAMED, room) };
        let accounts = unsafe { room.first(NAMED) };
        let mut at = entries;
        let mut left = count.wrapping_sub(NAMED);
        if !unsafe { is_wallet(at) } {
            return None;
        }
        at = at.wrapping_add(WALLET_STRIDE);
        left = left.wrapping_sub(1);
        let input = PhantomData;
        if left > 0 && unsafe { is_empty(at) } {
            at = at.wrapping_add(EMPTY_STRIDE);
            left = left.wrapping_sub(1);
            while left > 1 {
                if unlikely(!unsafe { is_wallet(at) }) || unlikely(!unsafe { is_empty(at.wrapping_add(WALLET_STRIDE)) }) {
                    return None;
                }
                at = at.wrapping_add(WALLET_STRIDE + EMPTY_STRIDE);
                left = left.wrapping_sub(2);
            }
            if left > 0 {
                return None;
            }
            let data = unsafe { data_at(at) };
            let entries = Pairs { at: entries, input };
            return Some(Self::Pairs(Input { accounts, entries, data }, Count(count)));
        }
        while left > 0 {
            if unlikely(!unsafe { is_wallet(at) }) {
                return None;
            }
            at = at.wrapping_add(WALLET_STRIDE);
            left = left.wrapping_sub(1);
        }
        let data = unsafe { data_at(at) };
        let entries = Wallets { at: entries, input };
        Some(Self::Wallets(Input { accounts, entries, data }, Count(count)))
    }
}

impl<'a> Room<'a> {
    /// The first accounts in it.
    ///
    /// # Safety
    ///
    /// So many are written.
    #[inline(always)]
    unsafe fn first(&self, count: usize) -> &'a [Account<'a>] {
        // SAFETY: as promised by the caller; the room outlives `'a`, as `walk` borrowed it for that.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().cast(), count) }
    }
}

/// Notes down where the next `count` accounts are, and returns where they end.
///
/// # Safety
///
/// There are so many accounts at `at`, no more than there is room for.
#[inline(always)]
unsafe fn walk<'a>(mut at: *mut u8, count: usize, room: &mut Room<'a>) -> *mut u8 {
    let first = room.0.as_mut_ptr();
    let mut place = first;
    let end = place.wrapping_add(count);
    while place != end {
        // SAFETY: as promised by the caller.
        let (account, next) = unsafe { step(at) };
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
    at
}

/// The account at `at`, or the index of the earlier one that it is, and where the next begins.
///
/// # Safety
///
/// There is an account at `at`.
#[inline(always)]
unsafe fn step<'a>(at: *mut u8) -> (Result<Account<'a>, usize>, *mut u8) {
    // SAFETY: as promised by the caller.
    let marker = unsafe { at.read() };
    if marker != NOT_DUPLICATE {
        return (Err(usize::from(marker)), at.wrapping_add(8));
    }
    let account = Account { at, input: PhantomData };
    let padded = account.data_len().wrapping_add(7) & !7;
    (Ok(account), at.wrapping_add(DATA_AT + ROOM_TO_GROW + RENT_EPOCH_LEN).wrapping_add(padded))
}

/// # Safety
///
/// There is an account at `at`.
#[inline(always)]
unsafe fn is_wallet(at: *mut u8) -> bool {
    // SAFETY: as promised by the caller; past its first bytes only one that was not there before is
    // read, which has all of them.
    unsafe {
        at.cast::<u32>().read() == PLAIN && at.wrapping_add(DATA_LEN_AT).cast::<u64>().read() == NodeWallet::SIZE as u64
    }
}

/// # Safety
///
/// There is an account at `at`.
#[inline(always)]
unsafe fn is_empty(at: *mut u8) -> bool {
    // SAFETY: as in `is_wallet`.
    unsafe { at.cast::<u32>().read() & !SIGNER == PLAIN && at.wrapping_add(DATA_LEN_AT).cast::<u64>().read() == 0 }
}

/// # Safety
///
/// The instruction's data is at `at`.
#[inline(always)]
unsafe fn data_at<'a>(at: *mut u8) -> Data<'a> {
    // SAFETY: the data follows its length, and nothing writes it.
    unsafe { Data::new(core::slice::from_raw_parts(at.wrapping_add(8), at.cast::<u64>().read() as usize)) }
}

/// The accounts of a batch's entries, one entry after the other.
pub trait Entries<'a> {
    /// An entry's accounts.
    type Accounts: Copy;

    /// Whether a wallet is known to be writable, new in this batch and of the right length.
    const ARE_REGULAR: bool;

    /// The accounts of the entry at hand.
    ///
    /// # Safety
    ///
    /// There are more entries than were passed.
    unsafe fn at_hand(&self) -> Self::Accounts;

    /// Passes the entry at hand.
    fn pass(&mut self);
}

impl<'a> Entries<'a> for Wallets<'a> {
    type Accounts = Account<'a>;
    const ARE_REGULAR: bool = true;

    #[inline(always)]
    unsafe fn at_hand(&self) -> Account<'a> {
        Account { at: self.at, input: PhantomData }
    }

    #[inline(always)]
    fn pass(&mut self) {
        self.at = self.at.wrapping_add(WALLET_STRIDE);
    }
}

impl<'a> Entries<'a> for Pairs<'a> {
    type Accounts = [Account<'a>; 2];
    const ARE_REGULAR: bool = true;

    #[inline(always)]
    unsafe fn at_hand(&self) -> [Account<'a>; 2] {
        [self.at, self.at.wrapping_add(WALLET_STRIDE)].map(|at| Account { at, input: PhantomData })
    }

    #[inline(always)]
    fn pass(&mut self) {
        self.at = self.at.wrapping_add(WALLET_STRIDE + EMPTY_STRIDE);
    }
}

/// Entries whose accounts were noted down: [`Account`] or `[Account; 2]` each.
pub struct Listed<T>(*const T);

impl<T> Listed<T> {
    /// These entries.
    pub fn of(entries: &[T]) -> Self {
        Self(entries.as_ptr())
    }
}

impl<'a, T: Copy> Entries<'a> for Listed<T> {
    type Accounts = T;
    const ARE_REGULAR: bool = false;

    #[inline(always)]
    unsafe fn at_hand(&self) -> T {
        // SAFETY: as promised by the caller.
        unsafe { self.0.read() }
    }

    #[inline(always)]
    fn pass(&mut self) {
        self.0 = self.0.wrapping_add(1);
    }
}
