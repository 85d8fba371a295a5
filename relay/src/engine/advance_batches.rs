//! Advances a settlement's open batches: simulates, signs, sends and tracks each of them until it is closed.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::lease::Lease;
use super::open_batch::OpenBatches;
use super::store::settlements::OpenSettlement;
use super::track::{POLL_MS, Tracking};
use super::{Engine, EngineError};

/// What remains to be done for the open batches.
pub(super) enum BatchesProgress {
    /// Some batches are open. Call again after this many milliseconds.
    Waiting { after_ms: u64 },
    /// No batch is open.
    AllClosed,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Advances the open batches as far as one call can: the batches in flight are tracked while others are simulated and
    /// signed.
    pub(super) async fn advance_batches(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        batches: OpenBatches,
    ) -> Result<BatchesProgress, EngineError> {
        if batches.is_empty() {
            return Ok(BatchesProgress::AllClosed);
        }
        let OpenBatches { mut to_simulate, mut to_sign, in_flight } = batches;
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
        // A node that cannot simulate may still know what has become of the batches in flight.
        let failure = match new_attempts {
            Err(EngineError::Chain(error)) if !in_flight.is_empty() => Some(error),
            others => {
                others?;
                None
            }
        };
        if in_flight.is_empty() || (is_busy && failure.is_none() && !self.is_poll_due(lease, open)) {
            return Ok(BatchesProgress::Waiting { after_ms: 0 });
        }
        self.renew(lease).await?;
        self.report_overdue(lease, open, &in_flight).await?;
        let tracking = self.track(lease, open, in_flight).await?;
        let polled_at_ms = (tracking != Tracking::Advanced).then(|| self.clock.now_ms());
        self.remember(lease, open, |known| known.polled_at_ms = polled_at_ms);
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

    /// Whether the batches in flight may have changed since they were last asked for.
    pub(super) fn is_poll_due(&self, lease: &Lease, open: &OpenSettlement) -> bool {
        let polled_at_ms = self.known(lease, open).polled_at_ms;
        polled_at_ms.is_none_or(|polled| self.clock.now_ms().abs_diff(polled) >= POLL_MS)
    }
}
