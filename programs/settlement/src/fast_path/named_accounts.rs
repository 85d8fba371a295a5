//! The accounts that an instruction names, before those of its entries.

use anchor_lang::Discriminator;
use anchor_lang::error::ErrorCode;

use super::input::{Account, Key, key, same};
use super::{BatchError, number};
use crate::error::SettlementError;
use crate::state::{AssetKind, DISCRIMINATOR_LEN, Treasury};

/// This program.
pub(super) const PROGRAM: Key = key(crate::ID.as_array());
/// Signs the calls that carry events.
pub(super) const EVENT_AUTHORITY: Key = key(crate::EVENT_AUTHORITY_AND_BUMP.0.as_array());

const TREASURY: u64 = number(Treasury::DISCRIMINATOR);

/// The accounts all three instructions have, found to be the right ones, of a network in service.
pub(super) struct Frame<'a> {
    /// The treasury's account.
    pub account: Account<'a>,
    /// The treasury.
    pub treasury: &'a mut Treasury,
    /// What the network pays in.
    pub asset: AssetKind,
    /// Signs the call that carries the event.
    pub event_authority: Account<'a>,
    /// The accounts behind the named ones.
    pub rest: &'a [Account<'a>],
}

/// Refuses by `error` unless `holds`.
#[inline(always)]
pub(super) fn require(holds: bool, error: impl Into<BatchError>) -> Result<(), BatchError> {
    if holds { Ok(()) } else { Err(error.into()) }
}

/// `[settler (signer), treasury (writable), event authority, program, …]`
#[inline(always)]
pub(super) fn by_settler<'a>(accounts: &'a [Account<'a>]) -> Result<Frame<'a>, BatchError> {
    let [settler, rest @ ..] = accounts else {
        return Err(ErrorCode::AccountNotEnoughKeys.into());
    };
    require(settler.is_signer(), ErrorCode::AccountNotSigner)?;
    let frame = by_anyone(rest)?;
    // SAFETY: keys of the account are aligned to 8 by the assertion below.
    let named = unsafe { &*frame.treasury.settler.as_array().as_ptr().cast::<Key>() };
    require(same(named, settler.key()), SettlementError::Unauthorized)?;
    // Only whoever may act is told the network's state.
    in_service(frame)
}

/// `[treasury (writable), event authority, program, …]`
#[inline(always)]
pub(super) fn open<'a>(accounts: &'a [Account<'a>]) -> Result<Frame<'a>, BatchError> {
    in_service(by_anyone(accounts)?)
}

#[inline(always)]
fn by_anyone<'a>(accounts: &'a [Account<'a>]) -> Result<Frame<'a>, BatchError> {
    let [account, event_authority, program, rest @ ..] = accounts else {
        return Err(ErrorCode::AccountNotEnoughKeys.into());
    };
    require(same(account.owner(), &PROGRAM), ErrorCode::AccountOwnedByWrongProgram)?;
    require(account.data_len() >= DISCRIMINATOR_LEN, ErrorCode::AccountDiscriminatorNotFound)?;
    // SAFETY: there are 8 bytes, aligned to 8.
    let discriminator = unsafe { account.data_at().cast::<u64>().read() };
    require(discriminator == TREASURY, ErrorCode::AccountDiscriminatorMismatch)?;
    require(account.data_len() == Treasury::SIZE, ErrorCode::AccountDidNotDeserialize)?;
    require(account.is_writable(), ErrorCode::ConstraintMut)?;
    require(same(event_authority.key(), &EVENT_AUTHORITY), ErrorCode::ConstraintAddress)?;
    require(same(program.key(), &PROGRAM), ErrorCode::InvalidProgramId)?;
    // SAFETY: the account's data is a treasury's by owner, discriminator and length, of plain
    // bytes, aligned to 8. Entries never get at it: what they write is a wallet's by its
    // discriminator, and the data they read is a token program's by its owner.
    let treasury = unsafe { &mut *account.data_at().add(DISCRIMINATOR_LEN).cast::<Treasury>() };
    Ok(Frame { account: *account, treasury, asset: AssetKind::Sol, event_authority: *event_authority, rest })
}

#[inline(always)]
fn in_service(mut frame: Frame<'_>) -> Result<Frame<'_>, BatchError> {
    require(frame.treasury.version == Treasury::VERSION, SettlementError::UnknownVersion)?;
    require(!frame.treasury.is_paused(), SettlementError::Paused)?;
    frame.asset = AssetKind::from_byte(frame.treasury.asset_kind).ok_or(SettlementError::UnsupportedAsset)?;
    Ok(frame)
}

const _: () = {
    // Keys are compared as words, in place.
    assert!(core::mem::offset_of!(Treasury, settler).is_multiple_of(8));
    assert!(core::mem::offset_of!(Treasury, network).is_multiple_of(8));
    assert!(core::mem::offset_of!(Treasury, token_account).is_multiple_of(8));
    assert!(core::mem::offset_of!(Treasury, mint).is_multiple_of(8));
    assert!(align_of::<Treasury>() == 8);
};
