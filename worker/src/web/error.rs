//! The API's error type and error codes.
//!
//! Every failure becomes an [`ApiError`], whose code alone determines the HTTP status. Messages say how to fix the
//! problem and must never contain a secret.

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A stable, machine-readable identifier of an error. Messages are for people and may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ErrorCode {
    /// The HTTP request is malformed.
    BadRequest,
    /// The body is not valid JSON.
    InvalidJson,
    /// The `Idempotency-Key` header is missing or invalid.
    IdempotencyKeyRequired,
    /// The API key is missing, unknown or revoked.
    Unauthorized,
    /// The API key lacks the required scope; `details.scope` names it.
    Forbidden,
    /// The path does not exist.
    NotFound,
    /// A node is not registered; `details.nodes` lists all such nodes.
    UnknownNode,
    /// The settlement does not exist.
    UnknownSettlement,
    /// The API key does not exist.
    UnknownApiKey,
    /// The path does not support the method.
    MethodNotAllowed,
    /// An operator has suspended the node, so its contributions are rejected.
    NodeSuspended,
    /// The node is registered with a different address.
    AddressConflict,
    /// The node is registered with a different public key.
    PublicKeyConflict,
    /// The task no longer accepts contributions.
    TaskClosed,
    /// A contribution with the same id but different content exists.
    ContributionConflict,
    /// The write violates a constraint of the ledger; nothing was written.
    LedgerConstraint,
    /// The body exceeds the size limit.
    BodyTooLarge,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is JSON but does not match the schema (`details.field` locates the error), or a path or query
    /// parameter is invalid.
    InvalidRequest,
    /// A value is invalid; `details.field` names the field.
    InvalidField,
    /// A timestamp is out of range.
    InvalidTimestamp,
    /// An entry of a distribution grants 0 lamports.
    ZeroAmount,
    /// The reward exceeds the maximum amount.
    RewardTooLarge,
    /// The sum of the request's amounts exceeds the maximum amount.
    SumTooLarge,
    /// A node's total would exceed the maximum amount.
    TotalTooLarge,
    /// The request contains no entries.
    NoEntries,
    /// The request contains too many entries.
    TooManyEntries,
    /// The cursor does not belong to this list.
    InvalidCursor,
    /// The page size is out of range.
    InvalidLimit,
    /// The `Idempotency-Key` was used for a different request.
    IdempotencyConflict,
    /// The SQL text is not one of the ledger's statements.
    UnknownStatement,
    /// The ledger cannot run a statement: its schema does not match this version, or the parameters are invalid.
    LedgerStatement,
    /// The ledger contains unexpected data.
    LedgerDecode,
    /// The ledger denies this service access.
    LedgerUnauthorized,
    /// An unexpected error in the Worker.
    Internal,
    /// The ledger cannot be reached. The write may or may not have happened; it is safe to repeat the request.
    LedgerUnavailable,
    /// The settlement object cannot be reached.
    SettlementUnavailable,
    /// A required setting is missing; `details.setting` names it.
    SettingMissing,
    /// A setting is invalid; `details.setting` names it.
    SettingInvalid,
}

impl ErrorCode {
    /// The HTTP status of responses with this code.
    pub(crate) const fn status(self) -> StatusCode {
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

/// An error to be returned to the client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub code: ErrorCode,
    /// What went wrong and how to fix it, for people.
    pub message: String,
    /// Additional data for programs.
    pub details: Option<Value>,
}

impl ApiError {
    /// An error without details.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    /// Adds `details`.
    #[must_use]
    pub(crate) fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }
}
