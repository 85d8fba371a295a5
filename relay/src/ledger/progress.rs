//! How far the open settlement is.

use crate::database::{Database, DatabaseError, Statement, statements};

statements! {
    /// The number of the open settlement.
    SELECT_OPEN = "SELECT CAST(id AS TEXT) AS id FROM settlements WHERE state = 'open'";

    /// How many nodes the open settlement has, and how many of them are held, or planned.
    SELECT_NODES = "SELECT CAST(COUNT(*) AS TEXT) AS nodes,
            CAST(COALESCE(SUM(state IN ('planned', 'held')), 0) AS TEXT) AS decided
        FROM settlement_nodes";

    /// How many nodes the open payment batches have, and how many open batches may have been sent.
    SELECT_BATCHES = "SELECT CAST(COALESCE(SUM(CASE batches.kind WHEN 'register' THEN 0 ELSE entry_count END), 0) AS TEXT) AS nodes,
            CAST(COALESCE(SUM(EXISTS (SELECT 1 FROM attempts WHERE attempts.batch_id = batches.id
                AND attempts.state IN ('signed', 'sent', 'landed'))), 0) AS TEXT) AS in_flight
        FROM settlements CROSS JOIN batches ON batches.settlement_id = settlements.id
        WHERE settlements.state = 'open' AND batches.state = 'planned'";
}

/// How far the open settlement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlementProgress {
    /// Its number.
    pub settlement_id: i64,
    /// How many nodes take part.
    pub nodes: u64,
    /// How many of them are done: credited or paid in a finalized transaction, held, or without anything to do.
    pub done: u64,
    /// How many batches were signed, and have not ended.
    pub batches_in_flight: u64,
}

/// Returns how far the open settlement is; `None` if none is open. The cost grows with the number of its nodes and of its open
/// batches only.
///
/// # Errors
/// [`DatabaseError`] if the ledger cannot be read.
pub async fn of_open_settlement<D: Database>(database: &D) -> Result<Option<SettlementProgress>, DatabaseError> {
    let [open, nodes, batches] =
        database.batch_of([SELECT_OPEN, SELECT_NODES, SELECT_BATCHES].map(Statement::new)).await?;
    let (Some(open), Some(nodes), Some(batches)) = (open.first(), nodes.first(), batches.first()) else {
        return Ok(None);
    };
    let (decided, unpaid): (u64, u64) = (nodes.get("decided")?, batches.get("nodes")?);
    Ok(Some(SettlementProgress {
        settlement_id: open.get("id")?,
        nodes: nodes.get("nodes")?,
        done: decided.saturating_sub(unpaid),
        batches_in_flight: batches.get("in_flight")?,
    }))
}
