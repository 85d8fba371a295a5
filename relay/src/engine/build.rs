//! The transactions of batches: the only place that builds them, for simulations as well as for signing.

use std::cell::RefCell;
use std::collections::BTreeSet;

use settlement::client::{BatchHeader, RegisterNodeArgs, SettleEntry, credit_ix, register_node_ix};
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::chain::{Chain, TransactionError};
use crate::clock::Clock;
use crate::database::Database;
use crate::events::{Events, Level};
use crate::lookup_tables::{CertainLookups, RecordedPositions};
use crate::signer::Signer;
use crate::transaction::{BatchKind, Budget, Format, Lookups, TransactionBuildError, UnsignedTransaction};

use super::changes::Changes;
use super::lease::Lease;
use super::store::batches::{Batch, Entry};
use super::text::plural;
use super::{Asset, Engine, EngineError};

/// What is wrong with lookup tables. Each problem is logged once per process.
#[derive(Default)]
pub(super) struct LookupProblems {
    known: RefCell<BTreeSet<String>>,
    unreported: RefCell<Vec<(Level, String)>>,
}

/// What every batch of a network names.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchInstructions<'a> {
    asset: &'a Asset,
    settler: Pubkey,
    network: Pubkey,
}

impl BatchInstructions<'_> {
    /// Builds the instructions of a batch.
    pub(super) fn of(&self, kind: BatchKind, header: BatchHeader, entries: &[Entry]) -> Vec<Instruction> {
        let Self { asset, settler, network } = *self;
        match kind {
            BatchKind::Register => entries
                .iter()
                .map(|entry| {
                    let args = RegisterNodeArgs {
                        node_id: entry.node_id.on_chain(),
                        owner: entry.owner,
                        // Only the owner and the admin may choose another one than the default.
                        destination: None,
                        threshold: None,
                    };
                    register_node_ix(settler, settler, network, args)
                })
                .collect(),
            BatchKind::Credit => {
                let entries: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
                vec![credit_ix(settler, network, header, &entries)]
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
                vec![asset.settle_instruction(settler, network, header, &entries)]
            }
        }
    }

    /// Whether a batch of these entries fits into one v0 transaction.
    pub(super) fn fits(&self, kind: BatchKind, entries: &[Entry], lookups: &Lookups) -> bool {
        let header = BatchHeader { batch_id: 0, records_root: [0; 32] };
        let budget = Budget { compute_unit_price: 1, ..Budget::WIDEST };
        lookups.build(&self.settler, &self.of(kind, header, entries), &budget, Hash::default()).is_ok()
    }
}

impl<D: Database, C: Chain, S: Signer, K: Clock, E: Events> Engine<D, C, S, K, E> {
    /// What the batches of the network name.
    pub(super) fn batch_instructions(&self) -> Result<BatchInstructions<'_>, EngineError> {
        Ok(BatchInstructions { asset: self.asset()?, settler: self.signer.address(), network: self.network })
    }

    /// Builds the transaction of a batch. The inner error says that it does not fit: the batch was planned with lookup tables
    /// that cannot be used any more.
    pub(super) fn build(
        &self,
        batch: &Batch,
        entries: &[Entry],
        budget: &Budget,
        blockhash: Hash,
        lookups: &Lookups,
    ) -> Result<Result<UnsignedTransaction, TransactionError>, EngineError> {
        let payer = self.signer.address();
        let header = BatchHeader { batch_id: batch.id.unsigned_abs(), records_root: batch.records_root };
        let instructions = self.batch_instructions()?.of(batch.kind, header, entries);
        let built = match batch.format {
            Format::V0 => lookups.build(&payer, &instructions, budget, blockhash),
            Format::V1 => Format::V1.build(&payer, &instructions, budget, blockhash),
        };
        match built {
            Ok(unsigned) => Ok(Ok(unsigned)),
            Err(error @ (TransactionBuildError::TooLarge { .. } | TransactionBuildError::TooManyAccounts { .. }))
                if batch.format == Format::V0 && entries.len() > 1 =>
            {
                Ok(Err(TransactionError::of_transaction(error.to_string())))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The positions in lookup tables that are certain, for these batches.
    pub(super) async fn lookups_for<'a>(
        &self,
        lease: &Lease,
        batches: impl IntoIterator<Item = (&'a Batch, &'a Vec<Entry>)>,
    ) -> Result<Lookups, EngineError> {
        let entries = batches
            .into_iter()
            .filter(|(batch, _)| batch.format == Format::V0 && batch.kind != BatchKind::Register)
            .flat_map(|(batch, entries)| {
                let pays = batch.kind == BatchKind::Settle;
                entries.iter().flat_map(move |entry| [Some(entry.wallet), pays.then_some(entry.destination)])
            });
        self.lookups(lease, entries.flatten()).await
    }

    /// The positions of `addresses` in lookup tables that are certain.
    pub(super) async fn lookups(
        &self,
        lease: &Lease,
        addresses: impl IntoIterator<Item = Pubkey>,
    ) -> Result<Lookups, EngineError> {
        let recorded = RecordedPositions::find(&self.database, &self.chain, addresses).await?;
        let answers = self.all_in_rounds(lease, recorded.reads(&self.chain)).await?;
        let CertainLookups { lookups, problems } = recorded.certain(&self.signer.address(), answers)?;
        for (level, problem) in problems {
            if self.lookup_problems.known.borrow_mut().insert(problem.clone()) {
                self.lookup_problems.unreported.borrow_mut().push((level, problem));
            }
        }
        Ok(lookups)
    }

    /// Logs what was found out about lookup tables and was not logged yet.
    pub(super) fn report_lookup_problems(&self, changes: &mut Changes) {
        for (level, problem) in self.lookup_problems.unreported.take() {
            changes.log(level, problem);
        }
    }
}

/// The format of a transaction, for the log.
pub(super) fn format_text(format: Format, unsigned: &UnsignedTransaction) -> String {
    match unsigned.lookup_tables() {
        0 => format.to_string(),
        tables => format!("{format} with {}", plural(tables as u64, "lookup table")),
    }
}
