//! Batches and their entries.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;
use solana_pubkey::Pubkey;

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::merkle::Hash32;
use crate::transaction::{BatchKind, Format};
use crate::types::NodeId;

use super::super::{BatchState, EntryOutcome};
use super::{address, unsigned};

statements! {
    /// The highest batch id; 0 if there is no batch.
    LAST_ID = "SELECT CAST(COALESCE(MAX(id), 0) AS TEXT) AS id FROM batches";

    /// Adds batch ?1 to settlement ?2: kind ?3, format ?4, entry count ?5, records root ?6, at ?7.
    INSERT = "INSERT INTO batches (id, settlement_id, kind, state, format, entry_count, records_root, created_at, updated_at) \
        VALUES (CAST(?1 AS INTEGER), CAST(?2 AS INTEGER), ?3, 'planned', ?4, CAST(?5 AS INTEGER), ?6, \
            CAST(?7 AS INTEGER), CAST(?7 AS INTEGER))";

    /// Adds the entries in ?2 to batch ?1: a JSON array of arrays of node id, wallet, owner, destination and target.
    INSERT_ENTRIES = "INSERT INTO batch_entries (batch_id, position, node_id, wallet_address, owner, destination, target_lamports) \
        SELECT CAST(?1 AS INTEGER), key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, CAST(value ->> 4 AS INTEGER) \
        FROM json_each(?2)";

    /// Adds the records in ?2 (a JSON array of reward sequences, in the order of the leaves) to batch ?1.
    INSERT_RECORDS = "INSERT INTO batch_records (batch_id, leaf_index, reward_sequence) \
        SELECT CAST(?1 AS INTEGER), key, CAST(value AS INTEGER) FROM json_each(?2)";

    /// The open batches of settlement ?1: with ?2 = 1 those that register nodes, with ?2 = 0 the others.
    OPEN = "SELECT CAST(id AS TEXT) AS id, kind, state, format, records_root, \
            CAST(entry_count AS TEXT) AS entry_count FROM batches \
        WHERE settlement_id = CAST(?1 AS INTEGER) AND state = 'planned' AND (kind = 'register') = CAST(?2 AS INTEGER) \
        ORDER BY batches.id";

    /// The entries of the batches in JSON array ?1, in order.
    ENTRIES = "SELECT CAST(batch_id AS TEXT) AS batch_id, node_id, wallet_address, owner, destination, \
            CAST(target_lamports AS TEXT) AS target \
        FROM json_each(?1) AS wanted CROSS JOIN batch_entries ON batch_id = CAST(wanted.value AS INTEGER) \
        ORDER BY wanted.key, position";

    /// What the open payment batches of settlement ?1 credit beyond the mirrored credited totals.
    PLANNED_CREDIT = "SELECT CAST(COALESCE(SUM(MAX(target_lamports - credited_lamports, 0)), 0) AS TEXT) AS credit \
        FROM batches JOIN batch_entries ON batch_entries.batch_id = batches.id \
            JOIN wallets ON wallets.node_id = batch_entries.node_id \
        WHERE batches.settlement_id = CAST(?1 AS INTEGER) AND batches.state = 'planned' AND batches.kind <> 'register'";

    /// Fails the statement batch unless batch ?1 is in state ?2.
    REQUIRE_STATE = "INSERT INTO preconditions (state_unchanged) SELECT EXISTS ( \
        SELECT 1 FROM batches WHERE id = CAST(?1 AS INTEGER) AND state = ?2)";

    /// Moves batch ?1 to state ?2 with signature ?3 and reason ?4 at ?5.
    SET_STATE = "UPDATE batches SET state = ?2, signature = COALESCE(?3, signature), reason = ?4, \
        updated_at = CAST(?5 AS INTEGER) WHERE id = CAST(?1 AS INTEGER)";

    /// Sets the results of the entries of batch ?1 from ?2, a JSON array by position.
    SET_RESULTS = "UPDATE batch_entries SET outcome = results.value ->> 'outcome', \
            credit_skip = results.value ->> 'credit_skip', payout_skip = results.value ->> 'payout_skip' \
        FROM json_each(?2) AS results WHERE batch_id = CAST(?1 AS INTEGER) AND position = results.key";

    /// Closes the open batches of settlement ?1 that have no attempt in flight as failed, for the reason ?2, at ?3.
    ABANDON = "UPDATE batches SET state = 'failed', reason = ?2, updated_at = CAST(?3 AS INTEGER) \
        WHERE settlement_id = CAST(?1 AS INTEGER) AND state = 'planned' AND NOT EXISTS (SELECT 1 FROM attempts \
            WHERE attempts.batch_id = batches.id AND attempts.state IN ('signed', 'sent', 'landed'))";

    /// Ends the planned attempts of the failed batches of settlement ?1, which were never signed, at ?2.
    ABANDON_ATTEMPTS = "UPDATE attempts SET state = 'failed', error = 'never signed', version = version + 1, \
            updated_at = CAST(?2 AS INTEGER) \
        WHERE state = 'planned' AND batch_id IN (SELECT id FROM batches \
            WHERE settlement_id = CAST(?1 AS INTEGER) AND state = 'failed')";

    /// Returns the rewards of the failed batches of settlement ?1 to pending.
    ABANDON_REWARDS = "UPDATE rewards SET status = 'pending', batch_id = NULL \
        WHERE status = 'batched' AND batch_id IN (SELECT id FROM batches \
            WHERE settlement_id = CAST(?1 AS INTEGER) AND state = 'failed')";

    /// Lets the nodes of the failed register batches of settlement ?1 take no further part in it. They are not held: nothing is
    /// wrong with them.
    ABANDON_NODES = "UPDATE settlement_nodes SET state = 'held' \
        WHERE state = 'registering' AND node_id IN (SELECT node_id FROM batch_entries WHERE batch_id IN ( \
            SELECT id FROM batches WHERE settlement_id = CAST(?1 AS INTEGER) AND state = 'failed' AND kind = 'register'))";

    /// The reason of the first failed batch of settlement ?1, unless one of its payment batches is confirmed.
    FAILURE = "SELECT reason FROM batches WHERE settlement_id = CAST(?1 AS INTEGER) AND state = 'failed' \
            AND NOT EXISTS (SELECT 1 FROM batches AS other WHERE other.settlement_id = CAST(?1 AS INTEGER) \
                AND other.kind <> 'register' AND other.state = 'confirmed') \
        ORDER BY batches.id LIMIT 1";

    /// Whether settlement ?1 has open batches.
    ANY_OPEN = "SELECT CAST(EXISTS (SELECT 1 FROM batches \
        WHERE settlement_id = CAST(?1 AS INTEGER) AND state = 'planned') AS TEXT) AS any_open";

    /// The number of payment batches of settlement ?1 in each state.
    COUNTS = "SELECT state, CAST(COUNT(*) AS TEXT) AS count FROM batches \
        WHERE settlement_id = CAST(?1 AS INTEGER) AND kind <> 'register' GROUP BY state";
}

/// One recipient in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) node_id: NodeId,
    pub(crate) wallet: Pubkey,
    pub(crate) owner: Pubkey,
    pub(crate) destination: Pubkey,
    /// The credited total to reach, in lamports; 0 in a register batch.
    pub(crate) target: u64,
}

/// A batch without its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) id: i64,
    pub(crate) kind: BatchKind,
    pub(crate) format: Format,
    pub(crate) records_root: Hash32,
    pub(crate) entry_count: u64,
    /// The state when the batch was read.
    pub(crate) state: BatchState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchSelection {
    /// The settlement's open register batches.
    Registrations,
    /// The settlement's open credit and settle batches.
    Payments,
}

/// A transition of an open batch, with what is stored along with its new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchTransition<'a> {
    /// The attempt with this signature took effect.
    Confirmed { signature: &'a str },
    /// It was closed without effect.
    Failed { reason: &'a str },
    /// It was replaced by smaller ones.
    Split { reason: &'a str },
    /// It did not land, and nothing that it was for is left to do.
    Superseded,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewBatch {
    pub(crate) kind: BatchKind,
    pub(crate) format: Format,
    pub(crate) records_root: Hash32,
    pub(crate) entries: Vec<Entry>,
    /// Sequences of its reward records, in the order of its Merkle leaves.
    pub(crate) records: Vec<i64>,
}

/// The result of an entry in a closed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryResult {
    pub(crate) outcome: EntryOutcome,
    /// Why the entry was not credited.
    pub(crate) credit_skip: Option<String>,
    /// Why the entry was not paid out.
    pub(crate) payout_skip: Option<String>,
}

impl EntryResult {
    pub(crate) fn without_skips(outcome: EntryOutcome) -> Self {
        Self { outcome, credit_skip: None, payout_skip: None }
    }
}

/// Returns the highest batch id; 0 if there is no batch.
pub(crate) async fn last_id(database: &impl Database) -> Result<i64, DatabaseError> {
    let rows = database.query(Statement::new(LAST_ID)).await?;
    rows.first().map_or(Ok(0), |row| row.get("id"))
}

/// Adds `batch` with the id `id`. The lease keeps other runners from using the same id; if one did, the primary key
/// would reject it.
pub(crate) fn insert(id: i64, settlement_id: i64, batch: &NewBatch, now_ms: i64) -> Vec<Statement> {
    // Neither node ids, nor addresses, nor numbers need escaping.
    let mut entries = String::with_capacity(batch.entries.len().saturating_mul(256));
    let mut separator = '[';
    for Entry { node_id, wallet, owner, destination, target } in &batch.entries {
        let _ = write!(entries, r#"{separator}["{node_id}","{wallet}","{owner}","{destination}","{target}"]"#);
        separator = ',';
    }
    entries.push(']');
    let mut statements = vec![
        Statement::new(INSERT)
            .bind(id)
            .bind(settlement_id)
            .bind(batch.kind.as_str())
            .bind(batch.format.as_str())
            .bind(batch.entries.len())
            .bind(hex::encode(batch.records_root))
            .bind(now_ms),
        Statement::new(INSERT_ENTRIES).bind(id).bind(entries),
    ];
    if !batch.records.is_empty() {
        statements.push(Statement::new(INSERT_RECORDS).bind(id).bind(json!(batch.records).to_string()));
    }
    statements
}

/// Returns the selected batches, oldest first.
pub(crate) async fn open(
    database: &impl Database,
    settlement_id: i64,
    selection: BatchSelection,
) -> Result<Vec<Batch>, DatabaseError> {
    let registrations = selection == BatchSelection::Registrations;
    let rows = database.query(Statement::new(OPEN).bind(settlement_id).bind(registrations)).await?;
    rows.iter().map(batch).collect()
}

fn batch(row: &Row) -> Result<Batch, DatabaseError> {
    let root: String = row.get("records_root")?;
    let mut records_root = Hash32::default();
    hex::decode_to_slice(&root, &mut records_root).map_err(|error| {
        DatabaseError::Decode(format!("column 'records_root': '{root}' is not a SHA-256 hash in hexadecimal: {error}"))
    })?;
    Ok(Batch {
        id: row.get("id")?,
        kind: row.get("kind")?,
        format: row.get("format")?,
        records_root,
        entry_count: unsigned(row, "entry_count")?,
        state: row.get("state")?,
    })
}

/// Returns the entries of a batch, in order.
pub(crate) async fn entries(database: &impl Database, batch_id: i64) -> Result<Vec<Entry>, DatabaseError> {
    Ok(entries_of(database, &[batch_id]).await?.pop().unwrap_or_default())
}

/// Returns the entries of each of the batches, in order.
pub(crate) async fn entries_of(database: &impl Database, batch_ids: &[i64]) -> Result<Vec<Vec<Entry>>, DatabaseError> {
    let statement = Statement::new(ENTRIES).bind(json!(batch_ids).to_string());
    let mut rows = database.query(statement).await?.into_iter().peekable();
    let mut all = Vec::with_capacity(batch_ids.len());
    for id in batch_ids {
        let mut entries = Vec::new();
        while let Some(row) = rows.peek().filter(|row| row.get::<i64>("batch_id") == Ok(*id)) {
            entries.push(entry(row)?);
            rows.next();
        }
        all.push(entries);
    }
    Ok(all)
}

fn entry(row: &Row) -> Result<Entry, DatabaseError> {
    Ok(Entry {
        node_id: row.get("node_id")?,
        wallet: address(row, "wallet_address")?,
        owner: address(row, "owner")?,
        destination: address(row, "destination")?,
        target: unsigned(row, "target")?,
    })
}

/// Returns how many lamports the settlement's open batches credit once they land.
pub(crate) async fn planned_credit(database: &impl Database, settlement_id: i64) -> Result<u64, DatabaseError> {
    let rows = database.query(Statement::new(PLANNED_CREDIT).bind(settlement_id)).await?;
    rows.first().map_or(Ok(0), |row| unsigned(row, "credit"))
}

/// Closes the settlement's batches that are not in flight, because nothing can be sent, and returns their rewards to
/// pending.
pub(crate) fn abandon(settlement_id: i64, reason: &str, now_ms: i64) -> [Statement; 4] {
    [
        Statement::new(ABANDON).bind(settlement_id).bind(reason).bind(now_ms),
        Statement::new(ABANDON_ATTEMPTS).bind(settlement_id).bind(now_ms),
        Statement::new(ABANDON_REWARDS).bind(settlement_id),
        Statement::new(ABANDON_NODES).bind(settlement_id),
    ]
}

/// Fails the statement batch unless `batch` is still in the state in which it was read.
pub(crate) fn require_unchanged(batch: &Batch) -> Statement {
    Statement::new(REQUIRE_STATE).bind(batch.id).bind(batch.state)
}

/// Moves a batch to another state.
pub(crate) fn transition(batch_id: i64, transition: BatchTransition<'_>, now_ms: i64) -> Statement {
    let (state, signature, reason) = match transition {
        BatchTransition::Confirmed { signature } => (BatchState::Confirmed, Some(signature), None),
        BatchTransition::Failed { reason } => (BatchState::Failed, None, Some(reason)),
        BatchTransition::Split { reason } => (BatchState::Split, None, Some(reason)),
        BatchTransition::Superseded => (BatchState::Superseded, None, None),
    };
    Statement::new(SET_STATE).bind(batch_id).bind(state).bind(signature).bind(reason).bind(now_ms)
}

/// Sets the results of a batch's entries, in the order of the entries.
pub(crate) fn set_results(batch_id: i64, results: &[EntryResult]) -> Statement {
    let rows: Vec<_> = results
        .iter()
        .map(|result| {
            json!({
                "outcome": result.outcome,
                "credit_skip": result.credit_skip,
                "payout_skip": result.payout_skip,
            })
        })
        .collect();
    Statement::new(SET_RESULTS).bind(batch_id).bind(json!(rows).to_string())
}

/// Returns the number of payment batches of a settlement in each state.
pub(crate) async fn counts(
    database: &impl Database,
    settlement_id: i64,
) -> Result<BTreeMap<BatchState, u64>, DatabaseError> {
    let rows = database.query(Statement::new(COUNTS).bind(settlement_id)).await?;
    rows.iter().map(|row| Ok((row.get("state")?, row.get("count")?))).collect()
}

/// Returns why a settlement failed; `None` if one of its payment batches is confirmed, or no batch failed.
pub(crate) async fn failure(database: &impl Database, settlement_id: i64) -> Result<Option<String>, DatabaseError> {
    let rows = database.query(Statement::new(FAILURE).bind(settlement_id)).await?;
    rows.first().map_or(Ok(None), |row| row.optional("reason"))
}

/// Returns whether a settlement has open batches.
pub(crate) async fn any_open(database: &impl Database, settlement_id: i64) -> Result<bool, DatabaseError> {
    let rows = database.query(Statement::new(ANY_OPEN).bind(settlement_id)).await?;
    Ok(rows.first().map(|row| row.get::<u8>("any_open")).transpose()? == Some(1))
}
