//! Conversion between the runtime's requests and responses and axum's.

use axum::body::Body;
use http::Method;
use http_body_util::BodyExt;
use worker::{Env, Headers, HttpRequest, Request, Response, ResponseBuilder};

use super::bindings;
use super::console::ConsoleLogger;
use super::d1::D1Ledger;
use super::settlement_object::SettlementClient;
use crate::server;
use crate::state::{AppParts, AppState, Ledger};
use crate::time::WorkersClock;

/// Serves `request`.
///
/// # Errors
/// If the response cannot be converted for the runtime.
pub(crate) async fn serve(request: Request, env: &Env) -> worker::Result<Response> {
    let app = AppState::new(AppParts {
        ledger: Ledger::new(D1Ledger::from_env(env)),
        clock: WorkersClock::new(),
        settlement: Box::new(SettlementClient::from_env(env)),
        settings: bindings::settings(env),
        logger: Box::new(ConsoleLogger),
    });
    // The conversion consumes the request, so keep what the log entry of a malformed one needs.
    let (method, path) = (request.method().to_string(), request.path());
    let response = match HttpRequest::try_from(request) {
        Ok(request) => server::handle(app, request.map(Body::new)).await,
        Err(_) => server::reject_malformed(&app, &Method::from_bytes(method.as_bytes()).unwrap_or_default(), &path),
    };
    into_runtime_response(response).await
}

/// Collects the whole body first, so that its length is known and none of our code runs while it is sent.
async fn into_runtime_response(response: http::Response<Body>) -> worker::Result<Response> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| worker::Error::RustError(error.to_string()))?.to_bytes();
    let headers = Headers::new();
    for (name, value) in &head.headers {
        headers.append(name.as_str(), value.to_str().unwrap_or_default())?;
    }
    Ok(ResponseBuilder::new().with_status(head.status.as_u16()).with_headers(headers).fixed(body.to_vec()))
}
