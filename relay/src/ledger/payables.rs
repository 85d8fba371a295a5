//! Which nodes have unconfirmed rewards: one row per node, by which settlements find them.

use crate::database::{Statement, statements};

statements! {
    /// Makes the nodes in JSON array ?1 payable from their oldest unconfirmed reward on, after rewards were added.
    MARK = "INSERT INTO payables (node_id, next_sequence)
        SELECT value, (SELECT sequence FROM rewards WHERE node_id = value AND distributed_at IS NULL
            ORDER BY node_total_lamports LIMIT 1)
        FROM json_each(?1) WHERE true
        ON CONFLICT (node_id) DO UPDATE SET next_sequence = COALESCE(next_sequence, excluded.next_sequence)";
}

/// Makes nodes payable, in the same batch that adds rewards for them. `node_ids` is a JSON array.
pub(super) fn mark(node_ids: String) -> Statement {
    Statement::new(MARK).bind(node_ids)
}
