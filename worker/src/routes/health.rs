//! Whether the service works, part by part.

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use williw_relay::database::{Database, Statement};
use williw_relay::signer::Signer;

use crate::app::App;
use crate::runner::RunnerStatus;
use crate::settings::SettingError;
use crate::web::error::{ApiError, ErrorCode};
use crate::web::reply::{ErrorBody, Success, SuccessBody};

/// Reads as little as possible of a table that is there once the migrations are applied.
const PROBE: &str = "SELECT id FROM nodes LIMIT 1";

/// How the service is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// The whole: `ok` when every part is.
    status: Condition,
    /// The version of the service.
    version: &'static str,
    /// Whether keys and rates are set.
    api: Part,
    /// Whether the ledger answers and has its tables.
    ledger: Part,
    /// Whether settlements can run.
    settlement: SettlementHealth,
}

/// How a part is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It works.
    Ok,
    /// It does not, or not all of it.
    Degraded,
}

/// A part.
#[derive(Serialize, ToSchema)]
pub struct Part {
    status: Condition,
    /// What is wrong.
    errors: Vec<Problem>,
}

/// The settlement object and its settings.
#[derive(Serialize, ToSchema)]
pub struct SettlementHealth {
    #[serde(flatten)]
    part: Part,
    /// The network that is settled.
    network: Option<String>,
    /// The settler's address.
    settler: Option<String>,
    /// What drives settlements.
    runner: Option<RunnerStatus>,
}

/// Something wrong, and what to do.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// Its code, one of those that errors have.
    code: ErrorCode,
    /// In words.
    message: String,
}

impl Part {
    fn new(errors: Vec<Problem>) -> Self {
        Self { status: if errors.is_empty() { Condition::Ok } else { Condition::Degraded }, errors }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        Self { code: error.code, message: error.message }
    }
}

/// A setting's problem: nothing of its value is in it.
fn problem<T>(setting: Result<T, SettingError>) -> Option<Problem> {
    setting.err().map(|error| ApiError::from(error).into())
}

/// Read the service's health
///
/// Public. 200 while requests can be served, 503 while the ledger cannot be reached.
#[utoipa::path(
    get, path = "/health", tag = "service", operation_id = "read_health",
    responses(
        (status = 200, description = "Requests can be served; `status` says whether all parts work", body = SuccessBody<Health>),
        (status = 500, description = "The ledger's tables are not there", body = ErrorBody),
        (status = 503, description = "The ledger cannot be reached", body = ErrorBody),
    ),
)]
#[worker::send]
pub async fn health(State(app): State<App>) -> Result<Success<Health>, ApiError> {
    let ledger = app.ledger.query(Statement::new(PROBE)).await.err().map(ApiError::from);
    let api = Part::new(
        [problem(app.settings.admin_key()), problem(app.settings.reward_rate())].into_iter().flatten().collect(),
    );

    let settings = app.settings.settlement("health");
    let (network, settler) = match &settings {
        Ok(settings) => (Some(settings.engine.network.name()), Some(settings.key.address().to_string())),
        Err(_) => (None, None),
    };
    let mut errors: Vec<Problem> = problem(settings).into_iter().collect();
    let runner = match app.settlement.status().await {
        Ok(status) => Some(status),
        Err(error) => {
            errors.push(ApiError::from(error).into());
            None
        }
    };
    let settlement = SettlementHealth { part: Part::new(errors), network, settler, runner };

    let all_ok = ledger.is_none() && api.status == Condition::Ok && settlement.part.status == Condition::Ok;
    let health = Health {
        status: if all_ok { Condition::Ok } else { Condition::Degraded },
        version: env!("CARGO_PKG_VERSION"),
        api,
        ledger: Part::new(ledger.iter().cloned().map(Problem::from).collect()),
        settlement,
    };
    match ledger {
        None => Ok(Success::ok(health)),
        Some(error) => Err(error.with_details(json!(health))),
    }
}
