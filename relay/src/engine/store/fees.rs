//! What a settlement has spent on fees, and may still spend on what it has planned.

use crate::database::{Database, DatabaseError, Statement, statements};

use super::unsigned;

statements! {
    /// The fees of settlement ?1: of its transactions that landed, and of its attempts that may still land, each with ?2 lamports
    /// for its signature. Beside them its open batches, and those of their entries that create a wallet account.
    COMMITTED = "SELECT CAST(fees_lamports + COALESCE(( \
                SELECT SUM(priority_fee_lamports + CAST(?2 AS INTEGER)) \
                FROM batches CROSS JOIN attempts ON attempts.batch_id = batches.id \
                WHERE batches.settlement_id = settlements.id AND batches.state = 'planned' \
                    AND attempts.state IN ('planned', 'signed', 'sent', 'landed')), 0) AS TEXT) AS fees, \
            CAST((SELECT COUNT(*) FROM batches \
                WHERE settlement_id = settlements.id AND batches.state = 'planned') AS TEXT) AS open_batches, \
            CAST(COALESCE((SELECT SUM(entry_count) FROM batches \
                WHERE settlement_id = settlements.id AND batches.state = 'planned' AND kind = 'register'), 0) AS TEXT) \
                AS registrations \
        FROM settlements WHERE id = CAST(?1 AS INTEGER)";
}

/// What a settlement has spent and planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Committed {
    /// The fees of what has landed or may land, in lamports.
    pub(crate) fees: u64,
    /// The number of its open batches.
    pub(crate) open_batches: u64,
    /// The number of wallet accounts that they create.
    pub(crate) registrations: u64,
}

/// Returns what settlement `settlement_id` has spent and planned, if a signature costs `signature_fee` lamports; nothing for `None`.
pub(crate) async fn committed(
    database: &impl Database,
    settlement_id: Option<i64>,
    signature_fee: u64,
) -> Result<Committed, DatabaseError> {
    let rows = database.query(Statement::new(COMMITTED).bind(settlement_id).bind(signature_fee)).await?;
    let Some(row) = rows.first() else { return Ok(Committed::default()) };
    Ok(Committed {
        fees: unsigned(row, "fees")?,
        open_batches: unsigned(row, "open_batches")?,
        registrations: unsigned(row, "registrations")?,
    })
}
