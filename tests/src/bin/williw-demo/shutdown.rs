//! Shutdown on a signal: stops all servers at any point of the demo.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use williw_tests::{HarnessError, process};

/// By the convention of shells, a process ended by a signal exits with this value plus the signal number.
const SIGNAL_EXIT_BASE: i32 = 128;

/// Handles SIGINT (Ctrl-C), SIGTERM and SIGHUP.
pub(crate) struct Shutdown {
    in_progress: Arc<AtomicBool>,
    signal_expected: Arc<AtomicBool>,
}

impl Shutdown {
    /// Starts to handle signals. A signal stops all servers and ends the process, with exit code 0 if the demo is
    /// complete ([`Shutdown::expect_signal`]), and with 128 plus the signal number otherwise.
    ///
    /// # Errors
    /// [`HarnessError::Io`] if the signal handlers cannot be installed.
    pub(crate) fn listen() -> Result<Self, HarnessError> {
        let mut signals =
            Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(HarnessError::io("installing signal handlers"))?;
        let shutdown = Self { in_progress: Arc::default(), signal_expected: Arc::default() };
        let (in_progress, signal_expected) = (Arc::clone(&shutdown.in_progress), Arc::clone(&shutdown.signal_expected));
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                in_progress.store(true, Ordering::SeqCst);
                println!("\nStopping the Worker and the localnet");
                process::stop_all();
                println!("Stopped");
                std::process::exit(if signal_expected.load(Ordering::SeqCst) { 0 } else { SIGNAL_EXIT_BASE + signal });
            }
        });
        Ok(shutdown)
    }

    /// Marks the demo as complete: from now on, a signal is the expected way to end it.
    pub(crate) fn expect_signal(&self) {
        self.signal_expected.store(true, Ordering::SeqCst);
    }

    /// Blocks forever if a signal is already ending the process. Otherwise returns immediately.
    pub(crate) fn block_if_in_progress(&self) {
        while self.in_progress.load(Ordering::SeqCst) {
            std::thread::park();
        }
    }
}
