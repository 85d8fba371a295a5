//! Driving a settlement at the edge: when to call the engine again.
//!
//! One Durable Object calls the engine from its alarm; cron and the API only wake it. All that matters is in the
//! ledger: what is kept here decides about waiting, and losing it loses nothing.

mod control;
mod decisions;

pub use control::{BoxFuture, ControlError, SettlementControl};
pub use decisions::{Advance, AlarmSlot, Runner, RunnerError, RunnerState, RunnerStatus, Wake};
