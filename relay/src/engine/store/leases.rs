//! The lease row and the preconditions of an atomic batch.
//!
//! Only the database's clock decides when a lease expires, and only the fencing token decides who may write: a runner whose
//! lease has expired keeps its right to write until another one takes over.

use crate::database::{Database, DatabaseError, Statement, now_ms, statements};

/// How long every lease lasts, in milliseconds: longer than a request to an RPC node may wait and take, which is 17.5 seconds. It is
/// short because the successor of a crashed runner waits for it to expire. Whoever takes or renews a lease does so for this long, because
/// one that has longer left counts as expired.
///
/// Between two renewals, a runner makes at most a few requests one after another, however many it makes concurrently; that
/// several RPC nodes have to agree can take a few answers for each. A lease that expires because all of them are slow is lost
/// only if another runner takes it, which the fencing token makes harmless.
pub(crate) const LEASE_MS: i64 = 30_000;

statements! {
    /// Acquires the lease for holder ?1 for ?2 milliseconds if it has expired, or renews it if ?1 holds it. The fencing
    /// token increases if the lease had expired or had another holder. A lease that has longer left than any lease lasts was
    /// taken before the database's clock was set back: it has expired as well.
    TAKE = concat!(
        "INSERT INTO leases (name, holder, fencing_token, expires_at) \
        VALUES ('settlement', ?1, 1, ", now_ms!(), " + CAST(?2 AS INTEGER)) \
        ON CONFLICT (name) DO UPDATE SET \
            fencing_token = fencing_token + (holder <> excluded.holder OR expires_at <= ", now_ms!(), "), \
            holder = excluded.holder, \
            expires_at = excluded.expires_at \
        WHERE expires_at <= ", now_ms!(), " OR expires_at > excluded.expires_at OR holder = excluded.holder \
        RETURNING CAST(fencing_token AS TEXT) AS fencing_token"
    );

    /// The holder of the lease and the milliseconds until it expires.
    CURRENT = concat!(
        "SELECT holder, CAST(MAX(expires_at - ", now_ms!(), ", 0) AS TEXT) AS remaining_ms \
        FROM leases WHERE name = 'settlement'"
    );

    /// Extends the lease by ?3 milliseconds from now if ?1 holds it with token ?2.
    RENEW = concat!(
        "UPDATE leases SET expires_at = ", now_ms!(), " + CAST(?3 AS INTEGER) \
        WHERE name = 'settlement' AND holder = ?1 AND fencing_token = CAST(?2 AS INTEGER) \
        RETURNING CAST(fencing_token AS TEXT) AS fencing_token"
    );

    /// Extends the lease by ?2 milliseconds from now if ?1 holds it and has not released it.
    KEEP = concat!(
        "UPDATE leases SET expires_at = ", now_ms!(), " + CAST(?2 AS INTEGER) \
        WHERE name = 'settlement' AND holder = ?1 AND expires_at > 0"
    );

    /// Expires the lease if ?1 holds it with token ?2.
    RELEASE = "UPDATE leases SET expires_at = 0 \
        WHERE name = 'settlement' AND holder = ?1 AND fencing_token = CAST(?2 AS INTEGER)";

    /// Expires the lease if ?1 holds it.
    RELEASE_HELD_BY = "UPDATE leases SET expires_at = 0 WHERE name = 'settlement' AND holder = ?1";

    /// Fails the statement batch unless ?1 holds the lease with token ?2, expired or not: nobody has taken over.
    REQUIRE = "INSERT INTO preconditions (lease_held) SELECT EXISTS ( \
        SELECT 1 FROM leases WHERE name = 'settlement' AND holder = ?1 AND fencing_token = CAST(?2 AS INTEGER))";

    /// Deletes the preconditions, at the end of a batch.
    CLEAR_PRECONDITIONS = "DELETE FROM preconditions";
}

/// Acquires or renews the lease. Returns the fencing token, or `None` if another runner holds the lease.
pub(crate) async fn take(database: &impl Database, holder: &str) -> Result<Option<i64>, DatabaseError> {
    let rows = database.query(Statement::new(TAKE).bind(holder).bind(LEASE_MS)).await?;
    rows.first().map(|row| row.get("fencing_token")).transpose()
}

/// Returns the holder of the lease and the milliseconds until it expires.
pub(crate) async fn current(database: &impl Database) -> Result<(String, u64), DatabaseError> {
    let rows = database.query(Statement::new(CURRENT)).await?;
    match rows.first() {
        Some(row) => Ok((row.get("holder")?, row.get("remaining_ms")?)),
        // No lease was ever taken.
        None => Ok((String::new(), 0)),
    }
}

/// Extends the lease. Returns whether it is still held.
pub(crate) async fn renew(database: &impl Database, holder: &str, fencing_token: i64) -> Result<bool, DatabaseError> {
    let renew = Statement::new(RENEW).bind(holder).bind(fencing_token).bind(LEASE_MS);
    Ok(!database.query(renew).await?.is_empty())
}

/// Extends the lease if `holder` holds it. A process whose lease was taken by another one changes nothing.
pub(crate) async fn keep(database: &impl Database, holder: &str) -> Result<(), DatabaseError> {
    database.query(Statement::new(KEEP).bind(holder).bind(LEASE_MS)).await.map(drop)
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
pub(crate) fn require(holder: &str, fencing_token: i64) -> Statement {
    Statement::new(REQUIRE).bind(holder).bind(fencing_token)
}

/// The last statement of every batch that a runner writes: deletes the preconditions.
pub(crate) fn clear_preconditions() -> Statement {
    Statement::new(CLEAR_PRECONDITIONS)
}
