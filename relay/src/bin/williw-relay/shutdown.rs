//! Handling of SIGINT and SIGTERM: the first signal requests a graceful shutdown, the second exits immediately.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::CliError;

/// 128 plus the number of SIGINT, as is customary in shells.
const INTERRUPTED_EXIT_CODE: i32 = 130;

/// A handle to check or await a shutdown request.
#[derive(Clone)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Starts listening for signals. Must be called within the async runtime.
    pub(crate) fn listen() -> Result<Self, CliError> {
        let failed = |error| CliError::Internal(format!("cannot listen for signals: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            tracing::warn!("shutting down after the current step; send the signal again to exit immediately");
            sender.send_replace(true);
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            std::process::exit(INTERRUPTED_EXIT_CODE);
        });
        Ok(Self(receiver))
    }

    /// Without listening: a signal ends the process at once.
    pub(crate) fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// The result, or that a request was given up because a shutdown was requested.
    pub(crate) fn instead_of_error<T>(&self, result: Result<T, CliError>) -> Result<T, CliError> {
        match result {
            Err(CliError::Chain(error)) if self.is_requested() => {
                Err(CliError::Interrupted(format!("interrupted while it was waiting: {error}")))
            }
            result => result,
        }
    }

    /// Whether a shutdown has been requested.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Sleeps for `duration`, or until a shutdown is requested.
    pub(crate) async fn sleep(&mut self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            // This cannot fail, because the sender lives as long as the process.
            _ = self.0.wait_for(|requested| *requested) => {}
        }
    }
}
