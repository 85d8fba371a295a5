//! Batches and their entries.

use std::collections::BTreeMap;

use serde_json::json;
use solana_pubkey::Pubkey;

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::merkle::Hash32;
use crate::transaction::{BatchKind, Format};
use crate::types::NodeId;

use super::{address, unsigned};

statements! {
    /// The highest batch id so far.
    LAST_ID = "SELECT CAST(COALESCE(MAX(id), 0) AS TEXT) AS id FROM batches";

    /// Adds batch ?1 of settlement ?2: kind ?3, format ?4, count ?5, root ?6, at ?7.
    INSERT = "INSERT INTO batches (id, settlement_id, kind, state, format, entry_count, records_root, created_at, updated_at) \
        VALUES (CAST(?1 AS INTEGER), CAST(?2 AS INTEGER), ?3, 'planned', ?4, CAST(?5 AS INTEGER), ?6, \
            CAST(?7 AS INTEGER), CAST(?7 AS INTEGER))";

    /// Adds the entries in ?2 (a JSON array) to batch ?1.
    INSERT_ENTRIES = "INSERT INTO batch_entries (batch_id, position, node_id, wallet_address, owner, destination, \
            credited_before_lamports, paid_before_lamports, target_lamports) \
        SELECT CAST(?1 AS INTEGER), key, value ->> 'node_id', value ->> 'wallet', value ->> 'owner', \
            value ->> 'destination', CAST(value ->> 'credited_before' AS INTEGER), \
            CAST(value ->> 'paid_before' AS INTEGER), CAST(value ->> 'target' AS INTEGER) \
        FROM json_each(?2)";

    /// Adds the records in ?2 (a JSON array of reward sequences, in the order of the leaves) to batch ?1.
    INSERT_RECORDS = "INSERT INTO batch_records (batch_id, leaf_index, reward_sequence) \
        SELECT CAST(?1 AS INTEGER), key, CAST(value AS INTEGER) FROM json_each(?2)";

    /// The open batches of settlement ?1, those that open wallets (?2 = 1) or those that pay (?2 = 0), and every
    /// batch that waits for a person.
    OPEN = "SELECT CAST(id AS TEXT) AS id, kind, state, format, records_root FROM batches \
        WHERE (settlement_id = CAST(?1 AS INTEGER) AND state = 'planned' AND (kind = 'register') = CAST(?2 AS INTEGER)) \
            OR (state = 'review' AND ?3 = '1') \
        ORDER BY batches.id";

    /// The entries of batch ?1.
    ENTRIES = "SELECT node_id, wallet_address, owner, destination, \
            CAST(credited_before_lamports AS TEXT) AS credited_before, CAST(paid_before_lamports AS TEXT) AS paid_before, \
            CAST(target_lamports AS TEXT) AS target \
        FROM batch_entries WHERE batch_id = CAST(?1 AS INTEGER) ORDER BY position";

    /// The nodes that settlement ?1 has already tried to open wallets for.
    TRIED_REGISTRATIONS = "SELECT DISTINCT node_id FROM batch_entries \
        JOIN batches ON batches.id = batch_entries.batch_id \
        WHERE batches.settlement_id = CAST(?1 AS INTEGER) AND batches.kind = 'register'";

    /// Refuses the batch of statements unless batch ?1 is in state ?2.
    REQUIRE_STATE = "INSERT INTO preconditions (state_unchanged) SELECT EXISTS ( \
        SELECT 1 FROM batches WHERE id = CAST(?1 AS INTEGER) AND state = ?2)";

    /// Moves batch ?1 to state ?2 with signature ?3 and reason ?4 at ?5.
    SET_STATE = "UPDATE batches SET state = ?2, signature = COALESCE(?3, signature), reason = ?4, \
        updated_at = CAST(?5 AS INTEGER) WHERE id = CAST(?1 AS INTEGER)";

    /// Writes what became of the entries of batch ?1: ?2 is a JSON array by position.
    SET_OUTCOMES = "UPDATE batch_entries SET \
            outcome = (SELECT value ->> 'outcome' FROM json_each(?2) WHERE key = position), \
            credit_skip = (SELECT value ->> 'credit_skip' FROM json_each(?2) WHERE key = position), \
            payout_skip = (SELECT value ->> 'payout_skip' FROM json_each(?2) WHERE key = position) \
        WHERE batch_id = CAST(?1 AS INTEGER)";

    /// Why settlement ?1 came to nothing: the reason of its first failed batch, when none that pays is final or waits
    /// for a person.
    FAILURE = "SELECT reason FROM batches WHERE settlement_id = CAST(?1 AS INTEGER) AND state = 'failed' \
            AND NOT EXISTS (SELECT 1 FROM batches AS other WHERE other.settlement_id = CAST(?1 AS INTEGER) \
                AND other.kind <> 'register' AND other.state IN ('confirmed', 'review')) \
        ORDER BY batches.id LIMIT 1";

    /// Whether settlement ?1 has open batches.
    ANY_OPEN = "SELECT CAST(EXISTS (SELECT 1 FROM batches \
        WHERE settlement_id = CAST(?1 AS INTEGER) AND state = 'planned') AS TEXT) AS any_open";

    /// How many batches of settlement ?1 are in each state.
    COUNTS = "SELECT state, CAST(COUNT(*) AS TEXT) AS count FROM batches \
        WHERE settlement_id = CAST(?1 AS INTEGER) AND kind <> 'register' GROUP BY state";
}

/// One recipient of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) node_id: NodeId,
    pub(crate) wallet: Pubkey,
    pub(crate) owner: Pubkey,
    pub(crate) destination: Pubkey,
    /// The wallet's totals when the batch was planned: they tell whether an attempt took effect.
    pub(crate) credited_before: u64,
    pub(crate) paid_before: u64,
    /// What the node has earned in total; 0 when the batch only opens the wallet.
    pub(crate) target: u64,
}

/// A batch without its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) id: i64,
    pub(crate) kind: BatchKind,
    pub(crate) format: Format,
    pub(crate) records_root: Hash32,
    /// It waits for a person; its attempt is looked at again, but it is not signed again.
    pub(crate) in_review: bool,
}

/// A batch to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewBatch {
    pub(crate) kind: BatchKind,
    pub(crate) format: Format,
    pub(crate) records_root: Hash32,
    pub(crate) entries: Vec<Entry>,
    /// Sequences of its reward records, in the order of the leaves.
    pub(crate) records: Vec<i64>,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `credited`, `skipped`, `registered` or `evicted`.
    pub(crate) outcome: &'static str,
    pub(crate) credit_skip: Option<String>,
    pub(crate) payout_skip: Option<String>,
}

/// The highest batch id so far.
pub(crate) async fn last_id(database: &impl Database) -> Result<i64, DatabaseError> {
    let rows = database.query(Statement::new(LAST_ID)).await?;
    rows.first().map_or(Ok(0), |row| row.get("id"))
}

/// Adds `batch` as `id`: under the lease nobody else takes the same one, and if they do the key refuses it.
pub(crate) fn insert(id: i64, settlement_id: i64, batch: &NewBatch, now_ms: i64) -> Vec<Statement> {
    let entries: Vec<_> = batch
        .entries
        .iter()
        .map(|entry| {
            json!({
                "node_id": entry.node_id.as_str(),
                "wallet": entry.wallet.to_string(),
                "owner": entry.owner.to_string(),
                "destination": entry.destination.to_string(),
                "credited_before": entry.credited_before.to_string(),
                "paid_before": entry.paid_before.to_string(),
                "target": entry.target.to_string(),
            })
        })
        .collect();
    let mut statements = vec![
        Statement::new(INSERT)
            .bind(id)
            .bind(settlement_id)
            .bind(batch.kind.as_str())
            .bind(batch.format.as_str())
            .bind(batch.entries.len())
            .bind(hex(&batch.records_root))
            .bind(now_ms),
        Statement::new(INSERT_ENTRIES).bind(id).bind(json!(entries).to_string()),
    ];
    if !batch.records.is_empty() {
        let records: Vec<_> = batch.records.iter().map(i64::to_string).collect();
        statements.push(Statement::new(INSERT_RECORDS).bind(id).bind(json!(records).to_string()));
    }
    statements
}

/// The open batches of a settlement: `registrations`, or those that credit and pay. `with_reviews` adds every batch
/// that waits for a person.
pub(crate) async fn open(
    database: &impl Database,
    settlement_id: i64,
    registrations: bool,
    with_reviews: bool,
) -> Result<Vec<Batch>, DatabaseError> {
    let statement = Statement::new(OPEN).bind(settlement_id).bind(registrations).bind(with_reviews);
    let rows = database.query(statement).await?;
    rows.iter().map(batch).collect()
}

fn batch(row: &Row) -> Result<Batch, DatabaseError> {
    let root: String = row.get("records_root")?;
    Ok(Batch {
        id: row.get("id")?,
        kind: row.get("kind")?,
        format: row.get("format")?,
        records_root: unhex(&root)
            .ok_or_else(|| DatabaseError::Decode(format!("column 'records_root': '{root}' is no SHA-256 hash")))?,
        in_review: row.get::<String>("state")? == "review",
    })
}

/// The entries of a batch, in order.
pub(crate) async fn entries(database: &impl Database, batch_id: i64) -> Result<Vec<Entry>, DatabaseError> {
    let rows = database.query(Statement::new(ENTRIES).bind(batch_id)).await?;
    rows.iter()
        .map(|row| {
            Ok(Entry {
                node_id: row.get("node_id")?,
                wallet: address(row, "wallet_address")?,
                owner: address(row, "owner")?,
                destination: address(row, "destination")?,
                credited_before: unsigned(row, "credited_before")?,
                paid_before: unsigned(row, "paid_before")?,
                target: unsigned(row, "target")?,
            })
        })
        .collect()
}

/// The nodes whose wallets this settlement has already tried to open.
pub(crate) async fn tried_registrations(
    database: &impl Database,
    settlement_id: i64,
) -> Result<std::collections::BTreeSet<NodeId>, DatabaseError> {
    let rows = database.query(Statement::new(TRIED_REGISTRATIONS).bind(settlement_id)).await?;
    rows.iter().map(|row| row.get("node_id")).collect()
}

pub(crate) fn require_open(batch: &Batch) -> Statement {
    let state = if batch.in_review { "review" } else { "planned" };
    Statement::new(REQUIRE_STATE).bind(batch.id).bind(state)
}

/// Moves a batch to `confirmed`, `failed`, `split` or `review`.
pub(crate) fn set_state(
    batch_id: i64,
    state: &str,
    signature: Option<&str>,
    reason: Option<&str>,
    now_ms: i64,
) -> Statement {
    Statement::new(SET_STATE).bind(batch_id).bind(state).bind(signature).bind(reason).bind(now_ms)
}

/// Writes what became of a batch's entries, by position.
pub(crate) fn set_outcomes(batch_id: i64, outcomes: &[Outcome]) -> Statement {
    let rows: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            json!({
                "outcome": outcome.outcome,
                "credit_skip": outcome.credit_skip,
                "payout_skip": outcome.payout_skip,
            })
        })
        .collect();
    Statement::new(SET_OUTCOMES).bind(batch_id).bind(json!(rows).to_string())
}

/// How many paying batches of a settlement are in each state.
pub(crate) async fn counts(
    database: &impl Database,
    settlement_id: i64,
) -> Result<BTreeMap<String, u64>, DatabaseError> {
    let rows = database.query(Statement::new(COUNTS).bind(settlement_id)).await?;
    rows.iter().map(|row| Ok((row.get("state")?, row.get("count")?))).collect()
}

/// Why a settlement came to nothing; `None` when it did not.
pub(crate) async fn failure(database: &impl Database, settlement_id: i64) -> Result<Option<String>, DatabaseError> {
    let rows = database.query(Statement::new(FAILURE).bind(settlement_id)).await?;
    rows.first().map_or(Ok(None), |row| row.optional("reason"))
}

/// Whether a settlement has open batches.
pub(crate) async fn any_open(database: &impl Database, settlement_id: i64) -> Result<bool, DatabaseError> {
    let rows = database.query(Statement::new(ANY_OPEN).bind(settlement_id)).await?;
    Ok(rows.first().map(|row| row.get::<u8>("any_open")).transpose()? == Some(1))
}

fn hex(hash: &Hash32) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Hash32> {
    let mut hash = Hash32::default();
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(hash)
}
