//! Errors of a run, and their codes.

use williw_relay::chain::ChainError;
use williw_relay::engine::EngineError;

use crate::settings::SettingError;
use crate::web::error::ErrorCode;

/// Why the engine could not be called or did not finish.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunnerError {
    /// A setting is missing or invalid. Retrying does not help: the settings only change with a new deployment.
    #[error("{0}")]
    Setting(SettingError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl RunnerError {
    /// The code that the API reports.
    pub(crate) fn code(&self) -> String {
        match self {
            Self::Setting(error) => api_code(error.code()),
            Self::Engine(error) => engine_code(error).to_owned(),
        }
    }
}

fn api_code(code: ErrorCode) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn engine_code(error: &EngineError) -> &'static str {
    match error {
        EngineError::Ledger(error) => error.code(),
        EngineError::Chain(ChainError::Unreachable(_)) => "CHAIN_UNAVAILABLE",
        EngineError::Chain(ChainError::RateLimited { .. }) => "CHAIN_RATE_LIMITED",
        EngineError::Chain(ChainError::Behind { .. }) => "CHAIN_BEHIND",
        EngineError::Chain(ChainError::InvalidResponse(_)) => "CHAIN_RESPONSE_INVALID",
        EngineError::Chain(ChainError::NodesDisagree(_)) => "CHAIN_NODES_DISAGREE",
        EngineError::Chain(ChainError::ErrorResponse { .. } | ChainError::UnsupportedVersion) => "CHAIN_ERROR",
        EngineError::Signer(_) => "SIGNER_UNAVAILABLE",
        EngineError::Build(_) => "TRANSACTION_INVALID",
        EngineError::LeaseLost => "LEASE_LOST",
        EngineError::StateChanged => "STATE_CHANGED",
        EngineError::Rejected(_) => "SETTLEMENT_REJECTED",
    }
}
