//! A settlement's open batches, each with its latest attempt.

use std::collections::BTreeMap;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::store::attempts::{self, Attempt};
use super::store::batches::{self, Batch, BatchSelection};
use super::store::settlements::OpenSettlement;
use super::{Engine, EngineError};

/// An open batch with its latest attempt.
pub(super) struct OpenBatch {
    pub(super) batch: Batch,
    pub(super) latest_attempt: Option<Attempt>,
}

impl OpenBatch {
    /// The latest attempt, unless it has ended.
    pub(super) fn live_attempt(&self) -> Option<&Attempt> {
        self.latest_attempt.as_ref().filter(|attempt| !attempt.state.is_final())
    }

    /// The number of the next attempt.
    pub(super) fn next_number(&self) -> u32 {
        self.latest_attempt.as_ref().map_or(1, |attempt| attempt.number.saturating_add(1))
    }
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Reads the selected open batches of the settlement with their latest attempts.
    pub(super) async fn open_batches(
        &self,
        open: &OpenSettlement,
        selection: BatchSelection,
    ) -> Result<Vec<OpenBatch>, EngineError> {
        let batches = batches::open(&self.database, open.id, selection).await?;
        let ids: Vec<i64> = batches.iter().map(|batch| batch.id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut latest: BTreeMap<i64, Attempt> = attempts::latest_of(&self.database, &ids)
            .await?
            .into_iter()
            .map(|attempt| (attempt.batch_id, attempt))
            .collect();
        Ok(batches.into_iter().map(|batch| OpenBatch { latest_attempt: latest.remove(&batch.id), batch }).collect())
    }
}
