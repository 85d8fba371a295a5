//! Closing credits that went as planned, which are nearly all: the program's event says that every entry was credited, and
//! its sum is that of the targets minus the mirrored totals. Then every total in the mirror was right, and is the target now,
//! so that no wallet needs to be read.

use settlement::events::BatchSettled;

use crate::chain::{Chain, ExecutedTransaction};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::BatchKind;

use super::changes::Changes;
use super::close::FinalizedAttempt;
use super::store::attempts::{self, AttemptTransition};
use super::store::batches::{self, BatchTransition};
use super::store::credits::{self, WriteBack};
use super::store::rewards;
use super::store::settlements::{self, OpenSettlement, SettlementSums};
use super::text::plural;
use super::track::InFlight;
use super::{Engine, EngineError};

/// A finalized attempt with its executed transaction and its event, as far as the RPC node has kept them.
pub(super) struct Executed<'a> {
    pub(super) attempt: &'a FinalizedAttempt<'a>,
    pub(super) transaction: Option<ExecutedTransaction>,
    pub(super) event: Option<BatchSettled>,
}

impl Executed<'_> {
    /// The fee and the credited sum of a credit that skipped no entry.
    fn without_skips(&self) -> Option<(u64, u64)> {
        let event = self.event.as_ref().filter(|event| event.credit_skips == 0)?;
        let is_credit = self.attempt.in_flight.batch.kind == BatchKind::Credit;
        is_credit.then_some((self.transaction.as_ref()?.fee_lamports, event.credited))
    }
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// Adds the closing of those that went as planned to `changes`, and returns the others.
    pub(super) async fn close_as_planned<'a>(
        &self,
        open: &OpenSettlement,
        executed: Vec<Executed<'a>>,
        changes: &mut Changes,
    ) -> Result<Vec<Executed<'a>>, EngineError> {
        let candidates: Vec<i64> = executed
            .iter()
            .filter(|one| one.without_skips().is_some())
            .map(|one| one.attempt.in_flight.batch.id)
            .collect();
        if candidates.is_empty() {
            return Ok(executed);
        }
        let expected = credits::expected(&self.database, &candidates).await?;
        let asset = self.asset()?;
        let now = self.clock.now_ms();
        let mut others = Vec::new();
        for one in executed {
            let FinalizedAttempt { in_flight: InFlight { batch, attempt, signed }, slot } = one.attempt;
            let expected = expected.get(&batch.id).copied().unwrap_or_default();
            let (fee_lamports, credited) = match one.without_skips() {
                Some((fee, credited))
                    if expected.entries == batch.entry_count && expected.credited == u128::from(credited) =>
                {
                    (fee, credited)
                }
                _ => {
                    others.push(one);
                    continue;
                }
            };
            let signature = signed.signature.to_string();
            changes.push(batches::require_unchanged(batch));
            changes.extend(attempts::transition(
                attempt,
                AttemptTransition::Finalized { slot: *slot, fee_lamports },
                now,
            ));
            changes.push(batches::transition(batch.id, BatchTransition::Confirmed { signature: &signature }, now));
            changes.extend(credits::write_back(
                batch.id,
                WriteBack {
                    slot: *slot,
                    signature: &signature,
                    credited,
                    moves_lamports: asset.credits_move_lamports(),
                },
                now,
            ));
            changes.push(rewards::return_to_pending(batch.id));
            changes.push(settlements::add_sums(open.id, SettlementSums { credited, paid: 0, fees: fee_lamports }, now));
            changes.info(format!(
                "batch {} confirmed: {} of {} credited; {} credited, {} paid out",
                batch.id,
                batch.entry_count,
                plural(usize::try_from(batch.entry_count).unwrap_or(usize::MAX), "node"),
                plural(credited, asset.unit()),
                plural(0_u64, asset.unit()),
            ));
        }
        Ok(others)
    }
}
