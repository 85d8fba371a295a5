//! Tracks attempts in flight: determines the verdict on each and acts on it.

use crate::chain::verdict::{self, SentTransaction, Verdict, Verdicts};
use crate::chain::{Chain, TransactionError};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::changes::Changes;
use super::close::FinalizedAttempt;
use super::lease::Lease;
use super::open_batch::OpenBatch;
use super::simulate::{Failure, failure_of};
use super::store::attempts::{self, Attempt, AttemptTransition, StoredTransaction};
use super::store::batches::{self, Batch};
use super::store::settlements::OpenSettlement;
use super::{AttemptState, Engine, EngineError};

/// The interval at which the same bytes are resent while their blockhash is valid: leaders drop transactions, and
/// resent bytes can land only once.
const RESEND_MS: u64 = 2_000;

/// The maximum number of attempts whose state is written in one transaction.
const ATTEMPTS_PER_WRITE: usize = 64;

/// Whether tracking has changed the state of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracking {
    /// At least one attempt is in a new state.
    Advanced,
    /// Every attempt is in the same state as before.
    Unchanged,
}

impl Tracking {
    fn and(self, other: Self) -> Self {
        if self == Self::Advanced { self } else { other }
    }
}

/// A batch whose latest attempt is signed and may have been sent.
pub(super) struct InFlight {
    pub(super) batch: Batch,
    pub(super) attempt: Attempt,
    pub(super) signed: StoredTransaction,
}

/// An attempt that failed in a finalized block.
struct Reverted<'a> {
    in_flight: &'a InFlight,
    slot: u64,
    error: TransactionError,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Polls every attempt in flight and acts on its verdict.
    pub(super) async fn track(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        batches: Vec<OpenBatch>,
    ) -> Result<Tracking, EngineError> {
        let in_flight: Vec<InFlight> = batches
            .into_iter()
            .filter_map(|OpenBatch { batch, latest_attempt }| {
                let attempt = latest_attempt?;
                let signed = attempt.signed.clone()?;
                Some(InFlight { batch, attempt, signed })
            })
            .collect();
        let sent: Vec<SentTransaction> = in_flight
            .iter()
            .map(|one| SentTransaction {
                signature: one.signed.signature,
                last_valid_block_height: one.signed.last_valid_block_height,
            })
            .collect();
        let Verdicts { verdicts, mut missing, .. } = verdict::verdicts(&self.chain, &sent).await?;

        // The work of one call is bounded; what exceeds the bound is found again by the next call.
        let per_call = self.config.batches_per_call.max(1);
        let (mut finalized, mut reverted, mut dead) = (Vec::new(), Vec::new(), Vec::new());
        let (mut landed, mut pending) = (Vec::new(), Vec::new());
        for (one, verdict) in in_flight.iter().zip(verdicts) {
            match verdict {
                Some(Verdict::Finalized { slot }) => finalized.push(FinalizedAttempt { in_flight: one, slot }),
                Some(Verdict::Reverted { slot, error }) => reverted.push(Reverted { in_flight: one, slot, error }),
                Some(Verdict::Dead) => dead.push(one),
                Some(Verdict::Landed { slot, .. }) if one.attempt.state != AttemptState::Landed => {
                    landed.push((one, slot))
                }
                Some(Verdict::Pending) if self.is_due_for_resend(&one.attempt) => pending.push(one),
                Some(Verdict::Landed { .. } | Verdict::Pending) | None => {}
            }
        }
        landed.truncate(ATTEMPTS_PER_WRITE);
        pending.truncate(ATTEMPTS_PER_WRITE);
        let mut tracking = self.record_landed(lease, open, &landed).await?;
        self.resend(lease, open, &pending).await?;
        for wave in finalized.chunks(per_call).take(1) {
            self.renew(lease).await?;
            tracking = tracking.and(match self.close_finalized(lease, open, wave).await {
                // A node serves accounts or transactions from an earlier slot, or does not answer: it is asked again.
                Err(EngineError::Chain(error)) if error.is_transient() => {
                    missing.get_or_insert(error);
                    Tracking::Unchanged
                }
                closed => closed?,
            });
        }
        for one in reverted.into_iter().take(per_call) {
            self.renew(lease).await?;
            self.act_on_revert(lease, open, one).await?;
            tracking = Tracking::Advanced;
        }
        for wave in dead.chunks(per_call).take(1) {
            self.renew(lease).await?;
            self.end_dead(lease, open, wave).await?;
            tracking = Tracking::Advanced;
        }
        match missing {
            Some(error) if tracking == Tracking::Unchanged => Err(error.into()),
            _ => Ok(tracking),
        }
    }

    async fn record_landed(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        landed: &[(&InFlight, u64)],
    ) -> Result<Tracking, EngineError> {
        if landed.is_empty() {
            return Ok(Tracking::Unchanged);
        }
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        for (InFlight { batch, attempt, signed }, slot) in landed {
            changes.extend(attempts::transition(attempt, AttemptTransition::Landed { slot: *slot }, now));
            changes.info(format!(
                "batch {}, attempt {} ({}) landed in slot {slot}",
                batch.id, attempt.number, signed.signature
            ));
        }
        self.commit(lease, changes).await?;
        Ok(Tracking::Advanced)
    }

    /// Sends the same bytes again.
    async fn resend(&self, lease: &Lease, open: &OpenSettlement, pending: &[&InFlight]) -> Result<(), EngineError> {
        let stored: Vec<(&Attempt, &[u8])> =
            pending.iter().map(|one| (&one.attempt, one.signed.bytes.as_slice())).collect();
        if stored.is_empty() { Ok(()) } else { self.send(lease, open, &stored).await }
    }

    /// Whether the attempt was last sent long enough ago.
    fn is_due_for_resend(&self, attempt: &Attempt) -> bool {
        attempt.sent_at_ms.is_none_or(|sent| self.clock.now_ms().abs_diff(sent) >= RESEND_MS)
    }

    async fn act_on_revert(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        Reverted { in_flight, slot, error }: Reverted<'_>,
    ) -> Result<(), EngineError> {
        let InFlight { batch, attempt, signed } = in_flight;
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        self.end_reverted(open, in_flight, slot, &error.text, &mut changes).await?;
        changes.warn(format!(
            "batch {}, attempt {} ({}) failed on-chain and moved no lamports except its fee: {}",
            batch.id, attempt.number, signed.signature, error.text
        ));
        // If the entries are not the cause, the next attempt's simulation finds out whether it persists.
        if failure_of(batch.kind, &error) == Failure::Entries {
            let entries = batches::entries(&self.database, batch.id).await?;
            changes.push(batches::require_unchanged(batch));
            self.split_or_evict(open, batch, &entries, &error, &mut changes).await?;
        }
        self.commit(lease, changes).await
    }
}
