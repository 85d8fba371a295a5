//! What happens while a command runs, on standard error.

use std::io::stderr;

use tracing_subscriber::EnvFilter;
use williw_relay::events::{Event, Events, Level};

/// Sets the log up: one line for each event; JSON lines with `json`. `RUST_LOG` chooses what is shown.
pub fn init(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,williw_relay=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    if json {
        log.json().flatten_event(true).init();
    } else {
        log.with_ansi(std::io::IsTerminal::is_terminal(&stderr())).init();
    }
}

/// Sends the engine's events to the log.
pub struct LogEvents;

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
