//! Rebuilding a lost ledger from the chain: batches, their transactions, and the wallets' copies.
//!
//! The chain has no rewards and no node ids, only their hashes. So the nodes must be registered first, and the rewards are to be
//! imported again. The rebuilt ledger has signed for nothing: a node that the chain has credited is held until a person has
//! decided with [`Reviewer`](crate::engine::Reviewer) what its total was for. Nothing is paid twice if all rewards were imported before.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::{Value, json};
use settlement::client::{node_wallet_address, treasury_address};
use settlement::state::{Network, Treasury};
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use super::executed::ExecutedBatch;
use super::receipt::MAX_NUMBER;
use super::reconcile::{ReconcileError, Reconciler, Reconciliation, Repair};
use super::replay::{Replay, events};
use super::text;
use crate::chain::{
    AccountData, Chain, ChainError, Commitment, History, REQUESTS_IN_FLIGHT, RecordedTransaction, TransactionVersion,
};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Statement, statements};
use crate::engine::store::{binding, wallets};
use crate::engine::{Asset, EntryOutcome, NetworkRef};
use crate::ledger::{LedgerError, owners, record_rebuild};
use crate::transaction::Format;
use crate::types::NodeId;

statements! {
    /// What started the first settlement.
    SELECT_FIRST_TRIGGER = "SELECT trigger FROM settlements WHERE id = (SELECT MIN(id) FROM settlements)";

    /// Adds the settlement that the rebuilt batches belong to, at ?1.
    INSERT_SETTLEMENT = "INSERT INTO settlements (id, trigger, state, step, started_at, updated_at)
        VALUES (1, 'rebuild', 'open', 'reconcile', CAST(?1 AS INTEGER), CAST(?1 AS INTEGER)) ON CONFLICT (id) DO NOTHING";

    /// Closes that settlement at ?1, unless it is closed: it counts like every other one that was carried out.
    CLOSE_SETTLEMENT = "UPDATE settlements SET state = 'done', finished_at = CAST(?1 AS INTEGER)
        WHERE id = 1 AND trigger = 'rebuild' AND state = 'open'";

    /// Sets the sums of that settlement: credited ?1, paid ?2, fees ?3, at ?4.
    SET_SUMS = "UPDATE settlements SET credited_lamports = CAST(?1 AS INTEGER), paid_lamports = CAST(?2 AS INTEGER),
            fees_lamports = CAST(?3 AS INTEGER), updated_at = CAST(?4 AS INTEGER) WHERE id = 1";

    /// Adds batch ?1: kind ?2, format ?3, entry count ?4, records root ?5, signature ?6, at ?7. Of several rows at once, SQLite
    /// would search the children, among them all rewards.
    INSERT_BATCH = "INSERT INTO batches (id, settlement_id, kind, state, format, entry_count, records_root, signature,
            created_at, updated_at)
        VALUES (CAST(?1 AS INTEGER), 1, ?2, 'confirmed', ?3, CAST(?4 AS INTEGER), ?5, ?6, CAST(?7 AS INTEGER),
            CAST(?7 AS INTEGER))
        ON CONFLICT (id) DO NOTHING";

    /// Adds the transactions of the batches in JSON array ?1. What is not on the chain is 0.
    INSERT_ATTEMPTS = "INSERT INTO attempts (batch_id, number, state, signature, transaction_base64,
            last_valid_block_height, compute_unit_limit, loaded_accounts_data_limit, compute_unit_price,
            priority_fee_lamports, slot, fee_lamports, created_at, updated_at)
        SELECT CAST(value ->> 'id' AS INTEGER), 1, 'finalized', value ->> 'signature', value ->> 'transaction', 0, 0, 0, 0, 0,
            CAST(value ->> 'slot' AS INTEGER), CAST(value ->> 'fee' AS INTEGER), CAST(value ->> 'at' AS INTEGER),
            CAST(value ->> 'at' AS INTEGER)
        FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";

    /// Adds the entries in JSON array ?1.
    INSERT_ENTRIES = "INSERT INTO batch_entries (batch_id, position, node_id, wallet_address, owner, destination,
            target_lamports, outcome, credit_skip, payout_skip)
        SELECT CAST(value ->> 'batch' AS INTEGER), CAST(value ->> 'position' AS INTEGER), value ->> 'node',
            value ->> 'wallet', value ->> 'owner', value ->> 'destination', CAST(value ->> 'target' AS INTEGER),
            value ->> 'outcome', value ->> 'credit_skip', value ->> 'payout_skip'
        FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";
}

/// The trigger of the settlement that the rebuilt batches belong to.
pub(super) const TRIGGER: &str = "rebuild";

/// The number of transactions that are read and written at once.
const TRANSACTIONS_PER_PIECE: usize = 60;

/// Rebuilds a ledger.
pub struct Rebuilder<D, C> {
    /// The ledger: migrated, with the nodes registered, and never settled.
    pub database: D,
    /// The cluster that the network is on.
    pub chain: C,
    /// The network.
    pub network: NetworkRef,
}

/// What was recovered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// The transactions that named the treasury and succeeded.
    pub transactions: u64,
    /// The events of the network's history, whose hash is that of the treasury.
    pub events: u64,
    /// The batches that were recovered.
    pub batches: u64,
    /// The batches that were not, because an earlier one has the same number: two ledgers have settled the network.
    pub batches_with_used_numbers: u64,
    /// The batches that were not, because their number is above 2⁵³ − 1, which no ledger gives: the settler's key was used
    /// by something else.
    pub batches_with_foreign_numbers: u64,
    /// The entries of the batches that belong to registered nodes.
    pub entries: u64,
    /// The entries that were left out, because no registered node has the wallet account.
    pub entries_of_unknown_nodes: u64,
    /// The wallets whose copies were written.
    pub wallets: u64,
    /// What the treasury has credited to wallets of nodes that are not registered.
    #[serde(with = "text::display")]
    pub credited_elsewhere: u128,
    /// The ledger compared with the chain. Every node that was credited disagrees until its rewards are imported and a
    /// person has decided.
    pub reconciliation: Reconciliation,
}

/// Why a ledger is not rebuilt. Repeating is safe: what was written is written once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// The ledger or the chain could not be used.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// The ledger has settled, or was rebuilt before.
    #[error(
        "this ledger belongs to a network already: rebuild into an empty one, and use 'williw-relay reconcile --repair' for this one"
    )]
    NotEmpty,
    /// No node is registered.
    #[error(
        "no node with an address is registered in this ledger: register the nodes first, the chain has only hashes of their ids"
    )]
    NoNodes,
    /// The RPC node does not have a transaction, or not its log.
    #[error("the RPC node does not have all of transaction {0}: use one that keeps the whole history with its logs")]
    NoTransaction(Signature),
    /// Events are missing.
    #[error(
        "the RPC node shows {found} of the network's {expected} events: use one that keeps the whole history; nothing was written"
    )]
    Incomplete {
        /// The number of events that were found.
        found: u64,
        /// The number that the treasury has counted.
        expected: u64,
    },
    /// The events are not those of the network.
    #[error(
        "the events that the RPC node shows are not those that the treasury has recorded: use another one; nothing was written"
    )]
    Altered,
    /// The events were others when they were read again.
    #[error(
        "the RPC node shows other events than before: repeat the command with another one; what was written until then is right"
    )]
    Inconsistent,
}

impl From<DatabaseError> for RebuildError {
    fn from(error: DatabaseError) -> Self {
        Self::Reconcile(error.into())
    }
}

impl From<ChainError> for RebuildError {
    fn from(error: ChainError) -> Self {
        Self::Reconcile(error.into())
    }
}

/// What is written, and what of it was proven.
struct Plan {
    /// The registered nodes by the address of their wallet account, with their owners.
    nodes: BTreeMap<Pubkey, (NodeId, Pubkey)>,
    /// The successful transactions of the treasury, oldest first.
    signatures: Vec<Signature>,
    /// The history after each piece of them.
    proven: Vec<Replay>,
    genesis_hash: String,
    asset: Option<Asset>,
}

/// A transaction of the history.
type Recorded = (Signature, RecordedTransaction);

impl<D: Database, C: Chain + History> Rebuilder<D, C> {
    /// Reads the whole history, proves that it is complete, and writes batches, transactions and wallets. Needs memory for the
    /// signature of every transaction, and for the address of every node.
    ///
    /// # Errors
    /// [`RebuildError`].
    pub async fn run<K: Clock>(&self, repair: &Repair<'_, K>) -> Result<Rebuilt, RebuildError> {
        let first = self.database.query(Statement::new(SELECT_FIRST_TRIGGER)).await?;
        let first: Option<String> = first.first().map(|row| row.get("trigger")).transpose()?;
        let is_bound = !binding::read(&self.database).await?.is_empty();
        if is_bound || first.is_some_and(|trigger| trigger != TRIGGER) {
            return Err(RebuildError::NotEmpty);
        }
        let nodes = self.nodes().await?;
        if nodes.is_empty() {
            return Err(RebuildError::NoNodes);
        }
        let genesis_hash = self.chain.genesis_hash().await?;
        let expected = self.treasury_history().await?;
        let asset = self.asset().await?;
        let signatures = self.signatures(repair).await?;
        let proven = self.prove_complete(&signatures, expected, repair).await?;

        let reconciler = Reconciler { database: &self.database, chain: &self.chain, network: self.network };
        let token = reconciler.take_lease(repair.holder).await?;
        let plan = Plan { nodes, signatures, proven, genesis_hash: genesis_hash.to_string(), asset };
        let result = self.write(&reconciler, repair, token, &plan).await;
        reconciler.released(repair.holder, token, result).await
    }

    /// Reads the proven history again, piece by piece, and writes it.
    async fn write<K: Clock>(
        &self,
        reconciler: &Reconciler<&D, &C>,
        repair: &Repair<'_, K>,
        token: i64,
        plan: &Plan,
    ) -> Result<Rebuilt, RebuildError> {
        let Plan { nodes, signatures, proven, genesis_hash, asset } = plan;
        let reconciliation = reconciler.compare_all(Some((repair, token)), &mut |_| {}).await?;
        let mut rebuilt =
            Rebuilt { transactions: signatures.len() as u64, wallets: reconciliation.wallets, ..Default::default() };
        rebuilt.credited_elsewhere =
            u128::from(reconciliation.treasury.credited).saturating_sub(reconciliation.credited);
        rebuilt.reconciliation = reconciliation;
        let now = repair.clock.now_ms();
        reconciler
            .write(repair, token, [INSERT_SETTLEMENT, CLOSE_SETTLEMENT].map(|sql| Statement::new(sql).bind(now)).into())
            .await?;
        let (mut used, mut sums, mut replay) = (BTreeSet::new(), Sums::default(), Replay::default());
        for (piece, proven) in signatures.chunks(TRANSACTIONS_PER_PIECE).zip(proven) {
            repair.check()?;
            reconciler.renew(repair.holder, token).await?;
            let recorded = self.piece(piece).await?;
            self.replay(&recorded, &mut replay, |_| {})?;
            // What is written is what was proven.
            if replay != *proven {
                return Err(RebuildError::Inconsistent);
            }
            let statements = self.statements(&recorded, nodes, now, &mut used, &mut sums, &mut rebuilt)?;
            if !statements.is_empty() {
                reconciler.write(repair, token, statements).await?;
            }
        }
        let details =
            json!({"transactions": rebuilt.transactions, "batches": rebuilt.batches, "entries": rebuilt.entries});
        let address = self.network.address();
        let mut last = vec![
            Statement::new(SET_SUMS).bind(sums.credited).bind(sums.paid).bind(sums.fees).bind(now),
            record_rebuild(now, repair.actor, &address.to_string(), &details),
        ];
        last.extend([
            binding::bind("genesis_hash", genesis_hash),
            binding::bind("program_id", &settlement::ID.to_string()),
            binding::bind("network", &address.to_string()),
        ]);
        last.extend(asset.as_ref().map(|asset| binding::bind(binding::ASSET, &asset.to_string())));
        reconciler.write(repair, token, last).await?;
        Ok(rebuilt)
    }

    /// The registered nodes by the address of their wallet account, with their owners.
    async fn nodes(&self) -> Result<BTreeMap<Pubkey, (NodeId, Pubkey)>, RebuildError> {
        let network = self.network.address();
        let mut nodes = BTreeMap::new();
        let mut last = None;
        loop {
            let page = owners::owners(&self.database, last.as_ref()).await.map_err(|error| match error {
                LedgerError::Database(error) => RebuildError::from(error),
                other => DatabaseError::Decode(other.to_string()).into(),
            })?;
            let Some(node) = page.last() else { return Ok(nodes) };
            last = Some(node.node_id.clone());
            nodes.extend(page.into_iter().map(|node| {
                let address = node_wallet_address(&network, &node.node_id.on_chain(), &node.owner);
                (address, (node.node_id, node.owner))
            }));
        }
    }

    /// The hash and the number of events that the treasury has recorded.
    async fn treasury_history(&self) -> Result<Replay, RebuildError> {
        let address = treasury_address(&self.network.address());
        let read = self.chain.accounts(&[address], AccountData::Full, Commitment::Finalized, 0).await?;
        let account = read.accounts.into_iter().next().flatten().filter(|account| account.owner == settlement::ID);
        let treasury = account.and_then(|account| Treasury::decode(&account.data).ok());
        let treasury = treasury.ok_or(ReconcileError::NoTreasury(address))?;
        Ok(Replay { hash: treasury.history_hash, count: treasury.history_count })
    }

    /// What the network pays in; `None` if it was closed, which its account then says instead.
    async fn asset(&self) -> Result<Option<Asset>, RebuildError> {
        let read = self.chain.accounts(&[self.network.address()], AccountData::Full, Commitment::Finalized, 0).await?;
        let account = read.accounts.into_iter().next().flatten().filter(|account| account.owner == settlement::ID);
        Ok(account.and_then(|account| Asset::of(&Network::decode(&account.data).ok()?)))
    }

    /// The successful transactions of the treasury, oldest first.
    async fn signatures<K>(&self, repair: &Repair<'_, K>) -> Result<Vec<Signature>, RebuildError> {
        let address = treasury_address(&self.network.address());
        let (mut newest_first, mut before) = (Vec::new(), None);
        loop {
            repair.check()?;
            let page = self.chain.signatures_of(&address, before.as_ref()).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.signature);
            newest_first.extend(page.into_iter().filter(|one| one.succeeded).map(|one| one.signature));
        }
        newest_first.reverse();
        Ok(newest_first)
    }

    /// Checks that the events of these transactions are those that the treasury has recorded, and maybe later ones. Returns the
    /// history after each piece.
    async fn prove_complete<K>(
        &self,
        signatures: &[Signature],
        expected: Replay,
        repair: &Repair<'_, K>,
    ) -> Result<Vec<Replay>, RebuildError> {
        let (mut replay, mut after_pieces) = (Replay::default(), Vec::new());
        let mut is_proven = replay == expected;
        for piece in signatures.chunks(TRANSACTIONS_PER_PIECE) {
            repair.check()?;
            let recorded = self.piece(piece).await?;
            self.replay(&recorded, &mut replay, |replay| is_proven |= *replay == expected)?;
            after_pieces.push(replay);
        }
        match is_proven {
            true => Ok(after_pieces),
            false if replay.count < expected.count => {
                Err(RebuildError::Incomplete { found: replay.count, expected: expected.count })
            }
            false => Err(RebuildError::Altered),
        }
    }

    /// Appends the events of some transactions, and calls `each` after every one.
    fn replay(
        &self,
        recorded: &[Recorded],
        replay: &mut Replay,
        mut each: impl FnMut(&Replay),
    ) -> Result<(), RebuildError> {
        let network = self.network.address();
        for (signature, transaction) in recorded {
            for event in &events(transaction, &network).map_err(|_| RebuildError::NoTransaction(*signature))? {
                replay.add(event);
                each(replay);
            }
        }
        Ok(())
    }

    /// Reads some transactions, in order.
    async fn piece(&self, signatures: &[Signature]) -> Result<Vec<Recorded>, RebuildError> {
        let requests = signatures.iter().map(async |signature| {
            let recorded = self.chain.recorded(signature).await?;
            recorded.map(|recorded| (*signature, recorded)).ok_or(RebuildError::NoTransaction(*signature))
        });
        stream::iter(requests).buffered(REQUESTS_IN_FLIGHT).try_collect().await
    }

    /// The statements that add the batches of some transactions.
    fn statements(
        &self,
        recorded: &[Recorded],
        nodes: &BTreeMap<Pubkey, (NodeId, Pubkey)>,
        now_ms: i64,
        used: &mut BTreeSet<i64>,
        sums: &mut Sums,
        rebuilt: &mut Rebuilt,
    ) -> Result<Vec<Statement>, RebuildError> {
        let network = self.network.address();
        let (mut statements, mut attempts, mut entries, mut signatures) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (signature, transaction) in recorded {
            let events = events(transaction, &network).map_err(|_| RebuildError::NoTransaction(*signature))?;
            rebuilt.events = rebuilt.events.saturating_add(events.len() as u64);
            let mut has_batch = false;
            for batch in events.into_iter().filter_map(|event| event.batch) {
                has_batch = true;
                sums.credited = sums.credited.saturating_add(batch.event.credited).min(i64::MAX as u64);
                sums.paid = sums.paid.saturating_add(batch.event.paid).min(i64::MAX as u64);
                let id = i64::try_from(batch.header.batch_id).ok();
                let Some(id) = id.filter(|id| (0..=MAX_NUMBER.cast_signed()).contains(id)) else {
                    rebuilt.batches_with_foreign_numbers = rebuilt.batches_with_foreign_numbers.saturating_add(1);
                    continue;
                };
                if !used.insert(id) {
                    rebuilt.batches_with_used_numbers = rebuilt.batches_with_used_numbers.saturating_add(1);
                    continue;
                }
                rebuilt.batches = rebuilt.batches.saturating_add(1);
                let at = transaction.block_time.map_or(now_ms, |seconds| seconds.saturating_mul(1_000));
                statements.push(insert_batch(id, &batch, signature, transaction.version, at));
                attempts.push(attempt_row(id, signature, transaction, at));
                let of_batch = entry_rows(id, &batch, nodes);
                rebuilt.entries = rebuilt.entries.saturating_add(of_batch.len() as u64);
                let unknown = batch.entries.len().saturating_sub(of_batch.len());
                rebuilt.entries_of_unknown_nodes = rebuilt.entries_of_unknown_nodes.saturating_add(unknown as u64);
                let known = batch.entries.iter().filter_map(|entry| Some(&nodes.get(&entry.wallet)?.0)).collect();
                signatures.push((signature.to_string(), known));
                entries.extend(of_batch);
            }
            if has_batch {
                sums.fees = sums.fees.saturating_add(transaction.fee_lamports).min(i64::MAX as u64);
            }
        }
        if statements.is_empty() {
            return Ok(statements);
        }
        statements.extend([
            Statement::new(INSERT_ATTEMPTS).bind(Value::from(attempts).to_string()),
            Statement::new(INSERT_ENTRIES).bind(Value::from(entries).to_string()),
        ]);
        statements.extend(
            signatures
                .iter()
                .map(|(signature, known): &(String, Vec<&NodeId>)| wallets::set_signature(known, signature)),
        );
        Ok(statements)
    }
}

/// The sums of the settlement that the rebuilt batches belong to, at most 2⁶³ − 1.
#[derive(Default)]
struct Sums {
    credited: u64,
    paid: u64,
    fees: u64,
}

fn insert_batch(
    id: i64,
    batch: &ExecutedBatch,
    signature: &Signature,
    version: TransactionVersion,
    at_ms: i64,
) -> Statement {
    let format = if version == TransactionVersion::V1 { Format::V1 } else { Format::V0 };
    Statement::new(INSERT_BATCH)
        .bind(id)
        .bind(batch.kind)
        .bind(format)
        .bind(batch.entries.len())
        .bind(hex::encode(batch.header.records_root))
        .bind(signature.to_string())
        .bind(at_ms)
}

fn attempt_row(id: i64, signature: &Signature, transaction: &RecordedTransaction, at_ms: i64) -> Value {
    json!({
        "id": id.to_string(),
        "signature": signature.to_string(),
        "transaction": BASE64.encode(&transaction.bytes),
        "slot": transaction.slot.to_string(),
        "fee": transaction.fee_lamports.to_string(),
        "at": at_ms.to_string(),
    })
}

/// The entries of a batch that belong to registered nodes.
fn entry_rows(id: i64, batch: &ExecutedBatch, nodes: &BTreeMap<Pubkey, (NodeId, Pubkey)>) -> Vec<Value> {
    let row = |(position, entry): (usize, &super::ExecutedEntry)| {
        let (node, owner) = nodes.get(&entry.wallet)?;
        let skipped = !batch.has_credited(position);
        let reason = |reason: Option<settlement::rules::SkipReason>| reason.map(|reason| reason.as_str());
        Some(json!({
            "batch": id.to_string(),
            "position": position.to_string(),
            "node": node,
            "wallet": entry.wallet.to_string(),
            "owner": owner.to_string(),
            "destination": entry.destination.unwrap_or(*owner).to_string(),
            "target": entry.target.min(i64::MAX as u64).to_string(),
            "outcome": if skipped { EntryOutcome::Skipped } else { EntryOutcome::Credited },
            "credit_skip": reason(batch.event.credit_skip_reason(position)),
            "payout_skip": reason(batch.event.payout_skip_reason(position)),
        }))
    };
    batch.entries.iter().enumerate().filter_map(row).collect()
}
