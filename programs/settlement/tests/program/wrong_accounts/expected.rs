//! The expected result of each substitution.

use anchor_lang::error::ErrorCode;
use settlement::error::SettlementError;
use settlement::rules::SkipReason;

use super::substitutions::{NetworkRelation, Substitution, WrongAccount};
use crate::common::{AccountKind, InstructionCase};

/// The expected result of an instruction with a wrong account.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Refused with this error code.
    Refused(u32),
    /// Refused by the runtime: a call needs a privilege that the transaction does not grant.
    PrivilegeEscalation,
    /// Refused by a program that was called.
    RefusedByCallee,
    /// The batch was applied, and its only entry was skipped for these reasons.
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

/// The account that is actually at the substituted address, as far as the result depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ActualAccount {
    Network(NetworkRelation),
    Treasury(NetworkRelation),
    Wallet(NetworkRelation),
    Closed,
    /// Not an account of the program.
    Unrelated,
}

/// The expected result; `None` if the account is not wrong, because the signer may choose it.
pub(crate) fn expected(case: &InstructionCase, substitution: &Substitution) -> Option<Expected> {
    let kind = case.kinds[substitution.at];
    let by_program = |e: SettlementError| Some(e.into());
    let by_anchor = |e: ErrorCode| Some(e.into());
    match (kind, substitution.wrong) {
        (AccountKind::Authority | AccountKind::Payer, _) => signer(case, substitution),
        (_, WrongAccount::ReadOnly) => Some(read_only(case, kind)),
        (AccountKind::Network, _) => network(case.name, actual_account(case, substitution)),
        (AccountKind::Treasury, _) => Some(treasury(case, actual_account(case, substitution))),
        (AccountKind::Wallet, _) => Some(wallet(case, substitution)),
        (AccountKind::NewAccount | AccountKind::ClosedWallet, _) => by_anchor(ErrorCode::ConstraintSeeds),
        (AccountKind::NamedDestination | AccountKind::ChosenDestination, _) if !is_writable(substitution) => {
            by_anchor(ErrorCode::ConstraintMut)
        }
        (AccountKind::NamedDestination, _) => by_program(SettlementError::DestinationMismatch),
        (AccountKind::ChosenDestination, _) => match actual_account(case, substitution) {
            // The admin may choose any other address, except for the event authority.
            ActualAccount::Unrelated if !is_duplicate_of(case, substitution, AccountKind::EventAuthority) => None,
            _ => by_program(SettlementError::DestinationNotPayable),
        },
        (AccountKind::OmittedTokenAccountMut, _) if !is_writable(substitution) => by_anchor(ErrorCode::ConstraintMut),
        (AccountKind::OmittedTokenAccount | AccountKind::OmittedTokenAccountMut, _) => {
            by_program(SettlementError::AssetAccountsMismatch)
        }
        (AccountKind::SystemProgram | AccountKind::Program, _) => by_anchor(ErrorCode::InvalidProgramId),
        (AccountKind::EventAuthority, _) => by_anchor(ErrorCode::ConstraintAddress),
        (AccountKind::EntryWallet, _) => entry_wallet(case, actual_account(case, substitution)),
        (AccountKind::EntryDestination, _) => Some(payout_skip(case.name, SkipReason::DestinationMismatch)),
        _ => tokens(case, substitution),
    }
}

/// The expected result for the token accounts of a network that pays in tokens.
fn tokens(case: &InstructionCase, substitution: &Substitution) -> Option<Expected> {
    let kind = case.kinds[substitution.at];
    let is_optional = !matches!(
        kind,
        AccountKind::NamedTokenAccount | AccountKind::ChosenTokenAccount | AccountKind::EntryTokenAccount
    );
    if !is_batch(case.name) && is_optional && substitution.ix.accounts[substitution.at].pubkey == settlement::ID {
        // This is how an optional account is omitted.
        return Some(SettlementError::AssetAccountsMismatch.into());
    }
    let must_be_writable =
        !matches!(kind, AccountKind::Mint | AccountKind::TokenProgram | AccountKind::AssociatedTokenProgram);
    if !is_batch(case.name) && must_be_writable && !is_writable(substitution) {
        return Some(ErrorCode::ConstraintMut.into());
    }
    let is_vault = is_duplicate_of(case, substitution, AccountKind::Vault);
    let is_others = substitution.wrong == WrongAccount::OthersTokenAccount;
    Some(match kind {
        AccountKind::Vault => SettlementError::InvalidTreasuryTokenAccount.into(),
        AccountKind::Mint => SettlementError::InvalidMint.into(),
        AccountKind::TokenProgram => SettlementError::InvalidTokenProgram.into(),
        AccountKind::AssociatedTokenProgram => SettlementError::AssetAccountsMismatch.into(),
        // The token program checks the owner, and the associated token program checks the address.
        AccountKind::FunderTokenAccount | AccountKind::NewVault => Expected::RefusedByCallee,
        AccountKind::NamedTokenAccount | AccountKind::ChosenTokenAccount if is_vault => {
            SettlementError::DestinationNotPayable.into()
        }
        AccountKind::NamedTokenAccount if is_others => SettlementError::TokenAccountWrongOwner.into(),
        // The admin may choose any token account.
        AccountKind::ChosenTokenAccount if is_others => return None,
        AccountKind::NamedTokenAccount | AccountKind::ChosenTokenAccount => SettlementError::InvalidTokenAccount.into(),
        AccountKind::EntryTokenAccount if is_vault => payout_skip(case.name, SkipReason::DestinationIsProgramAccount),
        AccountKind::EntryTokenAccount if is_others => payout_skip(case.name, SkipReason::TokenAccountWrongOwner),
        AccountKind::EntryTokenAccount => payout_skip(case.name, SkipReason::TokenAccountInvalid),
        _ => unreachable!("{kind:?} is not an account of a network that pays in tokens"),
    })
}

fn signer(case: &InstructionCase, substitution: &Substitution) -> Option<Expected> {
    let is_payer = case.kinds[substitution.at] == AccountKind::Payer;
    match substitution.wrong {
        // The account is created before Anchor checks the signer, so the runtime refuses it first.
        WrongAccount::ReadOnly if case.kinds.contains(&AccountKind::NewAccount) => Some(Expected::PrivilegeEscalation),
        WrongAccount::ReadOnly => Some(ErrorCode::ConstraintMut.into()),
        _ if !substitution.ix.accounts[substitution.at].is_signer => Some(ErrorCode::AccountNotSigner.into()),
        // Any signer may pay, but only with its own tokens.
        _ if case.kinds.contains(&AccountKind::FunderTokenAccount) => Some(Expected::RefusedByCallee),
        _ if is_payer => None,
        _ => Some(SettlementError::Unauthorized.into()),
    }
}

fn read_only(case: &InstructionCase, kind: AccountKind) -> Expected {
    match kind {
        AccountKind::NewAccount => Expected::PrivilegeEscalation,
        AccountKind::EntryWallet => SkipReason::InvalidWallet.into(),
        AccountKind::EntryDestination | AccountKind::EntryTokenAccount => {
            payout_skip(case.name, SkipReason::DestinationNotWritable)
        }
        AccountKind::Vault if is_batch(case.name) => SettlementError::InvalidTreasuryTokenAccount.into(),
        _ => ErrorCode::ConstraintMut.into(),
    }
}

fn network(name: &str, actual: ActualAccount) -> Option<Expected> {
    match actual {
        ActualAccount::Unrelated => Some(ErrorCode::AccountOwnedByWrongProgram.into()),
        ActualAccount::Network(relation) => match (name, relation) {
            // The admin of two networks may act on either.
            ("propose_admin" | "set_guardian", NetworkRelation::Sibling) => None,
            // The account is created before Anchor checks the relation of network and treasury.
            ("register_node", _) => Some(ErrorCode::ConstraintSeeds.into()),
            ("pause" | "fund" | "close_node" | "reopen_node", _) => Some(SettlementError::NetworkMismatch.into()),
            ("accept_admin", _) | (_, NetworkRelation::Foreign) => Some(SettlementError::Unauthorized.into()),
            _ => Some(SettlementError::NetworkMismatch.into()),
        },
        _ => Some(ErrorCode::AccountDiscriminatorMismatch.into()),
    }
}

fn treasury(case: &InstructionCase, actual: ActualAccount) -> Expected {
    match actual {
        ActualAccount::Unrelated => ErrorCode::AccountOwnedByWrongProgram.into(),
        ActualAccount::Treasury(relation) => match (case.name, relation) {
            ("credit" | "settle", NetworkRelation::Foreign) => SettlementError::Unauthorized.into(),
            // The other treasury has another token account.
            ("settle" | "payout", _) if case.asset.is_some() => SettlementError::InvalidTreasuryTokenAccount.into(),
            // This network's wallets are not valid for another treasury.
            ("credit" | "settle" | "payout", _) => SkipReason::InvalidWallet.into(),
            ("migrate_treasury", _) => SettlementError::NothingToMigrate.into(),
            _ => SettlementError::NetworkMismatch.into(),
        },
        _ => ErrorCode::AccountDiscriminatorMismatch.into(),
    }
}

fn wallet(case: &InstructionCase, substitution: &Substitution) -> Expected {
    // Here the handler loads the account, after Anchor has checked that it is writable.
    if case.name == "close_node" && !is_writable(substitution) {
        return ErrorCode::ConstraintMut.into();
    }
    match actual_account(case, substitution) {
        ActualAccount::Unrelated => ErrorCode::AccountOwnedByWrongProgram.into(),
        ActualAccount::Wallet(NetworkRelation::Sibling | NetworkRelation::Foreign) if case.name == "close_node" => {
            SettlementError::NetworkMismatch.into()
        }
        ActualAccount::Wallet(_) => SettlementError::Unauthorized.into(),
        _ => ErrorCode::AccountDiscriminatorMismatch.into(),
    }
}

fn entry_wallet(case: &InstructionCase, actual: ActualAccount) -> Option<Expected> {
    let elsewhere = match case.asset {
        None => SkipReason::DestinationMismatch,
        Some(_) => SkipReason::TokenAccountWrongOwner,
    };
    match actual {
        // A valid wallet, but with another destination.
        ActualAccount::Wallet(NetworkRelation::Own) if case.name == "credit" => None,
        ActualAccount::Wallet(NetworkRelation::Own) => Some(payout_skip(case.name, elsewhere)),
        _ => Some(SkipReason::InvalidWallet.into()),
    }
}

/// A skipped payout. A `settle` here also has nothing to credit.
fn payout_skip(name: &str, reason: SkipReason) -> Expected {
    match name {
        "settle" => Expected::Skipped(vec![SkipReason::NothingToCredit.into(), reason.into()]),
        _ => reason.into(),
    }
}

fn is_batch(name: &str) -> bool {
    matches!(name, "credit" | "settle" | "payout")
}

/// Whether the wrong account is writable. The runtime makes builtins and called programs read-only,
/// and an account that is writable anywhere in an instruction is writable everywhere in it.
fn is_writable(substitution: &Substitution) -> bool {
    let key = substitution.ix.accounts[substitution.at].pubkey;
    let named = substitution.ix.accounts.iter().any(|meta| meta.pubkey == key && meta.is_writable);
    named && key != settlement::ID && key != solana_sdk_ids::system_program::ID
}

fn is_duplicate_of(case: &InstructionCase, substitution: &Substitution, kind: AccountKind) -> bool {
    matches!(substitution.wrong, WrongAccount::Duplicate(place) if case.kinds[place] == kind)
}

fn actual_account(case: &InstructionCase, substitution: &Substitution) -> ActualAccount {
    match substitution.wrong {
        WrongAccount::Network(relation) => ActualAccount::Network(relation),
        WrongAccount::Treasury(relation) => ActualAccount::Treasury(relation),
        WrongAccount::Wallet(relation) => ActualAccount::Wallet(relation),
        WrongAccount::Closed => ActualAccount::Closed,
        WrongAccount::Duplicate(place) => match case.kinds[place] {
            AccountKind::Network => ActualAccount::Network(NetworkRelation::Own),
            AccountKind::Treasury => ActualAccount::Treasury(NetworkRelation::Own),
            AccountKind::Wallet | AccountKind::EntryWallet => ActualAccount::Wallet(NetworkRelation::Own),
            AccountKind::ClosedWallet => ActualAccount::Closed,
            _ => ActualAccount::Unrelated,
        },
        _ => ActualAccount::Unrelated,
    }
}
