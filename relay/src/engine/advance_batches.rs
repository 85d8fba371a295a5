//! Advances a settlement's open batches: simulates, signs, sends and tracks each of them until it is closed.

use std::collections::BTreeMap;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::lease::Lease;
use super::store::attempts::{self, Attempt};
use super::store::batches::{self, Batch, BatchSelection};
use super::store::settlements::OpenSettlement;
use super::track::Tracking;
use super::{AttemptState, Engine, EngineError};

/// The interval between two polls of signature statuses: about two slots, as statuses change no faster.
const POLL_MS: u64 = 800;

/// What remains to be done for the selected batches.
pub(super) enum BatchesProgress {
    /// Some batches are open. Call again after this many milliseconds.
    Waiting { after_ms: u64 },
    /// No batch is open.
    AllClosed,
}

/// An open batch with its latest attempt.
pub(super) struct OpenBatch {
    pub(super) batch: Batch,
    pub(super) latest_attempt: Option<Attempt>,
}

impl OpenBatch {
    /// The latest attempt, unless it has ended.
    fn live_attempt(&self) -> Option<&Attempt> {
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

    /// Advances the selected open batches as far as one call can.
    pub(super) async fn advance_batches(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        selection: BatchSelection,
    ) -> Result<BatchesProgress, EngineError> {
        let mut to_simulate = Vec::new();
        let mut to_sign = Vec::new();
        let mut in_flight = Vec::new();
        for open_batch in self.open_batches(open, selection).await? {
            match open_batch.live_attempt().map(|attempt| attempt.state) {
                // A batch in review is tracked but never signed again.
                None if open_batch.batch.in_review() => {}
                None => to_simulate.push(open_batch),
                Some(AttemptState::Planned) => to_sign.push(open_batch),
                Some(_) => in_flight.push(open_batch),
            }
        }
        let per_call = self.config.batches_per_call.max(1);
        if !to_sign.is_empty() {
            to_sign.truncate(per_call);
            self.sign_and_send(lease, open, to_sign).await?;
            return Ok(BatchesProgress::Waiting { after_ms: 0 });
        }
        if !to_simulate.is_empty() {
            to_simulate.truncate(per_call);
            self.plan_attempts(lease, open, to_simulate).await?;
            return Ok(BatchesProgress::Waiting { after_ms: 0 });
        }
        if in_flight.is_empty() {
            return Ok(BatchesProgress::AllClosed);
        }
        // Batches in review do not keep the settlement open.
        let all_in_review = in_flight.iter().all(|open_batch| open_batch.batch.in_review());
        let tracking = self.track(lease, open, in_flight).await?;
        Ok(match tracking {
            _ if all_in_review => BatchesProgress::AllClosed,
            Tracking::Advanced => BatchesProgress::Waiting { after_ms: 0 },
            Tracking::Unchanged => BatchesProgress::Waiting { after_ms: POLL_MS },
        })
    }
}
