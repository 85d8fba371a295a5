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
        (AccountKind::Authority | AccountKind::SigningOwner | AccountKind::Payer, _) => signer(case, substitution),
        (_, WrongAccount::ReadOnly) => Some(read_only(case, kind)),
        (AccountKind::Network, _) => network(case, substitution),
        (AccountKind::ClosedNetwork, _) => match actual_account(case, substitution) {
            ActualAccount::Unrelated => by_anchor(ErrorCode::AccountOwnedByWrongProgram),
            _ => by_anchor(ErrorCode::AccountDiscriminatorMismatch),
        },
        (AccountKind::NetworkAdmin, _) => by_program(SettlementError::AdminMismatch),
        (AccountKind::Treasury, _) => Some(treasury(case, actual_account(case, substitution))),
        (AccountKind::Wallet, _) => Some(wallet(case, substitution)),
        (AccountKind::NewAccount | AccountKind::ClosedWallet, _) => by_anchor(ErrorCode::ConstraintSeeds),
        (AccountKind::TreasuryAddress | AccountKind::WalletAddress | AccountKind::NodeOwner, _) => {
            by_anchor(ErrorCode::ConstraintSeeds)
        }
        (AccountKind::NamedDestination | AccountKind::NamedTokenAccount, _) => {
            by_program(SettlementError::DestinationMismatch)
        }
        (AccountKind::ChosenDestination, _) if !is_writable(substitution) => by_anchor(ErrorCode::ConstraintMut),
        (AccountKind::ChosenDestination, _) => match actual_account(case, substitution) {
            // The admin may choose any other address, except for the event authority.
            ActualAccount::Unrelated if !is_duplicate_of(case, substitution, AccountKind::EventAuthority) => None,
            _ => by_program(SettlementError::DestinationNotPayable),
        },
        (AccountKind::NewDestination, _) => new_destination(case, substitution),
        (AccountKind::Claim, _) if case.name == "set_aside" && is_omitted(substitution) => {
            by_program(SettlementError::AssetAccountsMismatch)
        }
        (AccountKind::Claim, _) => by_anchor(ErrorCode::ConstraintSeeds),
        (AccountKind::OmittedClaim, _) => by_anchor(ErrorCode::ConstraintSeeds),
        (AccountKind::ClaimTokenAccount, _) if is_omitted(substitution) => {
            by_program(SettlementError::AssetAccountsMismatch)
        }
        (AccountKind::ClaimTokenAccount | AccountKind::AnyDestination | AccountKind::UnusedTokenAccountMut, _)
            if !is_writable(substitution) =>
        {
            by_anchor(ErrorCode::ConstraintMut)
        }
        (AccountKind::ClaimTokenAccount, _) => by_program(SettlementError::InvalidClaim),
        (AccountKind::AnyDestination, _) if is_duplicate_of(case, substitution, AccountKind::Claim) => {
            by_program(SettlementError::NothingToRecover)
        }
        (AccountKind::AnyDestination | AccountKind::UnusedTokenAccountMut, _) => None,
        (AccountKind::OmittedTokenAccountMut, _) if !is_writable(substitution) => by_anchor(ErrorCode::ConstraintMut),
        (AccountKind::OmittedTokenAccount | AccountKind::OmittedTokenAccountMut, _) => {
            by_program(SettlementError::AssetAccountsMismatch)
        }
        (AccountKind::SystemProgram | AccountKind::Program, _) => by_anchor(ErrorCode::InvalidProgramId),
        (AccountKind::EventAuthority, _) => by_anchor(ErrorCode::ConstraintAddress),
        (AccountKind::EntryWallet, _) => entry_wallet(case, actual_account(case, substitution)),
        (AccountKind::EntryDestination | AccountKind::EntryTokenAccount, _) => {
            Some(payout_skip(case.name, SkipReason::DestinationMismatch))
        }
        (AccountKind::ListedWallet, _) => match actual_account(case, substitution) {
            // Another node of the closed network.
            ActualAccount::Wallet(NetworkRelation::Own) | ActualAccount::Closed
                if case.name == "sweep_closed_network" =>
            {
                None
            }
            _ => by_program(SettlementError::NothingToRecover),
        },
        (
            AccountKind::StrayTokenAccount
            | AccountKind::StrayTokenDestination
            | AccountKind::StrayMint
            | AccountKind::StrayTokenProgram,
            _,
        ) => stray(case, substitution),
        _ => tokens(case, substitution),
    }
}

/// The expected result for the new destination of a node, which the owner may choose freely among those that can be
/// paid.
fn new_destination(case: &InstructionCase, substitution: &Substitution) -> Option<Expected> {
    let is_own = match substitution.wrong {
        WrongAccount::Network(relation) | WrongAccount::Treasury(relation) => relation == NetworkRelation::Own,
        WrongAccount::Duplicate(place) => matches!(
            case.kinds[place],
            AccountKind::Network
                | AccountKind::Treasury
                | AccountKind::Wallet
                | AccountKind::EventAuthority
                | AccountKind::Program
        ),
        _ => false,
    };
    if is_own {
        return Some(SettlementError::InvalidDestination.into());
    }
    match (case.asset, actual_account(case, substitution)) {
        (None, ActualAccount::Unrelated) => None,
        (None, _) => Some(SettlementError::InvalidDestination.into()),
        (Some(_), _) if substitution.wrong == WrongAccount::OthersTokenAccount => None,
        (Some(_), _) => Some(SettlementError::InvalidTokenAccount.into()),
    }
}

/// The expected result for the accounts of tokens that were sent to an address of the program.
fn stray(case: &InstructionCase, substitution: &Substitution) -> Option<Expected> {
    let kind = case.kinds[substitution.at];
    let must_be_writable = matches!(kind, AccountKind::StrayTokenAccount | AccountKind::StrayTokenDestination);
    if must_be_writable && !is_writable(substitution) {
        return Some(ErrorCode::ConstraintMut.into());
    }
    Some(match kind {
        AccountKind::StrayTokenAccount if is_duplicate_of(case, substitution, AccountKind::StrayTokenDestination) => {
            SettlementError::NothingToRecover.into()
        }
        AccountKind::StrayTokenAccount => SettlementError::InvalidTokenAccount.into(),
        AccountKind::StrayTokenProgram => SettlementError::InvalidTokenProgram.into(),
        AccountKind::StrayMint => {
            // The program reads the decimals, and the token program compares the address.
            const DECIMALS_AT: usize = 44;
            let wrong = case.fixture.svm.get_account(&substitution.ix.accounts[substitution.at].pubkey);
            if wrong.is_some_and(|account| account.data.len() > DECIMALS_AT) {
                Expected::RefusedByCallee
            } else {
                SettlementError::InvalidMint.into()
            }
        }
        // A transfer of the tokens to the account that has them moves nothing.
        _ if is_duplicate_of(case, substitution, AccountKind::StrayTokenAccount) => return None,
        _ => Expected::RefusedByCallee,
    })
}

/// The expected result for the token accounts of a network that pays in tokens.
fn tokens(case: &InstructionCase, substitution: &Substitution) -> Option<Expected> {
    let kind = case.kinds[substitution.at];
    let is_optional = kind != AccountKind::ChosenTokenAccount;
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
        AccountKind::ChosenTokenAccount if is_vault => SettlementError::DestinationNotPayable.into(),
        // The admin may choose any token account.
        AccountKind::ChosenTokenAccount if is_others => return None,
        AccountKind::ChosenTokenAccount => SettlementError::InvalidTokenAccount.into(),
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
        // The addresses of a network and of a wallet depend on these keys.
        _ if case.name == "create_network" || case.kinds[substitution.at] == AccountKind::SigningOwner => {
            Some(ErrorCode::ConstraintSeeds.into())
        }
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
        AccountKind::ListedWallet => SettlementError::NothingToRecover.into(),
        AccountKind::Vault if is_batch(case.name) => SettlementError::InvalidTreasuryTokenAccount.into(),
        _ => ErrorCode::ConstraintMut.into(),
    }
}

fn network(case: &InstructionCase, substitution: &Substitution) -> Option<Expected> {
    match case.name {
        "credit" | "settle" | "payout" => return Some(SettlementError::NetworkMismatch.into()),
        "close_network" if !is_writable(substitution) => return Some(ErrorCode::ConstraintMut.into()),
        "close_network"
        | "migrate_treasury"
        | "recover_treasury_tokens"
        | "recover_node_tokens"
        | "claim_set_aside" => {
            return Some(ErrorCode::ConstraintSeeds.into());
        }
        _ => {}
    }
    match actual_account(case, substitution) {
        ActualAccount::Unrelated => Some(ErrorCode::AccountOwnedByWrongProgram.into()),
        ActualAccount::Network(relation) => match (case.name, relation) {
            // The admin of two networks may act on either.
            ("propose_admin" | "set_guardian", NetworkRelation::Sibling) => None,
            // The account is created before Anchor checks the relation of network and treasury.
            ("register_node", _) => Some(ErrorCode::ConstraintSeeds.into()),
            ("fund", NetworkRelation::Foreign) => Some(SettlementError::AdminMismatch.into()),
            (
                "pause" | "close_node" | "reopen_node" | "set_destination" | "set_threshold" | "withdraw"
                | "sweep_rent" | "top_up_rent",
                _,
            ) => Some(SettlementError::NetworkMismatch.into()),
            ("accept_admin", _) | (_, NetworkRelation::Foreign) => Some(SettlementError::Unauthorized.into()),
            _ => Some(SettlementError::NetworkMismatch.into()),
        },
        _ => Some(ErrorCode::AccountDiscriminatorMismatch.into()),
    }
}

fn treasury(case: &InstructionCase, actual: ActualAccount) -> Expected {
    match actual {
        ActualAccount::Unrelated => ErrorCode::AccountOwnedByWrongProgram.into(),
        ActualAccount::Treasury(_) => match case.name {
            "migrate_treasury" | "close_network" => ErrorCode::ConstraintSeeds.into(),
            _ => SettlementError::NetworkMismatch.into(),
        },
        _ => ErrorCode::AccountDiscriminatorMismatch.into(),
    }
}

fn wallet(case: &InstructionCase, substitution: &Substitution) -> Expected {
    // Here the handler loads the account, after Anchor has checked its address.
    if case.name == "close_node" {
        return ErrorCode::ConstraintSeeds.into();
    }
    match actual_account(case, substitution) {
        ActualAccount::Unrelated => ErrorCode::AccountOwnedByWrongProgram.into(),
        ActualAccount::Wallet(_) => ErrorCode::ConstraintSeeds.into(),
        _ => ErrorCode::AccountDiscriminatorMismatch.into(),
    }
}

fn entry_wallet(case: &InstructionCase, actual: ActualAccount) -> Option<Expected> {
    match actual {
        // A valid wallet, but with another destination.
        ActualAccount::Wallet(NetworkRelation::Own) if case.name == "credit" => None,
        ActualAccount::Wallet(NetworkRelation::Own) => Some(payout_skip(case.name, SkipReason::DestinationMismatch)),
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

/// Whether the account is omitted, if it is optional.
fn is_omitted(substitution: &Substitution) -> bool {
    substitution.ix.accounts[substitution.at].pubkey == settlement::ID
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
        WrongAccount::Treasury(NetworkRelation::Own) if case.name == "sweep_closed_network" => ActualAccount::Unrelated,
        WrongAccount::Treasury(relation) => ActualAccount::Treasury(relation),
        WrongAccount::Wallet(relation) => ActualAccount::Wallet(relation),
        WrongAccount::Closed => ActualAccount::Closed,
        WrongAccount::Duplicate(place) => match case.kinds[place] {
            AccountKind::Network | AccountKind::ClosedNetwork => ActualAccount::Network(NetworkRelation::Own),
            AccountKind::Treasury => ActualAccount::Treasury(NetworkRelation::Own),
            // Nothing is left at this address of a closed network.
            AccountKind::TreasuryAddress if case.name != "sweep_closed_network" => {
                ActualAccount::Treasury(NetworkRelation::Own)
            }
            AccountKind::Wallet | AccountKind::WalletAddress | AccountKind::EntryWallet | AccountKind::ListedWallet => {
                ActualAccount::Wallet(NetworkRelation::Own)
            }
            AccountKind::ClosedWallet => ActualAccount::Closed,
            _ => ActualAccount::Unrelated,
        },
        _ => ActualAccount::Unrelated,
    }
}
