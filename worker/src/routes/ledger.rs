//! Access to the ledger over HTTP, for a relay that runs as a separate process.

use axum::extract::State;
use serde_json::json;
use williw_relay::database::Database;
use williw_relay::database::wire::{BatchRequest, BatchResults, UnknownStatement};

use crate::openapi::BodyErrors;
use crate::state::AppState;
use crate::web::auth::{Authorized, Ledger};
use crate::web::error::{ApiError, ErrorCode};
use crate::web::extract::{JsonBody, LEDGER_BODY_LIMIT_BYTES};
use crate::web::response::{ErrorBody, Success, SuccessBody};

impl From<UnknownStatement> for ApiError {
    fn from(error: UnknownStatement) -> Self {
        Self::new(ErrorCode::UnknownStatement, error.to_string()).with_details(json!({ "position": error.position }))
    }
}

/// Run statements on the ledger
///
/// Runs the statements in order and in a single transaction. Only the SQL statements of the ledger itself are accepted,
/// verbatim; those that a relay does not need require the scope `admin`.
#[utoipa::path(
    post, path = "/v1/ledger/batch", tag = "ledger", operation_id = "run_ledger_batch",
    request_body = BatchRequest,
    security(("bearer" = ["ledger"])),
    responses(
        (status = 200, description = "The rows of each statement", body = SuccessBody<BatchResults>),
        (status = 409, description = "A constraint was violated; nothing was written", body = ErrorBody),
        (status = 500, description = "A statement cannot be run", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub(crate) async fn batch(
    State(app): State<AppState>,
    caller: Authorized<Ledger>,
    JsonBody(request): JsonBody<BatchRequest, LEDGER_BODY_LIMIT_BYTES>,
) -> Result<Success<BatchResults>, ApiError> {
    // The statements that the API itself uses bypass its checks: a relay could create API keys or rewards with them.
    caller.require(request.required_scope())?;
    let results = app.ledger.batch(request.into_statements()?).await?;
    Ok(Success::ok(BatchResults { results }))
}
