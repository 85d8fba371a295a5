//! A settlement's open batches, each with its latest attempt.

use std::collections::BTreeMap;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::BatchKind;

use super::store::attempts::{self, Attempt};
use super::store::batches::{self, Batch};
use super::store::settlements::OpenSettlement;
use super::{AttemptState, Engine, EngineError};

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

/// A settlement's open batches by what is to be done with them, oldest first.
#[derive(Default)]
pub(super) struct OpenBatches {
    pub(super) to_simulate: Vec<OpenBatch>,
    pub(super) to_sign: Vec<OpenBatch>,
    /// Their latest attempts are signed, and may have been sent.
    pub(super) in_flight: Vec<OpenBatch>,
}

impl OpenBatches {
    /// Whether no batch is open.
    pub(super) fn is_empty(&self) -> bool {
        self.are_all_in_flight() && self.in_flight.is_empty()
    }

    /// Whether there is nothing to simulate and nothing to sign.
    pub(super) fn are_all_in_flight(&self) -> bool {
        self.to_simulate.is_empty() && self.to_sign.is_empty()
    }

    /// Whether there is a batch of this kind.
    pub(super) fn contain(&self, kind: BatchKind) -> bool {
        [&self.to_simulate, &self.to_sign, &self.in_flight].into_iter().flatten().any(|open| open.batch.kind == kind)
    }
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Reads the open batches of the settlement with their latest attempts.
    pub(super) async fn open_batches(&self, open: &OpenSettlement) -> Result<OpenBatches, EngineError> {
        let batches = batches::open(&self.database, open.id).await?;
        let ids: Vec<i64> = batches.iter().map(|batch| batch.id).collect();
        let mut all = OpenBatches::default();
        if ids.is_empty() {
            return Ok(all);
        }
        let mut latest: BTreeMap<i64, Attempt> = attempts::latest_of(&self.database, &ids)
            .await?
            .into_iter()
            .map(|attempt| (attempt.batch_id, attempt))
            .collect();
        for batch in batches {
            let open_batch = OpenBatch { latest_attempt: latest.remove(&batch.id), batch };
            match open_batch.live_attempt().map(|attempt| attempt.state) {
                None => all.to_simulate.push(open_batch),
                Some(AttemptState::Planned) => all.to_sign.push(open_batch),
                Some(_) => all.in_flight.push(open_batch),
            }
        }
        Ok(all)
    }
}
