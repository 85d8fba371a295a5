//! The ledger's own statements over HTTP, for a relay in a process of its own.

use axum::extract::State;
use serde_json::json;
use williw_relay::database::Database;
use williw_relay::database::wire::{BatchRequest, BatchResults, UnknownStatement};

use crate::app::App;
use crate::openapi::BodyErrors;
use crate::web::auth::{Authorized, Ledger};
use crate::web::error::{ApiError, ErrorCode};
use crate::web::extract::{JsonBody, LEDGER_BODY_LIMIT_BYTES};
use crate::web::reply::{ErrorBody, Success, SuccessBody};

impl From<UnknownStatement> for ApiError {
    fn from(error: UnknownStatement) -> Self {
        Self::new(ErrorCode::UnknownStatement, error.to_string()).with_details(json!({ "position": error.position }))
    }
}

/// Run statements of the ledger
///
/// In order and in one transaction: all of them, or none. Only the ledger's own SQL is run, word for word; what a relay
/// does not need takes the scope `admin`.
#[utoipa::path(
    post, path = "/v1/ledger/batch", tag = "ledger", operation_id = "run_ledger_batch",
    request_body = BatchRequest,
    security(("bearer" = ["ledger"])),
    responses(
        (status = 200, description = "The rows of each statement", body = SuccessBody<BatchResults>),
        (status = 409, description = "A constraint refused it; nothing was written", body = ErrorBody),
        (status = 500, description = "A statement cannot be run", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub async fn batch(
    State(app): State<App>,
    caller: Authorized<Ledger>,
    JsonBody(request): JsonBody<BatchRequest, LEDGER_BODY_LIMIT_BYTES>,
) -> Result<Success<BatchResults>, ApiError> {
    // The statements behind the API skip its checks: with them, a relay's key could make itself keys, or rewards.
    caller.require(request.required_scope())?;
    let results = app.ledger.batch(request.into_statements()?).await?;
    Ok(Success::ok(BatchResults { results }))
}
