//! Logging to the console: one JSON object per line, whose fields Workers Logs indexes.

use serde::Serialize;
use williw_relay::events::{Event, Events, Level};
use worker::{console_error, console_log, console_warn};

use crate::log::{RequestLogEntry, RequestLogger};

/// Writes the engine's [`Events`] to the console.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConsoleEvents;

impl Events for ConsoleEvents {
    fn event(&self, event: &Event) {
        write(event.level, event);
    }
}

/// Writes request log entries to the console.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConsoleLogger;

impl RequestLogger for ConsoleLogger {
    fn log(&self, entry: &RequestLogEntry) {
        write(if entry.status >= 500 { Level::Error } else { Level::Info }, entry);
    }
}

/// Logs an error that occurred outside any request.
pub(crate) fn log_error(message: &str) {
    write(Level::Error, &serde_json::json!({ "message": message }));
}

/// Writes `line` as JSON at `level`.
fn write(level: Level, line: &impl Serialize) {
    // The types that are logged here always serialize; a failed log line must not fail anything else.
    let Ok(line) = serde_json::to_string(line) else { return };
    match level {
        Level::Info => console_log!("{line}"),
        Level::Warn => console_warn!("{line}"),
        Level::Error => console_error!("{line}"),
    }
}
