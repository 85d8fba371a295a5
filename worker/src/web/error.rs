//! The one error shape of the API, and the one list of its codes.
//!
//! Whatever goes wrong becomes an [`ApiError`]; its code alone decides the HTTP status. A message says what to do
//! and must never hold a secret.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::reply::Unsealed;

/// What went wrong, in a word that does not change: clients decide by it, people read the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The request is not well-formed HTTP for this API.
    BadRequest,
    /// The body is no JSON.
    InvalidJson,
    /// The `Idempotency-Key` header is missing or not usable.
    IdempotencyKeyRequired,
    /// There is no key, or it is unknown or revoked.
    Unauthorized,
    /// The key lacks the scope; `details.scope` names it.
    Forbidden,
    /// There is no such path.
    NotFound,
    /// There is no such node; `details.nodes` names all of them.
    UnknownNode,
    /// There is no such settlement.
    UnknownSettlement,
    /// There is no such API key.
    UnknownApiKey,
    /// The path does not take this method.
    MethodNotAllowed,
    /// An operator has excluded the node.
    NodeSuspended,
    /// The node has another address already.
    AddressConflict,
    /// The node has another public key already.
    PublicKeyConflict,
    /// The task takes no more contributions.
    TaskClosed,
    /// The same contribution id was used for another content.
    ContributionConflict,
    /// A constraint of the ledger refused the write; nothing was written.
    LedgerConstraint,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is JSON of another shape; `details.field` names the place. Or a parameter of the path or query is
    /// not acceptable.
    InvalidRequest,
    /// A value is out of bounds; `details.field` names it.
    InvalidField,
    /// A time that cannot be.
    InvalidTimestamp,
    /// A reward of nothing.
    ZeroAmount,
    /// The reward is more than the ledger can hold.
    RewardTooLarge,
    /// The amounts of the request add up to more than the ledger can hold.
    SumTooLarge,
    /// A node's total would be more than the ledger can hold.
    TotalTooLarge,
    /// The request has no entries.
    NoEntries,
    /// The request has too many entries.
    TooManyEntries,
    /// The cursor is not one of this list.
    InvalidCursor,
    /// The page size is out of bounds.
    InvalidLimit,
    /// The `Idempotency-Key` was used with another request.
    IdempotencyConflict,
    /// The SQL text is none that the ledger knows.
    UnknownStatement,
    /// The ledger cannot run a statement: its schema is not that of this version, or the parameters do not fit.
    LedgerStatement,
    /// The ledger holds something unexpected.
    LedgerDecode,
    /// The ledger does not let this service in.
    LedgerUnauthorized,
    /// The Worker made a mistake.
    Internal,
    /// The ledger cannot be reached: it may have written or not. The same request can be sent again.
    LedgerUnavailable,
    /// The settlement object cannot be reached.
    SettlementUnavailable,
    /// A setting is missing; `details.setting` names it.
    SettingMissing,
    /// A setting is not usable; `details.setting` names it.
    SettingInvalid,
}

impl ErrorCode {
    /// The HTTP status of the code.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::InvalidJson | Self::IdempotencyKeyRequired => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownNode | Self::UnknownSettlement | Self::UnknownApiKey => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NodeSuspended
            | Self::AddressConflict
            | Self::PublicKeyConflict
            | Self::TaskClosed
            | Self::ContributionConflict
            | Self::LedgerConstraint => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidRequest
            | Self::InvalidField
            | Self::InvalidTimestamp
            | Self::ZeroAmount
            | Self::RewardTooLarge
            | Self::SumTooLarge
            | Self::TotalTooLarge
            | Self::NoEntries
            | Self::TooManyEntries
            | Self::InvalidCursor
            | Self::InvalidLimit
            | Self::IdempotencyConflict
            | Self::UnknownStatement => StatusCode::UNPROCESSABLE_ENTITY,
            Self::LedgerStatement | Self::LedgerDecode | Self::LedgerUnauthorized | Self::Internal => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::LedgerUnavailable | Self::SettlementUnavailable | Self::SettingMissing | Self::SettingInvalid => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

/// After how long a client may try again when a part was out of reach: D1 and Durable Objects move within seconds.
const RETRY_AFTER_SECONDS: &str = "2";

/// An error on its way to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// What went wrong.
    pub code: ErrorCode,
    /// The same in a sentence, and what to do.
    pub message: String,
    /// Data that belongs to it.
    pub details: Option<Value>,
}

impl ApiError {
    /// An error without details.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    /// The same error with data.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }
}

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
        response.extensions_mut().insert(Unsealed::Error(self));
        response
    }
}
