//! What is to become of an instruction with a wrong account.

use anchor_lang::error::ErrorCode;
use settlement::error::SettlementError;
use settlement::rules::SkipReason;

use super::swaps::{Swap, Whose, Wrong};
use crate::common::{Part, Subject};

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// Refused, by this number.
    Refused(u32),
    /// The runtime refuses a call that needs what the transaction doesn't grant.
    NoPrivilege,
    /// Refused by a program that was called.
    ByCallee,
    /// A batch was applied, whose only entry was skipped for these reasons.
    Skipped(Vec<u8>),
}

impl From<ErrorCode> for Expected {
    fn from(error: ErrorCode) -> Self {
        Self::Refused(error.into())
    }
}

impl From<SettlementError> for Expected {
    fn from(error: SettlementError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<SkipReason> for Expected {
    fn from(reason: SkipReason) -> Self {
        Self::Skipped(vec![reason.into()])
    }
}

/// What lies at an address, as far as the answers differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Network(Whose),
    Treasury(Whose),
    Wallet(Whose),
    Closed,
    /// Nothing of the program's.
    Strange,
}

/// `None` when the account is not wrong: another one that the signer may choose.
pub fn expected(subject: &Subject, swap: &Swap) -> Option<Expected> {
    let part = subject.parts[swap.at];
    let settled = |e: SettlementError| Some(e.into());
    let by_anchor = |e: ErrorCode| Some(e.into());
    match (part, swap.wrong) {
        (Part::Authority | Part::Payer, _) => signer(subject, swap),
        (_, Wrong::ReadOnly) => Some(read_only(subject, part)),
        (Part::Network, _) => network(subject.name, is(subject, swap)),
        (Part::Treasury, _) => Some(treasury(subject, is(subject, swap))),
        (Part::Wallet, _) => Some(wallet(subject, swap)),
        (Part::New | Part::ClosedWallet, _) => by_anchor(ErrorCode::ConstraintSeeds),
        (Part::NamedDestination | Part::FreeDestination, _) if !is_writable(swap) => {
            by_anchor(ErrorCode::ConstraintMut)
        }
        (Part::NamedDestination, _) => settled(SettlementError::DestinationMismatch),
        (Part::FreeDestination, _) => match is(subject, swap) {
            // The admin's own choice, but for the event authority.
            Is::Strange if !is_part(subject, swap, Part::EventAuthority) => None,
            _ => settled(SettlementError::DestinationNotPayable),
        },
        (Part::NoTokensToWrite, _) if !is_writable(swap) => by_anchor(ErrorCode::ConstraintMut),
        (Part::NoTokens | Part::NoTokensToWrite, _) => settled(SettlementError::AssetAccountsMismatch),
        (Part::SystemProgram | Part::Program, _) => by_anchor(ErrorCode::InvalidProgramId),
        (Part::EventAuthority, _) => by_anchor(ErrorCode::ConstraintAddress),
        (Part::EntryWallet, _) => entry_wallet(subject, is(subject, swap)),
        (Part::EntryDestination, _) => Some(payout_skip(subject.name, SkipReason::DestinationMismatch)),
        _ => tokens(subject, swap),
    }
}

/// The same for the accounts of a network that pays in tokens.
fn tokens(subject: &Subject, swap: &Swap) -> Option<Expected> {
    let part = subject.parts[swap.at];
    let is_option = !matches!(part, Part::NamedTokens | Part::FreeTokens | Part::EntryTokens);
    if !is_batch(subject.name) && is_option && swap.ix.accounts[swap.at].pubkey == settlement::ID {
        // Which is how an account is left out.
        return Some(SettlementError::AssetAccountsMismatch.into());
    }
    let is_to_be_written = !matches!(part, Part::Mint | Part::TokenProgram | Part::AssociatedProgram);
    if !is_batch(subject.name) && is_to_be_written && !is_writable(swap) {
        return Some(ErrorCode::ConstraintMut.into());
    }
    let is_vault = is_part(subject, swap, Part::Vault);
    let is_others = swap.wrong == Wrong::Tokens;
    Some(match part {
        Part::Vault => SettlementError::InvalidTreasuryTokenAccount.into(),
        Part::Mint => SettlementError::InvalidMint.into(),
        Part::TokenProgram => SettlementError::InvalidTokenProgram.into(),
        Part::AssociatedProgram => SettlementError::AssetAccountsMismatch.into(),
        // The token program says whose tokens are whose, and the other one where accounts are opened.
        Part::FunderTokens | Part::NewVault => Expected::ByCallee,
        Part::NamedTokens | Part::FreeTokens if is_vault => SettlementError::DestinationNotPayable.into(),
        Part::NamedTokens if is_others => SettlementError::TokenAccountWrongOwner.into(),
        // The admin's own choice.
        Part::FreeTokens if is_others => return None,
        Part::NamedTokens | Part::FreeTokens => SettlementError::InvalidTokenAccount.into(),
        Part::EntryTokens if is_vault => payout_skip(subject.name, SkipReason::DestinationIsProgramAccount),
        Part::EntryTokens if is_others => payout_skip(subject.name, SkipReason::TokenAccountWrongOwner),
        Part::EntryTokens => payout_skip(subject.name, SkipReason::TokenAccountInvalid),
        _ => unreachable!("{part:?} is no account of a network that pays in tokens"),
    })
}

fn signer(subject: &Subject, swap: &Swap) -> Option<Expected> {
    let is_payer = subject.parts[swap.at] == Part::Payer;
    match swap.wrong {
        // Where an account is created before Anchor looks, the runtime is the one to notice.
        Wrong::ReadOnly if subject.parts.contains(&Part::New) => Some(Expected::NoPrivilege),
        Wrong::ReadOnly => Some(ErrorCode::ConstraintMut.into()),
        _ if !swap.ix.accounts[swap.at].is_signer => Some(ErrorCode::AccountNotSigner.into()),
        // Whoever signs may pay, with tokens of its own.
        _ if subject.parts.contains(&Part::FunderTokens) => Some(Expected::ByCallee),
        _ if is_payer => None,
        _ => Some(SettlementError::Unauthorized.into()),
    }
}

fn read_only(subject: &Subject, part: Part) -> Expected {
    match part {
        Part::New => Expected::NoPrivilege,
        Part::EntryWallet => SkipReason::InvalidWallet.into(),
        Part::EntryDestination | Part::EntryTokens => payout_skip(subject.name, SkipReason::DestinationNotWritable),
        Part::Vault if is_batch(subject.name) => SettlementError::InvalidTreasuryTokenAccount.into(),
        _ => ErrorCode::ConstraintMut.into(),
    }
}

fn network(name: &str, is: Is) -> Option<Expected> {
    match is {
        Is::Strange => Some(ErrorCode::AccountOwnedByWrongProgram.into()),
        Is::Network(whose) => match (name, whose) {
            // An admin acts on whichever of its networks it names.
            ("propose_admin" | "set_guardian", Whose::Sisters) => None,
            ("register_node" | "reopen_node", _) => Some(ErrorCode::ConstraintSeeds.into()),
            ("pause" | "fund" | "close_node", _) => Some(SettlementError::NetworkMismatch.into()),
            ("accept_admin", _) | (_, Whose::Theirs) => Some(SettlementError::Unauthorized.into()),
            _ => Some(SettlementError::NetworkMismatch.into()),
        },
        _ => Some(ErrorCode::AccountDiscriminatorMismatch.into()),
    }
}

fn treasury(subject: &Subject, is: Is) -> Expected {
    match is {
        Is::Strange => ErrorCode::AccountOwnedByWrongProgram.into(),
        Is::Treasury(whose) => match (subject.name, whose) {
            ("credit" | "settle", Whose::Theirs) => SettlementError::Unauthorized.into(),
            // It has a token account of its own.
            ("settle" | "payout", _) if subject.asset.is_some() => SettlementError::InvalidTreasuryTokenAccount.into(),
            // Their own treasury knows no wallet of this network.
            ("credit" | "settle" | "payout", _) => SkipReason::InvalidWallet.into(),
            ("migrate_treasury", _) => SettlementError::NothingToMigrate.into(),
            _ => SettlementError::NetworkMismatch.into(),
        },
        _ => ErrorCode::AccountDiscriminatorMismatch.into(),
    }
}

fn wallet(subject: &Subject, swap: &Swap) -> Expected {
    // An account that the handler loads by itself is asked first whether it can be written.
    if subject.name == "close_node" && !is_writable(swap) {
        return ErrorCode::ConstraintMut.into();
    }
    match is(subject, swap) {
        Is::Strange => ErrorCode::AccountOwnedByWrongProgram.into(),
        Is::Wallet(Whose::Sisters | Whose::Theirs) if subject.name == "close_node" => {
            SettlementError::NetworkMismatch.into()
        }
        Is::Wallet(_) => SettlementError::Unauthorized.into(),
        _ => ErrorCode::AccountDiscriminatorMismatch.into(),
    }
}

fn entry_wallet(subject: &Subject, is: Is) -> Option<Expected> {
    let elsewhere = match subject.asset {
        None => SkipReason::DestinationMismatch,
        Some(_) => SkipReason::TokenAccountWrongOwner,
    };
    match is {
        // A proper wallet, whose owner wants its earnings elsewhere.
        Is::Wallet(Whose::Ours) if subject.name == "credit" => None,
        Is::Wallet(Whose::Ours) => Some(payout_skip(subject.name, elsewhere)),
        _ => Some(SkipReason::InvalidWallet.into()),
    }
}

/// A payout that is not made; a `settle` here has nothing to credit beside it.
fn payout_skip(name: &str, reason: SkipReason) -> Expected {
    match name {
        "settle" => Expected::Skipped(vec![SkipReason::NothingToCredit.into(), reason.into()]),
        _ => reason.into(),
    }
}

fn is_batch(name: &str) -> bool {
    matches!(name, "credit" | "settle" | "payout")
}

/// Whether the wrong account can be written where it stands: the runtime makes builtins and the
/// program called read-only, and one account's being writable counts wherever it is named.
fn is_writable(swap: &Swap) -> bool {
    let key = swap.ix.accounts[swap.at].pubkey;
    let named = swap.ix.accounts.iter().any(|meta| meta.pubkey == key && meta.is_writable);
    named && key != settlement::ID && key != solana_sdk_ids::system_program::ID
}

fn is_part(subject: &Subject, swap: &Swap, part: Part) -> bool {
    matches!(swap.wrong, Wrong::Duplicate(place) if subject.parts[place] == part)
}

fn is(subject: &Subject, swap: &Swap) -> Is {
    match swap.wrong {
        Wrong::Network(whose) => Is::Network(whose),
        Wrong::Treasury(whose) => Is::Treasury(whose),
        Wrong::Wallet(whose) => Is::Wallet(whose),
        Wrong::Closed => Is::Closed,
        Wrong::Duplicate(place) => match subject.parts[place] {
            Part::Network => Is::Network(Whose::Ours),
            Part::Treasury => Is::Treasury(Whose::Ours),
            Part::Wallet | Part::EntryWallet => Is::Wallet(Whose::Ours),
            Part::ClosedWallet => Is::Closed,
            _ => Is::Strange,
        },
        _ => Is::Strange,
    }
}
