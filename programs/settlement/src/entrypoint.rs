//! Where the runtime enters: the fast path first, Anchor for everything else.

use anchor_lang::prelude::ProgramError;
use anchor_lang::solana_program::entrypoint::{SUCCESS, deserialize};

use crate::fast_path::{self, host::Runtime};

anchor_lang::solana_program::entrypoint::custom_heap_default!();
anchor_lang::solana_program::entrypoint::custom_panic_default!();

/// # Safety
///
/// Called by the runtime alone, with an instruction's input.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn entrypoint(input: *mut u8) -> u64 {
    // SAFETY: the runtime's input, which is this call's own.
    match unsafe { fast_path::process(&Runtime, input) } {
        Some(Ok(())) => SUCCESS,
        Some(Err(refusal)) => refused(refusal),
        // SAFETY: the same; the fast path has left it alone.
        None => unsafe { by_anchor(input) },
    }
}

#[cold]
#[inline(never)]
fn refused(refusal: fast_path::BatchError) -> u64 {
    let error = refusal.into_error();
    error.log();
    ProgramError::from(error).into()
}

/// # Safety
///
/// As for [`entrypoint`].
#[inline(never)]
unsafe fn by_anchor(input: *mut u8) -> u64 {
    crate::security::keep();
    // SAFETY: as promised by the caller.
    let (program_id, accounts, data) = unsafe { deserialize(input) };
    match crate::entry(program_id, &accounts, data) {
        Ok(()) => SUCCESS,
        Err(error) => error.into(),
    }
}
