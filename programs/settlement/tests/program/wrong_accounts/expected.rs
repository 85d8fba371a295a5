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
        (Part::Treasury, _) => Some(treasury(subject.name, is(subject, swap))),
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
        (Part::EntryWallet, _) => entry_wallet(subject.name, is(subject, swap)),
        (Part::EntryDestination, _) => Some(payout_skip(subject.name, SkipReason::DestinationMismatch)),
    }
}

fn signer(subject: &Subject, swap: &Swap) -> Option<Expected> {
    let is_payer = subject.parts[swap.at] == Part::Payer;
    match swap.wrong {
        // Where an account is created before Anchor looks, the runtime is the one to notice.
        Wrong::ReadOnly if subject.parts.contains(&Part::New) => Some(Expected::NoPrivilege),
        Wrong::ReadOnly => Some(ErrorCode::ConstraintMut.into()),
        _ if !swap.ix.accounts[swap.at].is_signer => Some(ErrorCode::AccountNotSigner.into()),
        // Whoever signs may pay.
        _ if is_payer => None,
        _ => Some(SettlementError::Unauthorized.into()),
    }
}

fn read_only(subject: &Subject, part: Part) -> Expected {
    match part {
        Part::New => Expected::NoPrivilege,
        Part::EntryWallet => SkipReason::InvalidWallet.into(),
        Part::EntryDestination => payout_skip(subject.name, SkipReason::DestinationNotWritable),
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

fn treasury(name: &str, is: Is) -> Expected {
    match is {
        Is::Strange => ErrorCode::AccountOwnedByWrongProgram.into(),
        Is::Treasury(whose) => match (name, whose) {
            ("credit" | "settle", Whose::Theirs) => SettlementError::Unauthorized.into(),
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

fn entry_wallet(name: &str, is: Is) -> Option<Expected> {
    match is {
        // A proper wallet, whose owner wants its earnings elsewhere.
        Is::Wallet(Whose::Ours) if name == "credit" => None,
        Is::Wallet(Whose::Ours) => Some(payout_skip(name, SkipReason::DestinationMismatch)),
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

/// Whether the wrong account can be written where it stands: the runtime makes programs read-only,
/// and one account's being writable counts wherever it is named.
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
