//! Nodes whose credited total on the chain the ledger cannot explain.
//!
//! The engine holds such a node as `total_mismatch`. An operator accepts the chain's total with
//! [`Reviewer::accept`](crate::engine::Reviewer::accept).

use serde::Serialize;
use solana_pubkey::Pubkey;

use super::LedgerError;
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{Lamports, NodeId};

statements! {
    /// The nodes that are held as `total_mismatch`, and those whose mirrored credited total differs from the total of
    /// their confirmed rewards although none of their rewards is in a batch.
    SELECT_MISMATCHES = "SELECT node_id, wallet_address, CAST(credited_lamports AS TEXT) AS credited_lamports,
            CAST(confirmed_lamports AS TEXT) AS confirmed_lamports, hold_reason, CAST(last_slot AS TEXT) AS slot
        FROM (SELECT node_id, wallet_address, credited_lamports, hold_reason, last_slot,
                COALESCE((SELECT MAX(node_total_lamports) FROM rewards
                    WHERE rewards.node_id = wallets.node_id AND status = 'confirmed'), 0) AS confirmed_lamports
            FROM wallets) AS mirrored
        WHERE hold_reason = 'total_mismatch' OR (credited_lamports <> confirmed_lamports
            AND NOT EXISTS (SELECT 1 FROM rewards WHERE rewards.node_id = mirrored.node_id AND status = 'batched'))
        ORDER BY node_id";

    /// How the rewards of node ?1 relate to the total ?2 that the chain has credited: those up to the total are covered,
    /// the others follow it.
    SELECT_TOTALS = "SELECT address,
            CAST(COALESCE((SELECT MAX(node_total_lamports) FROM rewards
                WHERE node_id = ?1 AND node_total_lamports <= CAST(?2 AS INTEGER)), 0) AS TEXT) AS covered,
            CAST((SELECT MIN(node_total_lamports - amount_lamports) FROM rewards
                WHERE node_id = ?1 AND node_total_lamports > CAST(?2 AS INTEGER)) AS TEXT) AS following_from,
            CAST((SELECT SUM(amount_lamports) FROM rewards
                WHERE node_id = ?1 AND node_total_lamports > CAST(?2 AS INTEGER)) AS TEXT) AS following_sum,
            CAST(COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE node_id = ?1), 0) AS TEXT) AS last_total,
            CAST(EXISTS (SELECT 1 FROM rewards WHERE node_id = ?1 AND status = 'confirmed'
                AND node_total_lamports > CAST(?2 AS INTEGER)) AS TEXT) AS confirmed_above,
            CAST(EXISTS (SELECT 1 FROM rewards WHERE node_id = ?1 AND status = 'batched') AS TEXT) AS batched,
            CAST((SELECT last_slot FROM wallets WHERE node_id = ?1) AS TEXT) AS mirrored_slot
        FROM nodes WHERE id = ?1";
}

/// A node whose credited total the ledger cannot explain, as the last settlement has seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeUnderReview {
    /// The node that is held, or will be held once it has pending rewards.
    pub node_id: NodeId,
    /// Why: always `total_mismatch`.
    pub reason: &'static str,
    /// The node's wallet account on the chain.
    #[serde(serialize_with = "as_text")]
    pub wallet_address: Pubkey,
    /// The total that the chain has credited.
    pub credited_lamports: Lamports,
    /// The total of the node's confirmed rewards.
    pub confirmed_lamports: Lamports,
    /// Whether rewards of the node are held.
    pub held: bool,
    /// The finalized slot at which the wallet account was read.
    pub slot: u64,
}

fn as_text<S: serde::Serializer>(address: &Pubkey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}

/// Lists the nodes that need a review, by their ids.
///
/// # Errors
/// [`LedgerError::Database`] if the ledger cannot be read.
pub async fn list<D: Database>(database: &D) -> Result<Vec<NodeUnderReview>, LedgerError> {
    let rows = database.query(Statement::new(SELECT_MISMATCHES)).await?;
    Ok(rows.iter().map(node_under_review).collect::<Result<_, _>>()?)
}

fn node_under_review(row: &Row) -> Result<NodeUnderReview, DatabaseError> {
    Ok(NodeUnderReview {
        node_id: row.get("node_id")?,
        reason: "total_mismatch",
        wallet_address: row.get("wallet_address")?,
        credited_lamports: row.get("credited_lamports")?,
        confirmed_lamports: row.get("confirmed_lamports")?,
        held: row.optional::<String>("hold_reason")?.is_some(),
        slot: row.get("slot")?,
    })
}

/// How the rewards of a node relate to the total that the chain has credited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeTotals {
    /// The address that the node has registered.
    pub(crate) address: Option<Pubkey>,
    /// The running total of the last reward that the chain's total covers; 0 if it covers none.
    pub(crate) covered: Lamports,
    /// The rewards above the chain's total.
    pub(crate) following: Option<FollowingRewards>,
    /// The running total of the node's last reward.
    pub(crate) last_total: Lamports,
    /// Whether a reward above the chain's total is confirmed.
    pub(crate) confirmed_above: bool,
    /// Whether a reward of the node is in a batch whose outcome is open.
    pub(crate) batched: bool,
    /// The slot at which the wallet was last read into the ledger.
    pub(crate) mirrored_slot: Option<u64>,
}

/// The rewards above the chain's total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FollowingRewards {
    /// The running total before the first of them.
    pub(crate) from: Lamports,
    /// The sum of their amounts.
    pub(crate) sum: Lamports,
}

/// Compares the rewards of a node with the total that the chain has credited. Returns `None` if the node is not
/// registered.
pub(crate) async fn totals(
    database: &impl Database,
    node_id: &NodeId,
    credited: Lamports,
) -> Result<Option<NodeTotals>, DatabaseError> {
    let rows = database.query(Statement::new(SELECT_TOTALS).bind(node_id).bind(credited)).await?;
    rows.first().map(node_totals).transpose()
}

fn node_totals(row: &Row) -> Result<NodeTotals, DatabaseError> {
    let following = match (row.optional("following_from")?, row.optional("following_sum")?) {
        (Some(from), Some(sum)) => Some(FollowingRewards { from, sum }),
        _ => None,
    };
    Ok(NodeTotals {
        address: row.optional("address")?,
        covered: row.get("covered")?,
        following,
        last_total: row.get("last_total")?,
        confirmed_above: row.get::<u8>("confirmed_above")? == 1,
        batched: row.get::<u8>("batched")? == 1,
        mirrored_slot: row.optional("mirrored_slot")?,
    })
}
