//! Corrections: reward rows for what the chain has credited without a reward in the ledger.

use serde_json::json;

use super::rewards::{UPDATE_TOTAL_REWARDS, json_ids, reward_id};
use super::{Actor, audit};
use crate::database::{Statement, statements};
use crate::types::{Lamports, NodeId};

statements! {
    /// Fails the statement batch unless the last total of node ?1 is ?2, the chain's total ?3 covers its rewards up to
    /// ?4, and none of its rewards is in a batch.
    REQUIRE_TOTALS = "INSERT INTO preconditions (state_unchanged) SELECT
        COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE node_id = ?1), 0) = CAST(?2 AS INTEGER)
        AND COALESCE((SELECT MAX(node_total_lamports) FROM rewards
            WHERE node_id = ?1 AND node_total_lamports <= CAST(?3 AS INTEGER)), 0) = CAST(?4 AS INTEGER)
        AND NOT EXISTS (SELECT 1 FROM rewards WHERE node_id = ?1 AND status = 'batched')";

    /// Adds ?3 to the running totals of the pending rewards of node ?1 above ?2. Their amounts stay the same.
    MOVE_TOTALS = "UPDATE rewards SET node_total_lamports = node_total_lamports + CAST(?3 AS INTEGER)
        WHERE node_id = ?1 AND status = 'pending' AND node_total_lamports > CAST(?2 AS INTEGER)";

    /// Inserts the correction ?1 of node ?2: amount ?3, running total ?4, at ?5.
    INSERT_CORRECTION = "INSERT INTO rewards (id, node_id, kind, amount_lamports, node_total_lamports, period, reason,
            status, distributed_at, created_at)
        VALUES (?1, ?2, 'correction', CAST(?3 AS INTEGER), CAST(?4 AS INTEGER),
            strftime('%Y-%m-%d', CAST(?5 AS INTEGER) / 1000, 'unixepoch'),
            'credited on the chain without a reward in this ledger', 'confirmed', CAST(?5 AS INTEGER),
            CAST(?5 AS INTEGER))";

    /// Lets the next settlement take the pending rewards of node ?1, as if this ledger had signed for its total ?2.
    RELEASE_REWARDS = "INSERT INTO payables (node_id, signed_lamports, next_sequence) VALUES (?1, CAST(?2 AS INTEGER),
            (SELECT sequence FROM rewards WHERE node_id = ?1 AND distributed_at IS NULL
                ORDER BY node_total_lamports LIMIT 1))
        ON CONFLICT (node_id) DO UPDATE SET hold_reason = NULL, retry_at = 0, next_sequence = excluded.next_sequence,
            signed_lamports = MAX(signed_lamports, excluded.signed_lamports)";

    /// Lets the next settlement pay out node ?1.
    RELEASE_WALLET = "UPDATE wallets SET hold_reason = NULL, retry_at = 0 WHERE node_id = ?1";

    /// Confirms the pending rewards of node ?1 up to the total ?2 that the chain has credited, at ?3.
    CONFIRM_COVERED = "UPDATE rewards SET status = 'confirmed', distributed_at = CAST(?3 AS INTEGER)
        WHERE node_id = ?1 AND distributed_at IS NULL AND node_total_lamports <= CAST(?2 AS INTEGER)";
}

/// The name of the operation in reward ids and in the audit log.
const OPERATION: &str = "review.accept";

/// What a correction changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Correction {
    pub(crate) node_id: NodeId,
    /// The total that the chain has credited, which becomes the running total of the correction.
    pub(crate) credited: Lamports,
    /// The running total of the last reward that it covers.
    pub(crate) covered: Lamports,
    /// `credited − covered`, the amount of the correction.
    pub(crate) amount: Lamports,
    /// The running total of the node's last reward.
    pub(crate) last_total: Lamports,
    pub(crate) shift: Shift,
    /// The finalized slot at which the chain's total was read.
    pub(crate) slot: u64,
}

/// How far the running totals of the pending rewards above the chain's total move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    /// By how much, in lamports. 0 if they already begin at the chain's total.
    by: i64,
    /// How far they move first, so that no row takes the total of another one that has not moved yet: a unique index is
    /// checked row by row.
    aside: i64,
}

impl Shift {
    /// The shift by `by` of totals that lie between `from` and `last`. Returns `None` if a total would exceed
    /// [`Lamports::MAX`].
    pub(crate) fn new(by: Lamports, from: Lamports, last: Lamports) -> Option<Self> {
        let one = Lamports::new(1).ok()?;
        let spread = last.checked_sub(from).unwrap_or(Lamports::ZERO);
        let aside = spread.checked_add(by)?.checked_add(one)?;
        last.checked_add(aside)?;
        Some(Self { by: i64::try_from(by.get()).ok()?, aside: i64::try_from(aside.get()).ok()? })
    }
}

impl Correction {
    /// The id of the correction's row. The same correction cannot be written twice.
    pub(crate) fn reward_id(&self) -> String {
        reward_id(OPERATION, &format!("{} {}", self.node_id, self.credited))
    }

    /// The statements that write the correction, if the node's rewards have not changed since they were read.
    pub(crate) fn statements(&self, actor: &Actor, now_ms: i64) -> Vec<Statement> {
        let Self { node_id, credited, covered, amount, last_total, shift, slot } = self;
        let id = self.reward_id();
        let details = json!({
            "reward_id": id, "amount_lamports": amount, "credited_lamports": credited,
            "covered_lamports": covered, "slot": slot,
        });
        let move_totals = |by: i64| Statement::new(MOVE_TOTALS).bind(node_id).bind(*credited).bind(by);
        vec![
            Statement::new(REQUIRE_TOTALS).bind(node_id).bind(*last_total).bind(*credited).bind(*covered),
            move_totals(shift.aside),
            move_totals(shift.by.saturating_sub(shift.aside)),
            Statement::new(INSERT_CORRECTION)
                .bind(id.as_str())
                .bind(node_id)
                .bind(*amount)
                .bind(*credited)
                .bind(now_ms),
            Statement::new(UPDATE_TOTAL_REWARDS).bind(json_ids([node_id])).bind(now_ms),
            Statement::new(CONFIRM_COVERED).bind(node_id).bind(*credited).bind(now_ms),
            Statement::new(RELEASE_REWARDS).bind(node_id).bind(*credited),
            Statement::new(RELEASE_WALLET).bind(node_id),
            audit::entry(now_ms, actor, OPERATION, node_id.as_str(), &details),
        ]
    }
}
