//! Logging to standard error.

use std::io::stderr;

use tracing_subscriber::EnvFilter;
use williw_relay::events::{Event, Events, Level};

use crate::output::OutputFormat;

/// Initializes logging with one line per event, as text or as JSON. `RUST_LOG` overrides the default filter.
pub(crate) fn init(format: OutputFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,williw_relay=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    match format {
        OutputFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&stderr())).init(),
        OutputFormat::Json => log.json().flatten_event(true).init(),
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
