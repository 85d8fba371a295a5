//! Contributions: a report of work becomes a reward.

use axum::extract::State;
use williw_relay::ledger::contributions::{self, Recorded};
use williw_relay::types::ComputeContribution;

use crate::app::App;
use crate::openapi::BodyErrors;
use crate::web::auth::{Authorized, Contributions};
use crate::web::error::ApiError;
use crate::web::extract::JsonBody;
use crate::web::reply::{ErrorBody, Success, SuccessBody};

/// Report a contribution
///
/// Its reward is written with it. The same report again (same id, same content) changes nothing and gets the same
/// answer.
#[utoipa::path(
    post, path = "/v1/contributions", tag = "contributions", operation_id = "record_contribution",
    request_body = ComputeContribution,
    security(("bearer" = ["contributions"])),
    responses(
        (status = 201, description = "Recorded", body = SuccessBody<Recorded>),
        (status = 200, description = "Reported before", body = SuccessBody<Recorded>),
        (status = 404, description = "There is no such node", body = ErrorBody),
        (status = 409, description = "Reported before with other content, or not open for it", body = ErrorBody),
        BodyErrors,
    ),
)]
#[worker::send]
pub async fn record(
    State(app): State<App>,
    _caller: Authorized<Contributions>,
    JsonBody(contribution): JsonBody<ComputeContribution>,
) -> Result<Success<Recorded>, ApiError> {
    let rate = app.settings.reward_rate()?;
    let recorded = contributions::record(&app.ledger, &app.clock, rate, contribution).await?;
    Ok(Success::created_if(!recorded.duplicate, recorded))
}
