//! Requests that are carried out once, however often they are sent.
//!
//! The answer is known before the write, so that key, answer and what the request does go into one atomic batch: a
//! key is either unknown or has its answer. A second request with the same key makes the batch fail on the key's
//! uniqueness and is answered from what is stored.

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::types::IdempotencyKey;

statements! {
    /// Key ?1, used for operation ?2 with a request of hash ?3, is answered with status ?4 and body ?5, at ?6.
    INSERT_KEY = "INSERT INTO idempotency_keys (key, operation, request_hash, status, response, created_at)
        VALUES (?1, ?2, ?3, CAST(?4 AS INTEGER), ?5, CAST(?6 AS INTEGER))";

    /// What is stored for key ?1 and operation ?2.
    SELECT_KEY = "SELECT request_hash, response FROM idempotency_keys WHERE key = ?1 AND operation = ?2";
}

/// The answer that was given to a request.
pub(super) struct StoredAnswer {
    pub(super) request_hash: String,
    pub(super) response: String,
}

/// The statement that stores the answer to a request.
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

/// The answer that was given to a request with `key`, if there was one.
pub(super) async fn find<D: Database>(
    database: &D,
    key: &IdempotencyKey,
    operation: &'static str,
) -> Result<Option<StoredAnswer>, DatabaseError> {
    let rows = database.query(Statement::new(SELECT_KEY).bind(key).bind(operation)).await?;
    rows.first()
        .map(|row: &Row| Ok(StoredAnswer { request_hash: row.get("request_hash")?, response: row.get("response")? }))
        .transpose()
}
