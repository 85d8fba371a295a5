//! JSON-RPC over the runtime's `fetch`, with a time limit and a bounded answer.

mod codec;

use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt, pin_mut};
use serde_json::Value;
use wasm_bindgen::JsValue;
use williw_relay::chain::{RpcError, Transport};
use worker::{AbortController, CacheMode, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use codec::MAX_ANSWER_BYTES;

/// Longer than any healthy node takes for a call of the engine's, shorter than a blockhash lives.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Calls a Solana RPC node with `fetch`.
pub struct FetchTransport {
    url: String,
}

impl FetchTransport {
    /// A transport to the node at `url`. Nothing is sent yet.
    pub fn new(url: String) -> Self {
        Self { url }
    }

    async fn exchange(&self, body: &str, abort: &AbortController) -> Result<Vec<u8>, RpcError> {
        let headers = Headers::new();
        headers.set("content-type", "application/json").map_err(|error| unreachable(&error))?;
        let mut init = RequestInit::new();
        init.with_method(Method::Post)
            .with_headers(headers)
            .with_body(Some(JsValue::from_str(body)))
            // A redirect would carry the request, and an access token in its URL, to another host.
            .with_redirect(RequestRedirect::Manual)
            .with_cache(CacheMode::NoStore);
        let request = Request::new_with_init(&self.url, &init).map_err(|error| unreachable(&error))?;
        let mut response =
            Fetch::Request(request).send_with_signal(&abort.signal()).await.map_err(|error| unreachable(&error))?;
        let status = response.status_code();
        let mut chunks = response.stream().map_err(|error| unreachable(&error))?;
        let mut answer = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| unreachable(&error))?;
            if answer.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(RpcError::InvalidResponse(format!("an answer of more than {MAX_ANSWER_BYTES} bytes")));
            }
            answer.extend_from_slice(&chunk);
        }
        codec::check_status(status, &answer)?;
        Ok(answer)
    }
}

impl Transport for FetchTransport {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        let body = codec::request(method, &params);
        let abort = AbortController::default();
        let outcome = {
            let exchange = self.exchange(&body, &abort);
            let timeout = Delay::from(REQUEST_TIMEOUT);
            pin_mut!(exchange, timeout);
            match select(exchange, timeout).await {
                Either::Left((answer, _)) => answer,
                Either::Right(((), _)) => {
                    Err(RpcError::Unreachable(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())))
                }
            }
        };
        if outcome.is_err() {
            // Ends what is still under way.
            abort.abort();
        }
        codec::result(&outcome?)
    }
}

/// The runtime's reason, which can repeat the URL and with it an access token: only its kind is kept.
fn unreachable(error: &worker::Error) -> RpcError {
    let text = error.to_string();
    let reason = ["Network connection lost", "internal error", "Too many subrequests", "Invalid URL"]
        .into_iter()
        .find(|reason| text.contains(reason));
    RpcError::Unreachable(reason.unwrap_or("the request failed").to_owned())
}
