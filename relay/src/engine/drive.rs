//! Takes a settlement's open batches to their ends: prepares, signs, sends and follows them, as many as are ready.

use std::collections::BTreeMap;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::lease::Lease;
use super::store::attempts::{self, Attempt};
use super::store::batches::{self, Batch};
use super::store::settlements::OpenSettlement;
use super::{AttemptState, Engine, EngineError};

/// How often signatures are asked for. About two slots: asking more often cannot tell more.
const POLL_MS: u64 = 800;

/// Where the open batches are.
pub(super) enum Driven {
    /// Some are on their way; look again after this many milliseconds.
    Waiting { after_ms: u64 },
    /// None is open.
    AllClosed,
}

/// An open batch and its last attempt.
pub(super) struct OpenBatch {
    pub(super) batch: Batch,
    pub(super) last: Option<Attempt>,
}

impl OpenBatch {
    /// The attempt that can still land, or of which it is not known.
    fn live(&self) -> Option<&Attempt> {
        self.last.as_ref().filter(|attempt| {
            !matches!(attempt.state, AttemptState::Finalized | AttemptState::Failed | AttemptState::Expired)
        })
    }

    /// The number of the next attempt.
    pub(super) fn next_number(&self) -> u32 {
        self.last.as_ref().map_or(1, |attempt| attempt.number.saturating_add(1))
    }
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// The open batches of the settlement with their last attempts.
    pub(super) async fn open_batches(
        &self,
        open: &OpenSettlement,
        registrations: bool,
    ) -> Result<Vec<OpenBatch>, EngineError> {
        let batches = batches::open(&self.database, open.id, registrations, registrations).await?;
        let ids: Vec<i64> = batches.iter().map(|batch| batch.id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut last: BTreeMap<i64, Attempt> = attempts::last_of(&self.database, &ids)
            .await?
            .into_iter()
            .map(|attempt| (attempt.batch_id, attempt))
            .collect();
        Ok(batches.into_iter().map(|batch| OpenBatch { last: last.remove(&batch.id), batch }).collect())
    }

    /// Does what can be done now for the open batches: those that open wallets, or those that pay.
    pub(super) async fn drive(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        registrations: bool,
    ) -> Result<Driven, EngineError> {
        let mut unprepared = Vec::new();
        let mut planned = Vec::new();
        let mut under_way = Vec::new();
        for batch in self.open_batches(open, registrations).await? {
            match batch.live().map(|attempt| attempt.state) {
                // A batch in review is followed, and never signed again.
                None if batch.batch.in_review => {}
                None => unprepared.push(batch),
                Some(AttemptState::Planned) => planned.push(batch),
                Some(_) => under_way.push(batch),
            }
        }
        let per_call = self.config.batches_per_call.max(1);
        if !planned.is_empty() {
            planned.truncate(per_call);
            self.sign_and_send(lease, open, planned).await?;
            return Ok(Driven::Waiting { after_ms: 0 });
        }
        if !unprepared.is_empty() {
            unprepared.truncate(per_call);
            self.prepare(lease, open, unprepared).await?;
            return Ok(Driven::Waiting { after_ms: 0 });
        }
        let in_review = under_way.iter().filter(|batch| batch.batch.in_review).count();
        let open_count = under_way.len().saturating_sub(in_review);
        if under_way.is_empty() {
            return Ok(Driven::AllClosed);
        }
        let advanced = self.follow(lease, open, under_way).await?;
        if open_count == 0 {
            return Ok(Driven::AllClosed);
        }
        Ok(Driven::Waiting { after_ms: if advanced { 0 } else { POLL_MS } })
    }
}
