//! From the runtime's requests to ours and back.

use axum::body::Body;
use http::Method;
use http_body_util::BodyExt;
use worker::{Env, Headers, HttpRequest, Request, Response, ResponseBuilder};

use super::bindings;
use super::{ConsoleLog, D1Ledger, SettlementObject};
use crate::app::{App, Ledger, Parts};
use crate::server;
use crate::time::WorkersClock;

/// Answers `request`.
///
/// # Errors
/// When the answer cannot be handed to the runtime.
pub async fn serve(request: Request, env: &Env) -> worker::Result<Response> {
    let app = App::new(Parts {
        ledger: Ledger::new(D1Ledger::bound_to(env)),
        clock: WorkersClock::new(),
        settlement: Box::new(SettlementObject::bound_to(env)),
        settings: bindings::settings(env),
        log: Box::new(ConsoleLog),
    });
    // The conversion takes the request with it: what the log needs of a bad one is kept before.
    let (method, path) = (request.method().to_string(), request.path());
    let response = match HttpRequest::try_from(request) {
        Ok(request) => server::handle(app, request.map(Body::new)).await,
        Err(_) => server::refuse_malformed(&app, &Method::from_bytes(method.as_bytes()).unwrap_or_default(), &path),
    };
    into_runtime(response).await
}

/// Hands over a whole body in one piece: then its length is known and nothing of ours runs while it is sent.
async fn into_runtime(response: http::Response<Body>) -> worker::Result<Response> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| worker::Error::RustError(error.to_string()))?.to_bytes();
    let headers = Headers::new();
    for (name, value) in &head.headers {
        headers.append(name.as_str(), value.to_str().unwrap_or_default())?;
    }
    Ok(ResponseBuilder::new().with_status(head.status.as_u16()).with_headers(headers).fixed(body.to_vec()))
}
