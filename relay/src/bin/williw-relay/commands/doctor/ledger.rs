//! Checks of the ledger.

use std::path::Path;

use williw_relay::database::Database;
use williw_relay::database::sqlite::SqliteError;
use williw_relay::engine::{ATTEMPT_OVERDUE_MS, HoldReason};
use williw_relay::ledger::health;
use williw_relay::metrics::LedgerReading;

use crate::arguments::{ConnectionArguments, LedgerLocation};
use crate::error::CliError;
use crate::ledger::{self, Ledger};

use super::LedgerFacts;
use super::report::Report;

/// Below this, a run would soon fail.
const LITTLE_SPACE_BYTES: u64 = 64 * 1024 * 1024;

/// Below this, somebody should look after the disk.
const ENOUGH_SPACE_BYTES: u64 = 1024 * 1024 * 1024;

/// How far two clocks may be apart, in milliseconds.
const MAX_CLOCK_SKEW_MS: u64 = 5_000;

/// How long a settlement may be open, in milliseconds. One of thousands of nodes takes minutes.
const LONG_SETTLEMENT_MS: i64 = 60 * 60 * 1_000;

pub(super) async fn check(connection: &ConnectionArguments, now_ms: i64, report: &mut Report) -> LedgerFacts {
    if let Some(LedgerLocation::File(file)) = &connection.ledger {
        check_space(file, report);
    }
    let (database, missing) = match ledger::inspect(connection) {
        Ok(opened) => opened,
        Err(CliError::File(error @ SqliteError::MissingFile(_))) => {
            match connection.ledger.as_ref() {
                Some(LedgerLocation::File(file)) if !directory_of(file).is_dir() => {
                    report.failure("ledger", &SqliteError::MissingDirectory(directory_of(file).to_owned()));
                }
                _ => report.warning("ledger", error.to_string(), "without rewards, there is nothing to settle"),
            }
            return LedgerFacts::default();
        }
        Err(error) => {
            report.failure("ledger", &error);
            return LedgerFacts::default();
        }
    };
    if let Ledger::File(file) = &database {
        check_damage(file.damage(), report);
    }
    if !missing.is_empty() {
        report.warning(
            "ledger",
            format!(
                "its schema is older than this version's, it lacks {}: nothing else of it is checked",
                missing.join(", ")
            ),
            "back it up; the next run migrates it",
        );
        return LedgerFacts::default();
    }
    let mut facts = check_state(&database, now_ms, report).await;
    if let Some(reading) = &facts.reading {
        check_progress(reading, now_ms, report);
    }
    facts.database = Some(database);
    facts
}

fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn check_space(file: &Path, report: &mut Report) {
    // The error of a missing directory is reported with the ledger.
    let Ok(space) = rustix::fs::statvfs(directory_of(file)) else { return };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let message = format!("{} MiB are free on the ledger's disk", free / (1024 * 1024));
    let action = "free space: without it, nothing can be settled";
    match free {
        0..LITTLE_SPACE_BYTES => report.error("disk", message, action),
        LITTLE_SPACE_BYTES..ENOUGH_SPACE_BYTES => report.warning("disk", message, action),
        ENOUGH_SPACE_BYTES.. => report.ok("disk", message),
    }
}

fn check_damage(damage: Result<Vec<String>, williw_relay::database::DatabaseError>, report: &mut Report) {
    match damage {
        Ok(lines) if lines.is_empty() => report.ok("integrity", "the file is sound"),
        Ok(lines) => report.error(
            "integrity",
            format!("the ledger is damaged ({})", lines.join("; ")),
            "stop all relays, and restore it from a backup",
        ),
        Err(error) => report.failure("integrity", &error),
    }
}

async fn check_state(database: &impl Database, now_ms: i64, report: &mut Report) -> LedgerFacts {
    let health = match health::check(database).await {
        Ok(health) => health,
        Err(error) => {
            report.failure("ledger", &error);
            return LedgerFacts::default();
        }
    };
    report.ok("ledger", "readable, writable, and of this version's schema");
    let skew_ms = health.now_ms.abs_diff(now_ms);
    if skew_ms > MAX_CLOCK_SKEW_MS {
        report.warning(
            "clock",
            format!("this machine's clock and the ledger's differ by {} s", skew_ms / 1_000),
            "synchronize this machine's clock",
        );
    }
    match &health.holder {
        Some((holder, remaining_ms)) => {
            report.ok("lease", format!("{holder} is settling; its lease lasts for another {} s", remaining_ms / 1_000));
        }
        None => report.ok("lease", "nobody is settling"),
    }
    let reading = LedgerReading::read(database).await;
    if let Err(error) = &reading {
        report.failure("ledger", error);
    }
    LedgerFacts { database: None, binding: health.binding, reading: reading.ok() }
}

fn check_progress(reading: &LedgerReading, now_ms: i64, report: &mut Report) {
    let age_ms = |since_ms: Option<i64>| since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms).max(0));
    let attempt_ms = age_ms(reading.oldest_sent_ms());
    let settlement_ms = age_ms(reading.settlement_since_ms);
    if attempt_ms.unsigned_abs() >= ATTEMPT_OVERDUE_MS {
        report.warning(
            "settlement",
            format!("a transaction was signed {} min ago, and its end is not known", attempt_ms / 60_000),
            "run a relay if none is running; if one is, check that the cluster finalizes blocks and that the RPC nodes keep up",
        );
    } else if settlement_ms > LONG_SETTLEMENT_MS {
        report.warning(
            "settlement",
            format!("a settlement has been open for {} min", settlement_ms / 60_000),
            "see 'williw-relay status'; run a relay if none is running",
        );
    } else {
        let done = reading.settlements_done;
        report.ok(
            "settlement",
            format!("{} reward(s) are pending; {done} settlement(s) are done", reading.pending_rewards),
        );
    }
    for held in &reading.held {
        let message = format!("{} node(s) are held ({}): {}", held.nodes, held.kind, held.reason);
        if HoldReason::DISAGREEMENTS.contains(&held.reason.as_str()) {
            report.error("held", message, "ledger and chain disagree, see 'williw-relay review list'");
        } else {
            report.warning(
                "held",
                message,
                "the others are paid; 'williw-relay status --node ID' shows a node's reason",
            );
        }
    }
}
