//! JSON-RPC over the runtime's `fetch`, with a timeout and a maximum response size.

use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt, pin_mut};
use serde_json::Value;
use wasm_bindgen::JsValue;
use williw_relay::chain::wire::{MAX_RESPONSE_BYTES, decode_http, encode_request};
use williw_relay::chain::{RpcError, Transport};
use worker::{AbortController, CacheMode, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

/// Longer than a healthy node needs for any request of the engine, and much shorter than a lease lasts.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests to a Solana RPC node with `fetch`.
pub(crate) struct FetchTransport {
    url: String,
}

impl FetchTransport {
    pub(crate) fn new(url: String) -> Self {
        Self { url }
    }

    async fn exchange(&self, request: &str, abort: &AbortController) -> Result<Value, RpcError> {
        let headers = Headers::new();
        headers.set("content-type", "application/json").map_err(|error| unreachable(&error))?;
        let mut init = RequestInit::new();
        init.with_method(Method::Post)
            .with_headers(headers)
            .with_body(Some(JsValue::from_str(request)))
            // Following a redirect would send the request to another host.
            .with_redirect(RequestRedirect::Manual)
            .with_cache(CacheMode::NoStore);
        let request = Request::new_with_init(&self.url, &init).map_err(|error| unreachable(&error))?;
        let mut response =
            Fetch::Request(request).send_with_signal(&abort.signal()).await.map_err(|error| unreachable(&error))?;
        let status = response.status_code();
        let retry_after = response.headers().get("retry-after").ok().flatten();
        let mut chunks = response.stream().map_err(|error| unreachable(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| unreachable(&error))?;
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Err(RpcError::InvalidResponse(format!(
                    "the response is larger than {MAX_RESPONSE_BYTES} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        decode_http(status, retry_after.as_deref(), &body)
    }
}

impl Transport for FetchTransport {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        let request = encode_request(method, &params);
        let abort = AbortController::default();
        let outcome = {
            let exchange = self.exchange(&request, &abort);
            let timeout = Delay::from(REQUEST_TIMEOUT);
            pin_mut!(exchange, timeout);
            match select(exchange, timeout).await {
                Either::Left((response, _)) => response,
                Either::Right(((), _)) => {
                    Err(RpcError::Unreachable(format!("no response within {} s", REQUEST_TIMEOUT.as_secs())))
                }
            }
        };
        if outcome.is_err() {
            // Cancels the request if it is still in flight.
            abort.abort();
        }
        outcome
    }
}

/// Keeps only the kind of a runtime error: its message can contain the URL, and with it an access token.
fn unreachable(error: &worker::Error) -> RpcError {
    let text = error.to_string();
    let reason = ["Network connection lost", "internal error", "Too many subrequests", "Invalid URL"]
        .into_iter()
        .find(|reason| text.contains(reason));
    RpcError::Unreachable(reason.unwrap_or("the request failed").to_owned())
}
