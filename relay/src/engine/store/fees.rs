//! What a settlement has spent on fees, and may still spend on what it has planned.

use crate::database::{Database, DatabaseError, Statement, statements};

use super::unsigned;

statements! {
    /// The fees of settlement ?1: of its transactions that landed, and of its attempts that may still land, each with ?2 lamports
    /// for its signature. Beside them its open batches that have no such attempt, and the entries of open batches that create
    /// a wallet account.
    COMMITTED = "SELECT CAST(fees_lamports AS TEXT) AS spent, CAST(COALESCE(( \
                SELECT SUM(priority_fee_lamports + CAST(?2 AS INTEGER)) \
                FROM batches CROSS JOIN attempts ON attempts.batch_id = batches.id \
                WHERE batches.settlement_id = settlements.id AND batches.state = 'planned' \
                    AND attempts.state IN ('planned', 'signed', 'sent', 'landed')), 0) AS TEXT) AS live, \
            CAST((SELECT COUNT(*) FROM batches \
                WHERE settlement_id = settlements.id AND batches.state = 'planned' AND NOT EXISTS (SELECT 1 FROM attempts \
                    WHERE attempts.batch_id = batches.id \
                        AND attempts.state IN ('planned', 'signed', 'sent', 'landed'))) AS TEXT) AS unpriced_batches, \
            CAST(COALESCE((SELECT SUM(entry_count) FROM batches \
                WHERE settlement_id = settlements.id AND batches.state = 'planned' AND kind = 'register'), 0) AS TEXT) \
                AS registrations \
        FROM settlements WHERE id = CAST(?1 AS INTEGER)";
}

/// What a settlement has spent and planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Committed {
    /// The fees of what has landed, in lamports.
    pub(crate) spent: u64,
    /// The fees of the attempts of open batches that have landed or may land, in lamports.
    pub(crate) live: u64,
    /// The number of open batches without such an attempt.
    pub(crate) unpriced_batches: u64,
    /// The number of wallet accounts that open batches create.
    pub(crate) registrations: u64,
}

impl Committed {
    /// The fees of what has landed or may land, in lamports.
    pub(crate) fn fees(self) -> u64 {
        self.spent.saturating_add(self.live)
    }
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
        spent: unsigned(row, "spent")?,
        live: unsigned(row, "live")?,
        unpriced_batches: unsigned(row, "unpriced_batches")?,
        registrations: unsigned(row, "registrations")?,
    })
}
