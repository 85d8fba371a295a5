//! The runtime's input, read in place.
//!
//! Layout, all little-endian and 8-byte aligned: the number of accounts (8 bytes); the accounts; the
//! length of the instruction data (8 bytes) and the data; the program's address. An account that
//! repeats an earlier one is that account's index (1 byte) and 7 bytes of padding. Any other account
//! is a marker 255, its flags signer, writable and executable (1 byte each), 4 bytes of padding, its
//! address and its owner (32 bytes each), its lamports and the length of its data (8 bytes each), the
//! data, 10,240 bytes for the data to grow into, padding to 8 bytes, and its rent epoch (8 bytes).
//! Source: `solana_program_entrypoint::deserialize`.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::data::Data;
use super::keys::Key;
use crate::state::NodeWallet;
use crate::unlikely::unlikely;

/// Number of accounts that are located, which is more than any batch has. The accounts of an
/// instruction with more are counted correctly, and the instruction is rejected.
pub const MAX_ACCOUNTS: usize = 72;

/// Marks an account that doesn't repeat an earlier one.
const NOT_DUPLICATE: u8 = 255;
const SIGNER_AT: usize = 1;
const WRITABLE_AT: usize = 2;
const EXECUTABLE_AT: usize = 3;
const KEY_AT: usize = 8;
const OWNER_AT: usize = 40;
const LAMPORTS_AT: usize = 72;
const DATA_LEN_AT: usize = 80;
const DATA_AT: usize = 88;
/// Bytes between an account's data and the padding, into which the data can grow.
const GROWTH_LEN: usize = 10_240;
const RENT_EPOCH_LEN: usize = 8;

/// One account of the input. Copies refer to the same account.
///
/// Invariant, promised to [`Account::new`]: `start` points at the record of an account that doesn't
/// repeat an earlier one, laid out as described [above](self), aligned to 8 and valid for reads and
/// writes during `'a`. Its address, owner, flags and data length aren't written during `'a`.
///
/// Reads and writes go through the raw pointer, so that copies can be used in turn.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    start: *mut u8,
    input: PhantomData<&'a u8>,
}

impl<'a> Account<'a> {
    /// The account whose record begins at `start`.
    ///
    /// # Safety
    ///
    /// The invariant in the type's documentation must hold.
    #[inline(always)]
    unsafe fn new(start: *mut u8) -> Self {
        Self { start, input: PhantomData }
    }

    /// Whether the account signed the transaction, or the calling program signed for it.
    #[inline(always)]
    pub fn is_signer(self) -> bool {
        // SAFETY: by the type's invariant, the record has this byte.
        unsafe { self.start.add(SIGNER_AT).read() != 0 }
    }

    /// Whether the instruction may write the account.
    #[inline(always)]
    pub fn is_writable(self) -> bool {
        // SAFETY: by the type's invariant, the record has this byte.
        unsafe { self.start.add(WRITABLE_AT).read() != 0 }
    }

    /// Whether the account is a program.
    #[inline(always)]
    pub fn is_executable(self) -> bool {
        // SAFETY: by the type's invariant, the record has this byte.
        unsafe { self.start.add(EXECUTABLE_AT).read() != 0 }
    }

    /// The account's address.
    #[inline(always)]
    pub fn key(self) -> &'a Key {
        // SAFETY: by the type's invariant, 32 bytes lie here that nothing writes during `'a`, at a
        // multiple of 8 because the record does and the offset is one.
        unsafe { &*self.start.add(KEY_AT).cast() }
    }

    /// The program that owns the account.
    #[inline(always)]
    pub fn owner(self) -> &'a Key {
        // SAFETY: as for `key`.
        unsafe { &*self.start.add(OWNER_AT).cast() }
    }

    /// The account's lamports.
    #[inline(always)]
    pub fn lamports(self) -> u64 {
        // SAFETY: by the type's invariant, the record has this word, and it is aligned to 8. No
        // reference to it exists: it is only accessed by value.
        unsafe { self.start.add(LAMPORTS_AT).cast::<u64>().read() }
    }

    /// Sets the account's lamports. At the end of the instruction, the runtime rejects balances whose
    /// sum has changed.
    #[inline(always)]
    pub fn set_lamports(self, lamports: u64) {
        // SAFETY: as for `lamports`; the invariant allows writes.
        unsafe { self.start.add(LAMPORTS_AT).cast::<u64>().write(lamports) }
    }

    /// Length of the account's data in bytes.
    #[inline(always)]
    pub fn data_len(self) -> usize {
        // SAFETY: by the type's invariant, the record has this word, and it is aligned to 8.
        unsafe { self.start.add(DATA_LEN_AT).cast::<u64>().read() as usize }
    }

    /// Pointer to the account's data, aligned to 8. It is valid for [`data_len`](Self::data_len) bytes
    /// during `'a`.
    #[inline(always)]
    pub fn data_ptr(self) -> *mut u8 {
        // SAFETY: by the type's invariant, the record continues past this offset.
        unsafe { self.start.add(DATA_AT) }
    }

    /// Pointer to the account's lamports.
    #[cfg(target_os = "solana")]
    pub(super) fn lamports_ptr(self) -> *const u64 {
        // SAFETY: by the type's invariant, the record continues past this offset.
        unsafe { self.start.add(LAMPORTS_AT).cast() }
    }

    /// The account's data.
    ///
    /// # Safety
    ///
    /// While the slice is in use, nothing may write the data, and no mutable reference to any of it
    /// may be used.
    #[inline(always)]
    pub unsafe fn data(self) -> &'a [u8] {
        // SAFETY: by the type's invariant, the data has this length and is valid during `'a`. The caller
        // promises that nothing writes it.
        unsafe { core::slice::from_raw_parts(self.data_ptr(), self.data_len()) }
    }
}

/// An instruction's accounts and data.
pub struct Input<'a, E = ()> {
    /// The located accounts: all of them up to [`MAX_ACCOUNTS`], or in a [`RegularInput`] only those
    /// that the instruction names.
    pub accounts: &'a [Account<'a>],
    /// Number of accounts of the instruction, including those that were not located.
    pub account_count: usize,
    /// The accounts of the batch's entries, in a [`RegularInput`].
    pub entries: E,
    /// The instruction's data.
    pub data: Data<'a>,
}

/// Storage for the located accounts of an [`Input`].
pub struct AccountSlots<'a>([MaybeUninit<Account<'a>>; MAX_ACCOUNTS]);

impl<'a> AccountSlots<'a> {
    /// Empty storage.
    #[inline(always)]
    pub fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; MAX_ACCOUNTS])
    }

    /// The first `count` accounts.
    ///
    /// # Safety
    ///
    /// - The first `count` slots are initialized.
    /// - The slots stay borrowed, and are not written, during `'a`.
    #[inline(always)]
    unsafe fn first(&self, count: usize) -> &'a [Account<'a>] {
        // SAFETY: the caller promises that the slots are initialized and not written during `'a`.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().cast(), count) }
    }
}

impl Default for AccountSlots<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, E> Input<'a, E> {
    /// The accounts in front of `rest`, which must be the last ones.
    #[inline(always)]
    pub(super) fn before(&self, rest: &[Account]) -> &'a [Account<'a>] {
        self.accounts.get(..self.accounts.len().saturating_sub(rest.len())).unwrap_or_default()
    }
}

impl<'a> Input<'a> {
    /// Locates the accounts, whatever they are, and the data.
    ///
    /// # Safety
    ///
    /// As for [`process`](super::process), during `'a`.
    #[inline(always)]
    pub unsafe fn read(input: *mut u8, slots: &'a mut AccountSlots<'a>) -> Self {
        // SAFETY: the input begins with the number of accounts.
        let account_count = unsafe { input.cast::<u64>().read() } as usize;
        let located = account_count.min(MAX_ACCOUNTS);
        // SAFETY: the accounts follow, and no more are located than there are or fit the slots.
        let mut at = unsafe { locate(input.wrapping_add(8), located, slots) };
        for _ in located..account_count {
            // SAFETY: `at` is where the next of the remaining accounts begins.
            (_, at) = unsafe { next_account(at) };
        }
        // SAFETY: `locate` initialized these slots, which are borrowed during `'a`.
        let accounts = unsafe { slots.first(located) };
        // SAFETY: the data follows the last account.
        let data = unsafe { read_data(at) };
        Self { accounts, account_count, entries: (), data }
    }
}

/// An input in which all entries' accounts have the shape that almost every batch's have. It is
/// recognized without noting where each account is.
pub enum RegularInput<'a> {
    /// As for a `credit`.
    Wallets(Input<'a, WalletEntries<'a>>),
    /// As for a `settle` in lamports.
    Pairs(Input<'a, PairEntries<'a>>),
}

/// Entries of one account each. Every account is writable, does not repeat an earlier one, is neither a
/// signer nor a program, and has as many bytes of data as a wallet.
#[derive(Clone, Copy)]
pub struct WalletEntries<'a> {
    at: *mut u8,
    input: PhantomData<&'a u8>,
}

/// Entries of two accounts each. The first is as in [`WalletEntries`]. The second is writable, does not
/// repeat an earlier one, is not a program and has no data.
#[derive(Clone, Copy)]
pub struct PairEntries<'a> {
    at: *mut u8,
    input: PhantomData<&'a u8>,
}

/// Number of accounts that `credit` and `settle` name.
const NAMED: usize = 3;
const WALLET_STRIDE: usize = DATA_AT + NodeWallet::SIZE + GROWTH_LEN + RENT_EPOCH_LEN;
const EMPTY_STRIDE: usize = DATA_AT + GROWTH_LEN + RENT_EPOCH_LEN;
const PAIR_STRIDE: usize = WALLET_STRIDE + EMPTY_STRIDE;
// Otherwise padding would follow the wallet's data.
const _: () = assert!(NodeWallet::SIZE.is_multiple_of(8));

/// The first four bytes of an account that is writable, does not repeat an earlier one, and is neither a
/// signer nor a program.
const WRITABLE_ONLY: u32 = 0x0001_00ff;
/// The signer flag among those bytes.
const SIGNER_MASK: u32 = 0x0000_ff00;

impl<'a> RegularInput<'a> {
    /// Reads the input of a regular batch. `None` if the input isn't one.
    ///
    /// # Safety
    ///
    /// As for [`process`](super::process), during `'a`.
    #[inline(always)]
    pub unsafe fn read(input: *mut u8, slots: &'a mut AccountSlots<'a>) -> Option<Self> {
        // SAFETY: the input begins with the number of accounts.
        let account_count = unsafe { input.cast::<u64>().read() } as usize;
        if account_count <= NAMED || account_count > MAX_ACCOUNTS {
            return None;
        }
        // SAFETY: the accounts follow; there are more than `NAMED`, which fit the slots.
        let first_entry = unsafe { locate(input.wrapping_add(8), NAMED, slots) };
        // SAFETY: `locate` initialized these slots, which are borrowed during `'a`.
        let accounts = unsafe { slots.first(NAMED) };
        // From here on, `at` is where the next account begins, and `left` counts those from there
        // on. Each step is as long as the account that was recognized there.
        let mut at = first_entry;
        let mut left = account_count.wrapping_sub(NAMED);
        // SAFETY: there are more accounts than `NAMED`, so one begins at `at`.
        if !unsafe { is_wallet(at) } {
            return None;
        }
        at = at.wrapping_add(WALLET_STRIDE);
        left = left.wrapping_sub(1);
        // SAFETY: an account is left, so one begins at `at`.
        if left > 0 && unsafe { is_empty(at) } {
            at = at.wrapping_add(EMPTY_STRIDE);
            left = left.wrapping_sub(1);
            // Two entries at a time, which halves what the loop itself costs.
            while left >= 4 {
                // SAFETY: four accounts are left, so one begins at `at`.
                if unlikely(!unsafe { is_pair(at) }) {
                    return None;
                }
                // SAFETY: the accounts that were recognized end here, and two are left.
                if unlikely(!unsafe { is_pair(at.wrapping_add(PAIR_STRIDE)) }) {
                    return None;
                }
                at = at.wrapping_add(2 * PAIR_STRIDE);
                left = left.wrapping_sub(4);
            }
            if left >= 2 {
                // SAFETY: two accounts are left, so one begins at `at`.
                if unlikely(!unsafe { is_pair(at) }) {
                    return None;
                }
                at = at.wrapping_add(PAIR_STRIDE);
                left = left.wrapping_sub(2);
            }
            if left > 0 {
                return None;
            }
            // SAFETY: no account is left, so the data begins at `at`.
            let data = unsafe { read_data(at) };
            let entries = PairEntries { at: first_entry, input: PhantomData };
            return Some(Self::Pairs(Input { accounts, account_count, entries, data }));
        }
        // Four entries at a time, which quarters what the loop itself costs.
        while left >= 4 {
            // SAFETY: four accounts are left, so one begins at `at`.
            if unlikely(!unsafe { is_wallet(at) }) {
                return None;
            }
            // SAFETY: the account that was recognized ends here, and three are left.
            if unlikely(!unsafe { is_wallet(at.wrapping_add(WALLET_STRIDE)) }) {
                return None;
            }
            // SAFETY: the two accounts that were recognized end here, and two are left.
            if unlikely(!unsafe { is_wallet(at.wrapping_add(2 * WALLET_STRIDE)) }) {
                return None;
            }
            // SAFETY: the three accounts that were recognized end here, and one is left.
            if unlikely(!unsafe { is_wallet(at.wrapping_add(3 * WALLET_STRIDE)) }) {
                return None;
            }
            at = at.wrapping_add(4 * WALLET_STRIDE);
            left = left.wrapping_sub(4);
        }
        if left >= 2 {
            // SAFETY: two accounts are left, so one begins at `at`.
            if unlikely(!unsafe { is_wallet(at) }) {
                return None;
            }
            // SAFETY: the account that was recognized ends here, and one is left.
            if unlikely(!unsafe { is_wallet(at.wrapping_add(WALLET_STRIDE)) }) {
                return None;
            }
            at = at.wrapping_add(2 * WALLET_STRIDE);
            left = left.wrapping_sub(2);
        }
        if left > 0 {
            // SAFETY: an account is left, so one begins at `at`.
            if unlikely(!unsafe { is_wallet(at) }) {
                return None;
            }
            at = at.wrapping_add(WALLET_STRIDE);
        }
        // SAFETY: no account is left, so the data begins at `at`.
        let data = unsafe { read_data(at) };
        let entries = WalletEntries { at: first_entry, input: PhantomData };
        Some(Self::Wallets(Input { accounts, account_count, entries, data }))
    }
}

/// Writes the next `count` accounts to the slots, and returns where they end.
///
/// # Safety
///
/// - `at` is where an account of an input begins that is as [`process`](super::process) requires it
///   during `'a`, and at least `count` accounts follow from there on.
/// - `count` is at most [`MAX_ACCOUNTS`].
/// - The account at `at` is the input's first, so that indexes of repeated accounts are indexes of
///   slots.
#[inline(always)]
unsafe fn locate<'a>(mut at: *mut u8, count: usize, slots: &mut AccountSlots<'a>) -> *mut u8 {
    let first = slots.0.as_mut_ptr();
    let mut slot = first;
    let end = slot.wrapping_add(count);
    while slot != end {
        // SAFETY: fewer than `count` accounts have been passed, so one begins at `at`.
        let (account, next) = unsafe { next_account(at) };
        let account = match account {
            Ok(account) => account,
            // SAFETY: the runtime writes the index of an earlier account, whose slot is initialized.
            Err(index) => unsafe { first.wrapping_add(index).read().assume_init() },
        };
        // SAFETY: `slot` is before `end`, which is within the slots.
        unsafe { slot.write(MaybeUninit::new(account)) };
        slot = slot.wrapping_add(1);
        at = next;
    }
    at
}

/// Returns the account that begins at `at`, or the index of the earlier account that it repeats, and
/// where the next one begins.
///
/// # Safety
///
/// `at` is where an account of an input begins that is as [`process`](super::process) requires it
/// during `'a`.
#[inline(always)]
unsafe fn next_account<'a>(at: *mut u8) -> (Result<Account<'a>, usize>, *mut u8) {
    // SAFETY: an account begins with its marker.
    let marker = unsafe { at.read() };
    if marker != NOT_DUPLICATE {
        return (Err(usize::from(marker)), at.wrapping_add(8));
    }
    // SAFETY: by the marker, this is the record of an account that repeats no other.
    let account = unsafe { Account::new(at) };
    let padded = account.data_len().wrapping_add(7) & !7;
    (Ok(account), at.wrapping_add(DATA_AT + GROWTH_LEN + RENT_EPOCH_LEN).wrapping_add(padded))
}

/// Whether the account that begins at `at` is one of [`WalletEntries`].
///
/// # Safety
///
/// As for [`next_account`].
#[inline(always)]
unsafe fn is_wallet(at: *mut u8) -> bool {
    // SAFETY: every account begins with 8 aligned bytes, also a repeated one.
    let flags = unsafe { at.cast::<u32>().read() };
    // SAFETY: the flags contain the marker of an account that repeats no other, whose record has
    // this word.
    flags == WRITABLE_ONLY && unsafe { at.wrapping_add(DATA_LEN_AT).cast::<u64>().read() } == NodeWallet::SIZE as u64
}

/// Whether the account that begins at `at` can be the second of an entry of [`PairEntries`].
///
/// # Safety
///
/// As for [`next_account`].
#[inline(always)]
unsafe fn is_empty(at: *mut u8) -> bool {
    // SAFETY: every account begins with 8 aligned bytes, also a repeated one.
    let flags = unsafe { at.cast::<u32>().read() };
    // SAFETY: the flags contain the marker of an account that repeats no other, whose record has
    // this word.
    flags & !SIGNER_MASK == WRITABLE_ONLY && unsafe { at.wrapping_add(DATA_LEN_AT).cast::<u64>().read() } == 0
}

/// Whether the two accounts that begin at `at` are those of one of [`PairEntries`].
///
/// # Safety
///
/// As for [`next_account`], and another account follows the one at `at`.
#[inline(always)]
unsafe fn is_pair(at: *mut u8) -> bool {
    // SAFETY: as promised by the caller.
    let has_wallet = unsafe { is_wallet(at) };
    // SAFETY: the account at `at` is as long as a wallet, and another one follows.
    has_wallet && unsafe { is_empty(at.wrapping_add(WALLET_STRIDE)) }
}

/// Reads the instruction's data.
///
/// # Safety
///
/// `at` is where the accounts end in an input that is as [`process`](super::process) requires it
/// during `'a`.
#[inline(always)]
unsafe fn read_data<'a>(at: *mut u8) -> Data<'a> {
    // SAFETY: the data's length follows the accounts.
    let len = unsafe { at.cast::<u64>().read() } as usize;
    // SAFETY: the length is that of the bytes that follow it, and nothing writes them.
    let bytes = unsafe { core::slice::from_raw_parts(at.wrapping_add(8), len) };
    // SAFETY: the accounts end at a multiple of 8, and the length has 8 bytes.
    unsafe { Data::new(bytes) }
}

/// What is known about the accounts of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryShape {
    /// They are as described at [`Entries`].
    Regular,
    /// Nothing is known.
    Unknown,
}

/// The accounts of a batch's entries, one entry after the other.
///
/// # Safety
///
/// If [`current`](Self::current) returns [`EntryShape::Regular`], then all accounts of the entry are writable and no
/// programs, and none is an account that the instruction names, that an earlier entry has or that the entry has twice.
/// The first is no signer and has exactly [`NodeWallet::SIZE`] bytes of data.
pub unsafe trait Entries<'a>: Clone {
    /// The accounts of one entry.
    type Accounts: Copy;

    /// The accounts of the current entry, and what is known about them.
    ///
    /// # Safety
    ///
    /// [`advance`](Self::advance) has been called fewer times than there are entries.
    unsafe fn current(&self) -> (Self::Accounts, EntryShape);

    /// Moves on to the next entry.
    fn advance(&mut self);
}

// SAFETY: `RegularInput::read` found every entry's account to be as required.
unsafe impl<'a> Entries<'a> for WalletEntries<'a> {
    type Accounts = Account<'a>;

    #[inline(always)]
    unsafe fn current(&self) -> (Account<'a>, EntryShape) {
        // SAFETY: `RegularInput::read` found the records of accounts here, one stride apart; the
        // caller promises that not all have been passed.
        (unsafe { Account::new(self.at) }, EntryShape::Regular)
    }

    #[inline(always)]
    fn advance(&mut self) {
        self.at = self.at.wrapping_add(WALLET_STRIDE);
    }
}

// SAFETY: `RegularInput::read` found both accounts of every entry to be as required.
unsafe impl<'a> Entries<'a> for PairEntries<'a> {
    type Accounts = [Account<'a>; 2];

    #[inline(always)]
    unsafe fn current(&self) -> ([Account<'a>; 2], EntryShape) {
        // SAFETY: `RegularInput::read` found the records of pairs of accounts here; the caller
        // promises that not all have been passed.
        let wallet = unsafe { Account::new(self.at) };
        // SAFETY: the second account of a pair begins where the first one ends.
        let destination = unsafe { Account::new(self.at.wrapping_add(WALLET_STRIDE)) };
        ([wallet, destination], EntryShape::Regular)
    }

    #[inline(always)]
    fn advance(&mut self) {
        self.at = self.at.wrapping_add(PAIR_STRIDE);
    }
}

/// Entries whose accounts are listed in a slice, in a batch with irregular entries: `T` is [`Account`] or
/// `[Account; 2]`. Each entry is judged by itself, so that an irregular one makes the others no more expensive.
#[derive(Clone, Copy)]
pub struct SliceEntries<'s, T> {
    next: *const T,
    /// Start of the last of the records that were passed. Records are in the order of their first occurrence, so an
    /// account that starts behind it has not occurred yet.
    passed: *mut u8,
    slice: PhantomData<&'s [T]>,
}

/// The accounts of an entry.
pub trait EntryAccounts: Copy {
    /// The shape of an entry, if all records up to `passed` have occurred before.
    fn shape_after(self, passed: *mut u8) -> EntryShape;

    /// The last record among `passed` and those of the entry.
    fn last_record(self, passed: *mut u8) -> *mut u8;
}

impl EntryAccounts for Account<'_> {
    #[inline(always)]
    fn shape_after(self, passed: *mut u8) -> EntryShape {
        // SAFETY: by the type's invariant, a record starts here.
        if self.start > passed && unsafe { is_wallet(self.start) } { EntryShape::Regular } else { EntryShape::Unknown }
    }

    #[inline(always)]
    fn last_record(self, passed: *mut u8) -> *mut u8 {
        if self.start > passed { self.start } else { passed }
    }
}

impl EntryAccounts for [Account<'_>; 2] {
    #[inline(always)]
    fn shape_after(self, passed: *mut u8) -> EntryShape {
        let [wallet, destination] = self;
        // SAFETY: by the type's invariant, a record starts here.
        let flags = unsafe { destination.start.cast::<u32>().read() };
        let is_destination = destination.start > wallet.start && flags & !SIGNER_MASK == WRITABLE_ONLY;
        if is_destination { wallet.shape_after(passed) } else { EntryShape::Unknown }
    }

    #[inline(always)]
    fn last_record(self, passed: *mut u8) -> *mut u8 {
        let [wallet, destination] = self;
        destination.last_record(wallet.last_record(passed))
    }
}

impl<'s, T> SliceEntries<'s, T> {
    /// Starts at the first of `entries`, which follow the accounts `before` in the input.
    pub fn new(before: &[Account], entries: &'s [T]) -> Self {
        let passed = before.iter().fold(core::ptr::null_mut(), |passed, account| account.last_record(passed));
        Self { next: entries.as_ptr(), passed, slice: PhantomData }
    }
}

// SAFETY: `shape_after` requires what a regular entry needs. A record that starts behind `passed` is none of those that
// occurred before: those of the named accounts and of the entries that were passed.
unsafe impl<'a, T: EntryAccounts> Entries<'a> for SliceEntries<'a, T> {
    type Accounts = T;

    #[inline(always)]
    unsafe fn current(&self) -> (T, EntryShape) {
        // SAFETY: the caller promises that not all entries have been passed, so `next` is within the
        // slice, which is borrowed.
        let accounts = unsafe { self.next.read() };
        (accounts, accounts.shape_after(self.passed))
    }

    #[inline(always)]
    fn advance(&mut self) {
        // SAFETY: `advance` follows `current`, so `next` is within the slice.
        let accounts = unsafe { self.next.read() };
        self.passed = accounts.last_record(self.passed);
        self.next = self.next.wrapping_add(1);
    }
}
