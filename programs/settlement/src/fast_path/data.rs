//! The instruction's data.

use anchor_lang::error::ErrorCode;
use bytemuck::{Pod, Zeroable};

use super::batch_error::BatchError;
use crate::error::SettlementError;
use crate::rules::Entry;

/// An instruction's data.
///
/// Invariant, promised to [`Data::new`]: the bytes begin at a multiple of 8.
#[derive(Clone, Copy)]
pub struct Data<'a>(&'a [u8]);

/// What precedes the targets in a batch's data. Aligned to 4, so that the targets can follow it.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct BatchHead {
    discriminator: [u32; 2],
    batch_id: [u32; 2],
    records_root: [u8; 32],
    target_count: u32,
}

const _: () = assert!(size_of::<BatchHead>() == 52 && align_of::<BatchHead>() == 4);

/// A node's cumulative total in a batch's data: 8 little-endian bytes, aligned to 4.
#[repr(transparent)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Target([u32; 2]);

impl Target {
    /// The total in base units.
    #[inline(always)]
    pub(super) fn get(self) -> u64 {
        join(self.0)
    }
}

#[inline(always)]
fn join([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// A batch's data.
pub(super) struct Batch<'a> {
    /// The relay's number for the batch.
    pub(super) batch_id: u64,
    /// Merkle root over the batch's reward records.
    pub(super) records_root: &'a [u8; 32],
    /// One cumulative total per entry.
    pub(super) targets: &'a [Target],
}

impl Batch<'_> {
    /// The entry that `target`, which must be one of `targets`, belongs to.
    #[cold]
    pub(super) fn entry(&self, target: &Target) -> Entry {
        let first = self.targets.as_ptr().addr();
        Entry::at((&raw const *target).addr().wrapping_sub(first) / size_of::<Target>())
    }
}

impl<'a> Data<'a> {
    /// # Safety
    ///
    /// `bytes` begins at a multiple of 8.
    #[inline(always)]
    pub(super) unsafe fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The discriminator, if the data is long enough to have one.
    #[inline(always)]
    pub(super) fn discriminator(self) -> Option<u64> {
        if self.0.len() < 8 {
            return None;
        }
        // SAFETY: there are 8 bytes, which by the type's invariant begin at a multiple of 8.
        Some(unsafe { self.0.as_ptr().cast::<u64>().read() })
    }

    /// Whether nothing follows the discriminator.
    pub(super) fn has_no_arguments(self) -> bool {
        self.0.len() == 8
    }

    /// Parses a batch of at most `max_entries`.
    #[inline(always)]
    pub(super) fn batch(self, max_entries: usize) -> Result<Batch<'a>, BatchError> {
        let malformed = ErrorCode::InstructionDidNotDeserialize;
        let (head, targets) = self.0.split_first_chunk::<{ size_of::<BatchHead>() }>().ok_or(malformed)?;
        let head: &BatchHead = bytemuck::try_from_bytes(head).map_err(|_| malformed)?;
        let count = head.target_count as usize;
        if count == 0 {
            return Err(SettlementError::EmptyBatch.into());
        }
        if count > max_entries {
            return Err(SettlementError::TooManyEntries.into());
        }
        let targets: &[Target] = bytemuck::try_cast_slice(targets).map_err(|_| malformed)?;
        if targets.len() != count {
            return Err(malformed.into());
        }
        Ok(Batch { batch_id: join(head.batch_id), records_root: &head.records_root, targets })
    }
}
