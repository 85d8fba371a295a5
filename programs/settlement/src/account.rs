//! Accounts of this program whose type an instruction changes, or which it deletes. Anchor's `AccountLoader` can't do
//! that: on exit it writes the discriminator that it found.

use anchor_lang::Discriminator;
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::*;
use bytemuck::Pod;

use crate::state::DISCRIMINATOR_LEN;

/// Lamports that an account of this program with `data_len` bytes of data keeps when it gives lamports away: its
/// rent-exempt minimum, and at least 1 if the rate should be 0, because the runtime deletes accounts without lamports.
pub(crate) fn minimum_balance(rent: &Rent, data_len: usize) -> u64 {
    rent.minimum_balance(data_len).max(1)
}

/// The state in an account, with the checks of `AccountLoader`.
pub(crate) fn parse<T: Pod + Discriminator>(account: &AccountInfo) -> Result<T> {
    require!(*account.owner == crate::ID, ErrorCode::AccountOwnedByWrongProgram);
    let data = account.try_borrow_data()?;
    let fields = data.strip_prefix(T::DISCRIMINATOR).ok_or(ErrorCode::AccountDiscriminatorMismatch)?;
    Ok(bytemuck::try_pod_read_unaligned(fields).map_err(|_| ErrorCode::AccountDidNotDeserialize)?)
}

/// The state in an account if it has exactly this type.
pub(crate) fn find<T: Pod + Discriminator>(account: &AccountInfo) -> Option<T> {
    parse(account).ok()
}

/// Replaces an account's data by `state`.
pub(crate) fn replace<T: Pod + Discriminator>(account: &AccountInfo, state: &T) -> Result<()> {
    account.resize(DISCRIMINATOR_LEN.saturating_add(size_of::<T>()))?;
    let mut data = account.try_borrow_mut_data()?;
    let (discriminator, fields) =
        data.split_at_mut_checked(DISCRIMINATOR_LEN).ok_or(ProgramError::AccountDataTooSmall)?;
    discriminator.copy_from_slice(T::DISCRIMINATOR);
    fields.copy_from_slice(bytemuck::bytes_of(state));
    Ok(())
}

/// Deletes an account and returns the lamports that it held, which the caller must give to another account.
pub(crate) fn delete(account: &AccountInfo) -> Result<u64> {
    let lamports = account.lamports();
    account.sub_lamports(lamports)?;
    account.resize(0)?;
    account.assign(&System::id());
    Ok(lamports)
}
