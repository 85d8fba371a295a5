//! Scheduling of settlements: when to call the engine.
//!
//! One Durable Object calls the engine from its alarm; cron and the API only wake it. All state that matters is in the
//! ledger. What is kept here affects only when the engine is called, and losing it is harmless.

mod control;
mod error;
mod scheduler;
mod status;

pub(crate) use control::{BoxFuture, ControlError, SettlementControl, Wake};
pub(crate) use error::RunnerError;
pub(crate) use scheduler::{Scheduler, SchedulerState, SchedulerStorage, SettlementEngine};
pub(crate) use status::RunnerStatus;
