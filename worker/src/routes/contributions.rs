//! Contributions: reports of work, each of which earns a reward.

use axum::extract::State;
use williw_relay::ledger::contributions::{self, Recorded};
use williw_relay::types::ComputeContribution;

use crate::openapi::BodyErrors;
use crate::state::AppState;
use crate::web::auth::{Authorized, Contributions};
use crate::web::error::ApiError;
use crate::web::extract::JsonBody;
use crate::web::response::{ErrorBody, Success, SuccessBody};

/// Report a contribution
///
/// Records the contribution together with its reward. Repeating a report (same id, same content) changes nothing and
/// returns the same result.
#[utoipa::path(
    post, path = "/v1/contributions", tag = "contributions", operation_id = "record_contribution",
    request_body = ComputeContribution,
    security(("bearer" = ["contributions"])),
    responses(
        (status = 201, description = "The contribution was recorded", body = SuccessBody<Recorded>),
        (status = 200, description = "The contribution was already recorded", body = SuccessBody<Recorded>),
        (status = 404, description = "The node is not registered", body = ErrorBody),
        (status = 409, description = "The id is in use for other content, or the node or task does not accept contributions", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub(crate) async fn record(
    State(app): State<AppState>,
    _caller: Authorized<Contributions>,
    JsonBody(contribution): JsonBody<ComputeContribution>,
) -> Result<Success<Recorded>, ApiError> {
    let rate = app.settings.reward_rate()?;
    let recorded = contributions::record(&app.ledger, &app.clock, rate, contribution).await?;
    Ok(Success::created_if(!recorded.duplicate, recorded))
}
