//! Tracks attempts in flight: determines the verdict on each and acts on it.

use std::collections::BTreeMap;

use solana_signature::Signature;

use crate::chain::{Chain, Commitment, MAX_SIGNATURES_PER_READ, SignatureStatus, StatusSearch};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::BatchKind;

use super::changes::Changes;
use super::lease::Lease;
use super::open_batch::OpenBatch;
use super::simulate::batch_wide_failure;
use super::store::attempts::{self, Attempt, AttemptTransition, StoredTransaction};
use super::store::batches::{self, Batch, BatchTransition};
use super::store::rewards;
use super::store::settlements::OpenSettlement;
use super::store::wallets::WalletTotals;
use super::verdict::{self, BlockhashValidity, Verdict};
use super::{AttemptState, Engine, EngineError};

/// The interval at which the same bytes are resent while their blockhash is valid: leaders drop transactions, and
/// resent bytes can land only once.
const RESEND_MS: i64 = 2_000;

/// The number of polls with an unknown outcome after which an attempt needs manual review.
const MAX_UNKNOWN_POLLS: u32 = 20;

/// Whether tracking has changed the state of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracking {
    /// At least one attempt is in a new state.
    Advanced,
    /// Every attempt is in the same state as before.
    Unchanged,
}

/// A batch whose latest attempt is signed and may have been sent.
pub(super) struct InFlight {
    pub(super) batch: Batch,
    pub(super) attempt: Attempt,
    pub(super) signed: StoredTransaction,
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
        let signatures: Vec<Signature> = in_flight.iter().map(|one| one.signed.signature).collect();
        // The height is read before the statuses: a transaction that lands in between is then found, not missed.
        let height = self.chain.block_height(Commitment::Finalized).await?;
        let statuses = self.recent_statuses(&signatures).await?;
        let mut tracking = Tracking::Unchanged;
        let mut transient_error = None;
        for (one, status) in in_flight.iter().zip(statuses) {
            match self.track_one(lease, open, one, status, height).await {
                Ok(Tracking::Advanced) => tracking = Tracking::Advanced,
                Ok(Tracking::Unchanged) => {}
                // The node may respond for the next batch; this one is polled again.
                Err(EngineError::Chain(error)) if error.is_transient() => transient_error = Some(error),
                Err(error) => return Err(error),
            }
        }
        match transient_error {
            Some(error) if tracking == Tracking::Unchanged => Err(error.into()),
            _ => Ok(tracking),
        }
    }

    /// Determines the verdict on one attempt and acts on it.
    async fn track_one(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        one: &InFlight,
        status: Option<SignatureStatus>,
        finalized_block_height: u64,
    ) -> Result<Tracking, EngineError> {
        let blockhash =
            BlockhashValidity { last_valid_block_height: one.signed.last_valid_block_height, finalized_block_height };
        let verdict = self.verdict(one, status, blockhash).await?;
        self.act(lease, open, one, verdict).await
    }

    /// The statuses of the signatures, as far as the node's recent blocks show them.
    async fn recent_statuses(&self, signatures: &[Signature]) -> Result<Vec<Option<SignatureStatus>>, EngineError> {
        let mut statuses = Vec::with_capacity(signatures.len());
        for chunk in signatures.chunks(MAX_SIGNATURES_PER_READ) {
            statuses.extend(self.chain.statuses(chunk, StatusSearch::Recent).await?);
        }
        Ok(statuses)
    }

    /// The status of one signature, searched for in the node's transaction history too.
    async fn status_in_history(&self, signature: Signature) -> Result<Option<SignatureStatus>, EngineError> {
        Ok(self.chain.statuses(&[signature], StatusSearch::FullHistory).await?.pop().flatten())
    }

    async fn verdict(
        &self,
        InFlight { batch, signed, .. }: &InFlight,
        status: Option<SignatureStatus>,
        blockhash: BlockhashValidity,
    ) -> Result<Verdict, EngineError> {
        if let Some(verdict) = verdict::from_status(status.as_ref(), blockhash) {
            return Ok(verdict);
        }
        let status = self.status_in_history(signed.signature).await?;
        if let Some(verdict) = verdict::from_status(status.as_ref(), blockhash) {
            return Ok(verdict);
        }
        let entries = batches::entries(&self.database, batch.id).await?;
        let read = self.read_wallets(&entries).await?;
        let now: Vec<Option<WalletTotals>> =
            read.wallets.iter().map(|wallet| wallet.as_ref().map(|(wallet, _)| WalletTotals::of(wallet))).collect();
        Ok(verdict::from_wallets(match batch.kind {
            BatchKind::Register => verdict::registration_evidence(&now),
            BatchKind::Credit | BatchKind::Settle => verdict::payment_evidence(&entries, &now),
        }))
    }

    /// Writes what follows from the verdict, or resends the attempt.
    async fn act(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        one: &InFlight,
        verdict: Verdict,
    ) -> Result<Tracking, EngineError> {
        let InFlight { batch, attempt, signed } = one;
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        let name = format!("batch {}, attempt {} ({})", batch.id, attempt.number, signed.signature);
        match verdict {
            Verdict::Finalized { slot } => return self.close_batch(lease, open, one, Some(slot)).await,
            Verdict::EffectObserved => return self.close_batch(lease, open, one, None).await,
            Verdict::Reverted { slot, error } => {
                changes.extend(attempts::transition(
                    attempt,
                    AttemptTransition::Failed { slot, error: &error.text },
                    now,
                ));
                changes.warn(format!("{name} failed on-chain and moved no lamports except its fee: {}", error.text));
                self.close_review(batch, &mut changes);
                // If the entries are not the cause, the next attempt's simulation finds out whether it persists.
                if !batch.in_review() && batch_wide_failure(batch.kind, &error).is_none() {
                    let entries = batches::entries(&self.database, batch.id).await?;
                    changes.push(batches::require_unchanged(batch));
                    self.split_or_evict(open, batch, &entries, &error, &mut changes).await?;
                }
            }
            Verdict::Landed { slot } if attempt.state != AttemptState::Landed => {
                changes.extend(attempts::transition(attempt, AttemptTransition::Landed { slot }, now));
                changes.info(format!("{name} landed in slot {slot}"));
            }
            Verdict::Landed { .. } => return Ok(Tracking::Unchanged),
            Verdict::Pending => {
                let due = attempt.sent_at_ms.is_none_or(|sent| now.saturating_sub(sent) >= RESEND_MS);
                if due {
                    self.send(lease, open, attempt, &signed.bytes).await?;
                }
                return Ok(Tracking::Unchanged);
            }
            Verdict::Expired => {
                changes.extend(attempts::transition(attempt, AttemptTransition::Expired, now));
                changes.warn(format!("{name} expired without landing"));
                self.close_review(batch, &mut changes);
            }
            Verdict::Unknown if attempt.state == AttemptState::Review => return Ok(Tracking::Unchanged),
            Verdict::Unknown if attempt.unknown_polls >= MAX_UNKNOWN_POLLS => {
                const REASON: &str = "the signature was not found, but some of the batch's wallets have changed since: \
                    compare the wallets' credited totals with the batch's entries";
                changes.extend(attempts::transition(attempt, AttemptTransition::Review { reason: REASON }, now));
                changes.push(batches::transition(batch.id, BatchTransition::Review { reason: REASON }, now));
                changes.error(format!("{name} needs manual review: {REASON}"));
            }
            Verdict::Unknown => {
                changes.extend(attempts::unknown(attempt, now));
                if attempt.unknown_polls == 0 {
                    changes.warn(format!(
                        "{name} expired, but some of its wallets have changed: outcome unknown, will retry"
                    ));
                }
                self.commit(lease, changes).await?;
                return Ok(Tracking::Unchanged);
            }
        }
        self.commit(lease, changes).await?;
        Ok(Tracking::Advanced)
    }

    /// Closes a batch in review whose attempt turned out not to have landed, and returns its rewards to pending. Its
    /// settlement may be closed, so the batch is not retried. A batch that is not in review stays open.
    fn close_review(&self, batch: &Batch, changes: &mut Changes) {
        if batch.in_review() {
            let failed = BatchTransition::Failed { reason: "it did not land" };
            changes.push(batches::transition(batch.id, failed, self.clock.now_ms()));
            changes.push(rewards::return_to_pending(batch.id, &BTreeMap::new()));
        }
    }
}
