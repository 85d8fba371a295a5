//! Results on standard output: for people, or one JSON document a line.

use std::fmt::Display;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::json;
use williw_relay::types::Lamports;

use crate::failure::Failure;

/// Where results go.
pub struct Output {
    json: bool,
}

impl Output {
    /// Results as JSON, or for people.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result: `value` as JSON, or `text`.
    pub fn result(&self, value: &impl Serialize, text: &impl Display) -> Result<(), Failure> {
        let line = if self.json {
            serde_json::to_string(value).map_err(|error| Failure::Internal(format!("no JSON: {error}")))?
        } else {
            text.to_string()
        };
        match writeln!(io::stdout(), "{line}") {
            // Whoever read has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::Internal(format!("standard output: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Prints why a command failed: a sentence on standard error, or with JSON a document on standard output.
    pub fn failure(&self, failure: &Failure) {
        // There is nowhere left to say that this cannot be written.
        let _ = match failure {
            // The settlement itself was the result, with the reason in it.
            Failure::Settlement { .. } if self.json => Ok(()),
            failure if self.json => {
                writeln!(io::stdout(), "{}", json!({"error": failure.code(), "message": failure.to_string()}))
            }
            failure => writeln!(io::stderr(), "error: {failure}"),
        };
    }
}

/// An amount in SOL, to the lamport.
pub fn sol(amount: Lamports) -> String {
    const LAMPORTS_PER_SOL: u64 = 1_000_000_000;

    let lamports = amount.get();
    format!("{}.{:09} SOL", lamports / LAMPORTS_PER_SOL, lamports % LAMPORTS_PER_SOL)
}

/// A time in Unix milliseconds as RFC 3339, UTC.
pub fn time(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .map_or_else(|| format!("{ms} ms"), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sol_is_exact_to_the_lamport() {
        let shown = |lamports| sol(Lamports::new(lamports).unwrap());
        assert_eq!(shown(0), "0.000000000 SOL");
        assert_eq!(shown(1), "0.000000001 SOL");
        assert_eq!(shown(1_500_000_000), "1.500000000 SOL");
        assert_eq!(sol(Lamports::MAX), "9223372036.854775807 SOL");
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_795_176_000_999), "2026-11-20T12:00:00Z");
        assert_eq!(time(i64::MAX), "9223372036854775807 ms");
    }
}
