//! Packing entries into batches.

use crate::merkle;
use crate::transaction::{BatchKind, Format, LoadedData};

use super::super::store::batches::{Entry, NewBatch};
use super::super::store::rewards::PendingReward;
use super::Limits;

/// Builds batches of one kind, starting a new one when the current one is full: by its number of entries, by the cap per
/// batch, or by the account data that it loads.
pub(super) struct BatchBuilder {
    kind: BatchKind,
    capacity: usize,
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

impl BatchBuilder {
    pub(super) fn new(kind: BatchKind, capacity: usize, limits: &Limits) -> Self {
        Self {
            kind,
            capacity,
            per_batch_cap: limits.per_batch_cap,
            format: limits.format,
            sum: 0,
            loaded: LoadedData::new(limits.named_bytes),
            entries: Vec::new(),
            records: Vec::new(),
            finished: Vec::new(),
        }
    }

    /// Adds an entry that credits `credited` base units. A settle batch loads the entry's destination, which has
    /// `destination_space` bytes of data.
    pub(super) fn add(&mut self, entry: Entry, credited: u64, destination_space: u64, rewards: &[PendingReward]) {
        let above_cap = self.sum.checked_add(credited).is_none_or(|sum| sum > self.per_batch_cap);
        let loads_destination = self.kind == BatchKind::Settle;
        let too_much_data = loads_destination && !self.loaded.fits(&entry.destination, destination_space);
        if !self.entries.is_empty() && (above_cap || too_much_data || self.entries.len() >= self.capacity) {
            self.finish_batch();
        }
        if loads_destination {
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
