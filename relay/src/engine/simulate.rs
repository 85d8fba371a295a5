//! Step 4, and before every further attempt: simulating a batch shows whether it fails, and how much data it loads.

use settlement::client::{BatchHeader, RegisterNodeArgs, SettleEntry, credit_ix, register_node_ix, settle_ix};
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_signature::Signature;

use crate::chain::{Chain, Simulation, TransactionError};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::{BatchKind, Budget, Format};

use super::changes::Changes;
use super::lease::Lease;
use super::open_batch::OpenBatch;
use super::store::batches::{Batch, BatchSelection, Entry};
use super::store::settlements::OpenSettlement;
use super::store::{attempts, batches};
use super::{Engine, EngineError, Progress, Step};

/// The number of attempts after which a batch that has not landed fails; its rewards then wait for the next settlement.
/// An attempt lasts as long as its blockhash, so this is about ten minutes.
const MAX_ATTEMPTS: u32 = 10;

/// The percentile of recent priority fees to pay, by attempt: low at first, higher after each expired attempt.
const FEE_PERCENTILES: [usize; 4] = [25, 50, 75, 100];

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    pub(super) async fn simulate(&self, lease: &Lease, open: &OpenSettlement) -> Result<Progress, EngineError> {
        let mut to_simulate = self.open_batches(open, BatchSelection::Payments).await?;
        to_simulate.retain(|open_batch| open_batch.latest_attempt.is_none());
        if to_simulate.is_empty() {
            let mut changes = Changes::for_settlement(open, self.clock.now_ms());
            changes.go_to(Step::Submit);
            self.commit(lease, changes).await?;
        } else {
            to_simulate.truncate(self.config.batches_per_call.max(1));
            self.plan_attempts(lease, open, to_simulate).await?;
        }
        Ok(Progress::Continue { after_ms: 0 })
    }

    /// Simulates each batch and plans its next attempt.
    pub(super) async fn plan_attempts(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        batches: Vec<OpenBatch>,
    ) -> Result<(), EngineError> {
        let fees = self.recent_fees().await?;
        for open_batch in batches {
            let batch = &open_batch.batch;
            let entries = batches::entries(&self.database, batch.id).await?;
            let mut changes = Changes::for_settlement(open, self.clock.now_ms());
            changes.push(batches::require_unchanged(batch));
            let number = open_batch.next_number();
            if number > MAX_ATTEMPTS {
                self.fail_batch(batch, &entries, &format!("it did not land in {MAX_ATTEMPTS} attempts"), &mut changes);
            } else {
                let simulation = self.simulate_batch(batch, &entries).await?;
                match simulation.error {
                    None => {
                        let budget = Budget::for_batch(
                            batch.kind,
                            batch.format,
                            entries.len(),
                            simulation.units_consumed,
                            simulation.loaded_accounts_data_bytes,
                            compute_unit_price(&fees, number).min(self.config.max_compute_unit_price),
                        );
                        changes.push(attempts::insert(batch.id, number, &budget, self.clock.now_ms()));
                    }
                    Some(error) => match batch_wide_failure(batch.kind, &error) {
                        Some(reason) => self.fail_batch(batch, &entries, &reason, &mut changes),
                        None => self.split_or_evict(open, batch, &entries, &error, &mut changes).await?,
                    },
                }
            }
            self.commit(lease, changes).await?;
        }
        Ok(())
    }

    async fn simulate_batch(&self, batch: &Batch, entries: &[Entry]) -> Result<Simulation, EngineError> {
        let transaction = batch
            .format
            .build(&self.signer.address(), &self.instructions(batch, entries), &Budget::WIDEST, Hash::default())?
            .signed(Signature::default())?;
        Ok(self.chain.simulate(&transaction.bytes).await?)
    }

    /// Builds the instructions of a batch.
    pub(super) fn instructions(&self, batch: &Batch, entries: &[Entry]) -> Vec<Instruction> {
        let settler = self.signer.address();
        let header = BatchHeader { batch_id: batch.id.unsigned_abs(), records_root: batch.records_root };
        match batch.kind {
            BatchKind::Register => entries
                .iter()
                .map(|entry| {
                    let args = RegisterNodeArgs {
                        node_id: entry.node_id.on_chain(),
                        owner: entry.owner,
                        // Only the owner and the admin may choose another one than the owner.
                        destination: None,
                        threshold: None,
                    };
                    register_node_ix(settler, settler, self.network, args)
                })
                .collect(),
            BatchKind::Credit => {
                let entries: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
                vec![credit_ix(settler, self.network, header, &entries)]
            }
            BatchKind::Settle => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|entry| SettleEntry {
                        wallet: entry.wallet,
                        destination: entry.destination,
                        target: entry.target,
                    })
                    .collect();
                vec![settle_ix(settler, self.network, header, &entries)]
            }
        }
    }

    /// The transaction format to use.
    pub(super) async fn format(&self) -> Result<Format, EngineError> {
        self.config.format.resolve(&self.chain, self.signer.address()).await
    }

    /// The recent priority fees on the accounts that every batch writes, ascending, in micro-lamports per compute unit.
    async fn recent_fees(&self) -> Result<Vec<u64>, EngineError> {
        let mut fees = self.chain.recent_priority_fees(&[self.treasury, self.signer.address()]).await?;
        fees.sort_unstable();
        Ok(fees)
    }
}

/// Chooses the compute unit price for attempt `number` from the ascending `fees`.
fn compute_unit_price(fees: &[u64], number: u32) -> u64 {
    let step = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let percentile = FEE_PERCENTILES.get(step).copied().unwrap_or(100);
    let last = fees.len().saturating_sub(1);
    fees.get(last.saturating_mul(percentile) / 100).copied().unwrap_or(0)
}

/// Explains an error that splitting the batch cannot resolve because it does not depend on the entries. Returns `None`
/// for an error that a single entry can cause.
pub(super) fn batch_wide_failure(kind: BatchKind, error: &TransactionError) -> Option<String> {
    if ["InsufficientFundsForFee", "AccountNotFound"].iter().any(|name| error.text.contains(name)) {
        return Some("the settler cannot pay the transaction fee: send it SOL".to_owned());
    }
    if error.text.contains("ProgramAccountNotFound") {
        return Some(
            "the settlement program is not deployed on this cluster: deploy it, or check SOLANA_RPC_URL".to_owned(),
        );
    }
    match (kind, error.custom_code) {
        // Credit and settle skip invalid entries, so an error of the program concerns the whole batch.
        (BatchKind::Credit | BatchKind::Settle, Some(code)) => Some(format!(
            "the settlement program rejects the batch: {}",
            settlement::client::error_message(code).unwrap_or_else(|| format!("error {code}"))
        )),
        // The System program's ResultWithNegativeLamports: the payer cannot fund the wallets' rent.
        (BatchKind::Register, Some(1)) => {
            Some("the settler cannot pay the rent of new wallet accounts: send it SOL".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compute_unit_price_rises_with_every_attempt_that_did_not_land() {
        let fees: Vec<u64> = (0..=100).collect();
        assert_eq!([1, 2, 3, 4, 9].map(|number| compute_unit_price(&fees, number)), [25, 50, 75, 100, 100]);
        assert_eq!(compute_unit_price(&[], 1), 0);
        assert_eq!(compute_unit_price(&[7], 3), 7);
    }
}
