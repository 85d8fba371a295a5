//! Attempts: every transition is a compare-and-set on state and version.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use solana_signature::Signature;

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::transaction::SignedTransaction;
use crate::types::NodeId;

use super::super::AttemptState;

statements! {
    /// The latest attempt of each batch in ?1.
    LATEST_OF = "SELECT CAST(id AS TEXT) AS id, CAST(batch_id AS TEXT) AS batch_id, CAST(number AS TEXT) AS number, \
            state, CAST(version AS TEXT) AS version, signature, \
            CAST(last_valid_block_height AS TEXT) AS last_valid_block_height, \
            CAST(compute_unit_limit AS TEXT) AS compute_unit_limit, \
            CAST(compute_unit_price AS TEXT) AS compute_unit_price, \
            CAST(loaded_accounts_data_limit AS TEXT) AS loaded_accounts_data_limit, \
            CAST(sent_at AS TEXT) AS sent_at, CAST(finalized_seen_at AS TEXT) AS finalized_seen_at, \
            CAST(created_at AS TEXT) AS created_at, CAST(error IS NOT NULL AS TEXT) AS is_reported \
        FROM attempts WHERE batch_id IN (SELECT CAST(value AS INTEGER) FROM json_each(?1)) \
            AND number = (SELECT MAX(number) FROM attempts AS other WHERE other.batch_id = attempts.batch_id)";

    /// The signed bytes of the attempts in JSON array ?1.
    BYTES_OF = "SELECT CAST(attempts.id AS TEXT) AS id, transaction_base64 \
        FROM json_each(?1) AS wanted CROSS JOIN attempts ON attempts.id = CAST(wanted.value AS INTEGER)";

    /// Adds a planned attempt to batch ?1: number ?2, compute unit limit ?3, loaded data limit ?4, compute unit price ?5,
    /// priority fee ?6, at ?7.
    INSERT = "INSERT INTO attempts (batch_id, number, state, compute_unit_limit, loaded_accounts_data_limit, \
            compute_unit_price, priority_fee_lamports, created_at, updated_at) \
        VALUES (CAST(?1 AS INTEGER), CAST(?2 AS INTEGER), 'planned', CAST(?3 AS INTEGER), CAST(?4 AS INTEGER), \
            CAST(?5 AS INTEGER), CAST(?6 AS INTEGER), CAST(?7 AS INTEGER), CAST(?7 AS INTEGER))";

    /// The comparison of a compare-and-set: fails the statement batch unless attempt ?1 is in state ?2 at version ?3.
    REQUIRE = "INSERT INTO preconditions (state_unchanged) SELECT EXISTS ( \
        SELECT 1 FROM attempts WHERE id = CAST(?1 AS INTEGER) AND state = ?2 AND version = CAST(?3 AS INTEGER))";

    /// Stores the signature ?2, the bytes ?3 and the last valid block height ?4 of attempt ?1 at ?5.
    SIGN = "UPDATE attempts SET state = 'signed', version = version + 1, signature = ?2, transaction_base64 = ?3, \
            last_valid_block_height = CAST(?4 AS INTEGER), updated_at = CAST(?5 AS INTEGER) \
        WHERE id = CAST(?1 AS INTEGER)";

    /// Records that the bytes of attempt ?1 were sent at ?2.
    SENT = "UPDATE attempts SET state = CASE state WHEN 'signed' THEN 'sent' ELSE state END, version = version + 1, \
            sent_at = CAST(?2 AS INTEGER), updated_at = CAST(?2 AS INTEGER) \
        WHERE id = CAST(?1 AS INTEGER)";

    /// Moves attempt ?1 to state ?2 with slot ?3, fee ?4 and error ?5 at ?6.
    SET_STATE = "UPDATE attempts SET state = ?2, version = version + 1, slot = COALESCE(CAST(?3 AS INTEGER), slot), \
            fee_lamports = COALESCE(CAST(?4 AS INTEGER), fee_lamports), error = ?5, updated_at = CAST(?6 AS INTEGER) \
        WHERE id = CAST(?1 AS INTEGER)";

    /// Ends the planned attempt ?1, which will never be signed, at ?2.
    WITHDRAW = "UPDATE attempts SET state = 'failed', error = 'never signed', version = version + 1, \
            updated_at = CAST(?2 AS INTEGER) \
        WHERE id = CAST(?1 AS INTEGER) AND state = 'planned'";

    /// Records that attempt ?1 was found in a finalized block at ?2.
    SEEN_FINALIZED = "UPDATE attempts SET finalized_seen_at = CAST(?2 AS INTEGER), version = version + 1, \
            updated_at = CAST(?2 AS INTEGER) \
        WHERE id = CAST(?1 AS INTEGER)";

    /// Stores the report ?2 about attempt ?1 until its next transition.
    REPORT = "UPDATE attempts SET error = ?2 WHERE id = CAST(?1 AS INTEGER)";

    /// The signatures of all batches that contained the oldest unconfirmed reward of node ?1, newest first. Every batch that
    /// has credited the node since contained it.
    SIGNATURES_FOR = "SELECT DISTINCT CAST(attempts.batch_id AS TEXT) AS batch_id, attempts.signature AS signature \
        FROM batch_records JOIN attempts ON attempts.batch_id = batch_records.batch_id \
        WHERE attempts.signature IS NOT NULL AND batch_records.reward_sequence = ( \
            SELECT sequence FROM rewards WHERE node_id = ?1 AND distributed_at IS NULL \
            ORDER BY node_total_lamports LIMIT 1) \
        ORDER BY attempts.id DESC LIMIT 20";
}

/// One attempt to land a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) id: i64,
    pub(crate) batch_id: i64,
    pub(crate) number: u32,
    pub(crate) state: AttemptState,
    pub(crate) version: i64,
    pub(crate) compute_unit_limit: u32,
    pub(crate) loaded_accounts_data_limit: u32,
    pub(crate) compute_unit_price: u64,
    pub(crate) created_at_ms: i64,
    pub(crate) sent_at_ms: Option<i64>,
    /// When it was first found in a finalized block, if its batch could not be closed then.
    pub(crate) finalized_seen_at_ms: Option<i64>,
    /// Whether it was reported as overdue.
    pub(crate) is_reported: bool,
    /// The signed transaction; `None` only for planned attempts.
    pub(crate) signed: Option<StoredTransaction>,
}

/// A signed transaction, stored before its bytes are sent. [`bytes_of`] returns these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredTransaction {
    pub(crate) signature: Signature,
    pub(crate) last_valid_block_height: u64,
}

/// Returns the latest attempt of each batch that has one.
pub(crate) async fn latest_of(database: &impl Database, batch_ids: &[i64]) -> Result<Vec<Attempt>, DatabaseError> {
    let rows = database.query(Statement::new(LATEST_OF).bind(json!(batch_ids).to_string())).await?;
    rows.iter().map(attempt).collect()
}

/// Returns the signed bytes of each of `attempts`; those of a planned attempt are missing.
pub(crate) async fn bytes_of(
    database: &impl Database,
    attempts: &[&Attempt],
) -> Result<BTreeMap<i64, Vec<u8>>, DatabaseError> {
    let ids: Vec<i64> = attempts.iter().map(|attempt| attempt.id).collect();
    let rows = database.query(Statement::new(BYTES_OF).bind(json!(ids).to_string())).await?;
    let mut bytes = BTreeMap::new();
    for row in &rows {
        if let Some(text) = row.optional::<String>("transaction_base64")? {
            let decoded = BASE64
                .decode(text)
                .map_err(|error| DatabaseError::Decode(format!("column 'transaction_base64': {error}")))?;
            bytes.insert(row.get("id")?, decoded);
        }
    }
    Ok(bytes)
}

fn attempt(row: &Row) -> Result<Attempt, DatabaseError> {
    let signed = match row.optional::<Signature>("signature")? {
        None => None,
        Some(signature) => {
            Some(StoredTransaction { signature, last_valid_block_height: row.get("last_valid_block_height")? })
        }
    };
    Ok(Attempt {
        id: row.get("id")?,
        batch_id: row.get("batch_id")?,
        number: row.get("number")?,
        state: row.get("state")?,
        version: row.get("version")?,
        compute_unit_limit: row.get("compute_unit_limit")?,
        loaded_accounts_data_limit: row.get("loaded_accounts_data_limit")?,
        compute_unit_price: row.get("compute_unit_price")?,
        created_at_ms: row.get("created_at")?,
        sent_at_ms: row.optional("sent_at")?,
        finalized_seen_at_ms: row.optional("finalized_seen_at")?,
        is_reported: row.get::<u8>("is_reported")? == 1,
        signed,
    })
}

/// Adds a planned attempt. A unique index rejects it while an earlier attempt of the batch is live.
pub(crate) fn insert(batch_id: i64, number: u32, budget: &crate::transaction::Budget, now_ms: i64) -> Statement {
    Statement::new(INSERT)
        .bind(batch_id)
        .bind(number)
        .bind(budget.compute_unit_limit)
        .bind(budget.loaded_accounts_data_limit)
        .bind(budget.compute_unit_price)
        .bind(budget.priority_fee_lamports())
        .bind(now_ms)
}

/// The comparison of a compare-and-set.
fn require(attempt: &Attempt) -> Statement {
    Statement::new(REQUIRE).bind(attempt.id).bind(attempt.state).bind(attempt.version)
}

/// Moves an attempt from `planned` to `signed`.
pub(crate) fn sign(
    attempt: &Attempt,
    transaction: &SignedTransaction,
    last_valid_block_height: u64,
    now_ms: i64,
) -> [Statement; 2] {
    let set = Statement::new(SIGN)
        .bind(attempt.id)
        .bind(transaction.signature.to_string())
        .bind(BASE64.encode(&transaction.bytes))
        .bind(last_valid_block_height)
        .bind(now_ms);
    [require(attempt), set]
}

/// Ends a planned attempt, which will never be signed.
pub(crate) fn withdraw(attempt: &Attempt, now_ms: i64) -> [Statement; 2] {
    [require(attempt), Statement::new(WITHDRAW).bind(attempt.id).bind(now_ms)]
}

/// Records that an attempt's bytes were sent, for the first time or again.
pub(crate) fn sent(attempt: &Attempt, now_ms: i64) -> [Statement; 2] {
    [require(attempt), Statement::new(SENT).bind(attempt.id).bind(now_ms)]
}

/// Records when an attempt was first found in a finalized block.
pub(crate) fn seen_finalized(attempt: &Attempt, now_ms: i64) -> [Statement; 2] {
    [require(attempt), Statement::new(SEEN_FINALIZED).bind(attempt.id).bind(now_ms)]
}

/// Stores what was reported about an attempt, until its next transition.
pub(crate) fn report(attempt: &Attempt, text: &str) -> [Statement; 2] {
    [require(attempt), Statement::new(REPORT).bind(attempt.id).bind(text)]
}

/// A transition of a signed attempt, with what is stored along with its new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptTransition<'a> {
    /// It is in a confirmed block.
    Landed { slot: u64 },
    /// It is in a finalized block and succeeded.
    Finalized { slot: u64, fee_lamports: u64 },
    /// It failed in a finalized block, which charged the fee.
    Failed { slot: u64, fee_lamports: u64, error: &'a str },
    /// It can no longer land.
    Expired,
}

/// Moves an attempt to another state.
pub(crate) fn transition(attempt: &Attempt, transition: AttemptTransition<'_>, now_ms: i64) -> [Statement; 2] {
    let (state, slot, fee_lamports, error) = match transition {
        AttemptTransition::Landed { slot } => (AttemptState::Landed, Some(slot), None, None),
        AttemptTransition::Finalized { slot, fee_lamports } => {
            (AttemptState::Finalized, Some(slot), Some(fee_lamports), None)
        }
        AttemptTransition::Failed { slot, fee_lamports, error } => {
            (AttemptState::Failed, Some(slot), Some(fee_lamports), Some(error))
        }
        AttemptTransition::Expired => (AttemptState::Expired, None, None, None),
    };
    let set =
        Statement::new(SET_STATE).bind(attempt.id).bind(state).bind(slot).bind(fee_lamports).bind(error).bind(now_ms);
    [require(attempt), set]
}

/// Returns the batch and the signature of every attempt that may have credited unconfirmed rewards of a node, newest first.
pub(crate) async fn signatures_for(
    database: &impl Database,
    node_id: &NodeId,
) -> Result<Vec<(i64, Signature)>, DatabaseError> {
    let rows = database.query(Statement::new(SIGNATURES_FOR).bind(node_id)).await?;
    rows.iter().map(|row| Ok((row.get("batch_id")?, row.get("signature")?))).collect()
}
