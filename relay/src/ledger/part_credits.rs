//! What is credited already of rewards that are not confirmed: a limit can let a part of a reward be credited before the rest.

use super::LedgerError;
use crate::database::{Database, Statement, statements};

statements! {
    /// At most ?3 nodes with pending rewards, with what is credited of these rewards, in the order of retry_at and next_sequence,
    /// which follow ?1 and ?2.
    SELECT_PAGE = "SELECT CAST(retry_at AS TEXT) AS retry_at, CAST(next_sequence AS TEXT) AS next_sequence, \
            CAST(MAX(0, COALESCE(MIN(credited, earned) - confirmed, 0)) AS TEXT) AS credited FROM ( \
                SELECT payables.retry_at AS retry_at, next_sequence, credited_lamports AS credited, \
                    total_rewards_lamports AS earned, \
                    (SELECT node_total_lamports - amount_lamports FROM rewards \
                        WHERE rewards.node_id = payables.node_id AND distributed_at IS NULL \
                        ORDER BY node_total_lamports LIMIT 1) AS confirmed \
                FROM payables CROSS JOIN nodes ON nodes.id = payables.node_id \
                    LEFT JOIN wallets ON wallets.node_id = payables.node_id \
                WHERE (payables.retry_at, next_sequence) > (CAST(?1 AS INTEGER), CAST(?2 AS INTEGER)) \
                    AND next_sequence IS NOT NULL \
                ORDER BY payables.retry_at, next_sequence LIMIT CAST(?3 AS INTEGER))";
}

/// The number of nodes that are read at once.
const NODES_PER_PAGE: usize = 2_000;

/// Returns how much of the pending rewards is credited already, in base units of the network's asset, by the ledger's copies of the
/// wallet accounts. Reads the nodes with pending rewards, in pieces.
///
/// # Errors
/// [`LedgerError::Database`] if the ledger cannot be read.
pub async fn sum<D: Database>(database: &D) -> Result<u128, LedgerError> {
    let (mut after, mut sum) = ((-1_i64, 0_i64), 0_u128);
    loop {
        let statement = Statement::new(SELECT_PAGE).bind(after.0).bind(after.1).bind(NODES_PER_PAGE);
        let page = database.query(statement).await?;
        if page.is_empty() {
            return Ok(sum);
        }
        for row in &page {
            after = after.max((row.get("retry_at")?, row.get("next_sequence")?));
            sum = sum.saturating_add(row.get::<u64>("credited")?.into());
        }
    }
}
