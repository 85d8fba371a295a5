//! Signs transactions, stores their signatures and bytes, and only then sends them.

use crate::chain::{Chain, ChainError};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::Budget;

use super::build::format_text;
use super::changes::Changes;
use super::lease::Lease;
use super::open_batch::OpenBatch;
use super::store::attempts::Attempt;
use super::store::settlements::OpenSettlement;
use super::store::{attempts, batches, payables};
use super::text::{differ_only_in_numbers, plural};
use super::{AttemptState, Engine, EngineError};

/// The number of blocks beyond the finalized one up to which a blockhash can be valid: far more than the 150 for which it is
/// and the 32 that it takes to finalize one.
const MAX_VALID_BLOCKS: u64 = 1_000;

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
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

    /// Sends stored bytes and records that they were sent. An error or a lost response does not change that: the bytes may have
    /// arrived, only the chain determines the outcome, and other batches need not wait. Errors are logged by cause.
    pub(super) async fn send(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        stored: &[(&Attempt, &[u8])],
    ) -> Result<(), EngineError> {
        let sent = self.all_in_rounds(lease, stored.iter().map(|(_, bytes)| self.chain.send(bytes))).await?;
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        changes.extend(stored.iter().flat_map(|(attempt, _)| attempts::sent(attempt, now)));
        let failures = failures_by_cause(sent.into_iter().filter_map(Result::err), stored.len());
        for warning in self.not_repeated(open, failures).await? {
            changes.warn(warning);
        }
        self.commit(lease, changes).await
    }
}

/// The maximum number of causes that are logged at once.
const MAX_CAUSES: usize = 4;

/// A warning for each cause of `errors`, of `total` transactions that were sent.
fn failures_by_cause(errors: impl Iterator<Item = ChainError>, total: usize) -> Vec<String> {
    let mut causes: Vec<(String, usize)> = Vec::new();
    for error in errors {
        let text = error.to_string();
        if let Some((_, count)) = causes.iter_mut().find(|(known, _)| differ_only_in_numbers(known, &text)) {
            *count = count.saturating_add(1);
        } else if causes.len() < MAX_CAUSES {
            causes.push((text, 1));
        }
    }
    let warning =
        |(text, count)| format!("sent, but not known to have arrived: {count} of {total} transactions: {text}");
    causes.into_iter().map(warning).collect()
}
