//! Settlements and their step log.

use crate::database::{Database, DatabaseError, Row, Statement, statements};
use crate::events::Level;

use super::super::{MAX_HOLD_RETRY_MS, SettlementState, Step};
use super::settlement_nodes::HeldNodes;
use super::{is_due_by_age, is_due_by_amount, retry_has_come, retry_is_absurd};

statements! {
    /// The open settlement.
    OPEN = "SELECT CAST(id AS TEXT) AS id, step, error FROM settlements WHERE state = 'open'";

    /// Whether a settlement would have work at ?1: unconfirmed rewards, or payouts that are due by amount or by age. What
    /// is held counts if it is to be tried again by ?2, or by now if ?2 is NULL; nothing is held for longer than ?3
    /// milliseconds. Every line is one search that ends at the first row it finds, however many are held.
    HAS_WORK = concat!(
        "SELECT CAST( \
            EXISTS (SELECT 1 FROM payables WHERE next_sequence IS NOT NULL AND ", retry_has_come!("?2"), ") \
            OR EXISTS (SELECT 1 FROM wallets WHERE ", is_due_by_amount!(), " AND ", retry_has_come!("?2"), ") \
            OR EXISTS (SELECT 1 FROM wallets WHERE ", is_due_by_age!("?1"), " AND retry_at = 0) \
            OR EXISTS (SELECT 1 FROM wallets WHERE ", is_due_by_age!("?1"), " AND retry_at > 0 AND ", retry_has_come!("?2"), ") \
            OR EXISTS (SELECT 1 FROM payables WHERE next_sequence IS NOT NULL AND ", retry_is_absurd!("?3"), ") \
            OR EXISTS (SELECT 1 FROM wallets WHERE ", is_due_by_amount!(), " AND ", retry_is_absurd!("?3"), ") \
            OR EXISTS (SELECT 1 FROM wallets WHERE ", is_due_by_age!("?1"), " AND ", retry_is_absurd!("?3"), ") \
        AS TEXT) AS has_work"
    );

    /// The latest settlement, if it failed in one of the steps that find out whether anything can be settled, or in its last, for the
    /// reason for which all of its batches failed.
    REFUSED = "SELECT CAST(id AS TEXT) AS id, step, error FROM settlements \
        WHERE id = (SELECT MAX(id) FROM settlements) AND state = 'failed' AND step IN ('validate', 'plan', 'reconcile') \
            AND error IS NOT NULL";

    /// Opens a settlement for trigger ?1 at ?2.
    OPEN_NEW = "INSERT INTO settlements (trigger, state, step, started_at, updated_at) \
        VALUES (?1, 'open', 'validate', CAST(?2 AS INTEGER), CAST(?2 AS INTEGER))";

    /// Fails the statement batch unless settlement ?1 is open at step ?2.
    REQUIRE_STEP = "INSERT INTO preconditions (state_unchanged) SELECT EXISTS ( \
        SELECT 1 FROM settlements WHERE id = CAST(?1 AS INTEGER) AND state = 'open' AND step = ?2)";

    /// Moves settlement ?1 from step ?2 to step ?3 at ?4 and clears its error.
    GO_TO = "UPDATE settlements SET step = ?3, error = NULL, updated_at = CAST(?4 AS INTEGER) \
        WHERE id = CAST(?1 AS INTEGER) AND step = ?2 AND state = 'open'";

    /// Closes settlement ?1 with state ?2 and error ?3 at ?4.
    CLOSE = "UPDATE settlements SET state = ?2, error = ?3, updated_at = CAST(?4 AS INTEGER), \
        finished_at = CAST(?4 AS INTEGER) WHERE id = CAST(?1 AS INTEGER) AND state = 'open'";

    /// Sets the transient error of settlement ?1 to ?2 at ?3; NULL clears it.
    SET_ERROR = "UPDATE settlements SET error = ?2, updated_at = CAST(?3 AS INTEGER) WHERE id = CAST(?1 AS INTEGER)";

    /// Adds a batch's credited lamports ?2, paid lamports ?3 and fees ?4 to settlement ?1 at ?5.
    ADD_SUMS = "UPDATE settlements SET \
            credited_lamports = credited_lamports + CAST(?2 AS INTEGER), \
            paid_lamports = paid_lamports + CAST(?3 AS INTEGER), \
            fees_lamports = fees_lamports + CAST(?4 AS INTEGER), \
            updated_at = CAST(?5 AS INTEGER) \
        WHERE id = CAST(?1 AS INTEGER)";

    /// The last ?2 lines of the log of settlement ?1, newest first.
    LAST_LINES = "SELECT CAST(at AS TEXT) AS at, level, message FROM settlement_steps \
        WHERE settlement_id = CAST(?1 AS INTEGER) ORDER BY id DESC LIMIT CAST(?2 AS INTEGER)";

    /// Appends to the log of settlement ?1: step ?2, level ?3, message ?4, at ?5.
    LOG = "INSERT INTO settlement_steps (settlement_id, step, level, message, at) \
        VALUES (CAST(?1 AS INTEGER), ?2, ?3, ?4, CAST(?5 AS INTEGER))";
}

/// The settlement in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenSettlement {
    pub(crate) id: i64,
    pub(crate) step: Step,
    /// The last transient error, if the settlement has not moved on since.
    pub(crate) error: Option<String>,
}

/// A settlement that failed in its first step, in which everything is checked that a settlement needs, in its plan, in which
/// it turns out whether a transaction can be paid for, or in its last, because none of its batches was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedSettlement {
    pub(crate) id: i64,
    pub(crate) step: Step,
    pub(crate) reason: String,
}

/// What a runner finds when no settlement is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// Whether there is anything to settle.
    pub(crate) exists: bool,
    /// The latest settlement, if it was refused.
    pub(crate) refused: Option<RefusedSettlement>,
}

/// How a settlement ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettlementOutcome<'a> {
    /// It was carried out.
    Done,
    /// It could not be carried out.
    Failed { reason: &'a str },
}

/// The lamports that a batch adds to its settlement's sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SettlementSums {
    pub(crate) credited: u64,
    pub(crate) paid: u64,
    pub(crate) fees: u64,
}

/// The warnings among the last `lines` lines of a settlement's log, newest first, each with its time in Unix milliseconds.
pub(crate) async fn last_warnings(
    database: &impl Database,
    id: i64,
    lines: u32,
) -> Result<Vec<(i64, String)>, DatabaseError> {
    let rows = database.query(Statement::new(LAST_LINES).bind(id).bind(lines)).await?;
    let mut warnings = Vec::new();
    for row in &rows {
        if row.get::<String>("level")? == Level::Warn.as_str() {
            warnings.push((row.get("at")?, row.get("message")?));
        }
    }
    Ok(warnings)
}

/// Returns the open settlement, if there is one.
pub(crate) async fn open(database: &impl Database) -> Result<Option<OpenSettlement>, DatabaseError> {
    let rows = database.query(Statement::new(OPEN)).await?;
    rows.first()
        .map(|row| Ok(OpenSettlement { id: row.get("id")?, step: row.get("step")?, error: row.optional("error")? }))
        .transpose()
}

fn has_work(now_ms: i64, held: HeldNodes) -> Statement {
    Statement::new(HAS_WORK).bind(now_ms).bind(held.retry_by_ms()).bind(MAX_HOLD_RETRY_MS)
}

/// Returns whether a settlement is open, or there is anything to settle.
pub(crate) async fn is_open_or_has_work(
    database: &impl Database,
    now_ms: i64,
    held: HeldNodes,
) -> Result<bool, DatabaseError> {
    let has_work = has_work(now_ms, held);
    let [open, has_work] = database.batch_of([Statement::new(OPEN), has_work]).await?;
    Ok(!open.is_empty() || has_work.first().map(|row| row.get::<u8>("has_work")).transpose()? == Some(1))
}

/// Finds out whether there is anything to settle, and whether the latest settlement was refused.
pub(crate) async fn work(database: &impl Database, now_ms: i64, held: HeldNodes) -> Result<Work, DatabaseError> {
    let has_work = has_work(now_ms, held);
    let [work, refused] = database.batch_of([has_work, Statement::new(REFUSED)]).await?;
    Ok(Work {
        exists: work.first().map(|row| row.get::<u8>("has_work")).transpose()? == Some(1),
        refused: refused.first().map(refused_settlement).transpose()?,
    })
}

fn refused_settlement(row: &Row) -> Result<RefusedSettlement, DatabaseError> {
    Ok(RefusedSettlement { id: row.get("id")?, step: row.get("step")?, reason: row.get("error")? })
}

pub(crate) fn open_new(trigger: &str, now_ms: i64) -> Statement {
    Statement::new(OPEN_NEW).bind(trigger).bind(now_ms)
}

pub(crate) fn require_step(id: i64, step: Step) -> Statement {
    Statement::new(REQUIRE_STEP).bind(id).bind(step)
}

pub(crate) fn go_to(id: i64, from: Step, to: Step, now_ms: i64) -> Statement {
    Statement::new(GO_TO).bind(id).bind(from).bind(to).bind(now_ms)
}

pub(crate) fn close(id: i64, outcome: SettlementOutcome<'_>, now_ms: i64) -> Statement {
    let (state, error) = match outcome {
        SettlementOutcome::Done => (SettlementState::Done, None),
        SettlementOutcome::Failed { reason } => (SettlementState::Failed, Some(reason)),
    };
    Statement::new(CLOSE).bind(id).bind(state).bind(error).bind(now_ms)
}

pub(crate) fn set_error(id: i64, error: Option<&str>, now_ms: i64) -> Statement {
    Statement::new(SET_ERROR).bind(id).bind(error).bind(now_ms)
}

pub(crate) fn add_sums(id: i64, sums: SettlementSums, now_ms: i64) -> Statement {
    Statement::new(ADD_SUMS).bind(id).bind(sums.credited).bind(sums.paid).bind(sums.fees).bind(now_ms)
}

pub(crate) fn log(id: i64, step: Step, level: Level, message: &str, now_ms: i64) -> Statement {
    Statement::new(LOG).bind(id).bind(step).bind(level.as_str()).bind(message).bind(now_ms)
}
