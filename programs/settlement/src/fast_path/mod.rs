//! The fast path: `credit`, `settle` and `payout`, which handle many nodes per transaction and whose
//! cost in compute units therefore matters most. They are executed directly on the runtime's input,
//! without Anchor's account types.
//!
//! Everything that Anchor would reject is rejected here with the same error:
//!
//! | Anchor | here |
//! |---|---|
//! | `AccountNotEnoughKeys` | [`named_accounts`]: fewer accounts than the instruction names |
//! | `InstructionDidNotDeserialize` | [`data`]: too short; also too long, which Anchor accepts |
//! | `AccountNotSigner` | [`named_accounts`]: the settler's signature |
//! | `AccountOwnedByWrongProgram`, `AccountDiscriminatorNotFound`, `AccountDiscriminatorMismatch`, `AccountDidNotDeserialize` | [`named_accounts`]: the treasury; [`wallet`]: an entry's wallet, as the skip `InvalidWallet` |
//! | `ConstraintMut` | [`named_accounts`]: the treasury; [`wallet`]: an entry's wallet, as above |
//! | `has_one = settler` | [`named_accounts`]: the settler is the treasury's |
//! | `has_one = network` | [`named_accounts`]: the network is the treasury's |
//! | `ConstraintAddress` of the event authority | [`named_accounts`]: its address is compared, in a `payout` |
//! | duplicate mutable accounts | [`batch`]: a wallet that this batch has credited already is skipped; [`wallet`]: a treasury is not a wallet; [`sol`]: a destination that is an account of this program is skipped |
//! | the wallet's network | [`wallet`]: compared with the treasury's |
//!
//! For an entry whose accounts have the expected shape ([`EntryShape`](input::EntryShape)), checks are left out that the
//! runtime makes anyway, or that follow from what the program writes. docs/ARCHITECTURE.md argues each one ("What the fast
//! path leaves out").
//!
//! All decisions are made by [`rules`](crate::rules). This module reads their inputs and writes their
//! results, and doesn't allocate.

mod batch;
mod batch_error;
mod data;
mod discriminator;
mod event;
pub mod host;
pub mod input;
pub mod keys;
mod named_accounts;
mod payout;
mod payout_method;
mod sol;
mod tokens;
mod wallet;

use anchor_lang::Discriminator;
use anchor_lang::event::EVENT_IX_TAG;

pub use batch_error::BatchError;
use discriminator::discriminator_u64;
pub use host::Host;
use input::{AccountSlots, Input, RegularInput};

use crate::instruction;

const CREDIT: u64 = discriminator_u64(instruction::Credit::DISCRIMINATOR);
const SETTLE: u64 = discriminator_u64(instruction::Settle::DISCRIMINATOR);
const PAYOUT: u64 = discriminator_u64(instruction::Payout::DISCRIMINATOR);

/// Executes the instruction if it is one of the three, or this program's self-call that carries an
/// event. Returns `None` without having changed anything if the instruction is Anchor's to handle.
///
/// # Safety
///
/// - `input` points at an instruction's input, laid out as the runtime does it (see [`input`]),
///   aligned to 8, and valid for reads and writes.
/// - An account that repeats another one has the index of an earlier account.
/// - Until the function returns, nothing but `host` reads or writes the input, and `host` does so
///   only for the accounts of a [`Call`](host::Call), of which it writes neither addresses, owners,
///   flags nor data lengths, nor the data of accounts of this program.
#[inline(always)]
pub unsafe fn process<H: Host>(host: &H, input: *mut u8) -> Option<Result<(), BatchError>> {
    let (mut regular_slots, mut slots) = (AccountSlots::new(), AccountSlots::new());
    // SAFETY: as promised by the caller.
    match unsafe { RegularInput::read(input, &mut regular_slots) } {
        Some(RegularInput::Wallets(input)) if input.data.discriminator() == Some(CREDIT) => {
            return Some(batch::credit_regular(host, input));
        }
        Some(RegularInput::Pairs(input)) if input.data.discriminator() == Some(SETTLE) => {
            return Some(batch::settle_regular(host, input));
        }
        _ => {}
    }
    // SAFETY: as promised by the caller. The regular input, if there was one, is no longer used.
    let input = unsafe { Input::read(input, &mut slots) };
    match input.data.discriminator()? {
        CREDIT => Some(batch::credit(host, &input)),
        SETTLE => Some(batch::settle(host, &input)),
        PAYOUT => Some(payout::payout(host, &input)),
        // Anchor returns the error for a call that isn't valid.
        EVENT_IX_TAG if event::is_self_call(&input) => Some(Ok(())),
        _ => None,
    }
}
