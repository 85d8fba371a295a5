//! Why entries of a batch were skipped.

use core::fmt;

use super::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES};

/// Why an entry was not credited (below 16), or why a due payout was not made (above 16).
///
/// The numbers are part of the program's interface: events contain them and ledgers store them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SkipReason {
    /// The target is not above the credited total: it was resent, or a higher one came first.
    NothingToCredit = 1,
    /// The difference exceeds the cap per entry.
    PerNodeCap = 2,
    /// The difference exceeds what is left of the cap per batch.
    PerBatchCap = 3,
    /// The difference exceeds what is left of the outflow window.
    WindowLimit = 4,
    /// The account is not a writable wallet account of this network.
    InvalidWallet = 5,
    /// An earlier entry of this batch credited the same wallet.
    DuplicateWallet = 6,
    /// The treasury would be below its rent-exempt minimum, or below what it owes.
    TreasuryShort = 7,
    /// The treasury's credited total would exceed 2^64 - 1.
    Overflow = 8,
    /// The account is not the destination set in the wallet account.
    DestinationMismatch = 17,
    /// The destination doesn't exist yet, and the amount is below the rent-exempt minimum of an account.
    DestinationNotRentExempt = 18,
    /// The destination is a program.
    DestinationExecutable = 19,
    /// The destination is a sysvar, the incinerator or another reserved address.
    DestinationReserved = 20,
    /// The destination is not writable in this transaction.
    DestinationNotWritable = 21,
    /// The destination is an account of this program: a treasury, a network or a node's wallet.
    DestinationIsProgramAccount = 22,
    /// The wallet account would be below its rent-exempt minimum, which has risen: `top_up_rent` helps.
    WalletShort = 23,
    /// The pending amount of a wallet in a `payout` is not due yet.
    NotDue = 24,
    /// The account is not an initialized token account of the network's token program. It may have been
    /// closed, or never been created.
    TokenAccountInvalid = 25,
    /// The destination's token account has another mint.
    TokenAccountWrongMint = 26,
    /// The token account is the default of the node's owner but no longer belongs to the owner.
    TokenAccountWrongOwner = 27,
    /// The destination's token account is frozen.
    TokenAccountFrozen = 28,
    /// The destination's token account requires transfers to have a memo.
    TokenAccountNeedsMemo = 29,
    /// The treasury's token account is frozen.
    TreasuryFrozen = 30,
    /// The treasury's token account holds less than the amount. A safeguard: the program never credits
    /// more than the treasury holds.
    TreasuryTokensShort = 31,
}

impl SkipReason {
    /// All reasons in ascending order of their numbers.
    pub const ALL: [Self; 23] = [
        Self::NothingToCredit,
        Self::PerNodeCap,
        Self::PerBatchCap,
        Self::WindowLimit,
        Self::InvalidWallet,
        Self::DuplicateWallet,
        Self::TreasuryShort,
        Self::Overflow,
        Self::DestinationMismatch,
        Self::DestinationNotRentExempt,
        Self::DestinationExecutable,
        Self::DestinationReserved,
        Self::DestinationNotWritable,
        Self::DestinationIsProgramAccount,
        Self::WalletShort,
        Self::NotDue,
        Self::TokenAccountInvalid,
        Self::TokenAccountWrongMint,
        Self::TokenAccountWrongOwner,
        Self::TokenAccountFrozen,
        Self::TokenAccountNeedsMemo,
        Self::TreasuryFrozen,
        Self::TreasuryTokensShort,
    ];

    /// The stable name of the reason in ledgers, APIs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NothingToCredit => "nothing_to_credit",
            Self::PerNodeCap => "per_node_cap",
            Self::PerBatchCap => "per_batch_cap",
            Self::WindowLimit => "window_limit",
            Self::InvalidWallet => "invalid_wallet",
            Self::DuplicateWallet => "duplicate_wallet",
            Self::TreasuryShort => "treasury_short",
            Self::Overflow => "overflow",
            Self::DestinationMismatch => "destination_mismatch",
            Self::DestinationNotRentExempt => "destination_not_rent_exempt",
            Self::DestinationExecutable => "destination_executable",
            Self::DestinationReserved => "destination_reserved",
            Self::DestinationNotWritable => "destination_not_writable",
            Self::DestinationIsProgramAccount => "destination_is_program_account",
            Self::WalletShort => "wallet_short",
            Self::NotDue => "not_due",
            Self::TokenAccountInvalid => "token_account_invalid",
            Self::TokenAccountWrongMint => "token_account_wrong_mint",
            Self::TokenAccountWrongOwner => "token_account_wrong_owner",
            Self::TokenAccountFrozen => "token_account_frozen",
            Self::TokenAccountNeedsMemo => "token_account_needs_memo",
            Self::TreasuryFrozen => "treasury_frozen",
            Self::TreasuryTokensShort => "treasury_tokens_short",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<SkipReason> for u8 {
    fn from(reason: SkipReason) -> u8 {
        reason as u8
    }
}

/// A number that is not a [`SkipReason`] known to this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSkipReason(pub u8);

impl fmt::Display for UnknownSkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown skip reason {}", self.0)
    }
}

impl core::error::Error for UnknownSkipReason {}

impl TryFrom<u8> for SkipReason {
    type Error = UnknownSkipReason;

    fn try_from(value: u8) -> Result<Self, UnknownSkipReason> {
        Self::ALL.into_iter().find(|reason| u8::from(*reason) == value).ok_or(UnknownSkipReason(value))
    }
}

/// The skipped entries of a batch. They must be added in ascending order, each at most once for its
/// credit and once for its payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipSet {
    credit: Skips<MAX_CREDIT_ENTRIES>,
    payout: Skips<MAX_SETTLE_ENTRIES>,
}

/// A set of entries with a reason for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Skips<const N: usize> {
    bits: u64,
    len: usize,
    reasons: [u8; N],
}

impl<const N: usize> Skips<N> {
    const NONE: Self = Self { bits: 0, len: 0, reasons: [0; N] };

    #[cold]
    fn add(&mut self, entry: Entry, reason: SkipReason) {
        if let (false, Some(slot)) = (entry.0 == 0, self.reasons.get_mut(self.len)) {
            *slot = reason.into();
            self.len = self.len.saturating_add(1);
            self.bits |= entry.0;
        }
    }

    fn reasons(&self) -> &[u8] {
        self.reasons.get(..self.len).unwrap_or_default()
    }
}

/// An entry of a batch, represented by its bit in a [`SkipSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u64);

impl Entry {
    /// The entry with index `i`. Indexes of 64 and above, which no batch has, have no bit: their skips
    /// are ignored.
    #[must_use]
    pub fn at(i: usize) -> Self {
        Self(u32::try_from(i).ok().and_then(|i| 1u64.checked_shl(i)).unwrap_or(0))
    }
}

impl SkipSet {
    /// No skipped entries.
    pub const NONE: Self = Self { credit: Skips::NONE, payout: Skips::NONE };

    /// Adds an entry that was not credited. Ignored if there are more than a batch can have.
    #[inline(always)]
    pub fn skip_credit(&mut self, entry: Entry, reason: SkipReason) {
        self.credit.add(entry, reason);
    }

    /// Adds an entry whose due payout was not made.
    #[inline(always)]
    pub fn skip_payout(&mut self, entry: Entry, reason: SkipReason) {
        self.payout.add(entry, reason);
    }

    /// Bit i: entry i was not credited.
    pub fn credit(&self) -> u64 {
        self.credit.bits
    }

    /// Bit i: a due payout of entry i was not made.
    pub fn payout(&self) -> u64 {
        self.payout.bits
    }

    /// The number of the reason for each bit set in `credit`, in ascending order of entries.
    pub fn credit_reasons(&self) -> &[u8] {
        self.credit.reasons()
    }

    /// The number of the reason for each bit set in `payout`, in ascending order of entries.
    pub fn payout_reasons(&self) -> &[u8] {
        self.payout.reasons()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_number() {
        for reason in SkipReason::ALL {
            assert_eq!(SkipReason::try_from(u8::from(reason)), Ok(reason));
        }
        for unknown in [0, 9, 10, 16, 32, 255] {
            assert_eq!(SkipReason::try_from(unknown), Err(UnknownSkipReason(unknown)));
        }
    }

    #[test]
    fn every_reason_has_a_unique_name() {
        let mut names: Vec<_> = SkipReason::ALL.iter().map(|r| r.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SkipReason::ALL.len());
    }

    #[test]
    fn each_bit_has_its_reason_separately_for_credits_and_payouts() {
        let mut skips = SkipSet::NONE;
        skips.skip_payout(Entry::at(0), SkipReason::DestinationMismatch);
        skips.skip_credit(Entry::at(1), SkipReason::PerNodeCap);
        skips.skip_credit(Entry::at(63), SkipReason::InvalidWallet);
        assert_eq!(skips.credit(), 1 << 63 | 1 << 1);
        assert_eq!(skips.payout(), 1);
        assert_eq!(skips.credit_reasons(), [2, 5]);
        assert_eq!(skips.payout_reasons(), [17]);
    }

    #[test]
    fn an_ignored_entry_adds_neither_a_bit_nor_a_reason() {
        let mut skips = SkipSet::NONE;
        skips.skip_credit(Entry::at(64), SkipReason::PerNodeCap);
        assert_eq!(skips, SkipSet::NONE);
        for i in 0..64 {
            skips.skip_credit(Entry::at(i), SkipReason::PerNodeCap);
            skips.skip_payout(Entry::at(i), SkipReason::NotDue);
        }
        assert_eq!(skips.credit().count_ones() as usize, skips.credit_reasons().len());
        assert_eq!(skips.payout().count_ones() as usize, skips.payout_reasons().len());
        assert_eq!((skips.credit_reasons().len(), skips.payout_reasons().len()), (60, 30));
    }
}
