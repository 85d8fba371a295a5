//! Reward rows in a settlement: `pending → batched → confirmed`, or back to `pending`.

use std::collections::BTreeMap;

use serde_json::json;

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::merkle::RewardLeaf;
use crate::types::{Lamports, NodeId};

statements! {
    /// The oldest pending rewards of each node in JSON array ?1, at most ?2 of each.
    PENDING = "SELECT CAST(sequence AS TEXT) AS sequence, rewards.id AS id, node_id, \
            CAST(amount_lamports AS TEXT) AS amount_lamports, \
            CAST(node_total_lamports AS TEXT) AS node_total_lamports, period \
        FROM json_each(?1) AS nodes CROSS JOIN rewards \
        WHERE node_id = nodes.value AND distributed_at IS NULL AND status = 'pending' \
            AND node_total_lamports <= COALESCE(( \
                SELECT node_total_lamports FROM rewards AS others \
                WHERE others.node_id = nodes.value AND others.distributed_at IS NULL \
                ORDER BY others.node_total_lamports LIMIT 1 OFFSET CAST(?2 AS INTEGER) - 1), 9223372036854775807)";

    /// For each node in JSON array ?1, the running totals of its last reward before the first unconfirmed one and of that one,
    /// whether that one is in a batch, and the highest total that was signed for the node.
    BOOKS = "WITH asked_for AS MATERIALIZED (SELECT value AS node_id, (SELECT MIN(node_total_lamports) FROM rewards \
                WHERE rewards.node_id = value AND distributed_at IS NULL) AS next FROM json_each(?1)) \
        SELECT node_id, CAST(next AS TEXT) AS next, \
            CAST(COALESCE((SELECT status = 'batched' FROM rewards \
                WHERE rewards.node_id = asked_for.node_id AND node_total_lamports = next), 0) AS TEXT) AS next_is_batched, \
            CAST(COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE rewards.node_id = asked_for.node_id \
                AND node_total_lamports < COALESCE(next, 9223372036854775807)), 0) AS TEXT) AS confirmed, \
            CAST(COALESCE((SELECT signed_lamports FROM payables WHERE payables.node_id = asked_for.node_id), 0) AS TEXT) \
                AS signed \
        FROM asked_for";

    /// The reward records of batch ?1 in the order of its Merkle leaves.
    RECORDS_OF = "SELECT CAST(rewards.sequence AS TEXT) AS sequence, id, node_id, \
            CAST(amount_lamports AS TEXT) AS amount_lamports, \
            CAST(node_total_lamports AS TEXT) AS node_total_lamports, period \
        FROM batch_records JOIN rewards ON rewards.sequence = batch_records.reward_sequence \
        WHERE batch_records.batch_id = CAST(?1 AS INTEGER) ORDER BY leaf_index";

    /// Assigns the records of batch ?1 to it: those that are pending or belong to batch ?2, from which it was split.
    ASSIGN = "UPDATE rewards SET status = 'batched', batch_id = CAST(?1 AS INTEGER) \
        WHERE sequence IN (SELECT reward_sequence FROM batch_records WHERE batch_id = CAST(?1 AS INTEGER)) \
            AND (status = 'pending' OR (status = 'batched' AND batch_id = CAST(?2 AS INTEGER)))";

    /// Fails the statement batch unless all records of batch ?1 are assigned to it.
    REQUIRE_ASSIGNED = "INSERT INTO preconditions (state_unchanged) SELECT NOT EXISTS ( \
        SELECT 1 FROM batch_records JOIN rewards ON rewards.sequence = batch_records.reward_sequence \
        WHERE batch_records.batch_id = CAST(?1 AS INTEGER) \
            AND (rewards.status <> 'batched' OR rewards.batch_id <> CAST(?1 AS INTEGER)))";

    /// Confirms, at ?2, the unconfirmed rewards up to the totals in ?1, a JSON array of `node_id`, `total` and `signature`.
    CONFIRM = "UPDATE rewards SET status = 'confirmed', transaction_signature = credits.value ->> 'signature', \
            distributed_at = CAST(?2 AS INTEGER) \
        FROM json_each(?1) AS credits \
        WHERE rewards.node_id = credits.value ->> 'node_id' AND rewards.distributed_at IS NULL \
            AND rewards.node_total_lamports <= CAST(credits.value ->> 'total' AS INTEGER)";

    /// Returns the unconfirmed rewards of batch ?1 to pending.
    RETURN_TO_PENDING = "UPDATE rewards SET status = 'pending', batch_id = NULL \
        WHERE sequence IN (SELECT reward_sequence FROM batch_records WHERE batch_records.batch_id = CAST(?1 AS INTEGER)) \
            AND batch_id = CAST(?1 AS INTEGER) AND status = 'batched'";
}

/// A reward that is not credited yet, or not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PendingReward {
    pub(crate) sequence: i64,
    pub(crate) id: String,
    pub(crate) node_id: NodeId,
    pub(crate) amount: Lamports,
    /// The total that the node has earned, this reward included.
    pub(crate) node_total: Lamports,
    pub(crate) period: String,
}

impl PendingReward {
    /// The record's leaf in the Merkle tree of its batch.
    pub(crate) fn leaf(&self) -> RewardLeaf<'_> {
        RewardLeaf { id: &self.id, node_id: &self.node_id, amount: self.amount, period: &self.period }
    }
}

/// What the ledger says about the credited total of a node, in lamports. The chain's total lies between the two, unless
/// something else than this ledger has credited the node, or the ledger belongs to another history of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// The running total of the last confirmed reward.
    pub(crate) confirmed: u64,
    /// The running total of the first unconfirmed reward.
    pub(crate) next: Option<u64>,
    /// Whether the first unconfirmed reward is in a batch.
    pub(crate) next_is_batched: bool,
    /// The highest total that was ever signed.
    pub(crate) signed: u64,
}

/// A total that the chain has credited to a node, as far as the ledger has signed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreditedTotal<'a> {
    pub(crate) node_id: &'a NodeId,
    /// In lamports.
    pub(crate) total: u64,
    /// The transaction that credited the last part, if it is known.
    pub(crate) signature: Option<String>,
}

fn reward(row: &Row) -> Result<PendingReward, DatabaseError> {
    Ok(PendingReward {
        sequence: row.get("sequence")?,
        id: row.get("id")?,
        node_id: row.get("node_id")?,
        amount: row.get("amount_lamports")?,
        node_total: row.get("node_total_lamports")?,
        period: row.get("period")?,
    })
}

/// Returns the pending rewards of `nodes`, by node and oldest first, at most `limit_per_node` of each.
pub(crate) async fn pending(
    database: &impl Database,
    nodes: &[&NodeId],
    limit_per_node: usize,
) -> Result<Vec<PendingReward>, DatabaseError> {
    let statement = Statement::new(PENDING).bind(json_ids(nodes)).bind(limit_per_node.max(1));
    let mut rewards = database.query(statement).await?.iter().map(reward).collect::<Result<Vec<_>, _>>()?;
    rewards.sort_by(|one, other| (&one.node_id, one.node_total).cmp(&(&other.node_id, other.node_total)));
    Ok(rewards)
}

/// Returns what the ledger says about the credited total of each node.
pub(crate) async fn books(
    database: &impl Database,
    nodes: &[&NodeId],
) -> Result<BTreeMap<NodeId, Books>, DatabaseError> {
    let rows = database.query(Statement::new(BOOKS).bind(json_ids(nodes))).await?;
    rows.iter()
        .map(|row| {
            let books = Books {
                confirmed: row.get("confirmed")?,
                next: row.optional("next")?,
                next_is_batched: row.get::<u8>("next_is_batched")? == 1,
                signed: row.get("signed")?,
            };
            Ok((row.get("node_id")?, books))
        })
        .collect()
}

/// Returns the reward records of a batch, in the order of its Merkle leaves.
pub(crate) async fn records_of(database: &impl Database, batch_id: i64) -> Result<Vec<PendingReward>, DatabaseError> {
    let rows = database.query(Statement::new(RECORDS_OF).bind(batch_id)).await?;
    rows.iter().map(reward).collect()
}

/// Assigns all records of a batch to it, or fails the transaction. `split_from` is the batch that it was split from.
pub(crate) fn assign(batch_id: i64, split_from: Option<i64>) -> [Statement; 2] {
    [Statement::new(ASSIGN).bind(batch_id).bind(split_from), Statement::new(REQUIRE_ASSIGNED).bind(batch_id)]
}

/// Confirms the rewards that the totals cover.
pub(crate) fn confirm(credits: &[CreditedTotal<'_>], now_ms: i64) -> Statement {
    let rows: Vec<_> = credits
        .iter()
        .map(|credit| {
            json!({
                "node_id": credit.node_id.as_str(),
                "total": credit.total.to_string(),
                "signature": credit.signature,
            })
        })
        .collect();
    Statement::new(CONFIRM).bind(json!(rows).to_string()).bind(now_ms)
}

/// Returns the unconfirmed rewards of a batch to pending.
pub(crate) fn return_to_pending(batch_id: i64) -> Statement {
    Statement::new(RETURN_TO_PENDING).bind(batch_id)
}

/// The ids as a JSON array, in the order of the indexes that they are looked up in: neighbours are on the same pages.
fn json_ids(nodes: &[&NodeId]) -> String {
    let mut nodes: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
    nodes.sort_unstable();
    json!(nodes).to_string()
}
