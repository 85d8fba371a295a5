//! Deleting what nobody needs any more of settlements that were closed long ago: their log lines, and the bytes of their
//! transactions, which nothing can send again. What proves a payment stays for ever: rewards, batches with their entries,
//! records and roots, and the signature, state, slot and fee of every attempt.

use super::{LedgerError, idempotency};
use crate::database::{Database, Statement, statements};

/// How long everything is kept after its settlement was closed, unless an operator says otherwise, in days.
pub const DEFAULT_RETENTION_DAYS: u32 = 30;

/// How many log lines one piece deletes.
const LINES_PER_PIECE: u32 = 1_000;

/// Of how many attempts one piece deletes the bytes: about 300 KB.
const ATTEMPTS_PER_PIECE: u32 = 200;

/// How many idempotency keys one piece deletes.
const KEYS_PER_PIECE: u32 = 500;

/// The oldest settlement that was closed before ?1 and of which something is left to delete.
macro_rules! oldest {
    () => {
        "(SELECT id FROM settlements WHERE pruned = 0 AND finished_at < CAST(?1 AS INTEGER) ORDER BY finished_at LIMIT 1)"
    };
}

statements! {
    /// Deletes ?2 log lines of that settlement.
    DELETE_LINES = concat!(
        "DELETE FROM settlement_steps WHERE id IN (SELECT id FROM settlement_steps WHERE settlement_id = ", oldest!(), "
            ORDER BY id LIMIT CAST(?2 AS INTEGER))"
    );

    /// Deletes the bytes of ?2 attempts of that settlement.
    DELETE_BYTES = concat!(
        "UPDATE attempts SET transaction_base64 = NULL WHERE id IN (
            SELECT ended.id FROM batches CROSS JOIN attempts AS ended ON ended.batch_id = batches.id
            WHERE batches.settlement_id = ", oldest!(), " AND ended.state IN ('finalized', 'failed', 'expired')
                AND ended.transaction_base64 IS NOT NULL
            LIMIT CAST(?2 AS INTEGER))"
    );

    /// Marks that settlement once nothing is left to delete, and tells whether there was one.
    MARK = concat!(
        "UPDATE settlements SET pruned = NOT EXISTS (SELECT 1 FROM settlement_steps WHERE settlement_id = settlements.id)
            AND NOT EXISTS (SELECT 1 FROM batches CROSS JOIN attempts ON attempts.batch_id = batches.id
                WHERE batches.settlement_id = settlements.id AND attempts.transaction_base64 IS NOT NULL)
        WHERE id = ", oldest!(), "
        RETURNING CAST(id AS TEXT) AS id"
    );
}

/// How many pieces [`prune_some`] deletes. Each takes milliseconds.
const PIECES_PER_PAUSE: usize = 20;

/// Whether there was anything to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruned {
    /// One piece was deleted; there may be more.
    Piece,
    /// Nothing is old enough.
    Nothing,
}

/// The latest time before which everything is deleted, in Unix milliseconds.
fn cutoff_ms(now_ms: i64, retention_days: u32) -> i64 {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

    now_ms.saturating_sub(i64::from(retention_days).saturating_mul(DAY_MS))
}

/// Deletes a piece of what is left of the oldest settlement that was closed more than `retention_days` ago: a bounded number of
/// rows, in one transaction. Call it when there is nothing else to do, until it returns [`Pruned::Nothing`]. Any number of
/// callers may do so at once, and it needs no lease: nothing that is deleted is ever read for a payment.
///
/// # Errors
/// [`LedgerError::Database`]; nothing was deleted.
pub async fn prune<D: Database>(database: &D, now_ms: i64, retention_days: u32) -> Result<Pruned, LedgerError> {
    let cutoff = cutoff_ms(now_ms, retention_days);
    let [_, _, marked] = database
        .batch_of([
            Statement::new(DELETE_LINES).bind(cutoff).bind(LINES_PER_PIECE),
            Statement::new(DELETE_BYTES).bind(cutoff).bind(ATTEMPTS_PER_PIECE),
            Statement::new(MARK).bind(cutoff),
        ])
        .await?;
    Ok(if marked.is_empty() { Pruned::Nothing } else { Pruned::Piece })
}

/// Deletes a piece of the idempotency keys that were used more than `retention_days` ago. A request that is repeated after that
/// is refused instead of answered: the ids of its rewards exist already, so nothing is granted twice.
///
/// # Errors
/// [`LedgerError::Database`]; nothing was deleted.
pub async fn prune_keys<D: Database>(database: &D, now_ms: i64, retention_days: u32) -> Result<Pruned, LedgerError> {
    let rows =
        database.query(idempotency::delete_older_than(cutoff_ms(now_ms, retention_days), KEYS_PER_PIECE)).await?;
    Ok(if rows.is_empty() { Pruned::Nothing } else { Pruned::Piece })
}

/// Deletes up to twenty pieces: what [`prune`] does, and once that is done, what [`prune_keys`] does if `keys_too` is set, which
/// only the one that accepts the requests with these keys should do. Call it when there is nothing to settle.
///
/// # Errors
/// [`LedgerError::Database`]; whatever was deleted before stays deleted, and nothing depends on the rest.
pub async fn prune_some<D: Database>(
    database: &D,
    now_ms: i64,
    retention_days: u32,
    keys_too: bool,
) -> Result<(), LedgerError> {
    for _ in 0..PIECES_PER_PAUSE {
        let pruned = match prune(database, now_ms, retention_days).await? {
            Pruned::Nothing if keys_too => prune_keys(database, now_ms, retention_days).await?,
            pruned => pruned,
        };
        if pruned == Pruned::Nothing {
            return Ok(());
        }
    }
    Ok(())
}
