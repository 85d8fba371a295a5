//! Step 3, and what follows until everything is paid: plans the payments piece by piece, and carries them out while the next piece is planned.
//!
//! Each call does one of these, the first that there is something to do for: sign and send, simulate, or read or plan the next
//! piece. In between it asks what has become of the batches in flight. A piece is planned only when all earlier batches are in
//! flight, and not more of them than [`EngineConfig::max_open_batches`](super::EngineConfig::max_open_batches).

use crate::chain::{Chain, ChainError};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::BatchKind;

use super::advance_batches::BatchesProgress;
use super::changes::Changes;
use super::lease::Lease;
use super::open_batch::OpenBatches;
use super::store::settlement_nodes;
use super::store::settlements::{self, OpenSettlement};
use super::{Engine, EngineError, NodeState, Progress, Step};

/// What has come of preparing the next piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prepared {
    /// Something was written.
    Piece,
    /// It can be prepared only once open batches have ended.
    Waits,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Prepares and carries out payments. The steps differ only in what is left to be prepared: nothing after [`Step::Plan`].
    pub(super) async fn advance_payments(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let batches = self.open_batches(open).await?;
        let mut failure = None;
        if open.step == Step::Plan && self.may_prepare(lease, open, &batches) {
            let prepared = match self.prepare(lease, open, &batches).await {
                // What is in flight is tracked to its end, whatever stands in the way of the next piece.
                Err(EngineError::Rejected(reason)) if !batches.is_empty() => {
                    self.stop_preparing(lease, open, &reason).await?;
                    Prepared::Piece
                }
                Err(EngineError::Chain(ChainError::Behind { .. })) if !batches.is_empty() => Prepared::Waits,
                Err(EngineError::Chain(error)) if !batches.is_empty() => {
                    failure = Some(error);
                    Prepared::Waits
                }
                prepared => prepared?,
            };
            if prepared == Prepared::Piece {
                self.remember(lease, open, |known| known.has_prepared = true);
                return Ok(Progress::Continue { after_ms: 0 });
            }
        }
        self.remember(lease, open, |known| known.has_prepared = false);
        let progress = self.advance_batches(lease, open, batches).await?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        match progress {
            BatchesProgress::Waiting { after_ms } => Ok(Progress::Continue { after_ms }),
            BatchesProgress::AllClosed => {
                let mut changes = Changes::for_settlement(open, self.clock.now_ms());
                changes.go_to(Step::Reconcile);
                self.commit(lease, changes).await?;
                Ok(Progress::Continue { after_ms: 0 })
            }
        }
    }

    /// Whether it is time to prepare the next piece.
    fn may_prepare(&self, lease: &Lease, open: &OpenSettlement, batches: &OpenBatches) -> bool {
        if batches.is_empty() {
            return true;
        }
        let known = self.known(lease, open);
        let has_room = batches.in_flight.len() < self.config.max_open_batches.max(1);
        let is_turn = !(known.has_prepared && self.is_poll_due(lease, open));
        batches.are_all_in_flight() && has_room && is_turn && !known.awaits_open_batches
    }

    /// Reads, registers or plans some nodes, those with the oldest rewards first.
    async fn prepare(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        batches: &OpenBatches,
    ) -> Result<Prepared, EngineError> {
        let stages = settlement_nodes::stages(&self.database).await?;
        if stages.read {
            return self.plan_piece(lease, open, batches).await;
        }
        if stages.selected {
            self.sync_piece(lease, open, NodeState::Selected).await?;
            return Ok(Prepared::Piece);
        }
        if stages.missing {
            // What the treasury has credited to unknown wallet accounts can be told only while nothing else may be credited.
            return if batches.is_empty() {
                self.plan_registrations(lease, open).await?;
                Ok(Prepared::Piece)
            } else {
                Ok(Prepared::Waits)
            };
        }
        if stages.registering {
            return if batches.contain(BatchKind::Register) {
                Ok(Prepared::Waits)
            } else {
                // All registrations have ended, so their nodes' wallets should exist by now.
                self.sync_piece(lease, open, NodeState::Registering).await?;
                Ok(Prepared::Piece)
            };
        }
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        changes.push(settlements::require_step(open.id, open.step));
        changes.go_to(if batches.is_empty() { Step::Reconcile } else { Step::Submit });
        self.commit(lease, changes).await?;
        Ok(Prepared::Piece)
    }

    /// Leaves what is not planned yet to the next settlement.
    async fn stop_preparing(&self, lease: &Lease, open: &OpenSettlement, reason: &str) -> Result<(), EngineError> {
        let mut changes = Changes::for_settlement(open, self.clock.now_ms());
        changes.error(format!("nothing more can be sent: {reason}"));
        changes.go_to(Step::Submit);
        self.commit(lease, changes).await
    }
}
