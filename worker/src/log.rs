//! Request logging: one entry per request.

use serde::Serialize;

use crate::web::error::ErrorCode;

/// The log entry of a request. It never contains headers, the query or the body, which can hold secrets.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RequestLogEntry {
    /// Always `request`, which distinguishes the entry from other log lines.
    pub message: &'static str,
    pub request_id: String,
    pub method: String,
    pub path: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// The error code, if the request failed.
    pub error: Option<ErrorCode>,
    /// The authenticated caller, as the audit log names it. `None` if authentication failed or was not needed.
    pub actor: Option<String>,
    /// When the request started, in Unix milliseconds.
    pub at: i64,
    /// How long the request took, in milliseconds. In a Worker, only I/O advances the clock.
    pub duration_ms: i64,
    /// How long the request was in transit, in milliseconds, if the client sent a plausible start time.
    pub transit_ms: Option<i64>,
}

/// Writes request log entries.
pub(crate) trait RequestLogger {
    fn log(&self, entry: &RequestLogEntry);
}
