//! What a process remembers of the settlement that it advances, so that it need not be read for every piece.
//!
//! Everything here can be read again from the ledger, and is, after a restart or once another runner has held the lease.

use crate::chain::Chain;
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::Format;

use super::lease::Lease;
use super::outlook::Order;
use super::plan::PlannedSoFar;
use super::store::settlements::OpenSettlement;
use super::{Engine, EngineError};

/// What is remembered of a settlement. `None` is what is not known yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    settlement_id: i64,
    fencing_token: i64,
    /// In which order its nodes are served.
    pub(super) order: Option<Order>,
    /// At least what its open batches credit and pay.
    pub(super) planned: Option<PlannedSoFar>,
    /// The latest slot of a transaction whose effect is written back: what is read from an earlier one does not show it.
    pub(super) closed_slot: Option<u64>,
    /// Whether the next piece can be planned only once no batch is open.
    pub(super) awaits_open_batches: bool,
    /// Whether the last call has prepared a piece, instead of asking for the batches in flight.
    pub(super) has_prepared: bool,
    /// When the batches in flight were last asked for, if nothing has changed since.
    pub(super) polled_at_ms: Option<i64>,
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// What this process knows about the settlement.
    pub(super) fn known(&self, lease: &Lease, open: &OpenSettlement) -> Known {
        let (settlement_id, fencing_token) = (open.id, lease.fencing_token());
        let known = self.known.get();
        if (known.settlement_id, known.fencing_token) == (settlement_id, fencing_token) {
            known
        } else {
            // Nothing was planned in this order before, whoever has held the lease.
            let order = known.order.filter(|_| known.settlement_id == settlement_id);
            Known { settlement_id, fencing_token, order, ..Known::default() }
        }
    }

    /// Changes what this process knows about the settlement.
    pub(super) fn remember(&self, lease: &Lease, open: &OpenSettlement, change: impl FnOnce(&mut Known)) {
        let mut known = self.known(lease, open);
        change(&mut known);
        self.known.set(known);
    }

    /// Remembers that effects up to this slot are written back.
    pub(super) fn remember_closed(&self, lease: &Lease, open: &OpenSettlement, slot: u64) {
        self.remember(lease, open, |known| {
            known.closed_slot = known.closed_slot.map(|latest| latest.max(slot));
        });
    }

    /// The transaction format to use in settlement `settlement_id`; `None` stands for one that is yet to be opened. It is found
    /// out once for each settlement.
    pub(super) async fn format(&self, settlement_id: Option<i64>) -> Result<Format, EngineError> {
        if let Some((_, format)) = self.format.get().filter(|(known, _)| Some(*known) == settlement_id) {
            return Ok(format);
        }
        let format = self.config.format.resolve(&self.chain, self.signer.address()).await?;
        self.format.set(settlement_id.map(|id| (id, format)));
        Ok(format)
    }
}
