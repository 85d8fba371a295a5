//! What happens in a settlement, told to whoever watches: a terminal, a log, metrics.

use std::fmt;

use serde::Serialize;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Progress.
    Info,
    /// Something was put off or done again.
    Warn,
    /// Something needs a person.
    Error,
}

impl Level {
    /// The level as the ledger's step log spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One thing that happened. Also a line of the settlement's log in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Which settlement.
    pub settlement_id: i64,
    /// In which of the six steps.
    pub step: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What happened, for a person. Never holds a secret.
    pub message: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settlement {} {}: {}", self.settlement_id, self.step, self.message)
    }
}

/// Where events go. Must not fail and must not block.
pub trait Events {
    /// Takes note of `event`.
    fn event(&self, event: &Event);
}

/// Nobody watches.
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
