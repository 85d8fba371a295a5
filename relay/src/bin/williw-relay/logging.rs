//! Logging to standard error.

use std::io::{self, Write, stderr};

use tracing_subscriber::EnvFilter;
use williw_relay::events::{Event, Events, Level};

use crate::output::OutputFormat;
use crate::screen::{Screen, is_coloured};

/// Initializes logging with one line per event, as text or as JSON. `RUST_LOG` overrides the default filter.
pub(crate) fn init(format: OutputFormat, screen: Screen) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,williw_relay=info"));
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(move || Lines(screen.clone()));
    match format {
        OutputFormat::Text => log.with_ansi(is_coloured()).init(),
        OutputFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Standard error, on which whole lines are written beside the progress bar.
struct Lines(Screen);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.beside_bar(|| stderr().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.beside_bar(|| stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

/// Logs the engine's events.
pub(crate) struct LogEvents;

impl Events for LogEvents {
    fn event(&self, event: &Event) {
        let Event { settlement_id, step, level, message } = event;
        match level {
            Level::Info => tracing::info!(settlement = settlement_id, step, "{message}"),
            Level::Warn => tracing::warn!(settlement = settlement_id, step, "{message}"),
            Level::Error => tracing::error!(settlement = settlement_id, step, "{message}"),
        }
    }
}
