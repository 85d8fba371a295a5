//! The pending writes of one engine call: statements and the log events that belong to them.

use crate::database::Statement;
use crate::events::{Event, Level};

use super::Step;
use super::store::settlements::{self, OpenSettlement, SettlementOutcome};

/// Statements that are committed together in one transaction.
pub(super) struct Changes {
    settlement_id: i64,
    step: Step,
    now_ms: i64,
    statements: Vec<Statement>,
    events: Vec<Event>,
    /// The id of the last batch that these changes add.
    last_batch_id: Option<i64>,
}

impl Changes {
    /// Starts changes to an open settlement.
    pub(super) fn for_settlement(open: &OpenSettlement, now_ms: i64) -> Self {
        Self {
            settlement_id: open.id,
            step: open.step,
            now_ms,
            statements: Vec::new(),
            events: Vec::new(),
            last_batch_id: None,
        }
    }

    /// Starts with the statement that opens a settlement.
    pub(super) fn opening(trigger: &str, now_ms: i64) -> Self {
        let statements = vec![settlements::open_new(trigger, now_ms)];
        Self { settlement_id: 0, step: Step::Validate, now_ms, statements, events: Vec::new(), last_batch_id: None }
    }

    /// Appends a statement.
    pub(super) fn push(&mut self, statement: Statement) {
        self.statements.push(statement);
    }

    /// Appends statements.
    pub(super) fn extend(&mut self, statements: impl IntoIterator<Item = Statement>) {
        self.statements.extend(statements);
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The id for the next batch that these changes add. `last_id` is that of the last batch in the ledger.
    pub(super) fn next_batch_id(&mut self, last_id: i64) -> i64 {
        let id = self.last_batch_id.unwrap_or(last_id).saturating_add(1);
        self.last_batch_id = Some(id);
        id
    }

    /// The id of the last batch that these changes add.
    pub(super) fn last_batch_id(&self) -> Option<i64> {
        self.last_batch_id
    }

    /// Logs progress.
    pub(super) fn info(&mut self, message: impl Into<String>) {
        self.log(Level::Info, message.into());
    }

    /// Logs something that was postponed or will be retried.
    pub(super) fn warn(&mut self, message: impl Into<String>) {
        self.log(Level::Warn, message.into());
    }

    /// Logs something that needs manual intervention.
    pub(super) fn error(&mut self, message: impl Into<String>) {
        self.log(Level::Error, message.into());
    }

    /// Moves the settlement to `step` and clears its transient error.
    pub(super) fn go_to(&mut self, step: Step) {
        self.statements.push(settlements::go_to(self.settlement_id, self.step, step, self.now_ms));
        self.step = step;
    }

    /// Closes the settlement as [`SettlementState::Done`](super::SettlementState::Done).
    pub(super) fn finish_settlement(&mut self) {
        self.statements.push(settlements::close(self.settlement_id, SettlementOutcome::Done, self.now_ms));
    }

    /// Closes the settlement as [`SettlementState::Failed`](super::SettlementState::Failed).
    pub(super) fn fail_settlement(&mut self, reason: &str) {
        self.error(reason);
        let outcome = SettlementOutcome::Failed { reason };
        self.statements.push(settlements::close(self.settlement_id, outcome, self.now_ms));
    }

    /// Logs at any level.
    pub(super) fn log(&mut self, level: Level, message: String) {
        self.statements.push(settlements::log(self.settlement_id, self.step, level, &message, self.now_ms));
        self.events.push(Event { settlement_id: self.settlement_id, step: self.step.as_str(), level, message });
    }

    /// Splits into the statements to commit and the events to emit afterwards.
    pub(super) fn into_parts(self) -> (Vec<Statement>, Vec<Event>) {
        (self.statements, self.events)
    }
}
