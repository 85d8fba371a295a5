//! What can go wrong while the parts are started and driven, each with what to do about it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Why the harness could not go on.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// A tool or a built file is not there.
    #[error("{what} is missing: {remedy}")]
    Missing {
        /// What was looked for, with its path.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// Somebody else listens on the port.
    #[error("port {port} is taken: stop what listens there, or choose another with {variable}")]
    PortTaken {
        /// The port.
        port: u16,
        /// The environment variable that sets it.
        variable: &'static str,
    },
    /// A variable holds no port number.
    #[error("{variable} is '{value}', which is no port: write a number from 1 to 65535")]
    NotAPort {
        /// The environment variable.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
    /// A server ended before it was asked to.
    #[error("{name} ended unexpectedly ({status}). The end of its log {}:\n{tail}", log.display())]
    Exited {
        /// Which server.
        name: String,
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A condition did not come true in time.
    #[error("waited {:.1} s for {what}{}", waited.as_secs_f64(), last.as_ref().map_or(String::new(), |last| format!("; last seen: {last}")))]
    Timeout {
        /// The condition.
        what: String,
        /// How long it was waited for.
        waited: Duration,
        /// What was seen when it was last looked at.
        last: Option<String>,
    },
    /// A command failed.
    #[error("{command} failed ({status}):\n{output}")]
    Command {
        /// The command, without secrets.
        command: String,
        /// How it ended.
        status: String,
        /// What it printed.
        output: String,
    },
    /// Reading or writing a file, or starting a process, failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A server could not be asked.
    #[error("{what}: {}", chain_of(source))]
    Http {
        /// What was asked.
        what: String,
        /// The client's error.
        source: reqwest::Error,
    },
    /// The chain could not be asked, or refused.
    #[error("{what}: {message}")]
    Rpc {
        /// What was asked.
        what: String,
        /// The client's error.
        message: String,
    },
    /// The D1 file could not be read.
    #[error("{what}: {source}")]
    Sqlite {
        /// What was read.
        what: String,
        /// The database's error.
        source: rusqlite::Error,
    },
    /// An answer is not what the interface promises, or not what was expected.
    #[error("{0}")]
    Unexpected(String),
}

impl HarnessError {
    /// For `map_err`: an I/O error with what was being done.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// An error with all its causes: reqwest's own sentence leaves out the one that matters.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
