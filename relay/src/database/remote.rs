//! Access to a Worker's ledger over its HTTP API.
//!
//! Batches are never retried here: if the response is lost, it is unknown whether the batch was written, and the engine
//! finds out by reading. The API key is sent to the Worker only. It is not sent over plain HTTP to another machine, not
//! sent to the target of a redirect, and never part of an error.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode, Url, redirect};
use serde::Deserialize;

use super::wire::{BATCH_PATH, BatchRequest, BatchResults, MAX_REQUEST_BYTES};
use super::{Database, DatabaseError, Row, Statement};

/// The timeout of a request. D1 limits a batch to 30 s.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The timeout for establishing a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a Worker's ledger cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The URL is not the base URL of a Worker.
    #[error("'{0}' is not a valid Worker URL: it must look like https://williw.example.workers.dev, without a path")]
    InvalidUrl(String),
    /// The API key would be sent unencrypted.
    #[error("the API key would be sent to {0} unencrypted: use https (plain http is allowed for localhost only)")]
    Unencrypted(String),
    /// The API key cannot be sent in an HTTP header.
    #[error("the API key contains invalid characters: check WILLIW_API_KEY")]
    InvalidKey,
    /// The HTTP client could not be initialized.
    #[error("the HTTP client cannot be initialized: {0}")]
    Client(String),
}

/// A Worker's ledger, accessed over HTTP.
pub struct RemoteDatabase {
    client: Client,
    endpoint: Url,
}

impl RemoteDatabase {
    /// Creates a client for the Worker at `url`, without connecting to it. `api_key` needs the scope `ledger`.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub fn new(url: &str, api_key: &str) -> Result<Self, RemoteError> {
        let invalid = || RemoteError::InvalidUrl(redact_credentials(url));
        let base: Url = url.parse().map_err(|_| invalid())?;
        let is_base = base.path() == "/" && base.query().is_none() && base.fragment().is_none();
        let has_no_credentials = base.username().is_empty() && base.password().is_none();
        if !matches!(base.scheme(), "http" | "https") || !is_base || !has_no_credentials {
            return Err(invalid());
        }
        if base.scheme() == "http" && !is_loopback(&base) {
            return Err(RemoteError::Unencrypted(base.host_str().unwrap_or_default().to_owned()));
        }
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {api_key}")).map_err(|_| RemoteError::InvalidKey)?;
        authorization.set_sensitive(true);
        let client = Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| RemoteError::Client(error.to_string()))?;
        let endpoint = base.join(BATCH_PATH).map_err(|_| invalid())?;
        Ok(Self { client, endpoint })
    }
}

impl fmt::Debug for RemoteDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteDatabase({})", self.endpoint)
    }
}

impl Database for RemoteDatabase {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let request = serde_json::to_vec(&BatchRequest::from(statements.as_slice()))
            .map_err(|error| DatabaseError::Statement(format!("the batch cannot be encoded: {error}")))?;
        // The engine's pieces are far smaller. Splitting a batch here would lose its atomicity.
        if request.len() > MAX_REQUEST_BYTES {
            return Err(DatabaseError::Statement(format!(
                "the batch has {} bytes, more than the {MAX_REQUEST_BYTES} that a Worker accepts: nothing was written",
                request.len()
            )));
        }
        let response = self
            .client
            .post(self.endpoint.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(request)
            .send()
            .await
            .map_err(|error| transport_error(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| transport_error(&error))?;
        let results = decode_response(status, &body)?;
        if results.len() != statements.len() {
            let (expected, found) = (statements.len(), results.len());
            return Err(DatabaseError::Unavailable(format!(
                "expected {expected} results, got {found}: use the same version of williw-relay and of the Worker"
            )));
        }
        Ok(results)
    }
}

/// The relevant part of a Worker's success response.
#[derive(Deserialize)]
struct Success {
    data: BatchResults,
}

/// The relevant part of a Worker's error response.
#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
    message: String,
    #[serde(default)]
    details: serde_json::Value,
}

fn decode_response(status: StatusCode, body: &[u8]) -> Result<Vec<Vec<Row>>, DatabaseError> {
    let unexpected = || {
        DatabaseError::Unavailable(format!(
            "HTTP {status} with an unexpected body: check that the URL is that of a Williw Worker"
        ))
    };
    if status.is_success() {
        let success: Success = serde_json::from_slice(body).map_err(|_| unexpected())?;
        return Ok(success.data.results);
    }
    let failure: ErrorResponse = serde_json::from_slice(body).map_err(|_| unexpected())?;
    let database_message = failure.details.get("message").and_then(serde_json::Value::as_str);
    let message = database_message.map_or(failure.message, str::to_owned);
    Err(match (status, failure.error.as_str()) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => DatabaseError::Unauthorized(message),
        (_, "LEDGER_CONSTRAINT") => DatabaseError::Constraint(message),
        (_, "LEDGER_DECODE") => DatabaseError::Decode(message),
        // Rejected by the endpoint before running the batch, or by the database before writing anything.
        (_, "UNKNOWN_STATEMENT" | "LEDGER_STATEMENT") => DatabaseError::Statement(message),
        (status, code) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
            DatabaseError::Statement(format!("HTTP {status}, {code}: {message}"))
        }
        (status, code) => DatabaseError::Unavailable(format!("HTTP {status}, {code}: {message}")),
    })
}

/// Converts the error of a request without a response. The innermost cause is the most specific one.
fn transport_error(error: &reqwest::Error) -> DatabaseError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let url = error.url().map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let what = if error.is_timeout() { "timed out".to_owned() } else { cause.to_string() };
    DatabaseError::Unavailable(format!("{url}: {what}"))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Removes everything before an '@' from a URL, as it may contain a password.
fn redact_credentials(url: &str) -> String {
    url.rsplit('@').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_sent_unencrypted_to_another_machine() {
        for allowed in
            ["http://127.0.0.1:8787", "http://localhost:8787/", "http://[::1]:8787", "https://ledger.example"]
        {
            assert!(RemoteDatabase::new(allowed, "wk_1").is_ok(), "{allowed}");
        }
        let error = RemoteDatabase::new("http://ledger.example", "wk_1").unwrap_err();
        assert_eq!(error, RemoteError::Unencrypted("ledger.example".to_owned()));
    }

    #[test]
    fn invalid_worker_urls_are_rejected_without_leaking_passwords() {
        for url in ["ledger.sqlite3", "ftp://a", "https://", "https://a/b", "https://a/?q", "https://user:secret@a"] {
            let error = RemoteDatabase::new(url, "wk_1").unwrap_err();
            assert!(matches!(error, RemoteError::InvalidUrl(_)), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(RemoteDatabase::new("https://a", "wk_\n").unwrap_err(), RemoteError::InvalidKey);
    }

    #[test]
    fn error_responses_are_converted_to_database_errors() {
        let body = |code: &str| {
            format!(
                r#"{{"success":false,"error":"{code}","message":"m","details":{{"message":"CHECK constraint failed: lease_held"}}}}"#
            )
        };
        let error = |status, code| decode_response(status, body(code).as_bytes()).unwrap_err();
        assert!(error(StatusCode::CONFLICT, "LEDGER_CONSTRAINT").is_constraint("lease_held"));
        assert!(matches!(error(StatusCode::UNPROCESSABLE_ENTITY, "UNKNOWN_STATEMENT"), DatabaseError::Statement(_)));
        assert!(matches!(error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED"), DatabaseError::Unauthorized(_)));
        assert!(matches!(error(StatusCode::FORBIDDEN, "FORBIDDEN"), DatabaseError::Unauthorized(_)));
        assert!(matches!(error(StatusCode::SERVICE_UNAVAILABLE, "LEDGER_UNAVAILABLE"), DatabaseError::Unavailable(_)));
        assert!(matches!(error(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"), DatabaseError::Unavailable(_)));
    }

    #[test]
    fn after_an_unexpected_response_the_outcome_is_unknown() {
        for (status, body) in [
            (StatusCode::OK, "<html>"),
            (StatusCode::OK, "{}"),
            (StatusCode::BAD_GATEWAY, "<html>"),
            (StatusCode::FOUND, ""),
        ] {
            assert!(
                matches!(decode_response(status, body.as_bytes()), Err(DatabaseError::Unavailable(_))),
                "{status} {body}"
            );
        }
    }
}
