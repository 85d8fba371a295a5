//! Attempts whose end should have been known long ago.
//!
//! An attempt is open until a finalized block decides about it, at most a minute or two after it was signed. If it takes much
//! longer, the cluster has stopped, or the RPC node does not tell: nothing that the engine could do helps, so it says so.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;

use super::changes::Changes;
use super::lease::Lease;
use super::open_batch::OpenBatch;
use super::store::attempts;
use super::store::settlements::OpenSettlement;
use super::{Engine, EngineError};

/// The age from which an open attempt is reported, in milliseconds: several times as long as a blockhash is valid.
pub const ATTEMPT_OVERDUE_MS: u64 = 5 * 60 * 1_000;

/// The maximum number of attempts that are reported at once; the next call reports the others.
const REPORTS_PER_CALL: usize = 8;

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Warns of attempts that have been in flight for too long, once each.
    pub(super) async fn report_overdue(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        in_flight: &[OpenBatch],
    ) -> Result<(), EngineError> {
        let now = self.clock.now_ms();
        let overdue: Vec<_> = in_flight
            .iter()
            .filter_map(|open_batch| Some((&open_batch.batch, open_batch.latest_attempt.as_ref()?)))
            .filter(|(_, attempt)| !attempt.is_reported && now.abs_diff(attempt.created_at_ms) >= ATTEMPT_OVERDUE_MS)
            .take(REPORTS_PER_CALL)
            .collect();
        if overdue.is_empty() {
            return Ok(());
        }
        let mut changes = Changes::for_settlement(open, now);
        for (batch, attempt) in overdue {
            let minutes = ATTEMPT_OVERDUE_MS / 60_000;
            let report = format!(
                "open for more than {minutes} minutes, far longer than its blockhash is valid: check that the cluster \
                 finalizes blocks, and that the RPC nodes keep up with it; the batch waits until the end of this attempt is known"
            );
            changes.extend(attempts::report(attempt, &report));
            changes.warn(format!("batch {}, attempt {} is {report}", batch.id, attempt.number));
        }
        self.commit(lease, changes).await
    }
}
