//! The status of the settlement object, as the API reports it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The status of the settlement object, which runs settlements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunnerStatus {
    /// When the next run is scheduled, in Unix milliseconds; `null` while it sleeps until the next trigger.
    pub next_run_at: Option<i64>,
    /// The last run; `null` before the first.
    pub last_run: Option<RunOutcome>,
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunOutcome {
    /// When the run ended, in Unix milliseconds.
    pub at: i64,
    /// How the run ended.
    #[serde(flatten)]
    pub result: RunResult,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub(crate) enum RunResult {
    /// There was nothing to settle.
    Idle,
    /// A settlement is in progress.
    Working,
    /// Another runner, such as `williw-relay`, is settling.
    Busy {
        /// The name of the other runner.
        holder: String,
    },
    /// The settlement failed and was closed.
    Failed {
        /// The settlement's `id`, as in `/v1/settlements/{id}`.
        settlement_id: i64,
        /// Why the settlement failed.
        reason: String,
    },
    /// An error interrupted the run. It is retried after a delay, or at the next trigger if a setting must be fixed
    /// first.
    Error {
        /// A stable, machine-readable code, such as `CHAIN_UNAVAILABLE` or `SETTING_MISSING`.
        code: String,
        /// What failed and how to fix it, for people.
        message: String,
    },
}
