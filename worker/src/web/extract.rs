//! Extractors that limit the size of the input and report every error in the API's error format.
//!
//! They wrap axum's own extractors, which respond in plain text and with other statuses. No extractor reads more than
//! its limit, and none repeats more of the input than the name of the invalid field.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::json;
use williw_relay::types::IdempotencyKey;

use super::error::{ApiError, ErrorCode};

/// The maximum size of a body, in bytes: several times that of a thousand rewards with their reasons.
pub(crate) const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// The maximum size of a batch of ledger statements, in bytes. D1 limits a parameter to 2 MB.
pub(crate) const LEDGER_BODY_LIMIT_BYTES: usize = williw_relay::database::wire::MAX_REQUEST_BYTES;

/// A JSON body of at most `LIMIT_BYTES`.
pub(crate) struct JsonBody<T, const LIMIT_BYTES: usize = BODY_LIMIT_BYTES>(pub T);

impl<T, S, const LIMIT_BYTES: usize> FromRequest<S> for JsonBody<T, LIMIT_BYTES>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(
                ErrorCode::UnsupportedMediaType,
                "the body must be JSON: send the header 'Content-Type: application/json'",
            ));
        }
        parse_json(&read_body(request, LIMIT_BYTES).await?).map(Self)
    }
}

/// A JSON body that can be omitted or `null`.
pub(crate) struct OptionalJsonBody<T>(pub Option<T>);

impl<T, S> FromRequest<S> for OptionalJsonBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if request.headers().contains_key(CONTENT_TYPE) {
            return JsonBody::<Option<T>>::from_request(request, state).await.map(|JsonBody(value)| Self(value));
        }
        if read_body(request, BODY_LIMIT_BYTES).await?.is_empty() {
            return Ok(Self(None));
        }
        Err(ApiError::new(
            ErrorCode::UnsupportedMediaType,
            "the body has no content type: send the header 'Content-Type: application/json' with it",
        ))
    }
}

/// Whether the content type is `application/json` or `application/*+json`, with any parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads at most `limit_bytes`. A body with a larger `Content-Length` is not read at all.
async fn read_body(request: Request, limit_bytes: usize) -> Result<Bytes, ApiError> {
    let too_large = || {
        ApiError::new(
            ErrorCode::BodyTooLarge,
            format!("the body is larger than {} KiB; split it into several requests", limit_bytes / 1024),
        )
        .with_details(json!({ "limit_bytes": limit_bytes }))
    };
    let content_length =
        request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if content_length.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit_bytes)) {
        return Err(too_large());
    }
    match Limited::new(request.into_body(), limit_bytes).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(ApiError::new(ErrorCode::BadRequest, "the body is incomplete; send the request again")),
    }
}

/// Parses JSON. Invalid JSON is [`ErrorCode::InvalidJson`]; JSON that does not match `T` is
/// [`ErrorCode::InvalidRequest`] and names the field.
fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            Category::Data => {
                let problem = without_position(&error);
                let message = if field == "." { problem.clone() } else { format!("{field}: {problem}") };
                ApiError::new(ErrorCode::InvalidRequest, message)
                    .with_details(json!({ "field": field, "problem": problem }))
            }
            Category::Io | Category::Syntax | Category::Eof => invalid_json(&error),
        }
    })?;
    deserializer.end().map_err(|error| invalid_json(&error))?;
    Ok(value)
}

fn invalid_json(error: &serde_json::Error) -> ApiError {
    let problem = without_position(error);
    ApiError::new(
        ErrorCode::InvalidJson,
        format!("the body is not valid JSON: {problem} at line {} column {}", error.line(), error.column()),
    )
    .with_details(json!({ "line": error.line(), "column": error.column() }))
}

/// The error's message without the position that serde_json appends.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// Path parameters.
pub(crate) struct ApiPath<T>(pub T);

impl<T, S> FromRequestParts<S> for ApiPath<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|rejection| match rejection {
            PathRejection::FailedToDeserializePathParams(error) => {
                let problem = error.body_text();
                let problem = problem.strip_prefix("Invalid URL: ").unwrap_or(&problem);
                ApiError::new(ErrorCode::InvalidRequest, format!("invalid path: {problem}"))
            }
            _ => ApiError::new(ErrorCode::BadRequest, "the path is malformed"),
        })
    }
}

/// Query parameters.
pub(crate) struct ApiQuery<T>(pub T);

impl<T, S> FromRequestParts<S> for ApiQuery<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|rejection| match rejection {
            QueryRejection::FailedToDeserializeQueryString(error) => {
                let problem = error.body_text();
                let problem = problem.strip_prefix("Failed to deserialize query string: ").unwrap_or(&problem);
                ApiError::new(ErrorCode::InvalidRequest, format!("invalid query: {problem}"))
            }
            _ => ApiError::new(ErrorCode::BadRequest, "the query is malformed"),
        })
    }
}

/// The request header that makes retries of a request idempotent.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The value of the `Idempotency-Key` header.
pub(crate) struct IdempotencyHeader(pub IdempotencyKey);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyHeader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let key = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().and_then(|key| key.trim().parse().ok()),
            _ => None,
        };
        key.map(Self).ok_or_else(|| {
            ApiError::new(
                ErrorCode::IdempotencyKeyRequired,
                format!(
                    "this request grants rewards and must be idempotent: send one 'Idempotency-Key' header of 1 to {} \
                     visible ASCII characters; use a new key for each grant and the same key for retries",
                    IdempotencyKey::MAX_BYTES
                ),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Contribution {
        #[allow(dead_code, reason = "only the shape matters here")]
        score: u64,
    }

    fn post(content_type: Option<&str>, body: impl Into<Body>) -> Request {
        let mut request = http::Request::post("/");
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        request.body(body.into()).unwrap()
    }

    async fn read(request: Request) -> Result<Contribution, ApiError> {
        JsonBody::<Contribution, 64>::from_request(request, &()).await.map(|JsonBody(contribution)| contribution)
    }

    #[tokio::test]
    async fn a_valid_body_is_parsed() {
        for content_type in
            ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/a+json"]
        {
            assert_eq!(read(post(Some(content_type), r#"{"score":7}"#)).await.unwrap().score, 7, "{content_type}");
        }
    }

    #[tokio::test]
    async fn invalid_json_and_json_of_the_wrong_shape_have_different_codes() {
        for (body, code) in [
            ("", ErrorCode::InvalidJson),
            ("{\"score\":", ErrorCode::InvalidJson),
            ("{\"score\":7} x", ErrorCode::InvalidJson),
            ("not json", ErrorCode::InvalidJson),
            ("\u{feff}{\"score\":7}", ErrorCode::InvalidJson),
            ("[]", ErrorCode::InvalidRequest),
            ("{}", ErrorCode::InvalidRequest),
            ("{\"score\":-1}", ErrorCode::InvalidRequest),
            ("{\"score\":1.5}", ErrorCode::InvalidRequest),
            ("{\"score\":99999999999999999999}", ErrorCode::InvalidRequest),
            ("{\"score\":7,\"scoer\":7}", ErrorCode::InvalidRequest),
            ("{\"score\":7,\"score\":8}", ErrorCode::InvalidRequest),
        ] {
            let error = read(post(Some("application/json"), body)).await.unwrap_err();
            assert_eq!(error.code, code, "{body}: {}", error.message);
        }
    }

    #[tokio::test]
    async fn the_invalid_field_is_named() {
        let error = read(post(Some("application/json"), r#"{"score":-1}"#)).await.unwrap_err();
        assert_eq!(error.details.unwrap()["field"], "score");
        assert!(error.message.starts_with("score: "), "{}", error.message);
        assert!(!error.message.contains("line"), "{}", error.message);
    }

    #[tokio::test]
    async fn another_content_type_is_rejected_before_the_body_is_read() {
        for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("text/json+x")] {
            let error = read(post(content_type, Body::from_stream(UnreadableBody))).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::UnsupportedMediaType, "{content_type:?}");
        }
    }

    #[tokio::test]
    async fn a_body_with_too_large_a_content_length_is_rejected_unread() {
        let mut request = post(Some("application/json"), Body::from_stream(UnreadableBody));
        request.headers_mut().insert(CONTENT_LENGTH, "65".parse().unwrap());
        assert_eq!(read(request).await.unwrap_err().code, ErrorCode::BodyTooLarge);
    }

    #[tokio::test]
    async fn a_body_that_exceeds_the_limit_is_rejected() {
        let body = format!("{{\"score\":{}7}}", " ".repeat(64));
        let error = read(post(Some("application/json"), body)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BodyTooLarge);
        assert_eq!(error.details.unwrap()["limit_bytes"], 64);
    }

    #[tokio::test]
    async fn an_optional_body_can_be_missing_but_not_of_another_type() {
        let read = async |request| {
            OptionalJsonBody::<Contribution>::from_request(request, &()).await.map(|body| body.0.is_some())
        };
        assert_eq!(read(post(None, Body::empty())).await, Ok(false));
        assert_eq!(read(post(Some("application/json"), "null")).await, Ok(false));
        assert_eq!(read(post(Some("application/json"), r#"{"score":7}"#)).await, Ok(true));
        assert_eq!(read(post(None, "score=7")).await.unwrap_err().code, ErrorCode::UnsupportedMediaType);
    }

    #[tokio::test]
    async fn an_idempotency_key_is_a_single_short_header_of_visible_ascii() {
        let read = async |keys: &[&[u8]]| {
            let mut parts = http::Request::new(()).into_parts().0;
            for key in keys {
                parts.headers.append(IDEMPOTENCY_KEY, http::HeaderValue::from_bytes(key).unwrap());
            }
            IdempotencyHeader::from_request_parts(&mut parts, &()).await.map(|key| key.0)
        };
        assert_eq!(read(&[b"a-1"]).await.unwrap().as_str(), "a-1");
        let long = [b'x'; 256];
        for keys in [&[][..], &[&b""[..]], &[b"a b"], &[b"\xe9"], &[&long[..]], &[b"a", b"b"]] {
            assert_eq!(read(keys).await.unwrap_err().code, ErrorCode::IdempotencyKeyRequired, "{keys:?}");
        }
    }

    /// A body that must not be read.
    struct UnreadableBody;

    impl futures_core::Stream for UnreadableBody {
        type Item = Result<Bytes, std::io::Error>;

        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            panic!("the body was read");
        }
    }
}
