//! Step 5: signs transactions, stores their signatures and bytes, and only then sends them.

use crate::chain::{Chain, ChainError};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::Budget;

use super::advance_batches::BatchesProgress;
use super::build::format_text;
use super::changes::Changes;
use super::lease::Lease;
use super::open_batch::OpenBatch;
use super::store::attempts::Attempt;
use super::store::batches::BatchSelection;
use super::store::settlements::OpenSettlement;
use super::store::{attempts, batches, payables};
use super::text::plural;
use super::{AttemptState, Engine, EngineError, Progress, Step};

/// The number of blocks beyond the finalized one up to which a blockhash can be valid: far more than the 150 for which it is
/// and the 32 that it takes to finalize one.
const MAX_VALID_BLOCKS: u64 = 1_000;

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    pub(super) async fn submit(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        match self.advance_batches(lease, open, BatchSelection::Payments).await? {
            BatchesProgress::Waiting { after_ms } => Ok(Progress::Continue { after_ms }),
            BatchesProgress::AllClosed => {
                let mut changes = Changes::for_settlement(open, self.clock.now_ms());
                changes.go_to(Step::Reconcile);
                self.commit(lease, changes).await?;
                Ok(Progress::Continue { after_ms: 0 })
            }
        }
    }

    /// Signs the planned attempts with one blockhash, stores them, and then sends them.
    pub(super) async fn sign_and_send(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        batches: Vec<OpenBatch>,
    ) -> Result<(), EngineError> {
        let (latest, block) = (self.chain.latest_blockhash().await?, self.chain.finalized_block().await?);
        // With a false expiry, an attempt that does not land would never be given up.
        if latest.last_valid_block_height > block.height.saturating_add(MAX_VALID_BLOCKS) {
            return Err(ChainError::InvalidResponse(format!(
                "getLatestBlockhash: the blockhash is valid up to height {}, although the finalized height is {}",
                latest.last_valid_block_height, block.height
            ))
            .into());
        }
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        let mut stored = Vec::with_capacity(batches.len());
        let ids: Vec<i64> = batches.iter().map(|open_batch| open_batch.batch.id).collect();
        let entries = batches::entries_of(&self.database, &ids).await?;
        self.renew(lease).await?;
        let lookups = self.lookups_for(lease, batches.iter().map(|open_batch| &open_batch.batch).zip(&entries)).await?;
        self.report_lookup_problems(&mut changes);
        for (OpenBatch { batch, latest_attempt }, entries) in batches.into_iter().zip(entries) {
            let Some(attempt) = latest_attempt else { continue };
            let budget = Budget {
                compute_unit_limit: attempt.compute_unit_limit,
                loaded_accounts_data_limit: attempt.loaded_accounts_data_limit,
                compute_unit_price: attempt.compute_unit_price,
            };
            let unsigned = match self.build(&batch, &entries, &budget, latest.blockhash, &lookups)? {
                Ok(unsigned) => unsigned,
                Err(too_large) => {
                    changes.push(batches::require_unchanged(&batch));
                    changes.extend(attempts::withdraw(&attempt, self.clock.now_ms()));
                    self.split_or_evict(open, &batch, &entries, &too_large, &mut changes).await?;
                    continue;
                }
            };
            let format = format_text(batch.format, &unsigned);
            let signature = self.signer.sign(&unsigned.message_bytes()).await?;
            let signed = unsigned.signed(signature)?;
            changes.extend(attempts::sign(&attempt, &signed, latest.last_valid_block_height, self.clock.now_ms()));
            changes.push(payables::raise_signed(batch.id));
            changes.info(format!(
                "batch {} ({}, {}, {format}), attempt {}: signed as {signature}",
                batch.id,
                batch.kind,
                plural(entries.len(), "node"),
                attempt.number
            ));
            let version = attempt.version.saturating_add(1);
            stored.push((Attempt { state: AttemptState::Signed, version, ..attempt }, signed.bytes));
        }
        // The central guarantee: nothing is sent unless this commit has stored its signature and bytes, and the totals
        // that the chain may reach from now on.
        self.commit(lease, changes).await?;

        let stored: Vec<(&Attempt, &[u8])> =
            stored.iter().map(|(attempt, bytes)| (attempt, bytes.as_slice())).collect();
        self.send(lease, open, &stored).await
    }

    /// Sends stored bytes and records that they were sent. An error or a lost response is logged and does not change
    /// that: the bytes may have arrived, only the chain determines the outcome, and other batches need not wait.
    pub(super) async fn send(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        stored: &[(&Attempt, &[u8])],
    ) -> Result<(), EngineError> {
        let sent = self.all_in_rounds(lease, stored.iter().map(|(_, bytes)| self.chain.send(bytes))).await?;
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        for ((attempt, _), sent) in stored.iter().zip(sent) {
            if let Err(error) = sent {
                changes.warn(format!("batch {}, attempt {}: {error}", attempt.batch_id, attempt.number));
            }
            changes.extend(attempts::sent(attempt, now));
        }
        self.commit(lease, changes).await
    }
}
