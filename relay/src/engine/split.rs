//! Splitting: a batch that fails as a whole, in a simulation or on the chain, is halved until the failing entry is alone,
//! and only that entry is evicted. One whose format is refused is replaced as well.

use crate::chain::{Chain, TransactionError};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::merkle;
use crate::signer::Signer;
use crate::transaction::{BatchKind, Format, capacity};

use super::changes::Changes;
use super::hold::HoldReason;
use super::store::batches::{Batch, BatchTransition, Entry, EntryResult, NewBatch};
use super::store::rewards::PendingReward;
use super::store::settlements::OpenSettlement;
use super::store::{batches, payables, rewards, settlement_nodes, wallets};
use super::{Engine, EngineError, EntryOutcome, HOLD_RETRY_MS};

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Replaces the batch with its two halves, or fails it if it has only one entry.
    pub(super) async fn split_or_evict(
        &self,
        open: &OpenSettlement,
        batch: &Batch,
        entries: &[Entry],
        error: &TransactionError,
        changes: &mut Changes,
    ) -> Result<(), EngineError> {
        if entries.len() <= 1 {
            self.fail_batch(batch, entries, HoldReason::Evicted(error.text.clone()), changes);
            return Ok(());
        }
        let (first, second) = entries.split_at(entries.len() / 2);
        self.replace(open, batch, [first, second], batch.format, error, changes).await?;
        changes.warn(format!("batch {} fails as a whole and is split: {}", batch.id, error.text));
        Ok(())
    }

    /// Replaces a batch in a format that the RPC node refuses by smaller ones in v0. None of its attempts may still land.
    pub(super) async fn plan_again_in_v0(
        &self,
        open: &OpenSettlement,
        batch: &Batch,
        entries: &[Entry],
        error: &TransactionError,
        changes: &mut Changes,
    ) -> Result<(), EngineError> {
        let size = capacity(batch.kind, self.asset()?.kind(), Format::V0).max(1);
        self.replace(open, batch, entries.chunks(size), Format::V0, error, changes).await?;
        changes
            .warn(format!("batch {} is planned again in v0, because its format is refused: {}", batch.id, error.text));
        Ok(())
    }

    /// Replaces the batch with one in `format` for each of the `parts` of its entries.
    async fn replace<'a>(
        &self,
        open: &OpenSettlement,
        batch: &Batch,
        parts: impl IntoIterator<Item = &'a [Entry]>,
        format: Format,
        error: &TransactionError,
        changes: &mut Changes,
    ) -> Result<(), EngineError> {
        let now = self.clock.now_ms();
        let records = rewards::records_of(&self.database, batch.id).await?;
        let last_id = batches::last_id(&self.database).await?;
        changes.push(batches::transition(batch.id, BatchTransition::Split { reason: &error.text }, now));
        for part in parts {
            let of_part: Vec<&PendingReward> =
                records.iter().filter(|record| part.iter().any(|entry| entry.node_id == record.node_id)).collect();
            let id = changes.next_batch_id(last_id);
            let part = NewBatch { format, ..new_batch(batch, part, &of_part) };
            changes.extend(batches::insert(id, open.id, &part, now));
            changes.extend(rewards::assign(id, Some(batch.id)));
        }
        Ok(())
    }

    /// Closes a batch that cannot land, because of `hold`, and returns its rewards to pending with that reason.
    pub(super) fn fail_batch(&self, batch: &Batch, entries: &[Entry], hold: HoldReason, changes: &mut Changes) {
        let reason = &match &hold {
            HoldReason::Evicted(error) => error.clone(),
            hold => hold.to_string(),
        };
        let hold = match (batch.kind, hold) {
            (BatchKind::Register, HoldReason::Evicted(_) | HoldReason::NotLanded(_)) => HoldReason::RegistrationFailed,
            (_, hold) => hold,
        };
        if batch.kind == BatchKind::Register && hold == HoldReason::FeeLimit {
            // Nothing was tried. Otherwise, the wallet account may exist, and is looked for.
            changes.push(settlement_nodes::hold(entries.iter().map(|entry| &entry.node_id)));
        }
        let results = vec![EntryResult::without_skips(EntryOutcome::Evicted); entries.len()];
        let now = self.clock.now_ms();
        changes.push(batches::transition(batch.id, BatchTransition::Failed { reason }, now));
        changes.push(batches::set_results(batch.id, &results));
        changes.push(rewards::return_to_pending(batch.id));
        let holds = || entries.iter().map(|entry| (&entry.node_id, Some(hold.to_string())));
        changes.push(payables::hold(holds(), HOLD_RETRY_MS));
        if batch.kind == BatchKind::Settle {
            changes.push(wallets::hold(holds(), HOLD_RETRY_MS));
        }
        changes.warn(format!("batch {} failed: {reason}", batch.id));
    }
}

fn new_batch(whole: &Batch, entries: &[Entry], records: &[&PendingReward]) -> NewBatch {
    let leaves: Vec<_> = records.iter().map(|record| record.leaf().hash()).collect();
    NewBatch {
        kind: whole.kind,
        format: whole.format,
        records_root: merkle::root(&leaves),
        entries: entries.to_vec(),
        records: records.iter().map(|record| record.sequence).collect(),
    }
}
