//! Corrections: reward rows for what the chain has credited without a reward in the ledger.

use serde_json::json;

use super::rewards::{UPDATE_TOTAL_REWARDS, json_ids, reward_id};
use super::{Actor, audit};
use crate::database::{Statement, statements};
use crate::types::{Lamports, NodeId};

statements! {
    /// Fails the statement batch unless the last total of node ?1 is ?2, the total ?3 covers its rewards up to ?4, this
    /// ledger has signed for ?5, and none of its rewards is in a batch.
    REQUIRE_TOTALS = "INSERT INTO preconditions (state_unchanged) SELECT
        COALESCE((SELECT MAX(node_total_lamports) FROM rewards WHERE node_id = ?1), 0) = CAST(?2 AS INTEGER)
        AND COALESCE((SELECT MAX(node_total_lamports) FROM rewards
            WHERE node_id = ?1 AND node_total_lamports <= CAST(?3 AS INTEGER)), 0) = CAST(?4 AS INTEGER)
        AND COALESCE((SELECT signed_lamports FROM payables WHERE node_id = ?1), 0) = CAST(?5 AS INTEGER)
        AND NOT EXISTS (SELECT 1 FROM rewards WHERE node_id = ?1 AND distributed_at IS NULL
                AND status = 'batched')";

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
        ON CONFLICT (node_id) DO UPDATE SET hold_reason = NULL, held_since = NULL, retry_at = 0, next_sequence = excluded.next_sequence,
            signed_lamports = MAX(signed_lamports, excluded.signed_lamports)";

    /// Lets the next settlement pay out node ?1.
    RELEASE_WALLET = "UPDATE wallets SET hold_reason = NULL, held_since = NULL, retry_at = 0 WHERE node_id = ?1";

    /// Fails the statement batch unless ?1 is left of ?2, what the treasury has credited in total, without what the known wallet
    /// accounts have and what was accepted.
    REQUIRE_UNKNOWN = "INSERT INTO preconditions (state_unchanged) SELECT COALESCE((SELECT
            CAST(?2 AS INTEGER) - mirrored_credited_lamports - accepted_unknown_lamports FROM treasury), 0)
        = CAST(?1 AS INTEGER)";

    /// Accepts ?1 more of it.
    ACCEPT_UNKNOWN = "UPDATE treasury SET accepted_unknown_lamports = accepted_unknown_lamports + CAST(?1 AS INTEGER)";

    /// Lets the next settlement take the nodes that wait for it.
    RELEASE_UNKNOWN = "UPDATE payables SET hold_reason = NULL, held_since = NULL, retry_at = 0 WHERE hold_reason = 'unknown_credits'";

    /// Confirms the pending rewards of node ?1 up to the total ?2, at ?3.
    CONFIRM_COVERED = "UPDATE rewards SET status = 'confirmed', distributed_at = CAST(?3 AS INTEGER)
        WHERE node_id = ?1 AND distributed_at IS NULL AND node_total_lamports <= CAST(?2 AS INTEGER)";
}

/// The statements that accept that `amount` of the `credited` total was credited to wallet accounts that this ledger does not
/// know, with an entry in the audit log. They fail unless exactly that is left.
pub(crate) fn accept_unknown(actor: &Actor, amount: Lamports, credited: Lamports, now_ms: i64) -> [Statement; 4] {
    let details = json!({ "lamports": amount });
    [
        Statement::new(REQUIRE_UNKNOWN).bind(amount).bind(credited),
        Statement::new(ACCEPT_UNKNOWN).bind(amount),
        Statement::new(RELEASE_UNKNOWN),
        audit::entry(now_ms, actor, "review.accept_unknown", "treasury", &details),
    ]
}

/// What a correction changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Correction {
    pub(crate) node_id: NodeId,
    /// The name of the operation in the reward's id and in the audit log.
    pub(crate) operation: &'static str,
    /// The total that the chain has credited.
    pub(crate) credited: Lamports,
    /// The total up to which the chain's total counts as paid for rewards; the rest of it is the correction.
    pub(crate) counted: Lamports,
    /// The running total of the last reward that `counted` covers.
    pub(crate) covered: Lamports,
    /// The highest total that this ledger has signed.
    pub(crate) signed: Lamports,
    /// `credited − counted`, the amount of the correction. If it is 0, there is no correction.
    pub(crate) amount: Lamports,
    /// The running total of the correction: `covered + amount`.
    pub(crate) total: Lamports,
    /// The running total of the node's last reward.
    pub(crate) last_total: Lamports,
    pub(crate) shift: Shift,
    /// The finalized slot at which the chain's total was read.
    pub(crate) slot: u64,
}

/// How far the running totals of the pending rewards above the counted total move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    /// By how much, in lamports.
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
        reward_id(self.operation, &format!("{} {}", self.node_id, self.credited))
    }

    /// The statements that write the correction, if the node's rewards have not changed since they were read.
    pub(crate) fn statements(&self, actor: &Actor, now_ms: i64) -> Vec<Statement> {
        let Self { node_id, operation, credited, counted, covered, signed, amount, total, last_total, shift, slot } =
            self;
        let id = self.reward_id();
        let details = json!({
            "reward_id": (!amount.is_zero()).then_some(&id), "amount_lamports": amount, "credited_lamports": credited,
            "counted_lamports": counted, "covered_lamports": covered, "signed_lamports": signed, "slot": slot,
        });
        let move_totals = |by: i64| Statement::new(MOVE_TOTALS).bind(node_id).bind(*counted).bind(by);
        let mut statements = vec![
            Statement::new(REQUIRE_TOTALS).bind(node_id).bind(*last_total).bind(*counted).bind(*covered).bind(*signed),
        ];
        if !amount.is_zero() {
            statements.extend([
                move_totals(shift.aside),
                move_totals(shift.by.saturating_sub(shift.aside)),
                Statement::new(INSERT_CORRECTION)
                    .bind(id.as_str())
                    .bind(node_id)
                    .bind(*amount)
                    .bind(*total)
                    .bind(now_ms),
                Statement::new(UPDATE_TOTAL_REWARDS).bind(json_ids([node_id])).bind(now_ms),
            ]);
        }
        statements.extend([
            Statement::new(CONFIRM_COVERED).bind(node_id).bind(*counted).bind(now_ms),
            Statement::new(RELEASE_REWARDS).bind(node_id).bind(*credited),
            Statement::new(RELEASE_WALLET).bind(node_id),
            audit::entry(now_ms, actor, operation, node_id.as_str(), &details),
        ]);
        statements
    }
}
