//! The program's entrypoint: the fast path first, Anchor for everything else.

use anchor_lang::prelude::ProgramError;
use anchor_lang::solana_program::entrypoint::{SUCCESS, deserialize};

use crate::fast_path::{self, BatchError, host::Runtime};

anchor_lang::solana_program::entrypoint::custom_heap_default!();
anchor_lang::solana_program::entrypoint::custom_panic_default!();

/// Runs one instruction. Returns 0 on success, otherwise the error's number.
///
/// # Safety
///
/// Must only be called by the runtime, with an instruction's input.
#[unsafe(no_mangle)]
#[expect(unreachable_pub, reason = "the runtime finds it by its symbol")]
pub unsafe extern "C" fn entrypoint(input: *mut u8) -> u64 {
    // SAFETY: the caller promises that this is the runtime's input, to which the call has exclusive
    // access. The runtime maps it at an address aligned to 8 and marks a repeated account with the
    // index of its first occurrence (`solana_program_entrypoint::deserialize` relies on both). The
    // runtime's calls to other programs change lamports and the data of the callees' accounts only.
    match unsafe { fast_path::process(&Runtime, input) } {
        Some(Ok(())) => SUCCESS,
        Some(Err(error)) => fail(error),
        // SAFETY: as promised by the caller. The fast path left the input unchanged.
        None => unsafe { process_by_anchor(input) },
    }
}

#[cold]
#[inline(never)]
fn fail(error: BatchError) -> u64 {
    let error = error.into_error();
    error.log();
    ProgramError::from(error).into()
}

/// Runs an instruction that the fast path does not handle.
///
/// # Safety
///
/// As for [`entrypoint`].
#[inline(never)]
unsafe fn process_by_anchor(input: *mut u8) -> u64 {
    crate::security::keep();
    // SAFETY: as promised by the caller.
    let (program_id, accounts, data) = unsafe { deserialize(input) };
    match crate::entry(program_id, &accounts, data) {
        Ok(()) => SUCCESS,
        Err(error) => error.into(),
    }
}
