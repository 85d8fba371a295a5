//! Attempts on their way: their verdicts, and what follows from each.

use solana_signature::Signature;

use crate::chain::{Chain, Commitment, MAX_SIGNATURES_PER_READ, SignatureStatus, StatusSearch};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::BatchKind;

use super::changes::Changes;
use super::drive::OpenBatch;
use super::lease::Lease;
use super::store::attempts::{self, Attempt, StoredTransaction};
use super::store::batches::{self, Batch};
use super::store::settlements::OpenSettlement;
use super::verdict::{self, Verdict};
use super::{AttemptState, Engine, EngineError};

/// The same bytes are sent again this often until their blockhash dies: leaders drop transactions, and a second
/// copy of the same bytes can only land once.
const RESEND_MS: i64 = 2_000;

/// An attempt whose fate could not be told this often goes to a person.
const MAX_UNKNOWN_POLLS: u32 = 20;

/// A batch whose last attempt may have left.
struct UnderWay {
    batch: Batch,
    attempt: Attempt,
    signed: StoredTransaction,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Asks for the fate of every attempt under way. Whether any of them got further.
    pub(super) async fn follow(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        under_way: Vec<OpenBatch>,
    ) -> Result<bool, EngineError> {
        let all: Vec<UnderWay> = under_way
            .into_iter()
            .filter_map(|open| {
                let attempt = open.last?;
                let signed = attempt.signed.clone()?;
                Some(UnderWay { batch: open.batch, attempt, signed })
            })
            .collect();
        let signatures: Vec<Signature> = all.iter().map(|one| one.signed.signature).collect();
        // The height is read before the statuses: a transaction that lands in between is then seen, not missed.
        let height = self.chain.block_height(Commitment::Finalized).await?;
        let statuses = self.statuses(&signatures, StatusSearch::Recent).await?;
        let mut advanced = false;
        let mut trouble = None;
        for (one, status) in all.iter().zip(statuses) {
            match self.follow_one(lease, open, one, status, height).await {
                Ok(further) => advanced |= further,
                // The node may answer for the next batch; this one is asked for again.
                Err(EngineError::Chain(error)) if error.is_transient() => trouble = Some(error),
                Err(error) => return Err(error),
            }
        }
        match trouble {
            Some(error) if !advanced => Err(error.into()),
            _ => Ok(advanced),
        }
    }

    /// Asks for the fate of one attempt, and acts on it. Whether it got further.
    async fn follow_one(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        one: &UnderWay,
        status: Option<SignatureStatus>,
        finalized_height: u64,
    ) -> Result<bool, EngineError> {
        let verdict = self.verdict(&one.batch, &one.signed, status, finalized_height).await?;
        self.act(lease, open, one, verdict).await
    }

    async fn statuses(
        &self,
        signatures: &[Signature],
        search: StatusSearch,
    ) -> Result<Vec<Option<SignatureStatus>>, EngineError> {
        let mut statuses = Vec::with_capacity(signatures.len());
        for chunk in signatures.chunks(MAX_SIGNATURES_PER_READ) {
            statuses.extend(self.chain.statuses(chunk, search).await?);
        }
        Ok(statuses)
    }

    async fn verdict(
        &self,
        batch: &Batch,
        signed: &StoredTransaction,
        status: Option<SignatureStatus>,
        finalized_height: u64,
    ) -> Result<Verdict, EngineError> {
        let dead_from = signed.last_valid_block_height;
        if let Some(verdict) = verdict::of_status(status.as_ref(), finalized_height, dead_from) {
            return Ok(verdict);
        }
        let searched = self.statuses(&[signed.signature], StatusSearch::FullHistory).await?.pop().flatten();
        if let Some(verdict) = verdict::of_status(searched.as_ref(), finalized_height, dead_from) {
            return Ok(verdict);
        }
        let entries = batches::entries(&self.database, batch.id).await?;
        let read = self.read_wallets(&entries).await?;
        let now: Vec<Option<(u64, u64)>> = read
            .wallets
            .iter()
            .map(|wallet| wallet.as_ref().map(|(wallet, _)| (wallet.credited_total, wallet.paid_total)))
            .collect();
        Ok(verdict::of_the_missing(match batch.kind {
            BatchKind::Register => verdict::registrations(&now),
            BatchKind::Credit | BatchKind::Settle => verdict::totals(&entries, &now),
        }))
    }

    /// Whether the attempt got further.
    async fn act(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        UnderWay { batch, attempt, signed }: &UnderWay,
        verdict: Verdict,
    ) -> Result<bool, EngineError> {
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        let what = format!("batch {}, attempt {} ({})", batch.id, attempt.number, signed.signature);
        match verdict {
            Verdict::Finalized { slot } => {
                return self.close_batch(lease, open, batch, attempt, signed, Some(slot)).await;
            }
            Verdict::Fulfilled => {
                return self.close_batch(lease, open, batch, attempt, signed, None).await;
            }
            Verdict::Reverted { slot, error } => {
                changes.extend(attempts::set_state(
                    attempt,
                    AttemptState::Failed,
                    Some(slot),
                    None,
                    Some(&error.text),
                    now,
                ));
                changes.warn(format!("{what} failed on the chain and moved nothing: {}", error.text));
                self.reopen(batch, &mut changes);
            }
            Verdict::Landed { slot } if attempt.state != AttemptState::Landed => {
                changes.extend(attempts::set_state(attempt, AttemptState::Landed, Some(slot), None, None, now));
                changes.info(format!("{what} landed in slot {slot}"));
            }
            Verdict::Landed { .. } => return Ok(false),
            Verdict::Live => {
                let due = attempt.sent_at_ms.is_none_or(|sent| now.saturating_sub(sent) >= RESEND_MS);
                if due {
                    self.send(lease, open, attempt, &signed.bytes).await?;
                }
                return Ok(false);
            }
            Verdict::Dead => {
                changes.extend(attempts::set_state(attempt, AttemptState::Expired, None, None, None, now));
                changes.warn(format!("{what} expired without landing"));
                self.reopen(batch, &mut changes);
            }
            Verdict::Unknown if attempt.state == AttemptState::Review => return Ok(false),
            Verdict::Unknown if attempt.unknown_polls >= MAX_UNKNOWN_POLLS => {
                const REASON: &str = "the signature is nowhere to be found, but some of the wallets have changed \
                    since: compare the wallets' credited totals with the batch's entries";
                changes.extend(attempts::set_state(attempt, AttemptState::Review, None, None, Some(REASON), now));
                changes.push(batches::set_state(batch.id, "review", None, Some(REASON), now));
                changes.error(format!("{what} needs a person: {REASON}"));
            }
            Verdict::Unknown => {
                changes.extend(attempts::unknown(attempt, now));
                if attempt.unknown_polls == 0 {
                    changes.warn(format!("{what} expired, but some of its wallets have changed: waiting for clarity"));
                }
                self.commit(lease, changes).await?;
                return Ok(false);
            }
        }
        self.commit(lease, changes).await?;
        Ok(true)
    }

    /// A batch in review whose attempt turned out not to have landed goes back to being planned, if its settlement is
    /// still open; otherwise its rewards go back to pending.
    fn reopen(&self, batch: &Batch, changes: &mut Changes) {
        if batch.in_review {
            let now = self.clock.now_ms();
            changes.push(batches::set_state(batch.id, "failed", None, Some("it did not land"), now));
            changes.push(super::store::rewards::return_to_pending(batch.id, &Default::default()));
        }
    }
}
