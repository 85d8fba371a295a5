//! Rewards: what operators grant, and what is still on its way.
//!
//! The rewards of a node form a running total, computed inside the insert from the node's last row: whoever writes,
//! in whatever order, the last row's total is the sum of all. A total that would pass 2⁶³ − 1 becomes a floating-point
//! number in SQLite, which the STRICT column refuses; the error then names the nodes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::hash::sha256_hex;
use super::{Actor, LedgerError, audit, cursor, idempotency, nodes};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{IdempotencyKey, Lamports, NodeId, Page, RewardDistribution, RewardRecord};

macro_rules! reward_columns {
    () => {
        "CAST(sequence AS TEXT) AS sequence, id, node_id, contribution_id,
        CAST(amount_lamports AS TEXT) AS amount_lamports, CAST(node_total_lamports AS TEXT) AS node_total_lamports,
        period, reason, status, hold_reason, CAST(batch_id AS TEXT) AS batch_id, transaction_signature,
        CAST(distributed_at AS TEXT) AS distributed_at, CAST(created_at AS TEXT) AS created_at"
    };
}
pub(super) use reward_columns;

/// The entries of the JSON array ?1, in order.
macro_rules! entries {
    () => {
        "(SELECT key AS position, value ->> 'id' AS id, value ->> 'node_id' AS node_id,
            CAST(value ->> 'amount_lamports' AS INTEGER) AS amount, value ->> 'reason' AS reason FROM json_each(?1))"
    };
}

statements! {
    /// Which nodes could not take their entries of the JSON array ?1.
    SELECT_TOTALS_THAT_DO_NOT_FIT = concat!(
        "SELECT node_id FROM ", entries!(), " AS entries GROUP BY node_id
        HAVING COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE rewards.node_id = entries.node_id), 0)
            > 9223372036854775807 - SUM(amount) ORDER BY node_id"
    );

    /// The rewards of the JSON array ?1, granted at ?2. A node may have several: their totals follow their order.
    INSERT_REWARDS = concat!(
        "INSERT INTO rewards (id, node_id, amount_lamports, node_total_lamports, period, reason, created_at)
        SELECT id, node_id, amount,
            COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE rewards.node_id = entries.node_id), 0)
                + SUM(amount) OVER (PARTITION BY node_id ORDER BY position),
            strftime('%Y-%m-%d', CAST(?2 AS INTEGER) / 1000, 'unixepoch'), reason, CAST(?2 AS INTEGER)
        FROM ", entries!(), " AS entries ORDER BY position"
    );

    /// Brings the earned totals of the nodes in the JSON array ?1 up to their last reward, at ?2.
    pub(super) UPDATE_TOTAL_REWARDS = "UPDATE nodes SET updated_at = CAST(?2 AS INTEGER), total_rewards_lamports =
            (SELECT MAX(node_total_lamports) FROM rewards WHERE rewards.node_id = nodes.id)
        WHERE id IN (SELECT value FROM json_each(?1))";

    /// The reward of contribution ?1.
    pub(super) SELECT_REWARD_OF_CONTRIBUTION =
        concat!("SELECT ", reward_columns!(), " FROM rewards WHERE contribution_id = ?1");

    /// The first ?2 rewards after ?1 that are not confirmed.
    SELECT_OPEN = concat!(
        "SELECT ", reward_columns!(), " FROM rewards WHERE status <> 'confirmed' AND sequence > CAST(?1 AS INTEGER)
        ORDER BY rewards.sequence LIMIT CAST(?2 AS INTEGER)"
    );

    /// The first ?2 rewards of node ?3 after ?1 that are not confirmed.
    SELECT_OPEN_OF_NODE = concat!(
        "SELECT ", reward_columns!(), " FROM rewards WHERE status <> 'confirmed' AND sequence > CAST(?1 AS INTEGER)
        AND node_id = ?3 ORDER BY rewards.sequence LIMIT CAST(?2 AS INTEGER)"
    );
}

/// The most rewards in one distribution: its statements stay far inside the database's limits of time and size.
pub const MAX_DISTRIBUTIONS: usize = 1000;

/// The longest reason of a reward, in characters.
pub const MAX_REASON_CHARS: usize = 200;

/// The most rewards on one page.
pub const MAX_PAGE: u32 = 500;

/// What a distribution is called in the table of idempotency keys.
const OPERATION: &str = "rewards.distribute";

/// The reason of a reward that was granted without one.
const DEFAULT_REASON: &str = "distribution";

/// The cursors' name of the list of pending rewards.
const PENDING: &str = "pending";

/// What a distribution wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DistributeOutcome {
    /// The rewards, in the order of the request.
    pub rewards: Vec<DistributedReward>,
    /// All of them together.
    pub total_lamports: Lamports,
    /// Whether this is the answer to an earlier request with the same key, and nothing was written now.
    #[serde(skip)]
    pub replayed: bool,
}

/// A reward that a distribution wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DistributedReward {
    /// The reward's id.
    pub id: String,
    /// Who got it.
    pub node_id: NodeId,
    /// How much.
    pub amount_lamports: Lamports,
}

/// Grants rewards to nodes: all of them or, on any error, none.
///
/// The same request with the same key again writes nothing and returns the same outcome.
///
/// # Errors
/// [`LedgerError::NoEntries`], [`LedgerError::TooManyEntries`], [`LedgerError::ZeroAmount`],
/// [`LedgerError::InvalidField`] for a reason that is too long; [`LedgerError::UnknownNodes`] with all of them;
/// [`LedgerError::SumTooLarge`], [`LedgerError::TotalTooLarge`]; [`LedgerError::IdempotencyConflict`] when the key
/// was used for another request.
pub async fn distribute<D: Database, C: Clock>(
    database: &D,
    clock: &C,
    actor: &Actor,
    key: &IdempotencyKey,
    entries: Vec<RewardDistribution>,
) -> Result<DistributeOutcome, LedgerError> {
    /// The status that goes with the stored answer: 201 Created.
    const CREATED: u16 = 201;

    let now_ms = clock.now_ms();
    let total_lamports = check(&entries)?;
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
            audit::entry(now_ms, actor, OPERATION, key.as_str(), &details),
        ])
        .await;
    let refused = match written {
        Ok(_) => return Ok(outcome),
        Err(refused @ DatabaseError::Constraint(_)) => refused,
        Err(error) => return Err(error.into()),
    };

    if let Some(stored) = idempotency::find(database, key, OPERATION).await? {
        if stored.request_hash != request_hash {
            return Err(LedgerError::IdempotencyConflict(key.clone()));
        }
        let outcome: DistributeOutcome = serde_json::from_str(&stored.response)
            .map_err(|error| DatabaseError::Decode(format!("the stored answer of key {key}: {error}")))?;
        return Ok(DistributeOutcome { replayed: true, ..outcome });
    }
    let unknown = nodes::unknown_of(database, node_ids.into_iter()).await?;
    if !unknown.is_empty() {
        return Err(LedgerError::UnknownNodes(unknown));
    }
    let too_large = database.query(Statement::new(SELECT_TOTALS_THAT_DO_NOT_FIT).bind(rows)).await?;
    if !too_large.is_empty() {
        let nodes = too_large.iter().map(|row| row.get("node_id")).collect::<Result<_, _>>()?;
        return Err(LedgerError::TotalTooLarge(nodes));
    }
    Err(refused.into())
}

/// Lists rewards that are not confirmed yet, in the order that they were earned in: of one node, or of all.
///
/// # Errors
/// [`LedgerError::InvalidLimit`] unless `limit` is 1 to 500; [`LedgerError::InvalidCursor`].
pub async fn pending<D: Database>(
    database: &D,
    node_id: Option<&NodeId>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<RewardRecord>, LedgerError> {
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(LedgerError::InvalidLimit { limit, max: MAX_PAGE });
    }
    let after = cursor::decode(PENDING, cursor)?;
    // One more than asked for tells whether there is a next page.
    let statement = match node_id {
        None => Statement::new(SELECT_OPEN).bind(after).bind(limit + 1),
        Some(node_id) => Statement::new(SELECT_OPEN_OF_NODE).bind(after).bind(limit + 1).bind(node_id),
    };
    let mut rows = database.query(statement).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = match rows.last() {
        Some(last) if more => Some(cursor::encode(PENDING, last.get("sequence")?)),
        _ => None,
    };
    let items = rows.iter().map(record).collect::<Result<_, _>>()?;
    Ok(Page { items, next_cursor })
}

/// The id of a reward, from what it is for: the same reward always has the same id.
pub(super) fn reward_id(kind: &'static str, what_for: &str) -> String {
    /// 128 bits: no two rewards ever share them.
    const HEX_DIGITS: usize = 32;

    let hash = sha256_hex("williw-reward-v1", format!("{kind} {what_for}").as_bytes());
    format!("rw_{}", &hash[..HEX_DIGITS])
}

/// Node ids as a JSON array.
pub(super) fn json_ids<'a>(node_ids: impl IntoIterator<Item = &'a NodeId>) -> String {
    serde_json::Value::from_iter(node_ids.into_iter().map(NodeId::as_str)).to_string()
}

/// The reward in the first of `rows`.
pub(super) fn one(rows: &[Row]) -> Result<RewardRecord, DatabaseError> {
    rows.first().ok_or_else(|| DatabaseError::Decode("a contribution without its reward".to_owned())).and_then(record)
}

fn record(row: &Row) -> Result<RewardRecord, DatabaseError> {
    Ok(RewardRecord {
        id: row.get("id")?,
        node_id: row.get("node_id")?,
        contribution_id: row.optional("contribution_id")?,
        amount_lamports: row.get("amount_lamports")?,
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

/// Checks the entries and returns their sum.
fn check(entries: &[RewardDistribution]) -> Result<Lamports, LedgerError> {
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
            check_reason(reason)?;
        }
        sum = sum.checked_add(entry.amount_lamports).ok_or(LedgerError::SumTooLarge)?;
    }
    Ok(sum)
}

fn check_reason(reason: &str) -> Result<(), LedgerError> {
    let chars = reason.chars().count();
    if !(1..=MAX_REASON_CHARS).contains(&chars) || reason.chars().any(char::is_control) {
        let reason = format!("it must be 1 to {MAX_REASON_CHARS} characters without line breaks, and has {chars}");
        return Err(LedgerError::InvalidField { field: "reason", reason });
    }
    Ok(())
}

fn json_text<T: Serialize + ?Sized>(value: &T) -> Result<String, LedgerError> {
    serde_json::to_string(value)
        .map_err(|error| LedgerError::InvalidField { field: "entries", reason: error.to_string() })
}
