//! Settlements: setting one off, and reading how it goes.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use williw_relay::ledger::settlements;
use williw_relay::types::SettlementStatus;

use crate::app::App;
use crate::openapi::Errors;
use crate::runner::{RunnerStatus, Wake};
use crate::web::auth::{Authorized, Read, Settlement};
use crate::web::error::ApiError;
use crate::web::extract::PathOf;
use crate::web::reply::{ErrorBody, Success, SuccessBody};

/// What a settlement that was asked for over the API is called in the ledger.
const TRIGGER: &str = "api";

/// A settlement, and what drives it.
#[derive(Serialize, ToSchema)]
pub struct SettlementReport {
    /// The latest settlement; `null` before the first.
    settlement: Option<SettlementStatus>,
    /// What drives it.
    runner: RunnerStatus,
}

/// One settlement.
#[derive(Serialize, ToSchema)]
pub struct OneSettlement {
    /// The settlement.
    settlement: SettlementStatus,
}

/// Settle now
///
/// Wakes the settlement object and answers at once: a settlement is opened if there is anything to settle, and goes
/// on by itself. Ask as often as you like: there is one settlement at a time, and none pays anything twice. Rewards
/// that were held back are tried again.
#[utoipa::path(
    post, path = "/v1/rewards/settle", tag = "settlements", operation_id = "settle",
    security(("bearer" = ["settlement"])),
    responses(
        (status = 202, description = "It will be looked into", body = SuccessBody<SettlementReport>),
        Errors,
    ),
)]
#[worker::send]
pub async fn settle(
    State(app): State<App>,
    _caller: Authorized<Settlement>,
) -> Result<Success<SettlementReport>, ApiError> {
    // Nothing is set off that is known to fail.
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
        (status = 200, description = "The settlement and what drives it", body = SuccessBody<SettlementReport>),
        Errors,
    ),
)]
#[worker::send]
pub async fn latest(State(app): State<App>, _caller: Authorized<Read>) -> Result<Success<SettlementReport>, ApiError> {
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
        (status = 200, description = "The settlement", body = SuccessBody<OneSettlement>),
        (status = 404, description = "There is no such settlement", body = ErrorBody),
        Errors,
    ),
)]
#[worker::send]
pub async fn read(
    State(app): State<App>,
    _caller: Authorized<Read>,
    PathOf(id): PathOf<i64>,
) -> Result<Success<OneSettlement>, ApiError> {
    Ok(Success::ok(OneSettlement { settlement: settlements::get(&app.ledger, id).await? }))
}
