//! Why an instruction failed as a whole. Each reason has a code of its own (6000 onward, in the
//! order written here) and a sentence that says what to do.
//!
//! Codes are part of the program's interface: new ones go at the end, none is ever reused. What
//! is wrong with a single entry of a batch is no error but a
//! [`SkipReason`](crate::rules::SkipReason).

use anchor_lang::prelude::*;

/// Errors of the settlement program.
#[error_code]
#[derive(PartialEq, Eq)]
pub enum SettlementError {
    #[msg("the network id must be 1 to 32 characters of a-z, 0-9 and '-', padded with zero bytes")]
    InvalidNetworkId,
    #[msg("a cap or limit is zero: every cap, the window's limit and its seconds must be positive")]
    ZeroLimit,
    #[msg("the threshold is zero: name the smallest amount in lamports worth a payout (1 pays every lamport)")]
    ZeroThreshold,
    #[msg("the pending age is zero: name the seconds after which a small amount is paid out anyway")]
    ZeroPendingAge,
    #[msg("the settler or guardian is the default key: name keys that somebody holds")]
    DefaultAuthority,
    #[msg("the node's threshold is below the network's default: raise it or leave it out")]
    ThresholdBelowDefault,
    #[msg("the owner can't be the default key, a system address or an account of this program")]
    InvalidOwner,
    #[msg("the destination can't be the default key, a system address or an account of this program")]
    InvalidDestination,
    #[msg("the signer may not do this: check which of admin, settler, guardian or owner it takes")]
    Unauthorized,
    #[msg("the network is paused: nothing leaves the treasury or a wallet until the admin unpauses")]
    Paused,
    #[msg("the account belongs to another network")]
    NetworkMismatch,
    #[msg("the account has a layout version this program doesn't know")]
    UnknownVersion,
    #[msg("the network pays in a kind of asset that this program doesn't know")]
    UnsupportedAsset,
    #[msg("the amount is zero")]
    ZeroAmount,
    #[msg("nothing is pending for the node")]
    NothingPending,
    #[msg("the amount is above what is pending for the node")]
    AmountAbovePending,
    #[msg("the batch is empty")]
    EmptyBatch,
    #[msg("the batch has too many entries: at most 60 for credit, 30 for settle and payout")]
    TooManyEntries,
    #[msg(
        "the number of accounts doesn't match the entries: a wallet each for credit, a wallet and a destination each for settle and payout"
    )]
    AccountCountMismatch,
    #[msg("the destination is not the one named in the node's wallet account")]
    DestinationMismatch,
    #[msg("the destination would be left below the rent-exempt minimum: withdraw more or fund it first")]
    DestinationNotRentExempt,
    #[msg("the destination is a program, a system address or an account of this program and can't be paid")]
    DestinationNotPayable,
    #[msg("the wallet account would be left below the rent-exempt minimum: send it the missing lamports first")]
    WalletNotRentExempt,
    #[msg("a total would pass 2^64 - 1")]
    Overflow,
    #[msg("the account's totals contradict each other: paid is above credited")]
    InconsistentTotals,
    #[msg("the update names no parameter: name at least one")]
    NothingToUpdate,
    #[msg("the amount is above the surplus: what nodes are owed and the treasury's rent stay")]
    AmountAboveSurplus,
    #[msg("the node has a pending amount: withdraw it or have it paid out, then close")]
    PendingNotZero,
    #[msg("the account has the newest layout already")]
    NothingToMigrate,
    #[msg(
        "a network that pays in tokens needs its token accounts, mint and token program, one that pays in SOL none of them"
    )]
    AssetAccountsMismatch,
    #[msg("the token program is neither SPL Token nor Token-2022, or not the one of the network")]
    InvalidTokenProgram,
    #[msg("the account is no initialized mint of the token program, or not the network's mint")]
    InvalidMint,
    #[msg("the mint's tokens can't be transferred (extension NonTransferable): choose another mint")]
    MintNonTransferable,
    #[msg("the mint has the extension TransferHook, which could stop payouts: choose another mint")]
    MintTransferHook,
    #[msg("the mint has the extension PermanentDelegate, which could empty the treasury: choose another mint")]
    MintPermanentDelegate,
    #[msg("the mint has the extension MintCloseAuthority, so another mint could take its place: choose another mint")]
    MintCloseAuthority,
    #[msg("the mint has the extension DefaultAccountState, which could freeze the treasury: choose another mint")]
    MintDefaultAccountState,
    #[msg("the mint has the extension Pausable, which could stop payouts: choose another mint")]
    MintPausable,
    #[msg("the mint has a confidential-transfer extension, which hides amounts: choose another mint")]
    MintConfidential,
    #[msg("the mint has the extension InterestBearingConfig, which shows other amounts than move: choose another mint")]
    MintInterestBearing,
    #[msg("the mint has the extension ScaledUiAmount, which shows other amounts than move: choose another mint")]
    MintScaledUiAmount,
    #[msg("the mint has an extension that this program doesn't know: choose another mint")]
    MintUnknownExtension,
    #[msg("the account is not the treasury's token account: pass the one that the network names")]
    InvalidTreasuryTokenAccount,
    #[msg("the account is no initialized token account of the network's token program")]
    InvalidTokenAccount,
    #[msg("the token account holds another mint than the network pays in")]
    TokenAccountWrongMint,
    #[msg("the token account doesn't belong to the node's destination")]
    TokenAccountWrongOwner,
    #[msg("the token account is frozen: have the mint's freeze authority thaw it")]
    TokenAccountFrozen,
    #[msg("the token account takes transfers with a memo only: switch that off")]
    TokenAccountNeedsMemo,
    #[msg("the treasury's token account is frozen: have the mint's freeze authority thaw it")]
    TreasuryFrozen,
    #[msg("the treasury's token account holds less than the amount")]
    TreasuryTokensShort,
    #[msg("the account is not that of a closed node: a node that was never closed is registered, not reopened")]
    ClosedNodeMismatch,
}

impl SettlementError {
    /// Every error, in the order of their codes.
    pub const ALL: [Self; 51] = [
        Self::InvalidNetworkId,
        Self::ZeroLimit,
        Self::ZeroThreshold,
        Self::ZeroPendingAge,
        Self::DefaultAuthority,
        Self::ThresholdBelowDefault,
        Self::InvalidOwner,
        Self::InvalidDestination,
        Self::Unauthorized,
        Self::Paused,
        Self::NetworkMismatch,
        Self::UnknownVersion,
        Self::UnsupportedAsset,
        Self::ZeroAmount,
        Self::NothingPending,
        Self::AmountAbovePending,
        Self::EmptyBatch,
        Self::TooManyEntries,
        Self::AccountCountMismatch,
        Self::DestinationMismatch,
        Self::DestinationNotRentExempt,
        Self::DestinationNotPayable,
        Self::WalletNotRentExempt,
        Self::Overflow,
        Self::InconsistentTotals,
        Self::NothingToUpdate,
        Self::AmountAboveSurplus,
        Self::PendingNotZero,
        Self::NothingToMigrate,
        Self::AssetAccountsMismatch,
        Self::InvalidTokenProgram,
        Self::InvalidMint,
        Self::MintNonTransferable,
        Self::MintTransferHook,
        Self::MintPermanentDelegate,
        Self::MintCloseAuthority,
        Self::MintDefaultAccountState,
        Self::MintPausable,
        Self::MintConfidential,
        Self::MintInterestBearing,
        Self::MintScaledUiAmount,
        Self::MintUnknownExtension,
        Self::InvalidTreasuryTokenAccount,
        Self::InvalidTokenAccount,
        Self::TokenAccountWrongMint,
        Self::TokenAccountWrongOwner,
        Self::TokenAccountFrozen,
        Self::TokenAccountNeedsMemo,
        Self::TreasuryFrozen,
        Self::TreasuryTokensShort,
        Self::ClosedNodeMismatch,
    ];

    /// The error that a transaction's custom program error code stands for, if it is one of these.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|error| u32::from(*error) == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_reads_back_from_its_code() {
        for (error, code) in SettlementError::ALL.into_iter().zip(6_000..) {
            assert_eq!(u32::from(error), code);
            assert_eq!(SettlementError::from_code(code), Some(error));
        }
        assert_eq!(SettlementError::from_code(5_999), None);
        assert_eq!(SettlementError::from_code(6_051), None);
    }
}
