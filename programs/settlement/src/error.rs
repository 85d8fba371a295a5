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
    #[msg(
        "the threshold is zero: name the smallest amount in lamports worth a payout (1 pays every lamport)"
    )]
    ZeroThreshold,
    #[msg(
        "the pending age is zero: name the seconds after which a small amount is paid out anyway"
    )]
    ZeroPendingAge,
    #[msg("the settler or guardian is the default key: name keys that somebody holds")]
    DefaultAuthority,
    #[msg("the node's threshold is below the network's default: raise it or leave it out")]
    ThresholdBelowDefault,
    #[msg("the owner can't be the default key, a system address or an account of this program")]
    InvalidOwner,
    #[msg(
        "the destination can't be the default key, a system address or an account of this program"
    )]
    InvalidDestination,
    #[msg("the signer may not do this: check which of admin, settler, guardian or owner it takes")]
    Unauthorized,
    #[msg(
        "the network is paused: nothing leaves the treasury or a wallet until the admin unpauses"
    )]
    Paused,
    #[msg("the account belongs to another network")]
    NetworkMismatch,
    #[msg("the account has a layout version this program doesn't know")]
    UnknownVersion,
    #[msg("the network's asset is not native SOL, which this instruction needs")]
    UnsupportedAsset,
    #[msg("the amount is zero")]
    ZeroAmount,
    #[msg("nothing is pending for the node")]
    NothingPending,
    #[msg("the amount is above what is pending for the node")]
    AmountAbovePending,
    #[msg("the batch is empty")]
    EmptyBatch,
    #[msg("the batch has too many entries: at most 60 for credit and 30 for settle")]
    TooManyEntries,
    #[msg(
        "the number of accounts doesn't match the targets: one wallet each for credit, a wallet and a destination each for settle"
    )]
    AccountCountMismatch,
    #[msg("the destination is not the one named in the node's wallet account")]
    DestinationMismatch,
    #[msg(
        "the destination would be left below the rent-exempt minimum: withdraw more or fund it first"
    )]
    DestinationNotRentExempt,
    #[msg(
        "the destination is a program, a system address or an account of this program and can't be paid"
    )]
    DestinationNotPayable,
    #[msg(
        "the wallet account would be left below the rent-exempt minimum: send it the missing lamports first"
    )]
    WalletNotRentExempt,
    #[msg("a total would pass 2^64 - 1")]
    Overflow,
    #[msg("the account's totals contradict each other: paid is above credited")]
    InconsistentTotals,
}
