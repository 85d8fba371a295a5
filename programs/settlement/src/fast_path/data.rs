//! The instruction's data.

use anchor_lang::error::ErrorCode;

use super::batch_error::BatchError;
use crate::error::SettlementError;
use crate::rules::Entry;

/// An instruction's data.
///
/// Invariant, promised to [`Data::new`]: the bytes begin at a multiple of 8.
#[derive(Clone, Copy)]
pub struct Data<'a>(&'a [u8]);

const BATCH_ID_AT: usize = 8;
const RECORDS_ROOT_AT: usize = 16;
const TARGET_COUNT_AT: usize = 48;
/// Offset of the targets in a batch's data, which follow the discriminator, the batch id, the records root
/// and the number of targets.
const TARGETS_AT: usize = 52;

/// A node's cumulative total in a batch's data: 8 little-endian bytes, aligned to 4.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Target([u32; 2]);

impl Target {
    /// The total in base units.
    #[inline(always)]
    pub(super) fn get(self) -> u64 {
        let [low, high] = self.0;
        u64::from(low) | u64::from(high) << 32
    }
}

const _: () = {
    assert!(BATCH_ID_AT.is_multiple_of(align_of::<u64>()) && BATCH_ID_AT + size_of::<u64>() <= TARGETS_AT);
    assert!(TARGET_COUNT_AT.is_multiple_of(align_of::<u32>()) && TARGET_COUNT_AT + size_of::<u32>() <= TARGETS_AT);
    assert!(TARGETS_AT.is_multiple_of(align_of::<Target>()));
    assert!(size_of::<Target>() == 8);
};

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
        let (head, targets) = self.0.split_first_chunk::<TARGETS_AT>().ok_or(malformed)?;
        // SAFETY: the head begins at a multiple of 8, by the type's invariant. As asserted above, the
        // batch id lies within it and is aligned.
        let batch_id = unsafe { head.as_ptr().add(BATCH_ID_AT).cast::<u64>().read() };
        // SAFETY: as for the batch id.
        let count = unsafe { head.as_ptr().add(TARGET_COUNT_AT).cast::<u32>().read() } as usize;
        let records_root = head[RECORDS_ROOT_AT..].first_chunk().ok_or(malformed)?;
        if count == 0 {
            return Err(SettlementError::EmptyBatch.into());
        }
        if count > max_entries {
            return Err(SettlementError::TooManyEntries.into());
        }
        let (targets, rest) = targets.as_chunks::<{ size_of::<Target>() }>();
        if !rest.is_empty() || targets.len() != count {
            return Err(malformed.into());
        }
        // SAFETY: each chunk has the size of a `Target`, for which any bytes are valid. The head begins at a
        // multiple of 8, so the targets are aligned, as asserted above.
        let targets = unsafe { core::slice::from_raw_parts(targets.as_ptr().cast::<Target>(), targets.len()) };
        Ok(Batch { batch_id, records_root, targets })
    }
}
