//! The ledger of a Worker, over its HTTP API.
//!
//! It never sends a batch twice by itself: when the answer is lost, whether the batch was written is unknown, and the
//! engine finds out by reading. The API key goes to the Worker only: never over plain HTTP to another machine, never
//! to where a redirect points, never into an error.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode, Url, redirect};
use serde::Deserialize;

use super::wire::{BATCH_PATH, BatchRequest, BatchResults};
use super::{Database, DatabaseError, Row, Statement};

/// How long an answer may take. D1 gives a batch 30 s.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a Worker's ledger cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The URL is none of a Worker.
    #[error("'{0}' is no URL of a Worker: write it like https://williw.example.workers.dev")]
    InvalidUrl(String),
    /// The key would travel in the clear.
    #[error("the API key would be sent to {0} unencrypted: use https (plain http is for this machine only)")]
    Unencrypted(String),
    /// The key cannot be a header.
    #[error("the API key holds characters that no key has: check WILLIW_API_KEY")]
    InvalidKey,
    /// The HTTP client could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// The ledger behind a Worker.
pub struct RemoteDatabase {
    client: Client,
    endpoint: Url,
}

impl RemoteDatabase {
    /// The ledger of the Worker at `url`. `api_key` needs the scope `ledger`.
    ///
    /// # Errors
    /// [`RemoteError`]; nothing is sent yet.
    pub fn new(url: &str, api_key: &str) -> Result<Self, RemoteError> {
        let invalid = || RemoteError::InvalidUrl(without_credentials(url));
        let base: Url = url.parse().map_err(|_| invalid())?;
        let plain = base.path() == "/" && base.query().is_none() && base.fragment().is_none();
        let anonymous = base.username().is_empty() && base.password().is_none();
        if !matches!(base.scheme(), "http" | "https") || !plain || !anonymous {
            return Err(invalid());
        }
        if base.scheme() == "http" && !is_this_machine(&base) {
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
        let request = BatchRequest::from(statements.as_slice());
        let response =
            self.client.post(self.endpoint.clone()).json(&request).send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| unreachable(&error))?;
        let results = answer(status, &body)?;
        if results.len() != statements.len() {
            let found = results.len();
            return Err(DatabaseError::Unavailable(format!("{found} results for {} statements", statements.len())));
        }
        Ok(results)
    }
}

/// The answer of a Worker, as far as it matters here.
#[derive(Deserialize)]
struct Success {
    data: BatchResults,
}

/// The error of a Worker, as far as it matters here.
#[derive(Deserialize)]
struct Failure {
    error: String,
    message: String,
    #[serde(default)]
    details: serde_json::Value,
}

fn answer(status: StatusCode, body: &[u8]) -> Result<Vec<Vec<Row>>, DatabaseError> {
    let foreign = |what: &str| {
        DatabaseError::Unavailable(format!("HTTP {status} with {what}: is the URL the one of a Williw Worker?"))
    };
    if status.is_success() {
        let success: Success =
            serde_json::from_slice(body).map_err(|_| foreign("a body that is no ledger's answer"))?;
        return Ok(success.data.results);
    }
    let failure: Failure = serde_json::from_slice(body).map_err(|_| foreign("a body that is no ledger's error"))?;
    let message = match &failure.details["message"] {
        serde_json::Value::String(details) => details.clone(),
        _ => failure.message,
    };
    Err(match (status, failure.error.as_str()) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => DatabaseError::Unauthorized(message),
        (_, "LEDGER_CONSTRAINT") => DatabaseError::Constraint(message),
        (_, "LEDGER_DECODE") => DatabaseError::Decode(message),
        // Refused before anything was run, or by the database before anything was written.
        (_, "UNKNOWN_STATEMENT" | "LEDGER_STATEMENT") => DatabaseError::Statement(message),
        (status, code) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
            DatabaseError::Statement(format!("HTTP {status}, {code}: {message}"))
        }
        (status, code) => DatabaseError::Unavailable(format!("HTTP {status}, {code}: {message}")),
    })
}

/// What became of a request without an answer: the innermost cause says it best.
fn unreachable(error: &reqwest::Error) -> DatabaseError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let url = error.url().map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let what = if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() };
    DatabaseError::Unavailable(format!("{url}: {what}"))
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A URL as it may be shown: whatever stands before an '@' may be a password.
fn without_credentials(url: &str) -> String {
    url.rsplit('@').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_travels_in_the_clear_to_another_machine() {
        for here in ["http://127.0.0.1:8787", "http://localhost:8787/", "http://[::1]:8787", "https://ledger.example"] {
            assert!(RemoteDatabase::new(here, "wk_1").is_ok(), "{here}");
        }
        let refused = RemoteDatabase::new("http://ledger.example", "wk_1").unwrap_err();
        assert_eq!(refused, RemoteError::Unencrypted("ledger.example".to_owned()));
    }

    #[test]
    fn what_is_no_url_of_a_worker_is_refused_and_a_password_in_it_is_not_repeated() {
        for url in ["ledger.sqlite3", "ftp://a", "https://", "https://a/b", "https://a/?q", "https://user:secret@a"] {
            let error = RemoteDatabase::new(url, "wk_1").unwrap_err();
            assert!(matches!(error, RemoteError::InvalidUrl(_)), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(RemoteDatabase::new("https://a", "wk_\n").unwrap_err(), RemoteError::InvalidKey);
    }

    #[test]
    fn the_workers_errors_become_the_databases() {
        let body = |code: &str| {
            format!(
                r#"{{"success":false,"error":"{code}","message":"m","details":{{"message":"CHECK constraint failed: lease_held"}}}}"#
            )
        };
        let error = |status, code| answer(status, body(code).as_bytes()).unwrap_err();
        assert!(error(StatusCode::CONFLICT, "LEDGER_CONSTRAINT").is_constraint("lease_held"));
        assert!(matches!(error(StatusCode::UNPROCESSABLE_ENTITY, "UNKNOWN_STATEMENT"), DatabaseError::Statement(_)));
        assert!(matches!(error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED"), DatabaseError::Unauthorized(_)));
        assert!(matches!(error(StatusCode::FORBIDDEN, "FORBIDDEN"), DatabaseError::Unauthorized(_)));
        assert!(matches!(error(StatusCode::SERVICE_UNAVAILABLE, "LEDGER_UNAVAILABLE"), DatabaseError::Unavailable(_)));
        assert!(matches!(error(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"), DatabaseError::Unavailable(_)));
    }

    #[test]
    fn an_answer_of_something_else_leaves_open_whether_the_batch_was_written() {
        for (status, body) in [
            (StatusCode::OK, "<html>"),
            (StatusCode::OK, "{}"),
            (StatusCode::BAD_GATEWAY, "<html>"),
            (StatusCode::FOUND, ""),
        ] {
            assert!(matches!(answer(status, body.as_bytes()), Err(DatabaseError::Unavailable(_))), "{status} {body}");
        }
    }
}
