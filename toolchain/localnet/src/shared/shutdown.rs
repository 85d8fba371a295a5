//! When to stop: SIGINT, SIGTERM, or the end of the process that started this one.

use std::{io, os::unix::process::parent_id, thread, time::Duration};

use crossbeam_channel::{Receiver, bounded};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use super::error::LocalnetError;

/// How often to look whether the parent is still there: it bounds how long an orphan lives.
const PARENT_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Says once when it is time to stop.
#[derive(Debug)]
pub struct Shutdown(Receiver<()>);

impl Shutdown {
    /// Listens from now on. `parent` is `--exit-with-parent`: `Some(0)` watches whoever the parent is, another number
    /// is the parent's process id as it knows itself, so that a parent that is gone already is noticed too.
    ///
    /// The parent is asked for by number again and again instead of with `PR_SET_PDEATHSIG`: that signal comes at
    /// the end of the *thread* that started this process, which in a test is long before the end of the process.
    ///
    /// # Errors
    /// When signals cannot be listened for or a thread cannot be started.
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

    /// Gets a message when it is time to stop.
    pub fn receiver(&self) -> &Receiver<()> {
        &self.0
    }
}

/// Starts a named thread that is never joined.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), LocalnetError> {
    let started: io::Result<_> = thread::Builder::new().name(name.to_owned()).spawn(body);
    started.map(drop).map_err(LocalnetError::Thread)
}
