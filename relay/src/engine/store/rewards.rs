//! Reward rows in a settlement: `pending → batched → confirmed`, or back to `pending` with a hold reason.

use std::collections::BTreeMap;

use serde_json::json;

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::merkle::RewardLeaf;
use crate::types::{Lamports, NodeId};

statements! {
    /// The pending rewards of the nodes in ?1, oldest first, at most ?2. (`ORDER BY sequence` would sort by the text
    /// alias, in which 10 comes before 9.)
    PENDING = "SELECT CAST(sequence AS TEXT) AS sequence, id, node_id, \
            CAST(amount_lamports AS TEXT) AS amount_lamports, \
            CAST(node_total_lamports AS TEXT) AS node_total_lamports, period \
        FROM rewards WHERE status = 'pending' AND node_id IN (SELECT value FROM json_each(?1)) \
        ORDER BY rewards.sequence LIMIT CAST(?2 AS INTEGER)";

    /// The reward records of batch ?1 in the order of its Merkle leaves.
    RECORDS_OF = "SELECT CAST(rewards.sequence AS TEXT) AS sequence, id, node_id, \
            CAST(amount_lamports AS TEXT) AS amount_lamports, \
            CAST(node_total_lamports AS TEXT) AS node_total_lamports, period \
        FROM batch_records JOIN rewards ON rewards.sequence = batch_records.reward_sequence \
        WHERE batch_records.batch_id = CAST(?1 AS INTEGER) ORDER BY leaf_index";

    /// Confirms, at ?2, the pending rewards of the nodes in ?1 that are covered by the credited totals of the mirrored
    /// wallets.
    CONFIRM_COVERED = "UPDATE rewards SET status = 'confirmed', hold_reason = NULL, distributed_at = CAST(?2 AS INTEGER) \
        WHERE status = 'pending' AND node_id IN (SELECT value FROM json_each(?1)) \
            AND node_total_lamports <= (SELECT credited_lamports FROM wallets WHERE wallets.node_id = rewards.node_id)";

    /// Assigns the records of batch ?1 to it: those that are pending or belong to batch ?2, from which it was split.
    ASSIGN = "UPDATE rewards SET status = 'batched', batch_id = CAST(?1 AS INTEGER), hold_reason = NULL \
        WHERE sequence IN (SELECT reward_sequence FROM batch_records WHERE batch_id = CAST(?1 AS INTEGER)) \
            AND (status = 'pending' OR (status = 'batched' AND batch_id = CAST(?2 AS INTEGER)))";

    /// Fails the statement batch unless all records of batch ?1 are assigned to it.
    REQUIRE_ASSIGNED = "INSERT INTO preconditions (state_unchanged) SELECT NOT EXISTS ( \
        SELECT 1 FROM batch_records JOIN rewards ON rewards.sequence = batch_records.reward_sequence \
        WHERE batch_records.batch_id = CAST(?1 AS INTEGER) \
            AND (rewards.status <> 'batched' OR rewards.batch_id <> CAST(?1 AS INTEGER)))";

    /// Confirms, at ?3 with signature ?2, the rewards of batch ?1 that are covered by the credited totals of the mirrored
    /// wallets.
    CONFIRM = "UPDATE rewards SET status = 'confirmed', transaction_signature = ?2, hold_reason = NULL, \
            distributed_at = CAST(?3 AS INTEGER) \
        WHERE batch_id = CAST(?1 AS INTEGER) AND status = 'batched' \
            AND node_total_lamports <= (SELECT credited_lamports FROM wallets WHERE wallets.node_id = rewards.node_id)";

    /// Returns the unconfirmed rewards of batch ?1 to pending, with hold reasons from ?2 (a JSON object by node id).
    RETURN_TO_PENDING = "UPDATE rewards SET status = 'pending', batch_id = NULL, \
            hold_reason = (SELECT value FROM json_each(?2) WHERE key = rewards.node_id) \
        WHERE batch_id = CAST(?1 AS INTEGER) AND status = 'batched'";

    /// Sets the hold reasons of pending rewards from ?1 (a JSON object by node id).
    HOLD = "UPDATE rewards SET hold_reason = (SELECT value FROM json_each(?1) WHERE key = rewards.node_id) \
        WHERE status = 'pending' AND node_id IN (SELECT key FROM json_each(?1))";
}

/// The maximum number of rewards in one plan; the next settlement takes the remaining ones.
const MAX_REWARDS: usize = 20_000;

/// A reward that is not credited yet.
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

/// Returns the pending rewards of `nodes`, oldest first. If the limit cuts them off, each node still gets its oldest
/// rewards without a gap.
pub(crate) async fn pending(database: &impl Database, nodes: &[&NodeId]) -> Result<Vec<PendingReward>, DatabaseError> {
    let nodes: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
    let rows = database.query(Statement::new(PENDING).bind(json!(nodes).to_string()).bind(MAX_REWARDS)).await?;
    rows.iter().map(reward).collect()
}

/// Returns the reward records of a batch, in the order of its Merkle leaves.
pub(crate) async fn records_of(database: &impl Database, batch_id: i64) -> Result<Vec<PendingReward>, DatabaseError> {
    let rows = database.query(Statement::new(RECORDS_OF).bind(batch_id)).await?;
    rows.iter().map(reward).collect()
}

/// Confirms the pending rewards of `nodes` that the chain has already credited.
pub(crate) fn confirm_covered(nodes: &[&NodeId], now_ms: i64) -> Statement {
    let nodes: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
    Statement::new(CONFIRM_COVERED).bind(json!(nodes).to_string()).bind(now_ms)
}

/// Assigns all records of a batch to it, or fails the transaction. `split_from` is the batch that it was split from.
pub(crate) fn assign(batch_id: i64, split_from: Option<i64>) -> [Statement; 2] {
    [Statement::new(ASSIGN).bind(batch_id).bind(split_from), Statement::new(REQUIRE_ASSIGNED).bind(batch_id)]
}

/// Confirms the rewards of a batch that the mirrored wallets cover, and returns the others to pending with their hold
/// reasons.
pub(crate) fn close_batch(
    batch_id: i64,
    signature: &str,
    reasons: &BTreeMap<NodeId, String>,
    now_ms: i64,
) -> [Statement; 2] {
    [Statement::new(CONFIRM).bind(batch_id).bind(signature).bind(now_ms), return_to_pending(batch_id, reasons)]
}

/// Returns the unconfirmed rewards of a batch to pending, with their hold reasons.
pub(crate) fn return_to_pending(batch_id: i64, reasons: &BTreeMap<NodeId, String>) -> Statement {
    Statement::new(RETURN_TO_PENDING).bind(batch_id).bind(json_by_node(reasons))
}

/// Sets the hold reasons of pending rewards.
pub(crate) fn hold(reasons: &BTreeMap<NodeId, String>) -> Statement {
    Statement::new(HOLD).bind(json_by_node(reasons))
}

fn json_by_node(reasons: &BTreeMap<NodeId, String>) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        reasons.iter().map(|(node, reason)| (node.to_string(), json!(reason))).collect();
    serde_json::Value::Object(object).to_string()
}
