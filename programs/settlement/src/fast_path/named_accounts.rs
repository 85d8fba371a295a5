//! The accounts that an instruction names, which precede those of its entries.

use anchor_lang::Discriminator;
use anchor_lang::error::ErrorCode;

use super::batch_error::BatchError;
use super::discriminator::discriminator_u64;
use super::input::{Account, Input};
use super::keys::{EVENT_AUTHORITY, PROGRAM, same, treasury_settler};
use crate::error::SettlementError;
use crate::state::{AssetKind, DISCRIMINATOR_LEN, Treasury};

const TREASURY: u64 = discriminator_u64(Treasury::DISCRIMINATOR);

/// The validated accounts that all three instructions have, of a network that is not paused.
pub(super) struct NamedAccounts<'a> {
    /// The treasury's account.
    pub(super) treasury_account: Account<'a>,
    /// The treasury's data.
    pub(super) treasury: &'a mut Treasury,
    /// The asset that the network pays in.
    pub(super) asset: AssetKind,
    /// Signs the self-call that carries the event.
    pub(super) event_authority: Account<'a>,
    /// The accounts after the named ones.
    pub(super) rest: &'a [Account<'a>],
}

/// Fails with `error` unless `condition` holds.
#[inline(always)]
pub(super) fn require(condition: bool, error: impl Into<BatchError>) -> Result<(), BatchError> {
    if condition { Ok(()) } else { Err(error.into()) }
}

/// Fails unless exactly `per_entry` accounts per entry follow the named ones.
#[inline(always)]
pub(super) fn require_account_count(
    input: &Input,
    rest: &[Account],
    entries: usize,
    per_entry: usize,
) -> Result<(), BatchError> {
    let all_located = input.account_count == input.accounts.len();
    require(all_located && rest.len() == entries.wrapping_mul(per_entry), SettlementError::AccountCountMismatch)
}

impl<'a> NamedAccounts<'a> {
    /// Validates `[settler (signer), treasury (writable), event authority, program, …]`.
    #[inline(always)]
    pub(super) fn signed_by_settler(accounts: &'a [Account<'a>]) -> Result<Self, BatchError> {
        let [settler, rest @ ..] = accounts else {
            return Err(ErrorCode::AccountNotEnoughKeys.into());
        };
        require(settler.is_signer(), ErrorCode::AccountNotSigner)?;
        let named = Self::validate(rest)?;
        require(same(treasury_settler(named.treasury), settler.key()), SettlementError::Unauthorized)?;
        // Only after the authorization, so that other callers don't learn the network's state.
        named.in_service()
    }

    /// Validates `[treasury (writable), event authority, program, …]`.
    #[inline(always)]
    pub(super) fn unsigned(accounts: &'a [Account<'a>]) -> Result<Self, BatchError> {
        Self::validate(accounts)?.in_service()
    }

    #[inline(always)]
    fn validate(accounts: &'a [Account<'a>]) -> Result<Self, BatchError> {
        let [account, event_authority, program, rest @ ..] = accounts else {
            return Err(ErrorCode::AccountNotEnoughKeys.into());
        };
        require(same(account.owner(), &PROGRAM), ErrorCode::AccountOwnedByWrongProgram)?;
        require(account.data_len() >= DISCRIMINATOR_LEN, ErrorCode::AccountDiscriminatorNotFound)?;
        // SAFETY: the data has at least 8 bytes and is aligned to 8.
        let discriminator = unsafe { account.data_ptr().cast::<u64>().read() };
        require(discriminator == TREASURY, ErrorCode::AccountDiscriminatorMismatch)?;
        require(account.data_len() == Treasury::SIZE, ErrorCode::AccountDidNotDeserialize)?;
        require(account.is_writable(), ErrorCode::ConstraintMut)?;
        require(same(event_authority.key(), &EVENT_AUTHORITY), ErrorCode::ConstraintAddress)?;
        require(same(program.key(), &PROGRAM), ErrorCode::InvalidProgramId)?;
        // SAFETY: by owner, discriminator and length, the data is a treasury's. `Treasury` is plain
        // bytes with an alignment of 8, which the offset keeps. It is borrowed only here, once per
        // instruction. An entry that names the treasury's account never accesses this data: wallets
        // are only borrowed where the discriminator, which is outside this reference, is a wallet's,
        // and data is only read where the owner is a token program.
        let treasury = unsafe { &mut *account.data_ptr().add(DISCRIMINATOR_LEN).cast::<Treasury>() };
        Ok(Self {
            treasury_account: *account,
            treasury,
            asset: AssetKind::Sol,
            event_authority: *event_authority,
            rest,
        })
    }

    #[inline(always)]
    fn in_service(mut self) -> Result<Self, BatchError> {
        require(self.treasury.version == Treasury::VERSION, SettlementError::UnknownVersion)?;
        require(!self.treasury.is_paused(), SettlementError::Paused)?;
        self.asset = AssetKind::from_byte(self.treasury.asset_kind).ok_or(SettlementError::UnsupportedAsset)?;
        Ok(self)
    }
}

const _: () = {
    assert!(align_of::<Treasury>() == 8);
    assert!(DISCRIMINATOR_LEN == 8);
};
