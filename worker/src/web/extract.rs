//! What a handler takes from a request: bounded, checked, and refused in the one error shape.
//!
//! axum's own extractors answer in plain text and have other statuses; these wrap them. None of them reads more than
//! its limit, and none repeats more of the input than the name of the field that is wrong.

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

/// The most that a body may hold, in bytes: a thousand rewards with their reasons, several times over.
pub const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// The most that a batch of ledger statements may hold, in bytes: D1 takes no parameter above 2 MB.
pub const LEDGER_BODY_LIMIT_BYTES: usize = 2 * 1024 * 1024;

/// The body as JSON, of at most `LIMIT_BYTES`.
pub struct JsonBody<T, const LIMIT_BYTES: usize = BODY_LIMIT_BYTES>(pub T);

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
                "the body has to be JSON: send the header 'Content-Type: application/json'",
            ));
        }
        parse_json(&read_body(request, LIMIT_BYTES).await?).map(Self)
    }
}

/// The body as JSON when there is one and it is not `null`.
pub struct OptionalJsonBody<T>(pub Option<T>);

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
            "there is a body of unknown type: send the header 'Content-Type: application/json' with it",
        ))
    }
}

/// Whether the content type is `application/json`, with any parameters, or another type with the suffix `+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads the body up to `limit_bytes`; a body that says that it is longer is not read at all.
async fn read_body(request: Request, limit_bytes: usize) -> Result<Bytes, ApiError> {
    let too_large = || {
        ApiError::new(
            ErrorCode::BodyTooLarge,
            format!("the body is larger than {} KiB: send less at a time", limit_bytes / 1024),
        )
        .with_details(json!({ "limit_bytes": limit_bytes }))
    };
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit_bytes)) {
        return Err(too_large());
    }
    match Limited::new(request.into_body(), limit_bytes).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(ApiError::new(ErrorCode::BadRequest, "the body did not arrive whole: send it again")),
    }
}

/// Reads JSON: what is no JSON is 400, what is JSON of another shape is 422 and names the field.
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
        format!("the body is no JSON: {problem} at line {} column {}", error.line(), error.column()),
    )
    .with_details(json!({ "line": error.line(), "column": error.column() }))
}

/// The error's words without the position that serde_json adds.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// The parameters of the path.
pub struct PathOf<T>(pub T);

impl<T, S> FromRequestParts<S> for PathOf<T>
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
                ApiError::new(ErrorCode::InvalidRequest, format!("in the path: {problem}"))
            }
            _ => ApiError::new(ErrorCode::BadRequest, "the path cannot be read"),
        })
    }
}

/// The parameters of the query.
pub struct QueryOf<T>(pub T);

impl<T, S> FromRequestParts<S> for QueryOf<T>
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
                ApiError::new(ErrorCode::InvalidRequest, format!("in the query: {problem}"))
            }
            _ => ApiError::new(ErrorCode::BadRequest, "the query cannot be read"),
        })
    }
}

/// The request header that names an attempt of the client's, so that a repeated one is done once.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The value of the `Idempotency-Key` header.
pub struct Idempotency(pub IdempotencyKey);

impl<S: Send + Sync> FromRequestParts<S> for Idempotency {
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
                    "this request moves money: send one header 'Idempotency-Key' of 1 to {} visible ASCII characters, \
                     a new one for each payment and the same one when you try again",
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
    struct Work {
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

    async fn read(request: Request) -> Result<Work, ApiError> {
        JsonBody::<Work, 64>::from_request(request, &()).await.map(|JsonBody(work)| work)
    }

    #[tokio::test]
    async fn a_body_of_the_right_shape_is_read() {
        for content_type in
            ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/a+json"]
        {
            assert_eq!(read(post(Some(content_type), r#"{"score":7}"#)).await.unwrap().score, 7, "{content_type}");
        }
    }

    #[tokio::test]
    async fn what_is_no_json_is_told_from_json_of_the_wrong_shape() {
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
    async fn the_field_that_is_wrong_is_named() {
        let error = read(post(Some("application/json"), r#"{"score":-1}"#)).await.unwrap_err();
        assert_eq!(error.details.unwrap()["field"], "score");
        assert!(error.message.starts_with("score: "), "{}", error.message);
        assert!(!error.message.contains("line"), "{}", error.message);
    }

    #[tokio::test]
    async fn another_content_type_is_refused_before_the_body_is_read() {
        for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("text/json+x")] {
            let error = read(post(content_type, Body::from_stream(Unread))).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::UnsupportedMediaType, "{content_type:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_announces_too_much_is_refused_unread() {
        let mut request = post(Some("application/json"), Body::from_stream(Unread));
        request.headers_mut().insert(CONTENT_LENGTH, "65".parse().unwrap());
        assert_eq!(read(request).await.unwrap_err().code, ErrorCode::BodyTooLarge);
    }

    #[tokio::test]
    async fn a_body_that_turns_out_too_large_is_refused() {
        let body = format!("{{\"score\":{}7}}", " ".repeat(64));
        let error = read(post(Some("application/json"), body)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BodyTooLarge);
        assert_eq!(error.details.unwrap()["limit_bytes"], 64);
    }

    #[tokio::test]
    async fn an_optional_body_may_be_missing_but_not_be_something_else() {
        let read =
            async |request| OptionalJsonBody::<Work>::from_request(request, &()).await.map(|body| body.0.is_some());
        assert_eq!(read(post(None, Body::empty())).await, Ok(false));
        assert_eq!(read(post(Some("application/json"), "null")).await, Ok(false));
        assert_eq!(read(post(Some("application/json"), r#"{"score":7}"#)).await, Ok(true));
        assert_eq!(read(post(None, "score=7")).await.unwrap_err().code, ErrorCode::UnsupportedMediaType);
    }

    #[tokio::test]
    async fn an_idempotency_key_is_one_short_visible_text() {
        let read = async |keys: &[&[u8]]| {
            let mut parts = http::Request::new(()).into_parts().0;
            for key in keys {
                parts.headers.append(IDEMPOTENCY_KEY, http::HeaderValue::from_bytes(key).unwrap());
            }
            Idempotency::from_request_parts(&mut parts, &()).await.map(|key| key.0)
        };
        assert_eq!(read(&[b"a-1"]).await.unwrap().as_str(), "a-1");
        let long = [b'x'; 256];
        for keys in [&[][..], &[&b""[..]], &[b"a b"], &[b"\xe9"], &[&long[..]], &[b"a", b"b"]] {
            assert_eq!(read(keys).await.unwrap_err().code, ErrorCode::IdempotencyKeyRequired, "{keys:?}");
        }
    }

    /// A body that must not be read.
    struct Unread;

    impl futures_core::Stream for Unread {
        type Item = Result<Bytes, std::io::Error>;

        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            panic!("the body was read");
        }
    }
}
