//! Handling one request, from routing to its log entry.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Method, Request};
use tower::ServiceExt;
use williw_relay::clock::Clock;

use crate::log::RequestLogEntry;
use crate::routes::router;
use crate::state::AppState;
use crate::time::TimestampUtils;
use crate::web::auth::ActorSlot;
use crate::web::error::{ApiError, ErrorCode};
use crate::web::request_id::RequestId;
use crate::web::response::write_envelope;

/// Longer paths are truncated to this many characters in the log.
const LOGGED_PATH_CHARS: usize = 200;

/// Routes `request`, writes the response envelope and logs the request.
pub(crate) async fn handle(app: AppState, mut request: Request<Body>) -> Response {
    let mut exchange = Exchange::begin(&app, request.method(), request.uri().path());
    exchange.sent_ms =
        TimestampUtils::extract_from_headers(request.headers()).filter(|sent_ms| app.clock.set_timestamp(*sent_ms));
    request.extensions_mut().insert(exchange.actor.clone());
    let response = match router().clone().with_state(app.clone()).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    exchange.finish(&app, response)
}

/// Responds to a request that the runtime accepted although it is not well-formed HTTP.
pub(crate) fn reject_malformed(app: &AppState, method: &Method, path: &str) -> Response {
    let error = ApiError::new(
        ErrorCode::BadRequest,
        "the request is malformed: headers must contain visible ASCII characters only, and the URL must be valid",
    );
    Exchange::begin(app, method, path).finish(app, error.into_response())
}

/// A request and the response that is being prepared for it.
struct Exchange {
    request_id: RequestId,
    method: String,
    path: String,
    actor: ActorSlot,
    /// When handling started, in Unix milliseconds.
    started_ms: i64,
    /// When the client says that it sent the request, in Unix milliseconds, if that is plausible.
    sent_ms: Option<i64>,
}

impl Exchange {
    fn begin(app: &AppState, method: &Method, path: &str) -> Self {
        Self {
            request_id: RequestId::random(),
            method: method.to_string(),
            path: path.chars().take(LOGGED_PATH_CHARS).collect(),
            actor: ActorSlot::default(),
            started_ms: app.clock.now_ms(),
            sent_ms: None,
        }
    }

    fn finish(self, app: &AppState, response: Response) -> Response {
        let now_ms = app.clock.now_ms();
        let (response, error) = write_envelope(response, &self.request_id, now_ms);
        app.logger.log(&RequestLogEntry {
            message: "request",
            request_id: self.request_id.to_string(),
            method: self.method,
            path: self.path,
            status: response.status().as_u16(),
            error,
            actor: self.actor.get().map(str::to_owned),
            at: app.clock.timestamp_ms(),
            duration_ms: now_ms.saturating_sub(self.started_ms),
            transit_ms: self.sent_ms.map(|sent_ms| self.started_ms.saturating_sub(sent_ms)),
        });
        response
    }
}
