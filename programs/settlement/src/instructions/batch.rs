//! What the instructions of a batch share.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::*;

/// Which batch of the relay this is, and the proof of what it stands for.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The relay's number for the batch. The program only passes it on.
    pub batch_id: u64,
    /// Merkle root over the batch's reward records. The program only passes it on.
    pub records_root: [u8; 32],
}

/// Where Anchor would enter an instruction of the fast path, which it never does: the entrypoint
/// takes those first.
pub(crate) fn taken_before<Arguments>(_: Arguments) -> Result<()> {
    Err(ErrorCode::InstructionFallbackNotFound.into())
}
