//! Step 4, and before every further attempt: simulating a batch shows whether it fails, and how much data it loads.

use std::collections::BTreeMap;

use settlement::error::SettlementError;
use solana_hash::Hash;
use solana_signature::Signature;

use crate::chain::{Chain, ChainError, Simulation, TransactionError, TransactionFault};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::Events;
use crate::signer::Signer;
use crate::transaction::{BatchKind, BatchSize, Budget, Format, Lookups};

use super::changes::Changes;
use super::config::{FormatChoice, INVALID_PARAMS};
use super::hold::HoldReason;
use super::lease::Lease;
use super::open_batch::OpenBatch;
use super::store::batches::{Batch, BatchSelection, Entry};
use super::store::settlements::OpenSettlement;
use super::store::{attempts, batches};
use super::{Engine, EngineError, Progress, Step};

/// The number of attempts after which a batch that has not landed fails; its rewards then wait for the next settlement.
/// An attempt lasts as long as its blockhash, so this is about ten minutes.
const MAX_ATTEMPTS: u32 = 10;

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

    /// Simulates the batches and plans their next attempts.
    pub(super) async fn plan_attempts(
        &self,
        lease: &Lease,
        open: &OpenSettlement,
        batches: Vec<OpenBatch>,
    ) -> Result<(), EngineError> {
        let mut fees = self.fees(Some(open.id)).await?;
        let now = self.clock.now_ms();
        let mut changes = Changes::for_settlement(open, now);
        let (exhausted, to_simulate): (Vec<_>, Vec<_>) =
            batches.into_iter().partition(|open_batch| open_batch.next_number() > MAX_ATTEMPTS);
        for OpenBatch { batch, .. } in &exhausted {
            let entries = batches::entries(&self.database, batch.id).await?;
            changes.push(batches::require_unchanged(batch));
            let hold = HoldReason::Evicted(format!("it did not land in {MAX_ATTEMPTS} attempts"));
            self.fail_batch(batch, &entries, hold, &mut changes);
        }
        self.renew(lease).await?;
        let mut simulations = self.simulations(lease, &to_simulate).await?;
        self.report_lookup_problems(&mut changes);
        for open_batch in &to_simulate {
            let batch = &open_batch.batch;
            let Some(simulation) = simulations.remove(&batch.id) else { continue };
            changes.push(batches::require_unchanged(batch));
            let Some(error) = simulation.error else {
                let number = open_batch.next_number();
                let (kind, asset, format) = (batch.kind, self.asset()?.kind(), batch.format);
                let budget = Budget::for_batch(
                    BatchSize {
                        kind,
                        asset,
                        format,
                        entries: usize::try_from(batch.entry_count).unwrap_or(usize::MAX),
                    },
                    simulation.units_consumed,
                    simulation.loaded_accounts_data_bytes,
                    0,
                );
                let previous = open_batch.latest_attempt.as_ref().map(|attempt| attempt.compute_unit_price);
                match fees.priced(budget, number, previous) {
                    Some(budget) => changes.push(attempts::insert(batch.id, number, &budget, now)),
                    None => {
                        let entries = batches::entries(&self.database, batch.id).await?;
                        self.fail_batch(batch, &entries, HoldReason::FeeLimit, &mut changes);
                    }
                }
                continue;
            };
            match failure_of(batch.kind, &error) {
                Failure::Everything(reason) => {
                    // What is in flight is still tracked to its end.
                    let mut changes = Changes::for_settlement(open, now);
                    changes.extend(batches::abandon(open.id, &reason, now));
                    changes.error(format!("nothing more can be sent: {reason}"));
                    return self.commit(lease, changes).await;
                }
                Failure::Node => {
                    return Err(ChainError::ErrorResponse {
                        method: "simulateTransaction",
                        code: NODE_UNHEALTHY,
                        message: error.text,
                    }
                    .into());
                }
                Failure::Format => {
                    if self.config.format != FormatChoice::Auto || batch.format == Format::V0 {
                        return Err(ChainError::UnsupportedVersion.into());
                    }
                    let entries = batches::entries(&self.database, batch.id).await?;
                    self.plan_again_in_v0(open, batch, &entries, &error, &mut changes).await?;
                }
                Failure::Entries => {
                    let entries = batches::entries(&self.database, batch.id).await?;
                    self.split_or_evict(open, batch, &entries, &error, &mut changes).await?;
                }
            }
        }
        self.commit(lease, changes).await
    }

    /// A simulation of each of the batches, by batch. Of the credits in one format, only the largest is simulated if it succeeds: wallets
    /// have the same size, so that it loads the most data, and the program skips what it cannot credit.
    async fn simulations(
        &self,
        lease: &Lease,
        batches: &[OpenBatch],
    ) -> Result<BTreeMap<i64, Simulation>, EngineError> {
        let mut largest: BTreeMap<Format, &Batch> = BTreeMap::new();
        for OpenBatch { batch, .. } in batches.iter().filter(|open_batch| open_batch.batch.kind == BatchKind::Credit) {
            let largest = largest.entry(batch.format).or_insert(batch);
            if largest.entry_count < batch.entry_count {
                *largest = batch;
            }
        }
        let all = || batches.iter().map(|open_batch| &open_batch.batch);
        let is_simulated = |batch: &Batch| {
            batch.kind != BatchKind::Credit || largest.get(&batch.format).is_some_and(|largest| largest.id == batch.id)
        };
        let mut known = self.simulate_all(lease, all().filter(|batch| is_simulated(batch)).collect()).await?;
        let succeeded: BTreeMap<Format, Simulation> = largest
            .iter()
            .filter_map(|(format, batch)| Some((*format, known.get(&batch.id)?.clone())))
            .filter(|(_, simulation)| simulation.error.is_none())
            .collect();
        let unknown = all().filter(|batch| !is_simulated(batch) && !succeeded.contains_key(&batch.format)).collect();
        known.extend(self.simulate_all(lease, unknown).await?);
        for batch in all() {
            if let Some(simulation) = succeeded.get(&batch.format).filter(|_| batch.kind == BatchKind::Credit) {
                known.entry(batch.id).or_insert_with(|| simulation.clone());
            }
        }
        Ok(known)
    }

    /// Simulates batches. Returns the simulations by batch.
    async fn simulate_all(
        &self,
        lease: &Lease,
        batches: Vec<&Batch>,
    ) -> Result<BTreeMap<i64, Simulation>, EngineError> {
        if batches.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids: Vec<i64> = batches.iter().map(|batch| batch.id).collect();
        let entries = batches::entries_of(&self.database, &ids).await?;
        let lookups = self.lookups_for(lease, batches.iter().copied().zip(&entries)).await?;
        let requests =
            batches.iter().zip(&entries).map(|(batch, entries)| self.simulate_batch(batch, entries, &lookups));
        let simulations = self.all_in_rounds(lease, requests).await?;
        ids.into_iter().zip(simulations).map(|(id, simulation)| Ok((id, simulation?))).collect()
    }

    async fn simulate_batch(
        &self,
        batch: &Batch,
        entries: &[Entry],
        lookups: &Lookups,
    ) -> Result<Simulation, EngineError> {
        let failed = |error: TransactionError| Simulation { error: Some(error), ..Simulation::default() };
        let unsigned = match self.build(batch, entries, &Budget::WIDEST, Hash::default(), lookups)? {
            Ok(unsigned) => unsigned,
            Err(too_large) => return Ok(failed(too_large)),
        };
        let uses_tables = unsigned.lookup_tables() > 0;
        match self.chain.simulate(&unsigned.signed(Signature::default())?.bytes).await {
            // Agave's answer if a lookup table cannot be resolved: it was closed since it was read.
            Err(ChainError::ErrorResponse { code: INVALID_PARAMS, message, .. }) if uses_tables => {
                Ok(failed(TransactionError::of_transaction(message)))
            }
            // The node is another one than when the batch was planned, or has changed its version.
            Err(error @ (ChainError::UnsupportedVersion | ChainError::ErrorResponse { code: INVALID_PARAMS, .. }))
                if batch.format == Format::V1 =>
            {
                Ok(failed(TransactionError {
                    fault: TransactionFault::Version,
                    custom_code: None,
                    text: error.to_string(),
                }))
            }
            simulated => Ok(simulated?),
        }
    }

    /// The transaction format to use.
    pub(super) async fn format(&self) -> Result<Format, EngineError> {
        self.config.format.resolve(&self.chain, self.signer.address()).await
    }

    /// The recent priority fees on the accounts that every batch writes, ascending, in micro-lamports per compute unit.
    pub(super) async fn recent_fees(&self) -> Result<Vec<u64>, EngineError> {
        let mut fees = self.chain.recent_priority_fees(&[self.treasury, self.signer.address()]).await?;
        fees.sort_unstable();
        Ok(fees)
    }
}

/// What follows from a failed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No transaction of this settlement can succeed, for this reason.
    Everything(String),
    /// The RPC node could not tell.
    Node,
    /// The RPC node refuses the transaction format, whatever the entries are. No earlier attempt can land any more.
    Format,
    /// One of the entries may be the cause: the batch is split.
    Entries,
}

/// Decides what follows from the error of a batch.
pub(super) fn failure_of(kind: BatchKind, error: &TransactionError) -> Failure {
    match (error.fault, kind, error.custom_code) {
        (TransactionFault::Payer, ..) => {
            Failure::Everything("the settler cannot pay the transaction fee: send it SOL".to_owned())
        }
        (TransactionFault::Program, ..) => Failure::Everything(
            "the settlement program is not deployed on this cluster: deploy it, or check SOLANA_RPC_URL".to_owned(),
        ),
        (TransactionFault::Blockhash, ..) => Failure::Node,
        (TransactionFault::Version, ..) => Failure::Format,
        // Credit and settle skip invalid entries, so an error of the program concerns the whole batch. Errors of the programs
        // that it calls have lower codes: one destination can be the cause.
        (_, BatchKind::Credit | BatchKind::Settle, Some(code)) if code >= FIRST_PROGRAM_ERROR => {
            Failure::Everything(format!(
                "the settlement program rejects the batch: {}",
                settlement::client::error_message(code).unwrap_or_else(|| format!("error {code}"))
            ))
        }
        // What the program checks before it looks at the node. Everything else can be the fault of one of them.
        (_, BatchKind::Register, Some(code)) if concerns_every_registration(code) => Failure::Everything(format!(
            "the settlement program creates no wallet accounts: {}",
            settlement::client::error_message(code).unwrap_or_else(|| format!("error {code}"))
        )),
        // The System program's ResultWithNegativeLamports: the payer cannot fund the wallets' rent.
        (_, BatchKind::Register, Some(1)) => {
            Failure::Everything("the settler cannot pay the rent of new wallet accounts: send it SOL".to_owned())
        }
        (TransactionFault::Transaction, ..) => Failure::Entries,
    }
}

/// Whether the program refuses with this code to create any wallet account: whoever its node and its owner are.
fn concerns_every_registration(code: u32) -> bool {
    use SettlementError::{NetworkMismatch, Paused, Unauthorized, UnknownVersion};
    [NetworkMismatch, Paused, Unauthorized, UnknownVersion].map(u32::from).contains(&code)
}

/// The first error code of Anchor, above which are those of the settlement program (`anchor_lang::error::ErrorCode`). The System
/// program and the token programs have codes below.
const FIRST_PROGRAM_ERROR: u32 = 100;

/// Agave's code for a node that is unhealthy, which is asked again.
const NODE_UNHEALTHY: i64 = -32005;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_of_a_called_program_concerns_an_entry_and_one_of_the_settlement_program_everything() {
        let failure = |code: u32| {
            let error = TransactionError::from_json(&json!({"InstructionError": [0, {"Custom": code}]}));
            failure_of(BatchKind::Settle, &error)
        };
        // The token program's AccountFrozen, and the last code below Anchor's.
        for code in [17, FIRST_PROGRAM_ERROR - 1] {
            assert_eq!(failure(code), Failure::Entries, "{code}");
        }
        let paused = u32::from(SettlementError::Paused);
        for (code, text) in [(2_006, "error 2006"), (paused, "paused")] {
            let Failure::Everything(reason) = failure(code) else { panic!("{code} concerns everything") };
            assert!(reason.contains(text), "{reason}");
        }
    }

    #[test]
    fn a_registration_that_is_refused_to_everybody_is_told_from_one_that_is_refused_to_an_owner() {
        let failure = |error: SettlementError| {
            let error = json!({"InstructionError": [0, {"Custom": u32::from(error)}]});
            failure_of(BatchKind::Register, &TransactionError::from_json(&error))
        };
        assert!(matches!(failure(SettlementError::Paused), Failure::Everything(reason) if reason.contains("paused")));
        assert!(matches!(failure(SettlementError::Unauthorized), Failure::Everything(_)));
        for of_an_entry in [SettlementError::InvalidOwner, SettlementError::InvalidDestination] {
            assert_eq!(failure(of_an_entry), Failure::Entries);
        }
    }
}
