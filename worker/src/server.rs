//! One request, from its head to its log line.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Method, Request};
use tower::ServiceExt;
use williw_relay::clock::Clock;

use crate::app::App;
use crate::log::LogLine;
use crate::routes::router;
use crate::time::TimestampUtils;
use crate::web::auth::ActorSlot;
use crate::web::error::{ApiError, ErrorCode};
use crate::web::reply::seal;
use crate::web::request_id::RequestId;

/// Log lines repeat paths only up to this many characters.
const LOGGED_PATH_CHARS: usize = 200;

/// Answers `request`.
pub async fn handle(app: App, mut request: Request<Body>) -> Response {
    let mut exchange = Exchange::open(&app, request.method(), request.uri().path());
    exchange.sent_ms =
        TimestampUtils::extract_from_headers(request.headers()).filter(|sent_ms| app.clock.set_timestamp(*sent_ms));
    request.extensions_mut().insert(exchange.actor.clone());
    let response = match router().clone().with_state(app.clone()).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    exchange.close(&app, response)
}

/// Answers a request that the runtime took and that is not well-formed HTTP all the same.
pub fn refuse_malformed(app: &App, method: &Method, path: &str) -> Response {
    let error = ApiError::new(
        ErrorCode::BadRequest,
        "the request cannot be read: headers may hold visible ASCII characters only, and the URL must be valid",
    );
    Exchange::open(app, method, path).close(app, error.into_response())
}

/// A request that is being answered.
struct Exchange {
    request_id: RequestId,
    method: String,
    path: String,
    actor: ActorSlot,
    /// When it was taken up, Unix milliseconds.
    opened_ms: i64,
    /// When the client says that it sent it, Unix milliseconds, if that can be believed.
    sent_ms: Option<i64>,
}

impl Exchange {
    fn open(app: &App, method: &Method, path: &str) -> Self {
        Self {
            request_id: RequestId::random(),
            method: method.to_string(),
            path: path.chars().take(LOGGED_PATH_CHARS).collect(),
            actor: ActorSlot::default(),
            opened_ms: app.clock.now_ms(),
            sent_ms: None,
        }
    }

    fn close(self, app: &App, response: Response) -> Response {
        let now_ms = app.clock.now_ms();
        let (response, error) = seal(response, &self.request_id, now_ms);
        app.log.request(&LogLine {
            message: "request",
            request_id: self.request_id.to_string(),
            method: self.method,
            path: self.path,
            status: response.status().as_u16(),
            error,
            actor: self.actor.get().map(str::to_owned),
            at: app.clock.timestamp_ms(),
            duration_ms: now_ms.saturating_sub(self.opened_ms),
            transit_ms: self.sent_ms.map(|sent_ms| self.opened_ms.saturating_sub(sent_ms)),
        });
        response
    }
}
