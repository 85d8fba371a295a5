//! The interface of the settlement object to the rest of the Worker.

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::status::RunnerStatus;
use crate::web::error::{ApiError, ErrorCode};

/// A boxed future that is not `Send`.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A request to look for work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wake {
    /// What caused the wake: the trigger's name in the ledger, `cron` or `api`.
    pub trigger: String,
    /// Whether to retry held rewards now instead of after their usual wait.
    pub retry_held: bool,
}

/// The settlement object did not respond.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settlement object cannot be reached ({0}): try again in a moment")]
pub(crate) struct ControlError(pub String);

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        Self::new(ErrorCode::SettlementUnavailable, error.to_string()).with_details(json!({ "reason": error.0 }))
    }
}

/// Controls the settlement object.
pub(crate) trait SettlementControl {
    /// Makes the settlement object look for work.
    fn wake<'a>(&'a self, wake: &'a Wake) -> BoxFuture<'a, Result<RunnerStatus, ControlError>>;

    /// Returns the settlement object's status.
    fn status(&self) -> BoxFuture<'_, Result<RunnerStatus, ControlError>>;
}
