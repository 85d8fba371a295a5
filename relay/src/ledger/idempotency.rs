//! Idempotency keys: a request with a key takes effect once, however often it is sent.
//!
//! The response is computed before the write, so that the key, the response and the effects of the request are written
//! in one atomic batch. A repeated request fails on the primary key and is answered with the stored response.

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::IdempotencyKey;

statements! {
    /// Stores for key ?1 and operation ?2 the request hash ?3, the status ?4 and the body ?5 of the response, at ?6.
    INSERT_KEY = "INSERT INTO idempotency_keys (key, operation, request_hash, status, response, created_at)
        VALUES (?1, ?2, ?3, CAST(?4 AS INTEGER), ?5, CAST(?6 AS INTEGER))";

    /// The request hash and response stored for key ?1 and operation ?2.
    SELECT_KEY = "SELECT request_hash, response FROM idempotency_keys WHERE key = ?1 AND operation = ?2";

    /// Deletes ?2 keys that were used before ?1.
    DELETE_KEYS = "DELETE FROM idempotency_keys WHERE (key, operation) IN (SELECT key, operation FROM idempotency_keys
            WHERE created_at < CAST(?1 AS INTEGER) ORDER BY created_at LIMIT CAST(?2 AS INTEGER))
        RETURNING key";
}

/// The statement that deletes at most `limit` keys that were used before `cutoff_ms`, and returns them.
pub(super) fn delete_older_than(cutoff_ms: i64, limit: u32) -> Statement {
    Statement::new(DELETE_KEYS).bind(cutoff_ms).bind(limit)
}

/// The stored response to a request.
pub(super) struct StoredResponse {
    pub(super) request_hash: String,
    pub(super) response: String,
}

/// The statement that stores the response to a request.
pub(super) fn store(
    key: &IdempotencyKey,
    operation: &'static str,
    request_hash: &str,
    status: u16,
    response: &str,
    now_ms: i64,
) -> Statement {
    Statement::new(INSERT_KEY).bind(key).bind(operation).bind(request_hash).bind(status).bind(response).bind(now_ms)
}

/// The stored response to the request with `key`, if there was one.
pub(super) async fn find<D: Database>(
    database: &D,
    key: &IdempotencyKey,
    operation: &'static str,
) -> Result<Option<StoredResponse>, DatabaseError> {
    let rows = database.query(Statement::new(SELECT_KEY).bind(key).bind(operation)).await?;
    rows.first()
        .map(|row: &Row| Ok(StoredResponse { request_hash: row.get("request_hash")?, response: row.get("response")? }))
        .transpose()
}
