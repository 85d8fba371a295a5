//! The instruction's data.

use anchor_lang::error::ErrorCode;

use super::BatchError;
use crate::error::SettlementError;
use crate::rules::Entry;

/// Bytes of a batch's data before its targets: discriminator, batch id, records root, number of
/// targets.
const TARGETS_AT: usize = 52;
const BATCH_ID_AT: usize = 8;
const RECORDS_ROOT_AT: usize = 16;
const COUNT_AT: usize = 48;
const TARGET_LEN: usize = 8;

/// A cumulative total, little-endian.
pub(super) type Target = [u8; TARGET_LEN];

/// An instruction's data.
#[derive(Clone, Copy)]
pub struct Data<'a>(&'a [u8]);

/// A batch's data.
pub(super) struct Batch<'a> {
    /// The relay's number for the batch.
    pub batch_id: u64,
    /// Merkle root over the batch's reward records.
    pub records_root: &'a [u8; 32],
    /// A cumulative total per entry.
    pub targets: &'a [Target],
}

impl Batch<'_> {
    /// The place of a target, which is one of `targets`.
    #[cold]
    pub fn entry(&self, target: &Target) -> Entry {
        let from = self.targets.as_ptr().addr();
        Entry::at((&raw const *target).addr().wrapping_sub(from) / TARGET_LEN)
    }
}

impl<'a> Data<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The first 8 bytes, which tell the instruction.
    #[inline(always)]
    pub(super) fn first_u64(self) -> Option<u64> {
        if self.0.len() < 8 {
            return None;
        }
        // SAFETY: there are 8 bytes, and the runtime aligns the data to 8.
        Some(unsafe { self.0.as_ptr().cast::<u64>().read() })
    }

    /// Whether there is nothing behind the discriminator.
    pub(super) fn is_bare(self) -> bool {
        self.0.len() == 8
    }

    /// The batch in it, of at most `max_entries`.
    #[inline(always)]
    pub(super) fn batch(self, max_entries: usize) -> Result<Batch<'a>, BatchError> {
        let broken = ErrorCode::InstructionDidNotDeserialize;
        let (head, targets) = self.0.split_first_chunk::<TARGETS_AT>().ok_or(broken)?;
        let at = head.as_ptr();
        // SAFETY: the head has 52 bytes, and the runtime aligns the data to 8.
        let (batch_id, count, records_root) = unsafe {
            (
                at.add(BATCH_ID_AT).cast::<u64>().read(),
                at.add(COUNT_AT).cast::<u32>().read() as usize,
                &*at.add(RECORDS_ROOT_AT).cast::<[u8; 32]>(),
            )
        };
        if count == 0 {
            return Err(SettlementError::EmptyBatch.into());
        }
        if count > max_entries {
            return Err(SettlementError::TooManyEntries.into());
        }
        let (targets, rest) = targets.as_chunks::<TARGET_LEN>();
        if !rest.is_empty() || targets.len() != count {
            return Err(broken.into());
        }
        Ok(Batch { batch_id, records_root, targets })
    }
}

/// A target's number.
#[inline(always)]
pub(super) fn target(bytes: &Target) -> u64 {
    let at = bytes.as_ptr().cast::<u32>();
    // SAFETY: 8 bytes, of which the first lies 52 bytes behind an 8-byte boundary and the others 8
    // bytes apart: aligned to 4.
    let (low, high) = unsafe { (at.read(), at.add(1).read()) };
    u64::from(low) | u64::from(high) << 32
}
