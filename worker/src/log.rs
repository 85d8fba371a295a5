//! One line for every request.

use serde::Serialize;

use crate::web::error::ErrorCode;

/// What is written down about a request: never a header, a query or a body, which can hold secrets.
#[derive(Clone, Debug, Serialize)]
pub struct LogLine {
    /// Always `request`, to tell the line from others.
    pub message: &'static str,
    /// The request's id.
    pub request_id: String,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error's code, if it is one.
    pub error: Option<ErrorCode>,
    /// Who asked: the name of the key. `None` without a good one.
    pub actor: Option<String>,
    /// When the request was taken up, in Unix milliseconds.
    pub at: i64,
    /// How long it took, in milliseconds. In a Worker only I/O counts.
    pub duration_ms: i64,
    /// How long it was under way, in milliseconds, if the client's word on that can be believed.
    pub transit_ms: Option<i64>,
}

/// Takes the lines.
pub trait RequestLog {
    /// Writes `line`.
    fn request(&self, line: &LogLine);
}
