//! Responses and their common envelope.
//!
//! Handlers and extractors return a [`Success`] or an [`ApiError`]. Both become a response without a body, with the
//! content in an extension. [`write_envelope`] then writes the body of every response in one place, once the request's
//! id and the time are known. It also gives the error shape to responses that axum itself produced, such as 404.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, StatusCode};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorCode};
use super::request_id::{REQUEST_ID_HEADER, RequestId};

/// The response header that indicates that the response repeats that of an earlier request with the same
/// `Idempotency-Key`.
pub(crate) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The content of a response whose body has not been written yet.
#[derive(Clone)]
enum PendingBody {
    /// The `data` of a success, as JSON.
    Data(Box<RawValue>),
    Error(ApiError),
}

/// A successful response.
pub(crate) struct Success<T> {
    status: StatusCode,
    data: T,
    replayed: bool,
}

impl<T> Success<T> {
    /// 200 with `data`.
    pub(crate) fn ok(data: T) -> Self {
        Self { status: StatusCode::OK, data, replayed: false }
    }

    /// 201 with `data`.
    pub(crate) fn created(data: T) -> Self {
        Self { status: StatusCode::CREATED, data, replayed: false }
    }

    /// 201 with `data` if `created`, otherwise 200.
    pub(crate) fn created_if(created: bool, data: T) -> Self {
        if created { Self::created(data) } else { Self::ok(data) }
    }

    /// 202 with `data`.
    pub(crate) fn accepted(data: T) -> Self {
        Self { status: StatusCode::ACCEPTED, data, replayed: false }
    }

    /// Sets whether the response repeats an earlier one.
    #[must_use]
    pub(crate) fn replayed(mut self, replayed: bool) -> Self {
        self.replayed = replayed;
        self
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        let data = match serde_json::value::to_raw_value(&self.data) {
            Ok(data) => data,
            Err(error) => {
                return ApiError::new(ErrorCode::Internal, format!("the response cannot be serialized: {error}"))
                    .into_response();
            }
        };
        let mut response = self.status.into_response();
        if self.replayed {
            response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        response.extensions_mut().insert(PendingBody::Data(data));
        response
    }
}

/// How long a client should wait before it retries. D1 and Durable Objects fail over within seconds.
const RETRY_AFTER_SECONDS: &str = "2";

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        let headers = response.headers_mut();
        match self.code {
            // RFC 6750, section 3.
            ErrorCode::Unauthorized => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"williw\""));
            }
            ErrorCode::Forbidden => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"williw\", error=\"insufficient_scope\""),
                );
            }
            ErrorCode::LedgerUnavailable | ErrorCode::SettlementUnavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response.extensions_mut().insert(PendingBody::Error(self));
        response
    }
}

/// The envelope of a success.
#[derive(Serialize, ToSchema)]
pub(crate) struct SuccessBody<T> {
    /// Always true.
    success: bool,
    /// The result; its fields depend on the endpoint.
    data: T,
    /// When the response was created, in Unix milliseconds.
    timestamp: i64,
    /// The request's id, also in the `X-Request-Id` header.
    request_id: String,
}

/// The envelope of an error.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// Always false.
    success: bool,
    /// A stable code for programs.
    error: ErrorCode,
    /// What went wrong and how to fix it, for people.
    message: String,
    /// Additional data about the error; the fields depend on the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
    /// When the response was created, in Unix milliseconds.
    timestamp: i64,
    /// The request's id, also in the `X-Request-Id` header.
    request_id: String,
}

/// Writes the body of a response. Also returns the error code, for the log.
pub(crate) fn write_envelope(
    mut response: Response,
    request_id: &RequestId,
    timestamp_ms: i64,
) -> (Response, Option<ErrorCode>) {
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let pending = match response.extensions_mut().remove::<PendingBody>() {
        Some(pending) => pending,
        None if response.status().is_client_error() || response.status().is_server_error() => {
            PendingBody::Error(framework_error(response.status()))
        }
        // Not an API response, but a document such as the OpenAPI document.
        None => return (response, None),
    };
    let (request_id, timestamp) = (request_id.to_string(), timestamp_ms);
    let (body, code) = match pending {
        PendingBody::Data(data) => {
            (Json(SuccessBody { success: true, data, timestamp, request_id }).into_response(), None)
        }
        PendingBody::Error(ApiError { code, message, details }) => {
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

/// The error for a response that axum itself produced.
fn framework_error(status: StatusCode) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => {
            ApiError::new(ErrorCode::NotFound, "this path does not exist; see /docs for the available paths")
        }
        StatusCode::METHOD_NOT_ALLOWED => ApiError::new(
            ErrorCode::MethodNotAllowed,
            "this path does not support the method; the Allow header lists the supported methods",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(ErrorCode::BodyTooLarge, "the body is too large"),
        status if status.is_client_error() => ApiError::new(ErrorCode::BadRequest, "the request is malformed"),
        _ => ApiError::new(ErrorCode::Internal, "the request failed for an unknown reason"),
    }
}
