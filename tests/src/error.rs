//! Errors of the harness, each with enough context to act on it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Why a harness operation failed.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// A required tool or build artifact does not exist.
    #[error("{what} is missing: {remedy}")]
    Missing {
        /// The missing item, including its path where it has one.
        what: String,
        /// The command that provides it.
        remedy: String,
    },
    /// Another process is listening on the port.
    #[error("port {port} is already in use: stop the process listening on it, or set {variable} to another port")]
    PortInUse {
        /// The port that could not be bound.
        port: u16,
        /// The environment variable that configures the port.
        variable: &'static str,
    },
    /// An environment variable does not contain a valid port number.
    #[error("{variable}={value} is not a valid port: use a number from 1 to 65535")]
    InvalidPort {
        /// The environment variable that configures the port.
        variable: &'static str,
        /// The variable's value.
        value: String,
    },
    /// A server exited without having been asked to.
    #[error("{name} exited unexpectedly ({status}). Last lines of its log {}:\n{tail}", log.display())]
    Exited {
        /// The server's display name.
        name: String,
        /// The exit code or signal, in words.
        status: String,
        /// Path of the server's log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A condition was not met before its deadline.
    #[error("timed out after {:.1} s waiting for {what}{}", waited.as_secs_f64(), last.as_ref().map_or(String::new(), |last| format!("; last state: {last}")))]
    Timeout {
        /// The condition in words, to follow "waiting for".
        what: String,
        /// Time spent waiting.
        waited: Duration,
        /// The state at the last check, if the check described it.
        last: Option<String>,
    },
    /// A command exited unsuccessfully.
    #[error("{command} failed ({status}):\n{output}")]
    Command {
        /// The command line, without secrets.
        command: String,
        /// The exit code or signal, in words.
        status: String,
        /// The command's stdout and stderr.
        output: String,
    },
    /// A file operation failed, or a process could not be started.
    #[error("{what}: {source}")]
    Io {
        /// The operation that failed.
        what: String,
        /// The error reported by the operating system.
        source: std::io::Error,
    },
    /// An HTTP request failed before a response was received.
    #[error("{what}: {}", with_causes(source))]
    Http {
        /// The operation that failed, for example `requesting /health from the API`.
        what: String,
        /// The error reported by the HTTP client.
        source: reqwest::Error,
    },
    /// A Solana RPC request failed.
    #[error("{what}: {message}")]
    Rpc {
        /// The operation that failed, for example `requesting /health from the API`.
        what: String,
        /// The error reported by the RPC client.
        message: String,
    },
    /// The ledger's database file could not be opened or queried.
    #[error("{what}: {source}")]
    Sqlite {
        /// The operation that failed.
        what: String,
        /// The error reported by SQLite.
        source: rusqlite::Error,
    },
    /// A component returned something that violates its interface or differs from the expected result.
    #[error("{0}")]
    Unexpected(String),
}

impl HarnessError {
    /// Returns a closure for `map_err` that adds the failed operation to an I/O error.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Formats an error with all its causes, because reqwest's own message omits the root cause.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
