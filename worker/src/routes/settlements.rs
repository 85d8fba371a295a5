//! Settlements: starting one, and reading its progress.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use williw_relay::ledger::settlements;
use williw_relay::types::SettlementStatus;

use crate::openapi::Errors;
use crate::runner::{RunnerStatus, Wake};
use crate::state::AppState;
use crate::web::auth::{Authorized, Read, Settlement};
use crate::web::error::ApiError;
use crate::web::extract::ApiPath;
use crate::web::response::{ErrorBody, Success, SuccessBody};

/// The trigger that the ledger records for settlements started over the API.
const TRIGGER: &str = "api";

/// The latest settlement and the status of the settlement object.
#[derive(Serialize, ToSchema)]
pub(crate) struct SettlementReport {
    /// The latest settlement; `null` before the first.
    settlement: Option<SettlementStatus>,
    /// The status of the settlement object.
    runner: RunnerStatus,
}

/// The response to a request for one settlement.
#[derive(Serialize, ToSchema)]
pub(crate) struct SettlementDetails {
    settlement: SettlementStatus,
}

/// Settle now
///
/// Wakes the settlement object and returns immediately. If there is anything to settle, a settlement is opened and
/// runs in the background. It is safe to call this at any time: there is only one settlement at a time, and no reward
/// is paid twice. Held rewards are retried.
#[utoipa::path(
    post, path = "/v1/rewards/settle", tag = "settlements", operation_id = "settle",
    security(("bearer" = ["settlement"])),
    responses(
        (status = 202, description = "The settlement object was woken", body = SuccessBody<SettlementReport>),
        Errors,
    ),
)]
#[worker::send]
pub(crate) async fn settle(
    State(app): State<AppState>,
    _caller: Authorized<Settlement>,
) -> Result<Success<SettlementReport>, ApiError> {
    // Don't start a settlement that is known to fail.
    app.settings.settlement(TRIGGER)?;
    let runner = app.settlement.wake(&Wake { trigger: TRIGGER.to_owned(), retry_held: true }).await?;
    let settlement = settlements::latest(&app.ledger).await?;
    Ok(Success::accepted(SettlementReport { settlement, runner }))
}

/// Read the latest settlement
#[utoipa::path(
    get, path = "/v1/settlements/latest", tag = "settlements", operation_id = "read_latest_settlement",
    security(("bearer" = ["read"])),
    responses(
        (status = 200, description = "The latest settlement and the object's status", body = SuccessBody<SettlementReport>),
        Errors,
    ),
)]
#[worker::send]
pub(crate) async fn latest(
    State(app): State<AppState>,
    _caller: Authorized<Read>,
) -> Result<Success<SettlementReport>, ApiError> {
    let settlement = settlements::latest(&app.ledger).await?;
    let runner = app.settlement.status().await?;
    Ok(Success::ok(SettlementReport { settlement, runner }))
}

/// Read a settlement
#[utoipa::path(
    get, path = "/v1/settlements/{id}", tag = "settlements", operation_id = "read_settlement",
    params(("id" = i64, Path, description = "The settlement's number")),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, description = "The settlement", body = SuccessBody<SettlementDetails>),
        (status = 404, description = "The settlement does not exist", body = ErrorBody),
        Errors,
    ),
)]
#[worker::send]
pub(crate) async fn read(
    State(app): State<AppState>,
    _caller: Authorized<Read>,
    ApiPath(id): ApiPath<i64>,
) -> Result<Success<SettlementDetails>, ApiError> {
    Ok(Success::ok(SettlementDetails { settlement: settlements::get(&app.ledger, id).await? }))
}
