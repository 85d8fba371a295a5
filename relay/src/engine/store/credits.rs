//! Writing back credits that went as planned: every entry was credited, from the total in the mirror up to its target. What
//! a batch has done to wallets and rewards then follows from its entries, without reading a wallet.

use std::collections::BTreeMap;

use serde_json::json;

use crate::database::{Database, DatabaseError, Statement, now_ms, statements};

use super::unsigned;

statements! {
    /// For each batch in JSON array ?1: the number of its entries whose mirrored totals are below the targets, and by how much,
    /// in units of 2^32 base units and in units.
    EXPECTED = "SELECT CAST(batch_id AS TEXT) AS batch_id, CAST(COUNT(*) AS TEXT) AS entries, \
            CAST(SUM((target_lamports - credited_lamports) >> 32) AS TEXT) AS high, \
            CAST(SUM((target_lamports - credited_lamports) & 4294967295) AS TEXT) AS low \
        FROM json_each(?1) AS wanted CROSS JOIN batch_entries ON batch_id = CAST(wanted.value AS INTEGER) \
            JOIN wallets ON wallets.node_id = batch_entries.node_id \
        WHERE credited_lamports < target_lamports AND wallets.wallet_address = batch_entries.wallet_address \
        GROUP BY batch_id";

    /// Raises the mirrored totals of the nodes of batch ?1 to its targets, which transaction ?3 reached in slot ?2, at ?4; and the
    /// balances of their wallet accounts as much, if ?5 is 1. What is pending is not dated later than the database's present
    /// time: a runner whose clock is ahead would otherwise keep it from becoming due by age.
    RAISE_WALLETS = concat!(
        "UPDATE wallets SET \
            sol_balance_lamports = sol_balance_lamports + (target_lamports - credited_lamports) * CAST(?5 AS INTEGER), \
            oldest_unpaid_at = CASE pending_rewards_lamports WHEN 0 THEN MIN(CAST(?4 AS INTEGER), ", now_ms!(), ") \
                ELSE oldest_unpaid_at END, \
            pending_rewards_lamports = pending_rewards_lamports + target_lamports - credited_lamports, \
            credited_lamports = target_lamports, last_signature = ?3, last_slot = CAST(?2 AS INTEGER), \
            last_updated_at = CAST(?4 AS INTEGER) \
        FROM batch_entries WHERE batch_entries.batch_id = CAST(?1 AS INTEGER) AND wallets.node_id = batch_entries.node_id"
    );

    /// Adds ?1 to the treasury's sum of the mirrored totals.
    ADD_MIRRORED = "UPDATE treasury SET mirrored_credited_lamports = mirrored_credited_lamports + CAST(?1 AS INTEGER)";

    /// Confirms, at ?3, the rewards of batch ?1 that its targets cover, as credited by transaction ?2.
    CONFIRM = "UPDATE rewards SET status = 'confirmed', transaction_signature = ?2, distributed_at = CAST(?3 AS INTEGER) \
        WHERE sequence IN (SELECT reward_sequence FROM batch_records WHERE batch_records.batch_id = CAST(?1 AS INTEGER)) \
            AND batch_id = CAST(?1 AS INTEGER) AND status = 'batched' AND node_total_lamports <= ( \
            SELECT target_lamports FROM batch_entries \
            WHERE batch_entries.batch_id = CAST(?1 AS INTEGER) AND batch_entries.node_id = rewards.node_id)";

    /// Records that every entry of batch ?1 was credited.
    SET_CREDITED = "UPDATE batch_entries SET outcome = 'credited' WHERE batch_id = CAST(?1 AS INTEGER)";
}

/// What a batch credits beyond the mirrored totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The number of entries with something to credit.
    pub(crate) entries: u64,
    /// Their sum in base units.
    pub(crate) credited: u128,
}

/// Returns what each of the batches credits beyond the mirrored totals.
pub(crate) async fn expected(
    database: &impl Database,
    batch_ids: &[i64],
) -> Result<BTreeMap<i64, Expected>, DatabaseError> {
    let rows = database.query(Statement::new(EXPECTED).bind(json!(batch_ids).to_string())).await?;
    rows.iter()
        .map(|row| {
            let (high, low) = (u128::from(unsigned(row, "high")?), u128::from(unsigned(row, "low")?));
            Ok((row.get("batch_id")?, Expected { entries: unsigned(row, "entries")?, credited: (high << 32) + low }))
        })
        .collect()
}

/// A transaction that has credited every entry of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteBack<'a> {
    pub(crate) slot: u64,
    pub(crate) signature: &'a str,
    /// What it has credited in all, in base units.
    pub(crate) credited: u64,
    /// Whether the credited amounts are lamports that are now in the wallet accounts.
    pub(crate) moves_lamports: bool,
}

/// Writes back what a transaction has done to a batch.
pub(crate) fn write_back(batch_id: i64, done: WriteBack<'_>, now_ms: i64) -> [Statement; 4] {
    let WriteBack { slot, signature, credited, moves_lamports } = done;
    [
        Statement::new(RAISE_WALLETS).bind(batch_id).bind(slot).bind(signature).bind(now_ms).bind(moves_lamports),
        Statement::new(ADD_MIRRORED).bind(credited),
        Statement::new(CONFIRM).bind(batch_id).bind(signature).bind(now_ms),
        Statement::new(SET_CREDITED).bind(batch_id),
    ]
}
