//! Log lines: one JSON object each, on the console, where Workers Logs index their fields.

use serde::Serialize;
use williw_relay::events::{Event, Events, Level};
use worker::{console_error, console_log, console_warn};

use crate::log::{LogLine, RequestLog};

/// The console as the engine's [`Events`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsoleEvents;

impl Events for ConsoleEvents {
    fn event(&self, event: &Event) {
        write(event.level, event);
    }
}

/// The console as the log of requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsoleLog;

impl RequestLog for ConsoleLog {
    fn request(&self, line: &LogLine) {
        write(if line.status >= 500 { Level::Error } else { Level::Info }, line);
    }
}

/// Writes that something outside any request went wrong.
pub fn console_problem(message: &str) {
    write(Level::Error, &serde_json::json!({ "message": message }));
}

/// Writes `line` as JSON at `level`.
fn write(level: Level, line: &impl Serialize) {
    // A line that cannot be written as JSON is not worth an error: none of ours can fail.
    let Ok(line) = serde_json::to_string(line) else { return };
    match level {
        Level::Info => console_log!("{line}"),
        Level::Warn => console_warn!("{line}"),
        Level::Error => console_error!("{line}"),
    }
}
