//! Progress events of settlements, for logs, terminals and metrics.

use std::fmt;

use serde::Serialize;

/// The severity of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Normal progress.
    Info,
    /// Something was delayed or will be retried.
    Warn,
    /// An operator has to intervene.
    Error,
}

impl Level {
    /// The level as stored in the ledger's settlement log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A progress event. Also stored as a line of the settlement's log in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The settlement that emitted the event; see [`SettlementStatus::id`](crate::types::SettlementStatus::id).
    pub settlement_id: i64,
    /// The step that emitted the event: `validate`, `sync`, `plan`, `simulate`, `submit` or `reconcile`.
    pub step: &'static str,
    /// The severity: a warning needs no intervention, an error does.
    pub level: Level,
    /// A human-readable description. Never contains a secret.
    pub message: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settlement {} {}: {}", self.settlement_id, self.step, self.message)
    }
}

/// A consumer of events. Must not fail and must not block.
pub trait Events {
    /// Called for every event.
    fn event(&self, event: &Event);
}

/// Discards all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl Events for NoEvents {
    fn event(&self, _event: &Event) {}
}

impl<E: Events + ?Sized> Events for &E {
    fn event(&self, event: &Event) {
        (**self).event(event);
    }
}
