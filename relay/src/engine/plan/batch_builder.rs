//! Packing entries into batches.

use crate::merkle;
use crate::transaction::{BatchKind, Format, LoadedData};

use super::super::store::batches::{Entry, NewBatch};
use super::super::store::rewards::PendingReward;
use super::Limits;

/// Whether a batch of this kind and these entries fits into one transaction, although it has more entries than fit in any
/// case: with lookup tables.
pub(super) type FitsWithTables<'a> = &'a dyn Fn(BatchKind, &[Entry]) -> bool;

/// Builds batches of one kind, starting a new one when the current one is full: by the size of its transaction, by the cap per
/// batch, or by the account data that it loads.
pub(super) struct BatchBuilder<'a> {
    kind: BatchKind,
    /// The number of entries that fit in any case.
    capacity: usize,
    fits_with_tables: FitsWithTables<'a>,
    per_batch_cap: u64,
    format: Format,
    /// Base units credited by the current batch.
    sum: u64,
    /// The account data that the current batch loads.
    loaded: LoadedData,
    entries: Vec<Entry>,
    /// Sequences and Merkle leaves of the current batch's reward records.
    records: Vec<(i64, merkle::Hash32)>,
    pub(super) finished: Vec<NewBatch>,
}

impl<'a> BatchBuilder<'a> {
    pub(super) fn new(kind: BatchKind, capacity: usize, fits_with_tables: FitsWithTables<'a>, limits: &Limits) -> Self {
        Self {
            kind,
            capacity,
            fits_with_tables,
            per_batch_cap: limits.per_batch_cap,
            format: limits.format,
            sum: 0,
            loaded: LoadedData::new(limits.named_bytes),
            entries: Vec::new(),
            records: Vec::new(),
            finished: Vec::new(),
        }
    }

    /// The number of batches, the current one included.
    pub(super) fn batches(&self) -> usize {
        self.finished.len().saturating_add(usize::from(!self.entries.is_empty()))
    }

    /// Whether the current batch has room for an entry as for [`BatchBuilder::add`].
    pub(super) fn has_room(&mut self, entry: &Entry, credited: u64, destination_space: u64) -> bool {
        let within_cap = self.sum.checked_add(credited).is_some_and(|sum| sum <= self.per_batch_cap);
        let loads = self.kind != BatchKind::Settle || self.loaded.fits(&entry.destination, destination_space);
        !self.entries.is_empty() && within_cap && loads && self.fits(entry)
    }

    /// Whether the transaction of the current batch has room for an entry.
    fn fits(&mut self, entry: &Entry) -> bool {
        if self.entries.len() < self.capacity {
            return true;
        }
        self.entries.push(entry.clone());
        let fits = (self.fits_with_tables)(self.kind, &self.entries);
        self.entries.pop();
        fits
    }

    /// Adds an entry that credits `credited` base units. A settle batch loads the entry's destination, which has
    /// `destination_space` bytes of data.
    pub(super) fn add(&mut self, entry: Entry, credited: u64, destination_space: u64, rewards: &[PendingReward]) {
        if !self.entries.is_empty() && !self.has_room(&entry, credited, destination_space) {
            self.finish_batch();
        }
        if self.kind == BatchKind::Settle {
            self.loaded.add(entry.destination, destination_space);
        }
        self.sum = self.sum.saturating_add(credited);
        self.records.extend(rewards.iter().map(|reward| (reward.sequence, reward.leaf().hash())));
        self.entries.push(entry);
    }

    fn finish_batch(&mut self) {
        let (records, leaves): (Vec<_>, Vec<_>) = std::mem::take(&mut self.records).into_iter().unzip();
        self.finished.push(NewBatch {
            kind: self.kind,
            format: self.format,
            records_root: merkle::root(&leaves),
            entries: std::mem::take(&mut self.entries),
            records,
        });
        self.sum = 0;
        self.loaded.clear();
    }

    pub(super) fn finish(mut self) -> Vec<NewBatch> {
        if !self.entries.is_empty() {
            self.finish_batch();
        }
        self.finished
    }
}
