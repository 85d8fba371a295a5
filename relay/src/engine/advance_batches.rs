//! Advances a settlement's open batches: simulates, signs, sends and tracks each of them until it is closed.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::lease::Lease;
use super::store::batches::BatchSelection;
use super::store::settlements::OpenSettlement;
use super::track::Tracking;
use super::{AttemptState, Engine, EngineError};

/// What remains to be done for the selected batches.
pub(super) enum BatchesProgress {
    /// Some batches are open. Call again after this many milliseconds.
    Waiting { after_ms: u64 },
    /// No batch is open.
    AllClosed,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Advances the selected open batches as far as one call can: the batches in flight are tracked while others are
    /// simulated and signed.
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
                None => to_simulate.push(open_batch),
                Some(AttemptState::Planned) => to_sign.push(open_batch),
                Some(_) => in_flight.push(open_batch),
            }
        }
        if to_simulate.is_empty() && to_sign.is_empty() && in_flight.is_empty() {
            return Ok(BatchesProgress::AllClosed);
        }
        let per_call = self.config.batches_per_call.max(1);
        let mut is_busy = true;
        let new_attempts = if !to_sign.is_empty() {
            to_sign.truncate(per_call);
            self.sign_and_send(lease, open, to_sign).await
        } else if !to_simulate.is_empty() {
            to_simulate.truncate(per_call);
            self.plan_attempts(lease, open, to_simulate).await
        } else {
            is_busy = false;
            Ok(())
        };
        if in_flight.is_empty() {
            new_attempts?;
            return Ok(BatchesProgress::Waiting { after_ms: 0 });
        }
        // A node that cannot simulate may still know what has become of the batches in flight.
        let failure = match new_attempts {
            Err(EngineError::Chain(error)) => Some(error),
            others => {
                others?;
                None
            }
        };
        self.renew(lease).await?;
        self.report_overdue(lease, open, &in_flight).await?;
        let tracking = self.track(lease, open, in_flight).await?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        Ok(BatchesProgress::Waiting {
            after_ms: match tracking {
                Tracking::Unchanged { poll_after_ms } if !is_busy => poll_after_ms,
                _ => 0,
            },
        })
    }
}
