//! Step 5: signatures and bytes are stored, and only then sent.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::Budget;

use super::changes::Changes;
use super::drive::{Driven, OpenBatch};
use super::lease::Lease;
use super::store::attempts::Attempt;
use super::store::settlements::OpenSettlement;
use super::store::{attempts, batches};
use super::{AttemptState, Engine, EngineError, Progress, Step};

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    pub(super) async fn submit(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        match self.drive(lease, open, false).await? {
            Driven::Waiting { after_ms } => Ok(Progress::Continue { after_ms }),
            Driven::AllClosed => {
                let mut changes = Changes::for_settlement(open, self.clock.now_ms());
                changes.go_to(Step::Reconcile);
                self.commit(lease, changes).await?;
                Ok(Progress::Continue { after_ms: 0 })
            }
        }
    }

    /// Signs the planned attempts with one blockhash, stores them all, and then sends them.
    pub(super) async fn sign_and_send(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        planned: Vec<OpenBatch>,
    ) -> Result<(), EngineError> {
        let latest = self.chain.latest_blockhash().await?;
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        let mut stored = Vec::with_capacity(planned.len());
        for OpenBatch { batch, last } in planned {
            let Some(attempt) = last else { continue };
            let entries = batches::entries(&self.database, batch.id).await?;
            let budget = Budget {
                compute_unit_limit: attempt.compute_unit_limit,
                loaded_accounts_data_limit: attempt.loaded_accounts_data_limit,
                compute_unit_price: attempt.compute_unit_price,
            };
            let unsigned = batch.format.build(
                &self.signer.address(),
                &self.instructions(&batch, &entries),
                &budget,
                latest.blockhash,
            )?;
            let signature = self.signer.sign(&unsigned.message_bytes()).await?;
            let signed = unsigned.signed(signature)?;
            changes.extend(attempts::sign(&attempt, &signed, latest.last_valid_block_height, self.clock.now_ms()));
            changes.info(format!(
                "batch {} ({}, {} nodes, {}), attempt {}: signed as {signature}",
                batch.id,
                batch.kind,
                entries.len(),
                batch.format,
                attempt.number
            ));
            let version = attempt.version.saturating_add(1);
            stored.push((Attempt { state: AttemptState::Signed, version, ..attempt }, signed.bytes));
        }
        // The one line that everything else leans on: nothing below runs unless this was written.
        self.commit(lease, changes).await?;

        for (attempt, bytes) in stored {
            self.send(lease, open, &attempt, &bytes).await?;
        }
        Ok(())
    }

    /// Hands stored bytes to a node, and notes that it was done. A refusal or a lost answer is noted too, and changes
    /// nothing: the bytes may have left, only the chain tells an attempt's fate, and other batches need not wait.
    pub(super) async fn send(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        attempt: &Attempt,
        bytes: &[u8],
    ) -> Result<(), EngineError> {
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        if let Err(error) = self.chain.send(bytes).await {
            changes.warn(format!("batch {}, attempt {}: {error}", attempt.batch_id, attempt.number));
        }
        changes.extend(attempts::sent(attempt, self.clock.now_ms()));
        self.commit(lease, changes).await
    }
}
