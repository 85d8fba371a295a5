//! Ctrl-C and SIGTERM: the first asks for a clean end between two steps, the second ends the process at once.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::Failure;

/// 128 and the number of SIGINT, as shells have it.
const INTERRUPTED_EXIT_CODE: i32 = 130;

/// Whether an end was asked for.
#[derive(Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Begins to listen. Has to be called within the runtime.
    pub fn listen() -> Result<Self, Failure> {
        let failed = |error| Failure::Internal(format!("signals cannot be received: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            tracing::warn!("stopping after this step; once more to stop at once");
            sender.send_replace(true);
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            std::process::exit(INTERRUPTED_EXIT_CODE);
        });
        Ok(Self(receiver))
    }

    /// Whether an end was asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits, but not beyond a request to end.
    pub async fn sleep(&mut self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            // The sender lives as long as the process.
            _ = self.0.wait_for(|requested| *requested) => {}
        }
    }
}
