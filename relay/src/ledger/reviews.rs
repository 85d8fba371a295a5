//! Nodes whose books in the ledger and on the chain disagree.
//!
//! The engine holds such a node. Where the chain has credited more than the ledger has signed for, an operator decides what it
//! was for, with [`Reviewer::resolve`](crate::engine::Reviewer::resolve).

use serde::Serialize;
use solana_pubkey::Pubkey;

use super::LedgerError;
use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::{Lamports, NodeId};

/// The total of the confirmed rewards of a node, whose id is the expression `$node`: that of the last reward before the first
/// unconfirmed one.
macro_rules! confirmed_total {
    ($node:literal) => {
        concat!(
            "COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE rewards.node_id = ",
            $node,
            " AND node_total_lamports < COALESCE((SELECT MIN(node_total_lamports) FROM rewards AS unconfirmed
                WHERE unconfirmed.node_id = ",
            $node,
            " AND unconfirmed.distributed_at IS NULL), 9223372036854775807)), 0)"
        )
    };
}
pub(crate) use confirmed_total;

/// The hold reasons that say that ledger and chain disagree, for `IN`: those of which
/// [`HoldReason::is_disagreement`](crate::engine::HoldReason::is_disagreement) is true.
macro_rules! disagreements {
    () => {
        "('chain_above_ledger', 'chain_below_ledger', 'total_mismatch', 'unknown_credits')"
    };
}
pub(crate) use disagreements;

statements! {
    /// The nodes that are held because ledger and chain disagree.
    SELECT_DISAGREEMENTS = concat!("SELECT payables.node_id AS node_id, payables.hold_reason AS reason,
            wallets.wallet_address AS wallet_address,
            CAST(COALESCE(credited_lamports, 0) AS TEXT) AS credited_lamports,
            CAST(signed_lamports AS TEXT) AS signed_lamports,
            CAST(", confirmed_total!("payables.node_id"), " AS TEXT) AS confirmed_lamports,
            CAST(last_slot AS TEXT) AS slot
        FROM payables LEFT JOIN wallets ON wallets.node_id = payables.node_id
        WHERE payables.hold_reason IN ", disagreements!(), "
        ORDER BY payables.hold_reason, payables.node_id LIMIT 1000");

    /// At most ?3 nodes that are held for the reason ?1, in the order of their ids, which follow ?2.
    SELECT_PAGE = "SELECT node_id FROM payables WHERE hold_reason = ?1 AND hold_reason IS NOT NULL AND node_id > ?2
        ORDER BY node_id LIMIT CAST(?3 AS INTEGER)";

    /// The number of the nodes that are held because ledger and chain disagree.
    COUNT_DISAGREEMENTS = concat!("SELECT CAST(COUNT(*) AS TEXT) AS count FROM payables
        WHERE hold_reason IN ", disagreements!());

    /// What the treasury has credited in total, what of it the known wallets have, and what an operator has accepted of the rest.
    SELECT_UNKNOWN = "SELECT CAST(credited_total_lamports AS TEXT) AS credited,
            CAST(mirrored_credited_lamports AS TEXT) AS mirrored, CAST(accepted_unknown_lamports AS TEXT) AS accepted
        FROM treasury";

    /// How the rewards of node ?1 relate to a total ?2: those up to the total are covered, the others follow it.
    SELECT_TOTALS = concat!("SELECT address,
            CAST(", confirmed_total!("?1"), " AS TEXT) AS confirmed,
            CAST(COALESCE((SELECT MAX(node_total_lamports) FROM rewards
                WHERE node_id = ?1 AND node_total_lamports <= CAST(?2 AS INTEGER)), 0) AS TEXT) AS covered,
            CAST((SELECT MIN(node_total_lamports - amount_lamports) FROM rewards
                WHERE node_id = ?1 AND node_total_lamports > CAST(?2 AS INTEGER)) AS TEXT) AS following_from,
            CAST((SELECT SUM(amount_lamports) FROM rewards
                WHERE node_id = ?1 AND node_total_lamports > CAST(?2 AS INTEGER)) AS TEXT) AS following_sum,
            CAST(COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE node_id = ?1), 0) AS TEXT) AS last_total,
            CAST(EXISTS (SELECT 1 FROM rewards WHERE node_id = ?1 AND status = 'confirmed'
                AND node_total_lamports > CAST(?2 AS INTEGER)) AS TEXT) AS confirmed_above,
            CAST(EXISTS (SELECT 1 FROM rewards WHERE node_id = ?1 AND distributed_at IS NULL
                AND status = 'batched') AS TEXT) AS batched,
            CAST(COALESCE((SELECT signed_lamports FROM payables WHERE node_id = ?1), 0) AS TEXT) AS signed,
            CAST((SELECT last_slot FROM wallets WHERE node_id = ?1) AS TEXT) AS mirrored_slot
        FROM nodes WHERE id = ?1");
}

/// A node that is held because ledger and chain disagree, as the last settlement has seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeUnderReview {
    /// The node that is held.
    pub node_id: NodeId,
    /// Why: `chain_above_ledger`, `chain_below_ledger`, `total_mismatch` or `unknown_credits`.
    pub reason: String,
    /// The node's wallet account on the chain, in base58; null if none was ever read.
    pub wallet_address: Option<String>,
    /// The total that the chain has credited.
    pub credited_lamports: Lamports,
    /// The highest total that this ledger has signed for.
    pub signed_lamports: Lamports,
    /// The total of the node's confirmed rewards.
    pub confirmed_lamports: Lamports,
    /// The finalized slot at which the wallet account was read.
    pub slot: Option<u64>,
}

/// Lists the nodes that need a review, by reason and id; at most 1,000.
///
/// # Errors
/// [`LedgerError::Database`] if the ledger cannot be read.
pub async fn list<D: Database>(database: &D) -> Result<Vec<NodeUnderReview>, LedgerError> {
    let rows = database.query(Statement::new(SELECT_DISAGREEMENTS)).await?;
    Ok(rows.iter().map(node_under_review).collect::<Result<_, _>>()?)
}

/// Returns at most `limit` nodes whose rewards are held for `reason`, in the order of their ids, which follow `after`.
///
/// # Errors
/// [`LedgerError::Database`] if the ledger cannot be read.
pub async fn page<D: Database>(
    database: &D,
    reason: &str,
    after: Option<&NodeId>,
    limit: usize,
) -> Result<Vec<NodeId>, LedgerError> {
    let after = after.map_or("", NodeId::as_str);
    let rows = database.query(Statement::new(SELECT_PAGE).bind(reason).bind(after).bind(limit)).await?;
    Ok(rows.iter().map(|row| row.get("node_id")).collect::<Result<_, _>>()?)
}

/// Returns how many nodes need a review.
///
/// # Errors
/// [`LedgerError::Database`] if the ledger cannot be read.
pub async fn count<D: Database>(database: &D) -> Result<u64, LedgerError> {
    let rows = database.query(Statement::new(COUNT_DISAGREEMENTS)).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.get("count"))?)
}

/// What the treasury has credited to wallet accounts that this ledger does not know, as of the last settlement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnknownCredits {
    /// What the treasury has credited in total.
    pub credited_lamports: Lamports,
    /// What of it was credited to wallet accounts as this ledger has last read them.
    pub known_lamports: Lamports,
    /// What of the rest an operator has accepted.
    pub accepted_lamports: Lamports,
    /// What is left. Unless it is 0, no wallet account is created.
    pub unknown_lamports: Lamports,
}

/// Returns what the treasury has credited to unknown wallet accounts: nothing, unless rewards or nodes are missing in this
/// ledger, its copies of wallet accounts are old, or somebody else has settled the network.
///
/// # Errors
/// [`DatabaseError`] if the ledger cannot be read.
pub async fn unknown_credits<D: Database>(database: &D) -> Result<UnknownCredits, DatabaseError> {
    let rows = database.query(Statement::new(SELECT_UNKNOWN)).await?;
    let Some(row) = rows.first() else { return Ok(UnknownCredits::default()) };
    Ok(UnknownCredits::of(row.get("credited")?, row.get("mirrored")?, row.get("accepted")?))
}

impl UnknownCredits {
    fn of(credited: Lamports, known: Lamports, accepted: Lamports) -> Self {
        let rest = credited.checked_sub(known).unwrap_or(Lamports::ZERO);
        Self {
            credited_lamports: credited,
            known_lamports: known,
            accepted_lamports: accepted,
            unknown_lamports: rest.checked_sub(accepted).unwrap_or(Lamports::ZERO),
        }
    }

    /// The same if the treasury has credited another total by now.
    pub(crate) fn with_credited(self, credited: Lamports) -> Self {
        Self::of(credited, self.known_lamports, self.accepted_lamports)
    }
}

fn node_under_review(row: &Row) -> Result<NodeUnderReview, DatabaseError> {
    Ok(NodeUnderReview {
        node_id: row.get("node_id")?,
        reason: row.get("reason")?,
        wallet_address: row.optional("wallet_address")?,
        credited_lamports: row.get("credited_lamports")?,
        signed_lamports: row.get("signed_lamports")?,
        confirmed_lamports: row.get("confirmed_lamports")?,
        slot: row.optional("slot")?,
    })
}

/// How the rewards of a node relate to a total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeTotals {
    /// The address that the node has registered.
    pub(crate) address: Option<Pubkey>,
    /// The total of its confirmed rewards.
    pub(crate) confirmed: Lamports,
    /// The running total of the last reward that the total covers; 0 if it covers none.
    pub(crate) covered: Lamports,
    /// The rewards above the total.
    pub(crate) following: Option<FollowingRewards>,
    /// The running total of the node's last reward.
    pub(crate) last_total: Lamports,
    /// Whether a reward above the total is confirmed.
    pub(crate) confirmed_above: bool,
    /// Whether a reward of the node is in a batch whose outcome is open.
    pub(crate) batched: bool,
    /// The highest total that this ledger has signed for the node.
    pub(crate) signed: Lamports,
    /// The slot at which the wallet was last read into the ledger.
    pub(crate) mirrored_slot: Option<u64>,
}

/// The rewards above a total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FollowingRewards {
    /// The running total before the first of them.
    pub(crate) from: Lamports,
    /// The sum of their amounts.
    pub(crate) sum: Lamports,
}

/// Compares the rewards of each node with a total, in their order. `None` stands for a node that is not registered.
pub(crate) async fn totals(
    database: &impl Database,
    nodes: &[(&NodeId, Lamports)],
) -> Result<Vec<Option<NodeTotals>>, DatabaseError> {
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let select = |(node, total): &(&NodeId, Lamports)| Statement::new(SELECT_TOTALS).bind(*node).bind(*total);
    let results = database.batch(nodes.iter().map(select).collect()).await?;
    results.iter().map(|rows| rows.first().map(node_totals).transpose()).collect()
}

fn node_totals(row: &Row) -> Result<NodeTotals, DatabaseError> {
    let following = match (row.optional("following_from")?, row.optional("following_sum")?) {
        (Some(from), Some(sum)) => Some(FollowingRewards { from, sum }),
        _ => None,
    };
    Ok(NodeTotals {
        address: row.optional("address")?,
        confirmed: row.get("confirmed")?,
        covered: row.get("covered")?,
        following,
        last_total: row.get("last_total")?,
        confirmed_above: row.get::<u8>("confirmed_above")? == 1,
        batched: row.get::<u8>("batched")? == 1,
        signed: row.get("signed")?,
        mirrored_slot: row.optional("mirrored_slot")?,
    })
}

#[cfg(test)]
mod tests {
    use crate::engine::HoldReason;

    #[test]
    fn the_reasons_to_review_are_those_that_the_engine_calls_disagreements() {
        assert_eq!(disagreements!(), format!("('{}')", HoldReason::DISAGREEMENTS.join("', '")));
    }
}
