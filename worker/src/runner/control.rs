//! The settlement object as the API sees it.

use std::future::Future;
use std::pin::Pin;

use serde_json::json;

use super::decisions::{RunnerStatus, Wake};
use crate::web::error::{ApiError, ErrorCode};

/// A future that stays on its thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The settlement object did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settlement object cannot be reached ({0}): try again in a moment")]
pub struct ControlError(pub String);

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        Self::new(ErrorCode::SettlementUnavailable, error.to_string()).with_details(json!({ "reason": error.0 }))
    }
}

/// Talks to the one settlement object.
pub trait SettlementControl {
    /// Has it look for work now.
    fn wake<'a>(&'a self, wake: &'a Wake) -> BoxFuture<'a, Result<RunnerStatus, ControlError>>;

    /// Asks how it is.
    fn status(&self) -> BoxFuture<'_, Result<RunnerStatus, ControlError>>;
}
