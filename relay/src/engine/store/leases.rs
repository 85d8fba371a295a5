//! The lease row and the preconditions of an atomic batch.

use crate::database::{Database, DatabaseError, Statement, statements};

statements! {
    /// Acquires the lease for holder ?1 until ?3 if it has expired at ?2, or renews it if ?1 holds it. The fencing token
    /// increases if the lease had expired or had another holder.
    TAKE = "INSERT INTO leases (name, holder, fencing_token, expires_at) \
        VALUES ('settlement', ?1, 1, CAST(?3 AS INTEGER)) \
        ON CONFLICT (name) DO UPDATE SET \
            fencing_token = fencing_token + (holder <> excluded.holder OR expires_at <= CAST(?2 AS INTEGER)), \
            holder = excluded.holder, \
            expires_at = excluded.expires_at \
        WHERE expires_at <= CAST(?2 AS INTEGER) OR holder = excluded.holder \
        RETURNING CAST(fencing_token AS TEXT) AS fencing_token";

    /// The holder of the lease and when it expires.
    CURRENT = "SELECT holder, CAST(expires_at AS TEXT) AS expires_at FROM leases WHERE name = 'settlement'";

    /// Expires the lease if ?1 holds it with token ?2.
    RELEASE = "UPDATE leases SET expires_at = 0 \
        WHERE name = 'settlement' AND holder = ?1 AND fencing_token = CAST(?2 AS INTEGER)";

    /// Expires the lease if ?1 holds it.
    RELEASE_HELD_BY = "UPDATE leases SET expires_at = 0 WHERE name = 'settlement' AND holder = ?1";

    /// Fails the statement batch unless ?1 holds the lease with token ?2 at ?3.
    REQUIRE = "INSERT INTO preconditions (lease_held) SELECT EXISTS ( \
        SELECT 1 FROM leases WHERE name = 'settlement' AND holder = ?1 \
            AND fencing_token = CAST(?2 AS INTEGER) AND expires_at > CAST(?3 AS INTEGER))";

    /// Deletes the preconditions, at the end of a batch.
    CLEAR_PRECONDITIONS = "DELETE FROM preconditions";
}

/// Acquires or renews the lease. Returns the fencing token, or `None` if another runner holds the lease.
pub(crate) async fn take(
    database: &impl Database,
    holder: &str,
    now_ms: i64,
    expires_at_ms: i64,
) -> Result<Option<i64>, DatabaseError> {
    let rows = database.query(Statement::new(TAKE).bind(holder).bind(now_ms).bind(expires_at_ms)).await?;
    rows.first().map(|row| row.get("fencing_token")).transpose()
}

/// Returns the holder of the lease and when it expires, in Unix milliseconds.
pub(crate) async fn current(database: &impl Database) -> Result<(String, i64), DatabaseError> {
    let rows = database.query(Statement::new(CURRENT)).await?;
    match rows.first() {
        Some(row) => Ok((row.get("holder")?, row.get("expires_at")?)),
        // No lease was ever taken.
        None => Ok((String::new(), 0)),
    }
}

/// Releases the lease.
pub(crate) async fn release(database: &impl Database, holder: &str, fencing_token: i64) -> Result<(), DatabaseError> {
    database.query(Statement::new(RELEASE).bind(holder).bind(fencing_token)).await.map(drop)
}

/// Releases the lease if `holder` holds it.
pub(crate) async fn release_held_by(database: &impl Database, holder: &str) -> Result<(), DatabaseError> {
    database.query(Statement::new(RELEASE_HELD_BY).bind(holder)).await.map(drop)
}

/// The first statement of every batch that a runner writes: fails the batch unless the lease is held.
pub(crate) fn require(holder: &str, fencing_token: i64, now_ms: i64) -> Statement {
    Statement::new(REQUIRE).bind(holder).bind(fencing_token).bind(now_ms)
}

/// The last statement of every batch that a runner writes: deletes the preconditions.
pub(crate) fn clear_preconditions() -> Statement {
    Statement::new(CLEAR_PRECONDITIONS)
}
