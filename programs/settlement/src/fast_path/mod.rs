//! `credit`, `settle` and `payout`, which run for every node and are paid for by the compute unit:
//! read straight from the runtime's input, before Anchor turns it into its own types.
//!
//! Everything that Anchor would have refused is refused here, by the same error:
//!
//! | Anchor | here |
//! |---|---|
//! | `AccountNotEnoughKeys` | [`frame`]: fewer accounts than the instruction names |
//! | `InstructionDidNotDeserialize` | [`data`]: too short; too long as well, which Anchor lets pass |
//! | `AccountNotSigner` | [`frame`]: the settler's signature |
//! | `AccountOwnedByWrongProgram`, `AccountDiscriminatorNotFound`, `AccountDiscriminatorMismatch`, `AccountDidNotDeserialize` | [`frame`]: the treasury; [`wallet`]: an entry's wallet, as the skip `InvalidWallet` |
//! | `ConstraintMut` | [`frame`]: the treasury; [`wallet`] likewise |
//! | `has_one = settler` | [`frame`]: the settler is the treasury's |
//! | `ConstraintAddress` of the event authority | [`frame`]: compared with its address |
//! | duplicate mutable accounts | [`wallet`]: a wallet credited by this batch before is skipped; a treasury is no wallet; a destination that is an account of this program is skipped |
//! | the wallet's network | [`wallet`]: compared with the treasury's |
//!
//! Decisions are those of [`rules`](crate::rules); this module reads, asks them and writes. Nothing
//! in it allocates.

mod batch;
mod data;
mod event;
mod frame;
pub mod host;
pub mod input;
mod payout;
mod refusal;
mod tokens;
mod wallet;

use anchor_lang::Discriminator;
use anchor_lang::event::EVENT_IX_TAG;

pub use host::Host;
use input::{Input, Regular, Room};
pub use refusal::BatchError;

use crate::instruction;

/// The number that an instruction's first 8 bytes are.
const fn number(discriminator: &[u8]) -> u64 {
    match discriminator.first_chunk::<8>() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        // No instruction of Anchor's has fewer bytes; one that has is not taken here.
        None => 0,
    }
}

const CREDIT: u64 = number(instruction::Credit::DISCRIMINATOR);
const SETTLE: u64 = number(instruction::Settle::DISCRIMINATOR);
const PAYOUT: u64 = number(instruction::Payout::DISCRIMINATOR);

/// Runs the instruction if it is one of the three, or this program's own call that carries an
/// event. `None`: it is Anchor's.
///
/// # Safety
///
/// `input` points at an instruction's input as the runtime lays it out
/// (`solana_program_entrypoint::deserialize`), 8-byte aligned, which nothing else reads or writes
/// meanwhile.
#[inline(always)]
pub unsafe fn process<H: Host>(host: &H, input: *mut u8) -> Option<Result<(), BatchError>> {
    let (mut room, mut other) = (Room::new(), Room::new());
    // SAFETY: as promised by the caller.
    match unsafe { Regular::read(input, &mut room) } {
        Some(Regular::Wallets(input, count)) if input.data.first_u64() == Some(CREDIT) => {
            return Some(batch::credit_regular(host, input, count));
        }
        Some(Regular::Pairs(input, count)) if input.data.first_u64() == Some(SETTLE) => {
            return Some(batch::settle_regular(host, input, count));
        }
        _ => {}
    }
    // SAFETY: the same; what was read before is not used any more.
    let input = unsafe { Input::read(input, &mut other) };
    match input.data.first_u64()? {
        CREDIT => Some(batch::credit(host, &input)),
        SETTLE => Some(batch::settle(host, &input)),
        PAYOUT => Some(payout::payout(host, &input)),
        // Anchor has the words for one that is not well.
        EVENT_IX_TAG if event::is_ours(&input) => Some(Ok(())),
        _ => None,
    }
}
