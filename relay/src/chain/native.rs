//! The native transport: JSON-RPC over HTTP.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, redirect};
use serde_json::Value;

use super::throttle::Timer;
use super::wire::{MAX_RESPONSE_BYTES, decode_http, encode_request};
use super::{ChainError, RpcError, Transport};

/// Longer than a healthy node needs for any request of the engine, and much shorter than a lease lasts.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests to a Solana RPC node. It never waits and tries again by itself: that is for the caller to decide, who may
/// hold a lease.
pub struct HttpTransport {
    client: Client,
    url: String,
}

impl HttpTransport {
    /// Creates a transport for the RPC node at `url`. Does not connect yet.
    ///
    /// # Errors
    /// [`ChainError::Unreachable`] if the HTTP client cannot be initialized.
    pub fn new(url: &str) -> Result<Self, ChainError> {
        let client = Client::builder()
            // Following a redirect would send the request to another host.
            .redirect(redirect::Policy::none())
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|error| ChainError::Unreachable(error_chain(&error)))?;
        Ok(Self { client, url: url.to_owned() })
    }

    async fn body(mut response: Response) -> Result<Vec<u8>, RpcError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len().saturating_add(chunk.len()) > MAX_RESPONSE_BYTES {
                return Err(RpcError::InvalidResponse(format!(
                    "the response is larger than {MAX_RESPONSE_BYTES} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Transport for HttpTransport {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        let request = self.client.post(&self.url).header(CONTENT_TYPE, "application/json");
        let response = request.body(encode_request(method, &params)).send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Self::body(response).await?;
        decode_http(status, retry_after.as_deref(), &body)
    }
}

/// The time of the async runtime, which no change of the system's clock affects.
pub struct TokioTimer(tokio::time::Instant);

impl TokioTimer {
    /// Counts from now on.
    pub fn new() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Default for TokioTimer {
    fn default() -> Self {
        Self::new()
    }
}

impl Timer for TokioTimer {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn sleep_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// The error without the URL, which may contain an access token.
fn unreachable(error: reqwest::Error) -> RpcError {
    RpcError::Unreachable(error_chain(&error.without_url()))
}

/// The message of an error and of all its sources.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
