//! Printing of results, as text or as JSON with one document per line.

use std::fmt::Display;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::json;
use williw_relay::engine::Asset;
use williw_relay::types::Lamports;

use crate::error::CliError;
use crate::screen::Screen;

/// The format of results and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutputFormat {
    /// Human-readable text.
    Text,
    /// JSON, one document per line.
    Json,
}

/// Prints results and errors in the selected format.
pub(crate) struct Output {
    format: OutputFormat,
    screen: Screen,
}

impl Output {
    /// Creates an output with the given format, beside what is drawn on `screen`.
    pub(crate) fn new(format: OutputFormat, screen: Screen) -> Self {
        Self { format, screen }
    }

    /// The screen beside which results are printed.
    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Prints a result to standard output: `value` as JSON, or else `text`.
    pub(crate) fn result(&self, value: &impl Serialize, text: &impl Display) -> Result<(), CliError> {
        let line = match self.format {
            OutputFormat::Text => text.to_string(),
            OutputFormat::Json => serde_json::to_string(value)
                .map_err(|error| CliError::Internal(format!("cannot encode the result as JSON: {error}")))?,
        };
        match self.screen.beside_bar(|| writeln!(io::stdout(), "{line}")) {
            // The reader has closed the pipe.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(CliError::Internal(format!("cannot write to standard output: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Prints an error: as text to standard error, or as JSON to standard output.
    pub(crate) fn error(&self, error: &CliError) {
        // If writing fails, there is no other place to report it.
        let _ = match (self.format, error) {
            (OutputFormat::Text, error) => writeln!(io::stderr(), "error: {error}"),
            // The result printed before contains the reason.
            (
                OutputFormat::Json,
                CliError::Settlement { .. } | CliError::NotReconciled { .. } | CliError::Doctor { .. },
            ) => Ok(()),
            (OutputFormat::Json, error) => {
                writeln!(io::stdout(), "{}", json!({"error": error.code(), "message": error.to_string()}))
            }
        };
    }
}

/// Formats an amount in SOL with all nine decimals.
pub(crate) fn format_sol(amount: Lamports) -> String {
    format!("{} SOL", with_decimals(amount, 9))
}

/// Formats an amount of the asset that a network pays in with all its decimals; `None` if the ledger does not know the asset
/// yet.
pub(crate) fn format_amount(amount: Lamports, asset: Option<&Asset>) -> String {
    match asset {
        Some(Asset::Sol) => format_sol(amount),
        Some(Asset::Tokens { decimals, .. }) => format!("{} tokens", with_decimals(amount, (*decimals).into())),
        None => format!("{amount} base units"),
    }
}

/// How a table of amounts in base units is labelled.
pub(crate) struct Unit {
    /// The heading of the first column.
    pub(crate) heading: &'static str,
    /// The row with the balances of accounts, which are lamports whatever the network pays in.
    pub(crate) balance: &'static str,
    /// The plural of the unit.
    pub(crate) name: &'static str,
}

/// The labels for amounts of the asset that a network pays in; `None` if it is not known.
pub(crate) fn unit(asset: Option<&Asset>) -> Unit {
    match asset {
        Some(Asset::Sol) => Unit { heading: "LAMPORTS", balance: "balance", name: "lamports" },
        Some(Asset::Tokens { .. }) | None => {
            Unit { heading: "BASE UNITS", balance: "balance in lamports", name: "base units" }
        }
    }
}

fn with_decimals(amount: Lamports, decimals: usize) -> String {
    let digits = format!("{:0>width$}", amount.to_string(), width = decimals.saturating_add(1));
    match digits.split_at_checked(digits.len().saturating_sub(decimals)) {
        Some((whole, fraction)) if decimals > 0 => format!("{whole}.{fraction}"),
        _ => digits,
    }
}

/// Formats a time in Unix milliseconds as RFC 3339 in UTC.
pub(crate) fn format_time(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .map_or_else(|| format!("{ms} ms"), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use settlement::client::{SPL_TOKEN_ID, TokenAsset};
    use solana_pubkey::Pubkey;

    use super::*;

    #[test]
    fn sol_amounts_are_exact() {
        let formatted = |lamports| format_sol(Lamports::new(lamports).unwrap());
        assert_eq!(formatted(0), "0.000000000 SOL");
        assert_eq!(formatted(1), "0.000000001 SOL");
        assert_eq!(formatted(1_500_000_000), "1.500000000 SOL");
        assert_eq!(format_sol(Lamports::MAX), "9223372036.854775807 SOL");
    }

    #[test]
    fn token_amounts_have_the_decimals_of_their_mint() {
        let mint = TokenAsset { mint: Pubkey::default(), token_program: SPL_TOKEN_ID };
        let formatted =
            |amount, decimals| format_amount(Lamports::new(amount).unwrap(), Some(&Asset::Tokens { mint, decimals }));
        assert_eq!(formatted(1_500_000, 6), "1.500000 tokens");
        assert_eq!(formatted(1, 6), "0.000001 tokens");
        assert_eq!(formatted(0, 0), "0 tokens");
        assert_eq!(formatted(12, 0), "12 tokens");
        assert_eq!(formatted(12, 25), "0.0000000000000000000000012 tokens");
        assert_eq!(format_amount(Lamports::new(12).unwrap(), Some(&Asset::Sol)), "0.000000012 SOL");
        assert_eq!(format_amount(Lamports::new(12).unwrap(), None), "12 base units");
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(format_time(1_795_176_000_999), "2026-11-20T12:00:00Z");
        assert_eq!(format_time(i64::MAX), "9223372036854775807 ms");
    }
}
