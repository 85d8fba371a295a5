//! The envelope around every answer.
//!
//! Handlers and extractors return a [`Success`] or an [`ApiError`]; both are response heads that carry their content
//! beside them. [`seal`] writes the body, in one place, once the request's id and the time are known. An answer of
//! the framework itself (an unknown path, say) has no content yet and is given the error shape there as well.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, StatusCode};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorCode};
use super::request_id::{REQUEST_ID_HEADER, RequestId};

/// Says that the answer is the stored one of an earlier request with the same `Idempotency-Key`.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The content of an answer that has no body yet.
#[derive(Clone)]
pub enum Unsealed {
    /// The `data` of a success, as JSON.
    Data(Box<RawValue>),
    /// An error.
    Error(ApiError),
}

/// A success on its way to the client.
pub struct Success<T> {
    status: StatusCode,
    data: T,
    replayed: bool,
}

impl<T> Success<T> {
    /// 200 with `data`.
    pub fn ok(data: T) -> Self {
        Self { status: StatusCode::OK, data, replayed: false }
    }

    /// 201 with `data`: something new was written.
    pub fn created(data: T) -> Self {
        Self { status: StatusCode::CREATED, data, replayed: false }
    }

    /// 201 when `created`, else 200.
    pub fn created_if(created: bool, data: T) -> Self {
        if created { Self::created(data) } else { Self::ok(data) }
    }

    /// 202 with `data`: it will be done.
    pub fn accepted(data: T) -> Self {
        Self { status: StatusCode::ACCEPTED, data, replayed: false }
    }

    /// Marks the answer as a stored one.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.replayed = replayed;
        self
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        let data = match serde_json::value::to_raw_value(&self.data) {
            Ok(data) => data,
            Err(error) => {
                return ApiError::new(ErrorCode::Internal, format!("the answer cannot be written as JSON: {error}"))
                    .into_response();
            }
        };
        let mut response = self.status.into_response();
        if self.replayed {
            response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        response.extensions_mut().insert(Unsealed::Data(data));
        response
    }
}

/// The envelope of a success.
#[derive(Serialize, ToSchema)]
pub struct SuccessBody<T> {
    /// Always true.
    success: bool,
    /// The answer.
    data: T,
    /// When the answer was written, in Unix milliseconds.
    timestamp: i64,
    /// The id of the request, also in the header `X-Request-Id`.
    request_id: String,
}

/// The envelope of an error.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    /// Always false.
    success: bool,
    /// What went wrong, for programs.
    error: ErrorCode,
    /// What went wrong and what to do, for people.
    message: String,
    /// Data that belongs to the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
    /// When the answer was written, in Unix milliseconds.
    timestamp: i64,
    /// The id of the request, also in the header `X-Request-Id`.
    request_id: String,
}

/// Writes the body of an answer. Returns the error's code beside it, for the log.
pub fn seal(mut response: Response, request_id: &RequestId, timestamp_ms: i64) -> (Response, Option<ErrorCode>) {
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let unsealed = match response.extensions_mut().remove::<Unsealed>() {
        Some(unsealed) => unsealed,
        None if response.status().is_client_error() || response.status().is_server_error() => {
            Unsealed::Error(framework_error(response.status()))
        }
        // A document that is no API answer, such as the OpenAPI document.
        None => return (response, None),
    };
    let (request_id, timestamp) = (request_id.to_string(), timestamp_ms);
    let (body, code) = match unsealed {
        Unsealed::Data(data) => {
            (Json(SuccessBody { success: true, data, timestamp, request_id }).into_response(), None)
        }
        Unsealed::Error(ApiError { code, message, details }) => {
            let body = ErrorBody { success: false, error: code, message, details, timestamp, request_id };
            (Json(body).into_response(), Some(code))
        }
    };
    let (head, body) = body.into_parts();
    response.headers_mut().extend(head.headers);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = body;
    if let Some(code) = code {
        *response.status_mut() = code.status();
    }
    (response, code)
}

/// The error for an answer that the framework made by itself.
fn framework_error(status: StatusCode) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => {
            ApiError::new(ErrorCode::NotFound, "there is nothing at this path: see /docs for those that there are")
        }
        StatusCode::METHOD_NOT_ALLOWED => ApiError::new(
            ErrorCode::MethodNotAllowed,
            "this path does not take this method: the Allow header names those that it takes",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(ErrorCode::BodyTooLarge, "the body is too large"),
        status if status.is_client_error() => ApiError::new(ErrorCode::BadRequest, "the request is not well-formed"),
        _ => ApiError::new(ErrorCode::Internal, "the request failed; nothing more is known"),
    }
}
