//! Rewards: grants by operators, and the list of unconfirmed rewards.
//!
//! Every reward stores the node's running total, computed within the insert from the node's previous row. With any order
//! of concurrent writers, the total of the last row is thus the sum of all rows. A total above 2⁶³ − 1 becomes a
//! floating-point number in SQLite, which the STRICT column rejects; the error then lists the nodes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::pagination::{self, Page};
use super::{Actor, LedgerError, audit, idempotency, nodes, payables, sha256_hex};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{IdempotencyKey, Lamports, NodeId, RewardDistribution, RewardRecord};

macro_rules! reward_columns {
    () => {
        "CAST(sequence AS TEXT) AS sequence, id, node_id, contribution_id,
        CAST(amount_lamports AS TEXT) AS amount_lamports,
        CAST(CASE status WHEN 'confirmed' THEN amount_lamports ELSE MAX(0, MIN(amount_lamports, amount_lamports
            - node_total_lamports + COALESCE((SELECT credited_lamports FROM wallets
                JOIN payables ON payables.node_id = wallets.node_id
                WHERE wallets.node_id = rewards.node_id AND credited_lamports <= signed_lamports), 0))) END AS TEXT)
            AS credited_lamports,
        CAST(node_total_lamports AS TEXT) AS node_total_lamports,
        period, reason, status, CASE status WHEN 'pending' THEN (SELECT payables.hold_reason FROM payables
            WHERE payables.node_id = rewards.node_id) END AS hold_reason,
        CAST(batch_id AS TEXT) AS batch_id, transaction_signature,
        CAST(distributed_at AS TEXT) AS distributed_at, CAST(created_at AS TEXT) AS created_at"
    };
}
pub(super) use reward_columns;

/// The entries of JSON array ?1 as a table.
macro_rules! entries {
    () => {
        "(SELECT key AS position, value ->> 'id' AS id, value ->> 'node_id' AS node_id,
            CAST(value ->> 'amount_lamports' AS INTEGER) AS amount, value ->> 'reason' AS reason FROM json_each(?1))"
    };
}

statements! {
    /// The nodes whose totals would overflow with the entries of JSON array ?1.
    SELECT_OVERFLOWING_NODES = concat!(
        "SELECT node_id FROM ", entries!(), " AS entries GROUP BY node_id
        HAVING COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE rewards.node_id = entries.node_id), 0)
            > 9223372036854775807 - SUM(amount) ORDER BY node_id"
    );

    /// Inserts the rewards in JSON array ?1, granted at ?2. If a node has several, their totals follow the order of the
    /// array.
    INSERT_REWARDS = concat!(
        "INSERT INTO rewards (id, node_id, amount_lamports, node_total_lamports, period, reason, created_at)
        SELECT id, node_id, amount,
            COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE rewards.node_id = entries.node_id), 0)
                + SUM(amount) OVER (PARTITION BY node_id ORDER BY position),
            strftime('%Y-%m-%d', CAST(?2 AS INTEGER) / 1000, 'unixepoch'), reason, CAST(?2 AS INTEGER)
        FROM ", entries!(), " AS entries ORDER BY position"
    );

    /// Sets the earned totals of the nodes in JSON array ?1 to the running total of their last reward, at ?2.
    pub(super) UPDATE_TOTAL_REWARDS = "UPDATE nodes SET updated_at = CAST(?2 AS INTEGER), total_rewards_lamports =
            (SELECT MAX(node_total_lamports) FROM rewards WHERE rewards.node_id = nodes.id)
        WHERE id IN (SELECT value FROM json_each(?1))";

    /// The reward of contribution ?1.
    pub(super) SELECT_REWARD_OF_CONTRIBUTION =
        concat!("SELECT ", reward_columns!(), " FROM rewards WHERE contribution_id = ?1");

    /// The first ?2 unconfirmed rewards after sequence number ?1.
    SELECT_OPEN = concat!(
        "SELECT ", reward_columns!(), " FROM rewards WHERE distributed_at IS NULL AND sequence > CAST(?1 AS INTEGER)
        ORDER BY rewards.sequence LIMIT CAST(?2 AS INTEGER)"
    );

    /// The first ?2 unconfirmed rewards of node ?3 after sequence number ?1.
    SELECT_OPEN_OF_NODE = concat!(
        "SELECT ", reward_columns!(), " FROM rewards WHERE distributed_at IS NULL AND sequence > CAST(?1 AS INTEGER)
        AND node_id = ?3 ORDER BY rewards.node_total_lamports LIMIT CAST(?2 AS INTEGER)"
    );
}

/// The maximum number of rewards in one distribution, far below what the database's time and size limits allow.
pub const MAX_DISTRIBUTIONS: usize = 1000;

/// The maximum length of a reward's reason, in characters.
pub const MAX_REASON_CHARS: usize = 200;

/// The maximum number of rewards per page.
pub const MAX_PAGE: u32 = 500;

/// The operation name of distributions, in the table of idempotency keys and in the audit log.
const OPERATION: &str = "rewards.distribute";

/// The reason stored for rewards that are granted without one.
const DEFAULT_REASON: &str = "distribution";

/// The name of the list of unconfirmed rewards in cursors.
const PENDING_LIST: &str = "pending";

/// The result of a distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DistributeOutcome {
    /// The granted rewards, in the order of the request.
    pub rewards: Vec<DistributedReward>,
    /// The sum of the amounts.
    pub total_lamports: Lamports,
    /// Whether this is the stored response to an earlier request with the same key, and nothing was written.
    #[serde(skip)]
    pub replayed: bool,
}

/// A reward granted by a distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DistributedReward {
    /// `rw_` followed by 32 hexadecimal digits; unique within the ledger.
    pub id: String,
    /// The node named by the entry of the request.
    pub node_id: NodeId,
    /// The granted amount, at least 1.
    pub amount_lamports: Lamports,
}

/// Grants rewards to nodes. On any error, none of them is granted.
///
/// Repeating the request with the same key has no effect and returns the same result.
///
/// # Errors
/// [`LedgerError::NoEntries`], [`LedgerError::TooManyEntries`], [`LedgerError::ZeroAmount`],
/// [`LedgerError::InvalidField`] for an invalid reason; [`LedgerError::UnknownNodes`] with all unregistered nodes;
/// [`LedgerError::SumTooLarge`], [`LedgerError::TotalTooLarge`]; [`LedgerError::IdempotencyConflict`] if the key was used
/// for a different request.
pub async fn distribute<D: Database, C: Clock>(
    database: &D,
    clock: &C,
    actor: &Actor,
    key: &IdempotencyKey,
    entries: Vec<RewardDistribution>,
) -> Result<DistributeOutcome, LedgerError> {
    /// The HTTP status stored with the response: 201 Created.
    const CREATED: u16 = 201;

    let now_ms = clock.now_ms();
    let total_lamports = validate(&entries)?;
    let request = json_text(&entries)?;
    let request_hash = sha256_hex(OPERATION, request.as_bytes());
    let outcome = DistributeOutcome {
        rewards: entries
            .iter()
            .enumerate()
            .map(|(index, entry)| DistributedReward {
                id: reward_id(OPERATION, &format!("{key} {index}")),
                node_id: entry.node_id.clone(),
                amount_lamports: entry.amount_lamports,
            })
            .collect(),
        total_lamports,
        replayed: false,
    };
    let rows = serde_json::Value::from_iter(outcome.rewards.iter().zip(&entries).map(|(reward, entry)| {
        json!({
            "id": reward.id,
            "node_id": reward.node_id,
            "amount_lamports": reward.amount_lamports,
            "reason": entry.reason.as_deref().unwrap_or(DEFAULT_REASON),
        })
    }))
    .to_string();
    let node_ids: BTreeSet<&NodeId> = entries.iter().map(|entry| &entry.node_id).collect();
    let details = json!({"count": entries.len(), "total_lamports": total_lamports, "request_hash": request_hash});

    let written = database
        .batch(vec![
            idempotency::store(key, OPERATION, &request_hash, CREATED, &json_text(&outcome)?, now_ms),
            Statement::new(INSERT_REWARDS).bind(rows.as_str()).bind(now_ms),
            Statement::new(UPDATE_TOTAL_REWARDS).bind(json_ids(node_ids.iter().copied())).bind(now_ms),
            payables::mark(json_ids(node_ids.iter().copied())),
            audit::entry(now_ms, actor, OPERATION, key.as_str(), &details),
        ])
        .await;
    let violation = match written {
        Ok(_) => return Ok(outcome),
        Err(violation @ DatabaseError::Constraint(_)) => violation,
        Err(error) => return Err(error.into()),
    };

    if let Some(stored) = idempotency::find(database, key, OPERATION).await? {
        if stored.request_hash != request_hash {
            return Err(LedgerError::IdempotencyConflict(key.clone()));
        }
        let outcome: DistributeOutcome = serde_json::from_str(&stored.response).map_err(|error| {
            DatabaseError::Decode(format!("the stored response for idempotency key {key} is invalid: {error}"))
        })?;
        return Ok(DistributeOutcome { replayed: true, ..outcome });
    }
    let unknown = nodes::find_unknown(database, node_ids.into_iter()).await?;
    if !unknown.is_empty() {
        return Err(LedgerError::UnknownNodes(unknown));
    }
    let overflowing = database.query(Statement::new(SELECT_OVERFLOWING_NODES).bind(rows)).await?;
    if !overflowing.is_empty() {
        let nodes = overflowing.iter().map(|row| row.get("node_id")).collect::<Result<_, _>>()?;
        return Err(LedgerError::TotalTooLarge(nodes));
    }
    Err(violation.into())
}

/// Lists unconfirmed rewards of one node or of all nodes, in the order they were earned.
///
/// # Errors
/// [`LedgerError::InvalidLimit`] unless `limit` is 1 to [`MAX_PAGE`]; [`LedgerError::InvalidCursor`].
pub async fn pending<D: Database>(
    database: &D,
    node_id: Option<&NodeId>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<RewardRecord>, LedgerError> {
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(LedgerError::InvalidLimit { limit, max: MAX_PAGE });
    }
    let after = pagination::decode_cursor(PENDING_LIST, cursor)?;
    // Fetch one row more than requested to find out whether there is a next page.
    let statement = match node_id {
        None => Statement::new(SELECT_OPEN).bind(after).bind(limit + 1),
        Some(node_id) => Statement::new(SELECT_OPEN_OF_NODE).bind(after).bind(limit + 1).bind(node_id),
    };
    let mut rows = database.query(statement).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = match rows.last() {
        Some(last) if more => Some(pagination::encode_cursor(PENDING_LIST, last.get("sequence")?)),
        _ => None,
    };
    let items = rows.iter().map(record).collect::<Result<_, _>>()?;
    Ok(Page { items, next_cursor })
}

/// The id of a reward, derived deterministically from its kind and origin.
pub(super) fn reward_id(kind: &'static str, origin: &str) -> String {
    /// 128 bits, enough to rule out collisions.
    const HEX_DIGITS: usize = 32;

    let hash = sha256_hex("williw-reward-v1", format!("{kind} {origin}").as_bytes());
    let digits: String = hash.chars().take(HEX_DIGITS).collect();
    format!("rw_{digits}")
}

/// The node ids as a JSON array.
pub(super) fn json_ids<'a>(node_ids: impl IntoIterator<Item = &'a NodeId>) -> String {
    serde_json::Value::from_iter(node_ids.into_iter().map(NodeId::as_str)).to_string()
}

/// The reward in the first row.
pub(super) fn first_record(rows: &[Row]) -> Result<RewardRecord, DatabaseError> {
    rows.first().ok_or_else(|| DatabaseError::Decode("the contribution has no reward".to_owned())).and_then(record)
}

fn record(row: &Row) -> Result<RewardRecord, DatabaseError> {
    Ok(RewardRecord {
        id: row.get("id")?,
        node_id: row.get("node_id")?,
        contribution_id: row.optional("contribution_id")?,
        amount_lamports: row.get("amount_lamports")?,
        credited_lamports: row.get("credited_lamports")?,
        node_total_lamports: row.get("node_total_lamports")?,
        period: row.get("period")?,
        reason: row.get("reason")?,
        status: row.get("status")?,
        hold_reason: row.optional("hold_reason")?,
        batch_id: row.optional("batch_id")?,
        transaction_signature: row.optional("transaction_signature")?,
        distributed_at: row.optional("distributed_at")?,
        created_at: row.get("created_at")?,
    })
}

/// Validates the entries and returns their sum.
fn validate(entries: &[RewardDistribution]) -> Result<Lamports, LedgerError> {
    if entries.is_empty() {
        return Err(LedgerError::NoEntries);
    }
    if entries.len() > MAX_DISTRIBUTIONS {
        return Err(LedgerError::TooManyEntries { count: entries.len(), max: MAX_DISTRIBUTIONS });
    }
    let mut sum = Lamports::ZERO;
    for (index, entry) in entries.iter().enumerate() {
        if entry.amount_lamports.is_zero() {
            return Err(LedgerError::ZeroAmount { index, node_id: entry.node_id.clone() });
        }
        if let Some(reason) = &entry.reason {
            validate_reason(reason)?;
        }
        sum = sum.checked_add(entry.amount_lamports).ok_or(LedgerError::SumTooLarge)?;
    }
    Ok(sum)
}

fn validate_reason(reason: &str) -> Result<(), LedgerError> {
    let chars = reason.chars().count();
    if !(1..=MAX_REASON_CHARS).contains(&chars) || reason.chars().any(char::is_control) {
        let reason = format!(
            "must have 1 to {MAX_REASON_CHARS} characters and no control characters, but has {chars} characters"
        );
        return Err(LedgerError::InvalidField { field: "reason", reason });
    }
    Ok(())
}

fn json_text<T: Serialize + ?Sized>(value: &T) -> Result<String, LedgerError> {
    serde_json::to_string(value)
        .map_err(|error| LedgerError::InvalidField { field: "entries", reason: error.to_string() })
}
