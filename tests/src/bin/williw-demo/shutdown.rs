//! Ending by a signal: whatever is being done, the servers are stopped first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use williw_tests::{HarnessError, process};

/// The exit code of a process that a signal ended is this and the signal's number, as shells have it.
const SIGNAL_EXIT_BASE: i32 = 128;

/// Watches for Ctrl-C (SIGINT), SIGTERM and SIGHUP.
pub struct Shutdown {
    under_way: Arc<AtomicBool>,
    complete: Arc<AtomicBool>,
}

impl Shutdown {
    /// Begins to watch. A signal stops every server and ends the process: with 0 once everything has been shown
    /// ([`Shutdown::all_shown`]), otherwise with 128 and the signal's number.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when the signals cannot be watched.
    pub fn listen() -> Result<Self, HarnessError> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(HarnessError::io("watching for signals"))?;
        let shutdown = Self { under_way: Arc::default(), complete: Arc::default() };
        let (under_way, complete) = (Arc::clone(&shutdown.under_way), Arc::clone(&shutdown.complete));
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                under_way.store(true, Ordering::SeqCst);
                println!("\nstopping the Worker and the localnet");
                process::stop_all();
                println!("stopped");
                std::process::exit(if complete.load(Ordering::SeqCst) { 0 } else { SIGNAL_EXIT_BASE + signal });
            }
        });
        Ok(shutdown)
    }

    /// From now on a signal is the expected end.
    pub fn all_shown(&self) {
        self.complete.store(true, Ordering::SeqCst);
    }

    /// Does not return when a signal is ending the process already.
    pub fn wait_if_under_way(&self) {
        while self.under_way.load(Ordering::SeqCst) {
            std::thread::park();
        }
    }
}
