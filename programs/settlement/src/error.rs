//! Errors of a whole instruction. Each has its own code (from 6000, in the order of the enum) and a
//! message that says how to fix it.
//!
//! Codes are part of the program's interface: new errors are added at the end, and no code is reused.
//! A problem with a single entry of a batch is not an error but a
//! [`SkipReason`](crate::rules::SkipReason).

use anchor_lang::prelude::*;

/// Errors of the settlement program.
#[expect(missing_docs, reason = "each variant's message documents it")]
#[error_code]
#[derive(PartialEq, Eq)]
pub enum SettlementError {
    #[msg("the network id must be 1 to 32 characters of a-z, 0-9 and '-', padded with zero bytes")]
    InvalidNetworkId,
    #[msg("a cap, the window limit or the window duration is zero: all of them must be positive")]
    ZeroLimit,
    #[msg(
        "the default threshold is zero: set the smallest amount worth a payout, in base units (1 pays out any amount)"
    )]
    ZeroThreshold,
    #[msg(
        "the maximum pending age is zero: set the seconds after which an amount below the threshold is paid out anyway"
    )]
    ZeroPendingAge,
    #[msg("the settler or guardian is the default key: set a key that someone controls")]
    DefaultAuthority,
    #[msg("the node's threshold is below the network's default: raise or omit it")]
    ThresholdBelowDefault,
    #[msg("the owner can't be the default key, a system address or an account of this program")]
    InvalidOwner,
    #[msg("the destination can't be the default key, a system address or an account of this program")]
    InvalidDestination,
    #[msg("the signer is not authorized: check which of admin, settler, guardian or owner must sign this instruction")]
    Unauthorized,
    #[msg(
        "the network is paused: until the admin unpauses it, only the admin registers nodes and no funds move, except that owners can withdraw once the hold has ended"
    )]
    Paused,
    #[msg("the account belongs to another network: pass the accounts of one network only")]
    NetworkMismatch,
    #[msg(
        "the account's layout version is not the current one: migrate a treasury with migrate_treasury, or use a program that supports the version"
    )]
    UnknownVersion,
    #[msg("the network's asset kind is unknown to this program: upgrade the program")]
    UnsupportedAsset,
    #[msg("the amount is zero: pass a positive amount of base units")]
    ZeroAmount,
    #[msg("the node has no pending amount: withdraw again after the next credit")]
    NothingPending,
    #[msg("the amount exceeds the node's pending amount: withdraw at most credited_total - paid_total")]
    AmountAbovePending,
    #[msg("the batch is empty: pass at least one entry")]
    EmptyBatch,
    #[msg("the batch has too many entries: the maximum is 60 for credit and 30 for settle and payout")]
    TooManyEntries,
    #[msg(
        "the number of accounts doesn't match the number of entries: credit needs a wallet per entry, settle and payout need a wallet and a destination per entry"
    )]
    AccountCountMismatch,
    #[msg(
        "the destination is not the one set in the node's wallet account: pass that one, or change it with set_destination"
    )]
    DestinationMismatch,
    #[msg("the destination would be below its rent-exempt minimum: withdraw more, or fund the destination first")]
    DestinationNotRentExempt,
    #[msg("the destination can't be paid: it is a program, a system address or an account of this program")]
    DestinationNotPayable,
    #[msg("the wallet account would be below its rent-exempt minimum: send the missing lamports to it first")]
    WalletNotRentExempt,
    #[msg("a total would exceed 2^64 - 1: use a smaller amount")]
    Overflow,
    #[msg(
        "the account's totals are inconsistent (more was paid than credited), which the program never writes: check the address"
    )]
    InconsistentTotals,
    #[msg("the update changes nothing: set at least one parameter")]
    NothingToUpdate,
    #[msg("the amount exceeds the surplus: the treasury keeps what nodes are owed and its own rent")]
    AmountAboveSurplus,
    #[msg("the node has a pending amount: withdraw it or wait for its payout before closing the node")]
    PendingNotZero,
    #[msg("the account already has the current layout")]
    NothingToMigrate,
    #[msg(
        "the accounts don't match the network's asset: tokens require the token accounts, the mint and the token program, SOL requires none of them"
    )]
    AssetAccountsMismatch,
    #[msg(
        "the token program is not SPL Token or Token-2022, or not the network's: pass the program that owns the network's mint"
    )]
    InvalidTokenProgram,
    #[msg(
        "the account is not an initialized mint of the token program, or not the network's mint: pass the mint stored in the network account"
    )]
    InvalidMint,
    #[msg("the mint's tokens can't be transferred (extension NonTransferable): choose another mint")]
    MintNonTransferable,
    #[msg("the mint has the extension TransferHook, which could stop payouts: choose another mint")]
    MintTransferHook,
    #[msg("the mint has the extension PermanentDelegate, which could empty the treasury: choose another mint")]
    MintPermanentDelegate,
    #[msg("the mint has the extension MintCloseAuthority, so it could be closed and replaced: choose another mint")]
    MintCloseAuthority,
    #[msg("the mint has the extension DefaultAccountState, which could freeze the treasury: choose another mint")]
    MintDefaultAccountState,
    #[msg("the mint has the extension Pausable, which could stop payouts: choose another mint")]
    MintPausable,
    #[msg("the mint has a confidential transfer extension, which hides amounts: choose another mint")]
    MintConfidential,
    #[msg(
        "the mint has the extension InterestBearingConfig, which displays amounts other than those transferred: choose another mint"
    )]
    MintInterestBearing,
    #[msg(
        "the mint has the extension ScaledUiAmount, which displays amounts other than those transferred: choose another mint"
    )]
    MintScaledUiAmount,
    #[msg("the mint has an extension that is unknown to this program: choose another mint")]
    MintUnknownExtension,
    #[msg("the account is not the treasury's token account: pass the one stored in the network account")]
    InvalidTreasuryTokenAccount,
    #[msg("the account is not an initialized token account of the network's token program: create it first")]
    InvalidTokenAccount,
    #[msg("the token account's mint is not the network's: pass a token account of the network's mint")]
    TokenAccountWrongMint,
    #[msg(
        "the token account, which is the node's default, no longer belongs to the node's owner: the owner sets another one with set_destination"
    )]
    TokenAccountWrongOwner,
    #[msg("the token account is frozen: the mint's freeze authority must thaw it")]
    TokenAccountFrozen,
    #[msg("the token account requires transfers to have a memo: disable that requirement")]
    TokenAccountNeedsMemo,
    #[msg("the treasury's token account is frozen: the mint's freeze authority must thaw it")]
    TreasuryFrozen,
    #[msg("the treasury's token account holds less than the amount: fund the network first")]
    TreasuryTokensShort,
    #[msg("the account is not a closed node: use register_node for a new node")]
    ClosedNodeMismatch,
    #[msg(
        "the settler can't set a destination other than the owner: omit it, and let the owner set it with set_destination"
    )]
    DestinationNotOwner,
    #[msg(
        "the settler can't set a threshold other than the network's default: omit it, and let the owner set it with set_threshold"
    )]
    ThresholdNotDefault,
    #[msg(
        "the network's admin is not the one passed: check that the network is the one you mean, and pass its current admin"
    )]
    AdminMismatch,
    #[msg("the maximum pause is not between 1 second and 30 days (2592000 seconds): choose one within this range")]
    InvalidMaxPause,
    #[msg("nodes are still owed a pending amount: have it withdrawn or paid out before closing the network")]
    NodesOwed,
    #[msg("the treasury's token account still holds tokens: pass a token account that receives them")]
    VaultNotEmpty,
    #[msg("there is nothing to recover: the accounts hold no more than they must")]
    NothingToRecover,
    #[msg("the token account holds the network's funds: use withdraw_surplus, which leaves what nodes are owed")]
    NotRecoverable,
    #[msg(
        "the maximum pause can't change yet: wait until owners had as long to withdraw as the latest hold of a pause lasted"
    )]
    HoldInForce,
    #[msg(
        "the node's destination can be paid: use payout, after funding or creating the destination if it does not exist yet"
    )]
    DestinationPayable,
    #[msg(
        "the account can't hold what is set aside: pass the claim address of the wallet, or for tokens a token account that belongs to the wallet's address"
    )]
    InvalidClaim,
}

impl SettlementError {
    /// All errors, in the order of their codes.
    pub const ALL: [Self; 62] = [
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
        Self::DestinationNotOwner,
        Self::ThresholdNotDefault,
        Self::AdminMismatch,
        Self::InvalidMaxPause,
        Self::NodesOwed,
        Self::VaultNotEmpty,
        Self::NothingToRecover,
        Self::NotRecoverable,
        Self::HoldInForce,
        Self::DestinationPayable,
        Self::InvalidClaim,
    ];

    /// The error with this custom program error code. `None` if it isn't one of this program's.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|error| u32::from(*error) == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_found_by_its_code() {
        for (error, code) in SettlementError::ALL.into_iter().zip(6_000..) {
            assert_eq!(u32::from(error), code);
            assert_eq!(SettlementError::from_code(code), Some(error));
        }
        assert_eq!(SettlementError::from_code(5_999), None);
        assert_eq!(SettlementError::from_code(6_062), None);
    }
}
