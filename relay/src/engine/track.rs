//! Tracks attempts in flight: determines the verdict on each and acts on it.

use crate::chain::verdict::{self, SentTransaction, Verdict, Verdicts};
use crate::chain::{Chain, ChainError, TransactionError};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::changes::Changes;
use super::close::{FinalizedAttempt, LOG_PATIENCE_MS, expected_fee};
use super::lease::Lease;
use super::open_batch::OpenBatch;
use super::simulate::{Failure, failure_of};
use super::store::attempts::{self, Attempt, AttemptTransition, StoredTransaction};
use super::store::batches::{self, Batch};
use super::store::settlements::{self, OpenSettlement, SettlementSums};
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
    /// Every attempt is in the same state as before. They are asked for again after this many milliseconds.
    Unchanged { poll_after_ms: u64 },
}

/// The interval between two polls of signature statuses: about two slots, as statuses change no faster.
pub(super) const POLL_MS: u64 = 800;

/// The longest interval between two polls, while blocks have to be finalized.
const MAX_POLL_MS: u64 = 4_000;

/// How long a slot lasts.
const SLOT_MS: u64 = 400;

/// When to ask again. `next_finalized` is the slot of the block that will be finalized first, if nothing else can happen
/// before: then it pays to wait for half of the blocks that have to be finalized until then.
fn poll_after_ms(next_finalized: Option<u64>, finalized: u64) -> u64 {
    next_finalized.map_or(POLL_MS, |slot| {
        (slot.saturating_sub(finalized).saturating_mul(SLOT_MS) / 2).clamp(POLL_MS, MAX_POLL_MS)
    })
}

impl Tracking {
    /// As far as is known, nothing will change before the usual interval is over.
    pub(super) const UNCHANGED: Self = Self::Unchanged { poll_after_ms: POLL_MS };

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
                let signed = attempt.signed?;
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
        let Verdicts { block, verdicts, mut missing } = verdict::verdicts(&self.chain, &sent).await?;

        // The work of one call is bounded; what exceeds the bound is found again by the next call.
        let per_call = self.config.batches_per_call.max(1);
        let (mut finalized, mut reverted, mut dead) = (Vec::new(), Vec::new(), Vec::new());
        let (mut landed, mut pending) = (Vec::new(), Vec::new());
        let mut next_finalized = Some(u64::MAX);
        for (one, verdict) in in_flight.iter().zip(verdicts) {
            next_finalized = match &verdict {
                Some(Verdict::Landed { slot, .. }) => next_finalized.map(|next| next.min(*slot)),
                _ => None,
            };
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
                    Tracking::UNCHANGED
                }
                closed => closed?,
            });
        }
        for wave in reverted.chunks(per_call).take(1) {
            tracking = tracking.and(self.act_on_reverts(lease, open, wave, &mut missing).await?);
        }
        for wave in dead.chunks(per_call).take(1) {
            self.renew(lease).await?;
            tracking = tracking.and(match self.end_dead(lease, open, wave, block).await {
                Err(EngineError::Chain(error)) if error.is_transient() => {
                    missing.get_or_insert(error);
                    Tracking::UNCHANGED
                }
                ended => ended.map(|()| Tracking::Advanced)?,
            });
        }
        match missing {
            Some(error) if tracking != Tracking::Advanced => Err(error.into()),
            _ if tracking == Tracking::Advanced => Ok(tracking),
            _ => Ok(Tracking::Unchanged { poll_after_ms: poll_after_ms(next_finalized, block.slot) }),
        }
    }

    async fn record_landed(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        landed: &[(&InFlight, u64)],
    ) -> Result<Tracking, EngineError> {
        if landed.is_empty() {
            return Ok(Tracking::UNCHANGED);
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
        if pending.is_empty() {
            return Ok(());
        }
        let attempts: Vec<&Attempt> = pending.iter().map(|one| &one.attempt).collect();
        let bytes = attempts::bytes_of(&self.database, &attempts).await?;
        let stored: Vec<(&Attempt, &[u8])> =
            attempts.into_iter().filter_map(|attempt| Some((attempt, bytes.get(&attempt.id)?.as_slice()))).collect();
        self.send(lease, open, &stored).await
    }

    /// Whether the attempt was last sent long enough ago.
    fn is_due_for_resend(&self, attempt: &Attempt) -> bool {
        attempt.sent_at_ms.is_none_or(|sent| self.clock.now_ms().abs_diff(sent) >= RESEND_MS)
    }

    /// Books the fees of reverted attempts and ends them, in one transaction. Their batches stay open, or are split. An attempt
    /// whose fee the RPC node does not tell is left for a while; `missing` is then why.
    async fn act_on_reverts(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        reverted: &[Reverted<'_>],
        missing: &mut Option<ChainError>,
    ) -> Result<Tracking, EngineError> {
        let requests = reverted.iter().map(|one| self.chain.transaction(&one.in_flight.signed.signature));
        let transactions = self.all_in_rounds(lease, requests).await?;
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        let (mut ended, mut is_first) = (Vec::new(), false);
        for (one, executed) in reverted.iter().zip(transactions) {
            let attempt = &one.in_flight.attempt;
            let executed = match (executed, attempt.finalized_seen_at_ms) {
                (Ok(executed), _) => executed,
                (Err(_), Some(seen)) if now.abs_diff(seen) >= LOG_PATIENCE_MS => None,
                (Err(error), seen) => {
                    if seen.is_none() {
                        changes.extend(attempts::seen_finalized(attempt, now));
                        is_first = true;
                    }
                    missing.get_or_insert(error);
                    continue;
                }
            };
            ended.push((one, executed.map_or_else(|| expected_fee(attempt), |executed| executed.fee_lamports)));
        }
        if ended.is_empty() && !is_first {
            return Ok(Tracking::UNCHANGED);
        }
        // If the entries are not the cause, the next attempt's simulation finds out whether it persists.
        let is_split = |one: &Reverted<'_>| failure_of(one.in_flight.batch.kind, &one.error) == Failure::Entries;
        let ids: Vec<i64> =
            ended.iter().filter(|(one, _)| is_split(one)).map(|(one, _)| one.in_flight.batch.id).collect();
        let mut entries = batches::entries_of(&self.database, &ids).await?.into_iter();
        for (one, fee_lamports) in &ended {
            let Reverted { in_flight: InFlight { batch, attempt, signed }, slot, error } = one;
            let failed = AttemptTransition::Failed { slot: *slot, fee_lamports: *fee_lamports, error: &error.text };
            changes.extend(attempts::transition(attempt, failed, now));
            let sums = SettlementSums { credited: 0, paid: 0, fees: *fee_lamports };
            changes.push(settlements::add_sums(open.id, sums, now));
            changes.warn(format!(
                "batch {}, attempt {} ({}) failed on-chain and moved no lamports except its fee: {}",
                batch.id, attempt.number, signed.signature, error.text
            ));
            if is_split(one) {
                changes.push(batches::require_unchanged(batch));
                let entries = entries.next().unwrap_or_default();
                self.split_or_evict(open, batch, &entries, error, &mut changes).await?;
            }
        }
        self.commit(lease, changes).await?;
        Ok(if ended.is_empty() { Tracking::UNCHANGED } else { Tracking::Advanced })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_poll_waits_for_finality_but_not_while_a_transaction_may_land() {
        assert_eq!(poll_after_ms(None, 100), POLL_MS);
        assert_eq!(poll_after_ms(Some(132), 100), MAX_POLL_MS);
        assert_eq!(poll_after_ms(Some(110), 100), 2_000);
        assert_eq!([101, 100, 90].map(|slot| poll_after_ms(Some(slot), 100)), [POLL_MS; 3]);
    }
}
