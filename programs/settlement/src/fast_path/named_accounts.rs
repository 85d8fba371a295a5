//! The accounts that an instruction names, which precede those of its entries.

use anchor_lang::Discriminator;
use anchor_lang::error::ErrorCode;

use super::batch_error::BatchError;
use super::discriminator::discriminator_u64;
use super::input::{Account, Input};
use super::keys::{EVENT_AUTHORITY, PROGRAM, same, treasury_network, treasury_settler};
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
    /// Validates `[settler (signer), network, treasury (writable), …]`.
    ///
    /// # Safety
    ///
    /// As for [`unsigned`](Self::unsigned).
    #[inline(always)]
    pub(super) unsafe fn signed_by_settler(accounts: &'a [Account<'a>]) -> Result<Self, BatchError> {
        let [settler, rest @ ..] = accounts else {
            return Err(ErrorCode::AccountNotEnoughKeys.into());
        };
        require(settler.is_signer(), ErrorCode::AccountNotSigner)?;
        // SAFETY: as promised by the caller.
        let named = unsafe { Self::validate(rest) }?;
        require(same(treasury_settler(named.treasury), settler.key()), SettlementError::Unauthorized)?;
        // Only after the authorization, so that other callers don't learn the network's state.
        named.in_service()
    }

    /// Validates `[network, treasury (writable), event authority, program, …]`. Returns the event authority, which
    /// signs the self-call that carries the event, as well.
    ///
    /// # Safety
    ///
    /// While the result is in use, nothing else may read or write the treasury's data past the
    /// discriminator: no other result for the same accounts, and no slice of the data.
    #[inline(always)]
    pub(super) unsafe fn unsigned(accounts: &'a [Account<'a>]) -> Result<(Self, Account<'a>), BatchError> {
        // SAFETY: as promised by the caller.
        let mut named = unsafe { Self::validate(accounts) }?;
        let [event_authority, program, rest @ ..] = named.rest else {
            return Err(ErrorCode::AccountNotEnoughKeys.into());
        };
        require(same(event_authority.key(), &EVENT_AUTHORITY), ErrorCode::ConstraintAddress)?;
        require(same(program.key(), &PROGRAM), ErrorCode::InvalidProgramId)?;
        named.rest = rest;
        Ok((named.in_service()?, *event_authority))
    }

    /// # Safety
    ///
    /// As for [`unsigned`](Self::unsigned).
    #[inline(always)]
    unsafe fn validate(accounts: &'a [Account<'a>]) -> Result<Self, BatchError> {
        let [network, account, rest @ ..] = accounts else {
            return Err(ErrorCode::AccountNotEnoughKeys.into());
        };
        require(same(account.owner(), &PROGRAM), ErrorCode::AccountOwnedByWrongProgram)?;
        require(account.data_len() >= DISCRIMINATOR_LEN, ErrorCode::AccountDiscriminatorNotFound)?;
        // SAFETY: the data has at least 8 bytes and is aligned to 8.
        let discriminator = unsafe { account.data_ptr().cast::<u64>().read() };
        require(discriminator == TREASURY, ErrorCode::AccountDiscriminatorMismatch)?;
        require(account.data_len() == Treasury::SIZE, ErrorCode::AccountDidNotDeserialize)?;
        require(account.is_writable(), ErrorCode::ConstraintMut)?;
        // SAFETY: by owner, discriminator and length, the data is a treasury's. `Treasury` is plain
        // bytes with an alignment of 8, which the offset keeps. The caller promises exclusive access.
        let treasury = unsafe { &mut *account.data_ptr().add(DISCRIMINATOR_LEN).cast::<Treasury>() };
        require(same(treasury_network(treasury), network.key()), SettlementError::NetworkMismatch)?;
        Ok(Self { treasury_account: *account, treasury, asset: AssetKind::Sol, rest })
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
