//! Shutdown on SIGINT, SIGTERM, or the end of the parent process.

use std::{io, os::unix::process::parent_id, thread, time::Duration};

use crossbeam_channel::{Receiver, bounded};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::error::LocalnetError;

/// How often the parent process is checked. An orphan lives no longer than this.
const PARENT_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// A one-shot shutdown notification.
#[derive(Debug)]
pub struct Shutdown(Receiver<()>);

impl Shutdown {
    /// Starts listening. `parent` is the value of `--exit-with-parent`: `Some(0)` watches the current parent; any other
    /// value is the expected parent's process ID, which also detects a parent that has already ended.
    ///
    /// The parent is polled instead of using `PR_SET_PDEATHSIG`, whose signal is sent when the *thread* that started
    /// this process ends. In a test that is long before the end of the process.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed or a thread cannot be started.
    pub fn listen(parent: Option<u32>) -> Result<Self, LocalnetError> {
        let (stop, stopped) = bounded(1);
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(LocalnetError::Signals)?;
        let on_signal = stop.clone();
        spawn("signals", move || {
            if signals.forever().next().is_some() {
                let _ = on_signal.try_send(());
            }
        })?;
        if let Some(expected) = parent {
            let watched = if expected == 0 { parent_id() } else { expected };
            spawn("parent", move || {
                while parent_id() == watched {
                    thread::sleep(PARENT_CHECK_INTERVAL);
                }
                let _ = stop.try_send(());
            })?;
        }
        Ok(Self(stopped))
    }

    /// Receives one message, when it is time to stop.
    pub fn receiver(&self) -> &Receiver<()> {
        &self.0
    }
}

/// Starts a named thread that is never joined.
///
/// # Errors
/// When the system cannot start another thread.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), LocalnetError> {
    let started: io::Result<_> = thread::Builder::new().name(name.to_owned()).spawn(body);
    started.map(drop).map_err(LocalnetError::Thread)
}
