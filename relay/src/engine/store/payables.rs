//! What the ledger owes each node: one row per node, so that a settlement finds its nodes without reading their rewards.
//! A node that never had a reward in this ledger has a row only if its books disagree with the chain.

use serde_json::json;

use crate::database::{Statement, now_ms, statements};
use crate::engine::{HoldReason, MAX_HOLD_RETRY_MS};
use crate::ledger::reviews::disagreements;
use crate::types::NodeId;

use super::{held_since, longest_hold};

statements! {
    /// Finds the oldest unconfirmed reward of each node of the open settlement again.
    RECOUNT = "UPDATE payables SET next_sequence = ( \
            SELECT sequence FROM rewards WHERE rewards.node_id = payables.node_id AND distributed_at IS NULL \
            ORDER BY node_total_lamports LIMIT 1) \
        WHERE node_id IN (SELECT node_id FROM settlement_nodes)";

    /// Holds nodes for ?2 to ?3 milliseconds for the reasons in ?1, see [`holds_json`]; a null reason releases the node. A node
    /// without rewards in this ledger gets a row for a reason that a person has to review, and for no other.
    HOLD = concat!(
        "INSERT INTO payables (node_id, hold_reason, held_since, retry_at) \
        SELECT value ->> 'node_id', value ->> 'hold', CASE WHEN value ->> 'hold' IS NOT NULL THEN ", now_ms!(), " END, \
            CASE WHEN value ->> 'hold' IS NULL THEN 0 ELSE ", now_ms!(), " + ", longest_hold!("value"), " END \
        FROM json_each(?1) AS holds WHERE value ->> 'hold' IN ", disagreements!(), " \
            OR EXISTS (SELECT 1 FROM payables AS known WHERE known.node_id = holds.value ->> 'node_id') \
        ON CONFLICT (node_id) DO UPDATE SET hold_reason = excluded.hold_reason, \
            held_since = ", held_since!("payables", "excluded.hold_reason"), ", \
            retry_at = CASE WHEN excluded.hold_reason IS NULL THEN 0 ELSE MIN(excluded.retry_at, ", now_ms!(),
                " + MAX(CAST(?2 AS INTEGER), ", now_ms!(), " - ", held_since!("payables", "excluded.hold_reason"), ")) END"
    );

    /// Forgets since when the rewards were held that are not held any more.
    FORGET_HOLDS = "UPDATE payables SET held_since = NULL WHERE held_since IS NOT NULL AND hold_reason IS NULL";

    /// Raises the signed totals of the nodes of batch ?1 to its targets.
    RAISE_SIGNED = "UPDATE payables SET signed_lamports = MAX(signed_lamports, batch_entries.target_lamports) \
        FROM batch_entries \
        WHERE batch_entries.batch_id = CAST(?1 AS INTEGER) AND payables.node_id = batch_entries.node_id";
}

/// Finds out again which nodes of the settlement still have unconfirmed rewards.
pub(crate) fn recount() -> Statement {
    Statement::new(RECOUNT)
}

/// At the end of a settlement: forgets since when the rewards were held that it has settled.
pub(crate) fn forget_holds() -> Statement {
    Statement::new(FORGET_HOLDS)
}

/// Sets why each node's rewards are held for `retry_after_ms` milliseconds, or for longer if the reason lasts; `None` releases the
/// node.
pub(crate) fn hold<'a>(
    holds: impl IntoIterator<Item = (&'a NodeId, Option<String>)>,
    retry_after_ms: i64,
) -> Statement {
    Statement::new(HOLD).bind(holds_json(holds)).bind(retry_after_ms).bind(MAX_HOLD_RETRY_MS)
}

/// Hold reasons as a JSON array of `node_id`, `hold`, and whether that `lasts`.
pub(super) fn holds_json<'a>(holds: impl IntoIterator<Item = (&'a NodeId, Option<String>)>) -> String {
    let rows: Vec<_> = holds
        .into_iter()
        .map(|(node, hold)| {
            let lasts = hold.as_deref().is_some_and(HoldReason::lasts);
            json!({"node_id": node.as_str(), "hold": hold, "lasts": lasts})
        })
        .collect();
    json!(rows).to_string()
}

/// Records that the ledger signs for the targets of a batch. From then on, the chain's totals may reach them.
pub(crate) fn raise_signed(batch_id: i64) -> Statement {
    Statement::new(RAISE_SIGNED).bind(batch_id)
}
