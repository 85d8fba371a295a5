//! The health of the service and its components.

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use williw_relay::database::{Database, Statement};
use williw_relay::signer::Signer;

use crate::runner::RunnerStatus;
use crate::settings::SettingError;
use crate::state::AppState;
use crate::web::error::{ApiError, ErrorCode};
use crate::web::response::{ErrorBody, Success, SuccessBody};

/// A minimal query of a table that exists once the migrations are applied.
const PROBE: &str = "SELECT id FROM nodes LIMIT 1";

/// The health of the service.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` if every component is.
    status: HealthStatus,
    /// The Worker's version, `MAJOR.MINOR.PATCH`.
    version: &'static str,
    /// The settings of the API: admin key and reward rate.
    api: ComponentHealth,
    /// Whether the ledger responds and the migrations are applied.
    ledger: ComponentHealth,
    /// Whether settlements can run: their settings and the settlement object.
    settlement: SettlementHealth,
}

/// The status of the service or of a component.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    /// Fully operational.
    Ok,
    /// At least partly not operational.
    Degraded,
}

/// The status of one component, and the problems that degrade it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ComponentHealth {
    status: HealthStatus,
    /// The problems that were found; empty if the component is operational.
    errors: Vec<HealthProblem>,
}

/// Whether settlements can run, for which network and with which key.
#[derive(Serialize, ToSchema)]
pub(crate) struct SettlementHealth {
    #[serde(flatten)]
    component: ComponentHealth,
    /// The name of the network whose rewards are settled; `null` if the settings are incomplete or invalid.
    network: Option<String>,
    /// The network's address, which its creator and its name determine; `null` if the settings are incomplete or invalid.
    network_address: Option<String>,
    /// The settler's address; `null` if the settings are incomplete or invalid.
    settler: Option<String>,
    /// The settlement object's status; `null` if it cannot be reached.
    runner: Option<RunnerStatus>,
}

/// A problem and how to fix it.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthProblem {
    /// The code of the problem, one of those that failed requests respond with.
    code: ErrorCode,
    /// What is wrong and how to fix it, for people.
    message: String,
}

impl ComponentHealth {
    fn new(errors: Vec<HealthProblem>) -> Self {
        Self { status: if errors.is_empty() { HealthStatus::Ok } else { HealthStatus::Degraded }, errors }
    }
}

impl From<ApiError> for HealthProblem {
    fn from(error: ApiError) -> Self {
        Self { code: error.code, message: error.message }
    }
}

/// The problem with a setting, if any. It never contains the setting's value.
fn problem<T>(setting: Result<T, SettingError>) -> Option<HealthProblem> {
    setting.err().map(|error| ApiError::from(error).into())
}

/// Read the service's health
///
/// Public. Responds with 200 while requests can be served, and with 503 while the ledger cannot be reached.
#[utoipa::path(
    get, path = "/health", tag = "service", operation_id = "read_health",
    responses(
        (status = 200, description = "Requests can be served; `status` says whether all components work", body = SuccessBody<Health>),
        (status = 500, description = "The ledger's tables do not exist", body = ErrorBody),
        (status = 503, description = "The ledger cannot be reached", body = ErrorBody),
    ),
)]
#[worker::send]
pub(crate) async fn health(State(app): State<AppState>) -> Result<Success<Health>, ApiError> {
    let ledger = app.ledger.query(Statement::new(PROBE)).await.err().map(ApiError::from);
    let api = ComponentHealth::new(
        [problem(app.settings.admin_key()), problem(app.settings.reward_rate())].into_iter().flatten().collect(),
    );

    let settings = app.settings.settlement("health");
    let valid = settings.as_ref().ok();
    let network = valid.map(|settings| settings.engine.network.name());
    let network_address = valid.map(|settings| settings.engine.network.address().to_string());
    let settler = valid.map(|settings| settings.key.address().to_string());
    let mut errors: Vec<HealthProblem> = problem(settings).into_iter().collect();
    let runner = match app.settlement.status().await {
        Ok(status) => Some(status),
        Err(error) => {
            errors.push(ApiError::from(error).into());
            None
        }
    };
    let settlement =
        SettlementHealth { component: ComponentHealth::new(errors), network, network_address, settler, runner };

    let all_ok = ledger.is_none() && api.status == HealthStatus::Ok && settlement.component.status == HealthStatus::Ok;
    let health = Health {
        status: if all_ok { HealthStatus::Ok } else { HealthStatus::Degraded },
        version: env!("CARGO_PKG_VERSION"),
        api,
        ledger: ComponentHealth::new(ledger.iter().cloned().map(HealthProblem::from).collect()),
        settlement,
    };
    match ledger {
        None => Ok(Success::ok(health)),
        Some(error) => Err(error.with_details(json!(health))),
    }
}
