//! JSON-RPC over the runtime's `fetch`, with a timeout and a maximum response size.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt, pin_mut};
use serde_json::Value;
use wasm_bindgen::JsValue;
use williw_relay::chain::throttle::{Rate, Timer, share_of_requests};
use williw_relay::chain::wire::{MAX_RESPONSE_BYTES, decode_http, encode_request};
use williw_relay::chain::{JsonRpc, Pool, RpcError, Throttled, Transport};
use worker::js_sys::Date;
use worker::{AbortController, CacheMode, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

/// Longer than a healthy node needs for any request of the engine, and much shorter than a lease lasts.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of connections that an invocation can have open.
const CONNECTIONS: usize = 6;

/// The client for the RPC nodes.
pub(crate) type Cluster = Pool<JsonRpc<Throttled<FetchTransport, RuntimeTimer>>>;

/// How often each RPC node is asked. Kept between alarms, so that a node is left alone for as long as it has asked.
#[derive(Default)]
pub(crate) struct Rates(RefCell<BTreeMap<String, Rc<Rate>>>);

impl Rates {
    /// Creates the client for the RPC nodes at `urls`, each of which is sent `per_second` requests in any second, at most.
    pub(crate) fn cluster(&self, urls: &[String], per_second: NonZeroU32) -> Cluster {
        let in_flight = share_of_requests(CONNECTIONS, urls.len());
        Pool::new(urls.iter().map(|url| {
            let mut all = self.0.borrow_mut();
            // A setting changes only with a new deployment, which starts a new object.
            let rate = all.entry(url.clone()).or_insert_with(|| Rc::new(Rate::new(per_second)));
            JsonRpc::new(Throttled::new(FetchTransport::new(url.clone()), RuntimeTimer, Rc::clone(rate), in_flight))
        }))
    }
}

/// The runtime's time.
pub(crate) struct RuntimeTimer;

impl Timer for RuntimeTimer {
    fn now_ms(&self) -> u64 {
        Date::now() as u64
    }

    async fn sleep_ms(&self, ms: u64) {
        Delay::from(Duration::from_millis(ms)).await;
    }
}

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
