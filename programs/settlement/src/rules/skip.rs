//! Why one entry of a batch was left out, and the set of those that were.

use core::fmt;

/// Why an entry was not credited (below 16) or a due payout not made (above 16).
///
/// The numbers are part of the program's interface: events carry them and ledgers keep them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SkipReason {
    /// The target is not above what has been credited: a resent or overtaken total.
    NothingToCredit = 1,
    /// The difference is above what one entry may credit.
    PerNodeCap = 2,
    /// The difference is above what is left for this batch.
    PerBatchCap = 3,
    /// The difference is above what is left in the outflow window.
    WindowLimit = 4,
    /// Not a writable wallet account of this network.
    InvalidWallet = 5,
    /// An earlier entry of this batch credited the same wallet.
    DuplicateWallet = 6,
    /// The treasury would be left below its rent-exempt minimum.
    TreasuryShort = 7,
    /// The treasury's credited total would pass 2^64 - 1.
    Overflow = 8,
    /// The wallet account would still be below its rent-exempt minimum, as after a rise of rent.
    WalletNotRentExempt = 9,
    /// Not the destination named in the wallet account.
    DestinationMismatch = 17,
    /// The destination would be left below its rent-exempt minimum.
    DestinationNotRentExempt = 18,
    /// The destination is a program.
    DestinationExecutable = 19,
    /// The destination is a sysvar, the incinerator or another address of the system.
    DestinationReserved = 20,
    /// The destination is not writable in this transaction.
    DestinationNotWritable = 21,
    /// The destination is an account of this program: a treasury, a network or a node's wallet.
    DestinationIsProgramAccount = 22,
    /// The wallet account would be left below its rent-exempt minimum, as after a rise of rent.
    WalletShort = 23,
}

impl SkipReason {
    /// Every reason, ascending.
    pub const ALL: [Self; 16] = [
        Self::NothingToCredit,
        Self::PerNodeCap,
        Self::PerBatchCap,
        Self::WindowLimit,
        Self::InvalidWallet,
        Self::DuplicateWallet,
        Self::TreasuryShort,
        Self::Overflow,
        Self::WalletNotRentExempt,
        Self::DestinationMismatch,
        Self::DestinationNotRentExempt,
        Self::DestinationExecutable,
        Self::DestinationReserved,
        Self::DestinationNotWritable,
        Self::DestinationIsProgramAccount,
        Self::WalletShort,
    ];

    /// A stable code for ledgers, APIs and metrics.
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
            Self::WalletNotRentExempt => "wallet_not_rent_exempt",
            Self::DestinationMismatch => "destination_mismatch",
            Self::DestinationNotRentExempt => "destination_not_rent_exempt",
            Self::DestinationExecutable => "destination_executable",
            Self::DestinationReserved => "destination_reserved",
            Self::DestinationNotWritable => "destination_not_writable",
            Self::DestinationIsProgramAccount => "destination_is_program_account",
            Self::WalletShort => "wallet_short",
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

/// A number that stands for no [`SkipReason`] known to this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSkipReason(pub u8);

impl fmt::Display for UnknownSkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no skip reason this library knows", self.0)
    }
}

impl core::error::Error for UnknownSkipReason {}

impl TryFrom<u8> for SkipReason {
    type Error = UnknownSkipReason;

    fn try_from(value: u8) -> Result<Self, UnknownSkipReason> {
        Self::ALL.into_iter().find(|reason| u8::from(*reason) == value).ok_or(UnknownSkipReason(value))
    }
}

/// The entries of one batch that were left out. Entries are to be added in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkipSet {
    credit: u64,
    payout: u64,
    credit_reasons: Vec<u8>,
    payout_reasons: Vec<u8>,
}

impl SkipSet {
    /// Notes that entry `i` was not credited. Entries from 64 on can't be noted and no batch has
    /// them.
    pub fn skip_credit(&mut self, i: usize, reason: SkipReason) {
        if let Some(bit) = bit(i) {
            self.credit |= bit;
            self.credit_reasons.push(reason.into());
        }
    }

    /// Notes that a due payout of entry `i` was not made.
    pub fn skip_payout(&mut self, i: usize, reason: SkipReason) {
        if let Some(bit) = bit(i) {
            self.payout |= bit;
            self.payout_reasons.push(reason.into());
        }
    }

    /// Bit i: entry i was not credited.
    pub fn credit(&self) -> u64 {
        self.credit
    }

    /// Bit i: a due payout of entry i was not made.
    pub fn payout(&self) -> u64 {
        self.payout
    }

    /// One number per set bit: those of `credit` ascending, then those of `payout`.
    pub fn into_reasons(mut self) -> Vec<u8> {
        self.credit_reasons.append(&mut self.payout_reasons);
        self.credit_reasons
    }
}

fn bit(i: usize) -> Option<u64> {
    1u64.checked_shl(u32::try_from(i).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_from_its_number() {
        for reason in SkipReason::ALL {
            assert_eq!(SkipReason::try_from(u8::from(reason)), Ok(reason));
        }
        for unknown in [0, 10, 16, 24, 255] {
            assert_eq!(SkipReason::try_from(unknown), Err(UnknownSkipReason(unknown)));
        }
    }

    #[test]
    fn every_reason_has_a_code_of_its_own() {
        let mut codes: Vec<_> = SkipReason::ALL.iter().map(|r| r.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), SkipReason::ALL.len());
    }

    #[test]
    fn reasons_are_those_of_credits_then_those_of_payouts() {
        let mut skips = SkipSet::default();
        skips.skip_payout(0, SkipReason::DestinationMismatch);
        skips.skip_credit(1, SkipReason::PerNodeCap);
        skips.skip_credit(63, SkipReason::InvalidWallet);
        assert_eq!(skips.credit(), 1 << 63 | 1 << 1);
        assert_eq!(skips.payout(), 1);
        assert_eq!(skips.into_reasons(), [2, 5, 17]);
    }

    #[test]
    fn an_entry_without_a_bit_leaves_bits_and_reasons_matched() {
        let mut skips = SkipSet::default();
        skips.skip_credit(64, SkipReason::PerNodeCap);
        assert_eq!(skips, SkipSet::default());
    }
}
