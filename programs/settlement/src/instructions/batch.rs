//! Items shared by the instructions of a batch.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::*;

/// Identifies a batch of the relay and commits to its reward records.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The relay's number for the batch. The program only copies it to the event.
    pub batch_id: u64,
    /// Merkle root over the batch's reward records. The program only copies it to the event.
    pub records_root: [u8; 32],
}

/// Handler of the fast path's instructions for Anchor, which is never called: the entrypoint executes them
/// before Anchor sees them.
pub(crate) fn not_on_fast_path<Arguments>(_: Arguments) -> Result<()> {
    Err(ErrorCode::InstructionFallbackNotFound.into())
}
