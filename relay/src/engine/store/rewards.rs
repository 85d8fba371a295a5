//! Reward rows as a settlement moves them: `pending → batched → confirmed`, and back to `pending` with a reason.

use std::collections::BTreeMap;

use serde_json::json;

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::merkle::RewardLeaf;
use crate::types::{Lamports, NodeId};

statements! {
    /// The pending rewards of the nodes in ?1, oldest first, at most ?2. (`sequence` alone would be the text beside it,
    /// in which 10 comes before 9.)
    PENDING = "SELECT CAST(sequence AS TEXT) AS sequence, id, node_id, \
            CAST(amount_lamports AS TEXT) AS amount_lamports, \
            CAST(node_total_lamports AS TEXT) AS node_total_lamports, period \
        FROM rewards WHERE status = 'pending' AND node_id IN (SELECT value FROM json_each(?1)) \
        ORDER BY rewards.sequence LIMIT CAST(?2 AS INTEGER)";

    /// The records of batch ?1 in the order of its leaves.
    OF_BATCH = "SELECT CAST(rewards.sequence AS TEXT) AS sequence, id, node_id, \
            CAST(amount_lamports AS TEXT) AS amount_lamports, \
            CAST(node_total_lamports AS TEXT) AS node_total_lamports, period \
        FROM batch_records JOIN rewards ON rewards.sequence = batch_records.reward_sequence \
        WHERE batch_records.batch_id = CAST(?1 AS INTEGER) ORDER BY leaf_index";

    /// Confirms pending rewards of the nodes in ?1 that the mirrored wallets show to be on the chain, at ?2.
    CONFIRM_COVERED = "UPDATE rewards SET status = 'confirmed', hold_reason = NULL, distributed_at = CAST(?2 AS INTEGER) \
        WHERE status = 'pending' AND node_id IN (SELECT value FROM json_each(?1)) \
            AND node_total_lamports <= (SELECT credited_lamports FROM wallets WHERE wallets.node_id = rewards.node_id)";

    /// Puts the records of batch ?1 into it: those that are pending, or were in the batch ?2 that it is a part of.
    ASSIGN = "UPDATE rewards SET status = 'batched', batch_id = CAST(?1 AS INTEGER), hold_reason = NULL \
        WHERE sequence IN (SELECT reward_sequence FROM batch_records WHERE batch_id = CAST(?1 AS INTEGER)) \
            AND (status = 'pending' OR (status = 'batched' AND batch_id = CAST(?2 AS INTEGER)))";

    /// Refuses the batch of statements unless all records of batch ?1 are in it.
    REQUIRE_ASSIGNED = "INSERT INTO preconditions (state_unchanged) SELECT NOT EXISTS ( \
        SELECT 1 FROM batch_records JOIN rewards ON rewards.sequence = batch_records.reward_sequence \
        WHERE batch_records.batch_id = CAST(?1 AS INTEGER) \
            AND (rewards.status <> 'batched' OR rewards.batch_id <> CAST(?1 AS INTEGER)))";

    /// Confirms those rewards of batch ?1 that the mirrored wallets show to be on the chain: signature ?2, at ?3.
    CONFIRM = "UPDATE rewards SET status = 'confirmed', transaction_signature = ?2, hold_reason = NULL, \
            distributed_at = CAST(?3 AS INTEGER) \
        WHERE batch_id = CAST(?1 AS INTEGER) AND status = 'batched' \
            AND node_total_lamports <= (SELECT credited_lamports FROM wallets WHERE wallets.node_id = rewards.node_id)";

    /// Puts what is left in batch ?1 back, each node's with its reason in ?2 (a JSON object by node id).
    RETURN = "UPDATE rewards SET status = 'pending', batch_id = NULL, \
            hold_reason = (SELECT value FROM json_each(?2) WHERE key = rewards.node_id) \
        WHERE batch_id = CAST(?1 AS INTEGER) AND status = 'batched'";

    /// Notes why the pending rewards of the nodes in ?1 (a JSON object of reasons by node id) were not batched.
    HOLD = "UPDATE rewards SET hold_reason = (SELECT value FROM json_each(?1) WHERE key = rewards.node_id) \
        WHERE status = 'pending' AND node_id IN (SELECT key FROM json_each(?1))";
}

/// Rewards that one plan reads at most; the next settlement takes the others.
const MAX_REWARDS: usize = 20_000;

/// A reward that waits to be credited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PendingReward {
    pub(crate) sequence: i64,
    pub(crate) id: String,
    pub(crate) node_id: NodeId,
    pub(crate) amount: Lamports,
    /// What the node has earned up to and with it.
    pub(crate) node_total: Lamports,
    pub(crate) period: String,
}

impl PendingReward {
    /// The record's leaf in its batch's Merkle tree.
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

/// The pending rewards of `nodes`, oldest first: of each node a gapless beginning.
pub(crate) async fn pending(database: &impl Database, nodes: &[&NodeId]) -> Result<Vec<PendingReward>, DatabaseError> {
    let nodes: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
    let rows = database.query(Statement::new(PENDING).bind(json!(nodes).to_string()).bind(MAX_REWARDS)).await?;
    rows.iter().map(reward).collect()
}

/// The records of a batch, in the order of its Merkle leaves.
pub(crate) async fn of_batch(database: &impl Database, batch_id: i64) -> Result<Vec<PendingReward>, DatabaseError> {
    let rows = database.query(Statement::new(OF_BATCH).bind(batch_id)).await?;
    rows.iter().map(reward).collect()
}

/// Confirms what the chain already has.
pub(crate) fn confirm_covered(nodes: &[&NodeId], now_ms: i64) -> Statement {
    let nodes: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
    Statement::new(CONFIRM_COVERED).bind(json!(nodes).to_string()).bind(now_ms)
}

/// Puts a batch's records into it, all or (with the whole transaction) none. `split_from` is the batch that it is a
/// part of.
pub(crate) fn assign(batch_id: i64, split_from: Option<i64>) -> [Statement; 2] {
    [Statement::new(ASSIGN).bind(batch_id).bind(split_from), Statement::new(REQUIRE_ASSIGNED).bind(batch_id)]
}

/// Closes a batch's records by what the (just mirrored) wallets show: confirmed, or back to pending with a reason.
pub(crate) fn close_batch(
    batch_id: i64,
    signature: &str,
    reasons: &BTreeMap<NodeId, String>,
    now_ms: i64,
) -> [Statement; 2] {
    [Statement::new(CONFIRM).bind(batch_id).bind(signature).bind(now_ms), return_to_pending(batch_id, reasons)]
}

/// Puts a batch's unconfirmed records back.
pub(crate) fn return_to_pending(batch_id: i64, reasons: &BTreeMap<NodeId, String>) -> Statement {
    Statement::new(RETURN).bind(batch_id).bind(by_node(reasons))
}

/// Notes why pending rewards were held back.
pub(crate) fn hold(reasons: &BTreeMap<NodeId, String>) -> Statement {
    Statement::new(HOLD).bind(by_node(reasons))
}

fn by_node(reasons: &BTreeMap<NodeId, String>) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        reasons.iter().map(|(node, reason)| (node.to_string(), json!(reason))).collect();
    serde_json::Value::Object(object).to_string()
}
