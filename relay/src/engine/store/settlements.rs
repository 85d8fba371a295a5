//! Settlements and their log.

use crate::database::{Database, DatabaseError, Statement, statements};
use crate::events::Level;

use super::super::Step;

statements! {
    /// The open settlement.
    OPEN = "SELECT CAST(id AS TEXT) AS id, step, error FROM settlements WHERE state = 'open'";

    /// Whether a settlement would have something to do at ?1. Held rewards and payouts count when ?2 is 1, or when
    /// the last settlement closed before ?3.
    HAS_WORK = "WITH retry (held) AS ( \
            SELECT ?2 = '1' OR COALESCE((SELECT MAX(finished_at) FROM settlements), 0) <= CAST(?3 AS INTEGER)) \
        SELECT CAST( \
            EXISTS (SELECT 1 FROM rewards, retry WHERE status = 'pending' AND (hold_reason IS NULL OR held)) \
            OR EXISTS (SELECT 1 FROM wallets, treasury, retry \
                WHERE pending_rewards_lamports > 0 AND (hold_reason IS NULL OR held) \
                AND (pending_rewards_lamports >= threshold_lamports \
                    OR CAST(?1 AS INTEGER) - oldest_unpaid_at >= max_pending_age_ms)) \
            OR EXISTS (SELECT 1 FROM batches, retry WHERE state = 'review' AND held) \
        AS TEXT) AS has_work";

    /// Opens a settlement asked for by ?1 at ?2.
    OPEN_NEW = "INSERT INTO settlements (trigger, state, step, started_at, updated_at) \
        VALUES (?1, 'open', 'validate', CAST(?2 AS INTEGER), CAST(?2 AS INTEGER))";

    /// Refuses the batch unless settlement ?1 is open at step ?2.
    REQUIRE_STEP = "INSERT INTO preconditions (state_unchanged) SELECT EXISTS ( \
        SELECT 1 FROM settlements WHERE id = CAST(?1 AS INTEGER) AND state = 'open' AND step = ?2)";

    /// Moves settlement ?1 from step ?2 to step ?3 at ?4.
    GO_TO = "UPDATE settlements SET step = ?3, error = NULL, updated_at = CAST(?4 AS INTEGER) \
        WHERE id = CAST(?1 AS INTEGER) AND step = ?2 AND state = 'open'";

    /// Closes settlement ?1 as ?2 with error ?3 at ?4.
    CLOSE = "UPDATE settlements SET state = ?2, error = ?3, updated_at = CAST(?4 AS INTEGER), \
        finished_at = CAST(?4 AS INTEGER) WHERE id = CAST(?1 AS INTEGER) AND state = 'open'";

    /// Sets or clears (?2 NULL) the passing error of settlement ?1 at ?3.
    SET_ERROR = "UPDATE settlements SET error = ?2, updated_at = CAST(?3 AS INTEGER) WHERE id = CAST(?1 AS INTEGER)";

    /// Adds what a batch credited (?2), paid (?3) and cost (?4) to settlement ?1 at ?5.
    ADD_SUMS = "UPDATE settlements SET \
            credited_lamports = credited_lamports + CAST(?2 AS INTEGER), \
            paid_lamports = paid_lamports + CAST(?3 AS INTEGER), \
            fees_lamports = fees_lamports + CAST(?4 AS INTEGER), \
            updated_at = CAST(?5 AS INTEGER) \
        WHERE id = CAST(?1 AS INTEGER)";

    /// A line of the log: settlement ?1, step ?2, level ?3, message ?4, at ?5.
    LOG = "INSERT INTO settlement_steps (settlement_id, step, level, message, at) \
        VALUES (CAST(?1 AS INTEGER), ?2, ?3, ?4, CAST(?5 AS INTEGER))";
}

/// The settlement that is being carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenSettlement {
    pub(crate) id: i64,
    pub(crate) step: Step,
    /// The passing error that was last noted.
    pub(crate) error: Option<String>,
}

/// The open settlement, if there is one.
pub(crate) async fn open(database: &impl Database) -> Result<Option<OpenSettlement>, DatabaseError> {
    let rows = database.query(Statement::new(OPEN)).await?;
    rows.first()
        .map(|row| Ok(OpenSettlement { id: row.get("id")?, step: row.get("step")?, error: row.optional("error")? }))
        .transpose()
}

/// Whether there is anything to settle.
pub(crate) async fn has_work(
    database: &impl Database,
    retry_held: bool,
    retry_after_ms: i64,
    now_ms: i64,
) -> Result<bool, DatabaseError> {
    let statement = Statement::new(HAS_WORK).bind(now_ms).bind(retry_held).bind(now_ms.saturating_sub(retry_after_ms));
    let rows = database.query(statement).await?;
    Ok(rows.first().map(|row| row.get::<u8>("has_work")).transpose()? == Some(1))
}

pub(crate) fn open_new(trigger: &str, now_ms: i64) -> Statement {
    Statement::new(OPEN_NEW).bind(trigger).bind(now_ms)
}

pub(crate) fn require_step(id: i64, step: Step) -> Statement {
    Statement::new(REQUIRE_STEP).bind(id).bind(step.as_str())
}

pub(crate) fn go_to(id: i64, from: Step, to: Step, now_ms: i64) -> Statement {
    Statement::new(GO_TO).bind(id).bind(from.as_str()).bind(to.as_str()).bind(now_ms)
}

pub(crate) fn close(id: i64, state: &str, error: Option<&str>, now_ms: i64) -> Statement {
    Statement::new(CLOSE).bind(id).bind(state).bind(error).bind(now_ms)
}

pub(crate) fn set_error(id: i64, error: Option<&str>, now_ms: i64) -> Statement {
    Statement::new(SET_ERROR).bind(id).bind(error).bind(now_ms)
}

pub(crate) fn add_sums(id: i64, credited: u64, paid: u64, fees: u64, now_ms: i64) -> Statement {
    Statement::new(ADD_SUMS).bind(id).bind(credited).bind(paid).bind(fees).bind(now_ms)
}

pub(crate) fn log(id: i64, step: Step, level: Level, message: &str, now_ms: i64) -> Statement {
    Statement::new(LOG).bind(id).bind(step.as_str()).bind(level.as_str()).bind(message).bind(now_ms)
}
