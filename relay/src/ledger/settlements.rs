//! Read access to settlements. They are written by the engine.

use std::collections::BTreeMap;

use super::LedgerError;
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{AttemptStatus, BatchStatus, SettlementStatus, SettlementStep};

/// The id ?1, or that of the latest settlement if ?1 is NULL.
macro_rules! settlement_id {
    () => {
        "COALESCE(CAST(?1 AS INTEGER), (SELECT MAX(id) FROM settlements))"
    };
}

/// The most recent batches of that settlement, up to the number shown.
macro_rules! last_batches {
    () => {
        concat!("SELECT id FROM batches WHERE settlement_id = ", settlement_id!(), " ORDER BY id DESC LIMIT 500")
    };
}

statements! {
    /// The state and totals of a settlement, with the numbers of its log lines and batches.
    SELECT_SETTLEMENT = concat!(
        "SELECT CAST(id AS TEXT) AS id, trigger, state, step, CAST(started_at AS TEXT) AS started_at,
            CAST(updated_at AS TEXT) AS updated_at, CAST(finished_at AS TEXT) AS finished_at,
            CAST(credited_lamports AS TEXT) AS credited_lamports, CAST(paid_lamports AS TEXT) AS paid_lamports,
            CAST(fees_lamports AS TEXT) AS fees_lamports, error,
            CAST((SELECT COUNT(*) FROM settlement_steps WHERE settlement_id = settlements.id) AS TEXT) AS step_count,
            CAST((SELECT COUNT(*) FROM batches WHERE settlement_id = settlements.id) AS TEXT) AS batch_count
        FROM settlements WHERE id = ", settlement_id!()
    );

    /// The most recent lines of a settlement's log.
    SELECT_STEPS = concat!(
        "SELECT step, CAST(at AS TEXT) AS at, level, message FROM
            (SELECT * FROM settlement_steps WHERE settlement_id = ", settlement_id!(), " ORDER BY id DESC LIMIT 500)
        ORDER BY id"
    );

    /// The most recent batches of a settlement.
    SELECT_BATCHES = concat!(
        "SELECT CAST(id AS TEXT) AS id, kind, state, format, CAST(entry_count AS TEXT) AS entry_count, records_root,
            signature, reason
        FROM batches WHERE id IN (", last_batches!(), ") ORDER BY batches.id"
    );

    /// The attempts of the most recent batches of a settlement.
    SELECT_ATTEMPTS = concat!(
        "SELECT CAST(batch_id AS TEXT) AS batch_id, CAST(number AS TEXT) AS number, state, signature,
            CAST(last_valid_block_height AS TEXT) AS last_valid_block_height, CAST(slot AS TEXT) AS slot, error
        FROM attempts WHERE batch_id IN (", last_batches!(), ") ORDER BY attempts.batch_id, attempts.number"
    );
}

/// Returns the latest settlement; `None` if there has been none.
///
/// # Errors
/// [`LedgerError::Database`].
pub async fn latest<D: Database>(database: &D) -> Result<Option<SettlementStatus>, LedgerError> {
    read(database, None).await
}

/// Returns the settlement with the given id.
///
/// # Errors
/// [`LedgerError::UnknownSettlement`] if there is no such settlement.
pub async fn get<D: Database>(database: &D, id: i64) -> Result<SettlementStatus, LedgerError> {
    read(database, Some(id)).await?.ok_or(LedgerError::UnknownSettlement(id))
}

async fn read<D: Database>(database: &D, id: Option<i64>) -> Result<Option<SettlementStatus>, LedgerError> {
    let [settlements, steps, batches, attempts] = database
        .batch_of(
            [SELECT_SETTLEMENT, SELECT_STEPS, SELECT_BATCHES, SELECT_ATTEMPTS].map(|sql| Statement::new(sql).bind(id)),
        )
        .await?;
    let Some(row) = settlements.first() else { return Ok(None) };

    let mut attempts_of: BTreeMap<i64, Vec<AttemptStatus>> = BTreeMap::new();
    for row in &attempts {
        attempts_of.entry(row.get("batch_id")?).or_default().push(attempt(row)?);
    }
    let batches = batches
        .iter()
        .map(|row| batch(row, attempts_of.remove(&row.get("id")?).unwrap_or_default()))
        .collect::<Result<_, _>>()?;
    Ok(Some(SettlementStatus {
        id: row.get("id")?,
        trigger: row.get("trigger")?,
        state: row.get("state")?,
        step: row.get("step")?,
        started_at: row.get("started_at")?,
        updated_at: row.get("updated_at")?,
        finished_at: row.optional("finished_at")?,
        credited_lamports: row.get("credited_lamports")?,
        paid_lamports: row.get("paid_lamports")?,
        fees_lamports: row.get("fees_lamports")?,
        error: row.optional("error")?,
        step_count: row.get("step_count")?,
        steps: steps.iter().map(step).collect::<Result<_, _>>()?,
        batch_count: row.get("batch_count")?,
        batches,
    }))
}

fn step(row: &Row) -> Result<SettlementStep, DatabaseError> {
    Ok(SettlementStep {
        step: row.get("step")?,
        at: row.get("at")?,
        level: row.get("level")?,
        message: row.get("message")?,
    })
}

fn batch(row: &Row, attempts: Vec<AttemptStatus>) -> Result<BatchStatus, DatabaseError> {
    Ok(BatchStatus {
        id: row.get("id")?,
        kind: row.get("kind")?,
        state: row.get("state")?,
        format: row.get("format")?,
        entry_count: row.get("entry_count")?,
        records_root: row.get("records_root")?,
        signature: row.optional("signature")?,
        reason: row.optional("reason")?,
        attempts,
    })
}

fn attempt(row: &Row) -> Result<AttemptStatus, DatabaseError> {
    Ok(AttemptStatus {
        number: row.get("number")?,
        state: row.get("state")?,
        signature: row.optional("signature")?,
        last_valid_block_height: row.optional("last_valid_block_height")?,
        slot: row.optional("slot")?,
        error: row.optional("error")?,
    })
}
