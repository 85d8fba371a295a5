//! When to call the engine: the logic of the settlement object, independent of the Workers runtime.
//!
//! An alarm runs at least once and can be lost together with the process; a wake can arrive at any moment, also while
//! an alarm is running. Therefore an alarm calls the engine a bounded number of times and schedules the next alarm
//! according to the result, and every wake sets an alarm if none is set. Exactly-once payment does not depend on any of
//! this: the engine's calls can be repeated at will.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use williw_relay::chain::ChainError;
use williw_relay::clock::Clock;
use williw_relay::engine::{EngineError, Progress, Trigger};

use super::control::Wake;
use super::error::RunnerError;
use super::status::{RunOutcome, RunResult, RunnerStatus};

/// The maximum number of engine calls per alarm. Each call is bounded; ten of them stay well within the limit on subrequests of
/// one invocation.
const MAX_CALLS_PER_ALARM: u32 = 10;

/// The number of SQL statements after which an alarm makes no further engine call. D1 allows 1,000 queries per invocation, and
/// each statement of a batch may count as one. No call of the engine runs more than 600
/// (`relay/tests/engine/requests.rs`), and deleting old data at the end up to 80.
const MAX_STATEMENTS_BEFORE_A_CALL: usize = 250;

/// The trigger that the ledger records for a settlement without a wake: a run found more work after another settlement.
const FOLLOW_UP_TRIGGER: &str = "alarm";

/// The delay after the first error, in milliseconds. It doubles with each consecutive error.
const FIRST_BACKOFF_MS: i64 = 1_000;

/// After how many milliseconds old data are deleted also while a settlement goes on or nothing can be settled.
const PRUNE_INTERVAL_MS: u64 = 10 * 60 * 1_000;

/// The number of doublings that reach [`MAX_BACKOFF_MS`].
const MAX_DOUBLINGS: u32 = 6;

/// The maximum delay after an error, in milliseconds: the interval at which cron wakes the object anyway.
const MAX_BACKOFF_MS: i64 = 60_000;

/// The state that the scheduler stores between events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SchedulerState {
    /// The latest wake that the engine has not acted on yet.
    wake: Option<Wake>,
    errors_in_a_row: u32,
    last: Option<RunOutcome>,
    /// When old data were deleted last, in Unix milliseconds.
    #[serde(default)]
    pruned_at: i64,
}

/// The settlement engine, reduced to what the scheduler calls.
#[allow(async_fn_in_trait, reason = "single-threaded, no Send needed")]
pub(crate) trait SettlementEngine {
    /// Does the next bounded piece of work.
    async fn advance(&self, trigger: Trigger<'_>) -> Result<Progress, RunnerError>;

    /// The number of SQL statements that the engine has run since it was created, which is once for every alarm.
    fn statements(&self) -> usize;

    /// Releases the engine's lease, so that the next runner need not wait for it to expire. Called before a pause after
    /// an error; the next runner may be a new instance of this object.
    async fn release_lease(&self);

    /// Deletes some of what the ledger has kept for long enough. Called at most once per alarm: when there is nothing to settle,
    /// when a settlement has ended, and otherwise every ten minutes.
    async fn prune(&self);
}

/// Storage for one alarm and the scheduler's state.
#[allow(async_fn_in_trait, reason = "single-threaded, no Send needed")]
pub(crate) trait SchedulerStorage {
    /// The error of a failed storage operation.
    type Error;

    /// The time for which the alarm is set, in Unix milliseconds. `None` if it is not set, and while it runs.
    async fn alarm(&self) -> Result<Option<i64>, Self::Error>;

    /// Sets the alarm, replacing any earlier one.
    async fn set_alarm(&self, at_ms: i64) -> Result<(), Self::Error>;

    /// Loads the state; the default if there is none or it cannot be decoded.
    async fn load(&self) -> Result<SchedulerState, Self::Error>;

    /// Stores the state.
    async fn save(&self, state: &SchedulerState) -> Result<(), Self::Error>;
}

/// Decides when to call the engine.
pub(crate) struct Scheduler<'a, S, C> {
    storage: &'a S,
    clock: &'a C,
}

impl<'a, S: SchedulerStorage, C: Clock> Scheduler<'a, S, C> {
    pub(crate) fn new(storage: &'a S, clock: &'a C) -> Self {
        Self { storage, clock }
    }

    /// Schedules a run. An alarm that is already set is kept, unless it is overdue (which means that it was lost) or
    /// the wake asks to retry held rewards.
    ///
    /// # Errors
    /// If the storage fails.
    pub(crate) async fn wake(&self, wake: Wake) -> Result<RunnerStatus, S::Error> {
        let now = self.clock.now_ms();
        let mut state = self.storage.load().await?;
        let urgent = wake.retry_held;
        let retry_held = urgent || state.wake.as_ref().is_some_and(|earlier| earlier.retry_held);
        state.wake = Some(Wake { retry_held, ..wake });
        self.storage.save(&state).await?;
        let alarm = self.storage.alarm().await?;
        if urgent || alarm.is_none_or(|at_ms| at_ms <= now) {
            self.storage.set_alarm(now).await?;
        }
        self.status().await
    }

    /// The current status.
    ///
    /// # Errors
    /// If the storage fails.
    pub(crate) async fn status(&self) -> Result<RunnerStatus, S::Error> {
        let state = self.storage.load().await?;
        Ok(RunnerStatus { next_run_at: self.storage.alarm().await?, last_run: state.last })
    }

    /// Runs the alarm: calls the engine and schedules the next alarm.
    ///
    /// # Errors
    /// If the storage fails; the runtime then runs the alarm again.
    pub(crate) async fn alarm<E: SettlementEngine>(&self, engine: Result<E, RunnerError>) -> Result<(), S::Error> {
        let mut state = self.storage.load().await?;
        // Take the wake before the engine looks for work: a wake that is stored meanwhile is for the next alarm.
        let wake = state.wake.take();
        self.storage.save(&state).await?;
        let is_overdue = self.clock.now_ms().abs_diff(state.pruned_at) >= PRUNE_INTERVAL_MS;
        let mut has_pruned = false;
        let run = match engine {
            Ok(engine) => {
                let run = run_engine(&engine, wake).await;
                if run.result.is_err() {
                    engine.release_lease().await;
                }
                if run.has_ended || is_overdue {
                    engine.prune().await;
                    has_pruned = true;
                }
                run
            }
            Err(error) => EngineRun { pending_wake: wake, advanced: false, has_ended: false, result: Err(error) },
        };

        let now = self.clock.now_ms();
        let mut state = self.storage.load().await?;
        if has_pruned {
            state.pruned_at = now;
        }
        state.wake = merge_wakes(run.pending_wake, state.wake);
        if run.advanced {
            state.errors_in_a_row = 0;
        }
        let (result, next_run) = match run.result {
            Ok(result_and_next_run) => result_and_next_run,
            Err(error) => {
                let next_run = match error {
                    RunnerError::Setting(_) => NextRun::OnWake,
                    RunnerError::Engine(ref error) => {
                        NextRun::AfterMs(backoff_ms(state.errors_in_a_row).max(retry_after_ms(error)))
                    }
                };
                state.errors_in_a_row = state.errors_in_a_row.saturating_add(1);
                (RunResult::Error { code: error.code(), message: error.to_string() }, next_run)
            }
        };
        state.last = Some(RunOutcome { at: now, result });
        self.storage.save(&state).await?;
        if let NextRun::AfterMs(wait_ms) = next_run {
            let at_ms = now.saturating_add(wait_ms);
            // A wake that arrived during the run may have set an earlier alarm.
            if self.storage.alarm().await?.is_none_or(|set_ms| set_ms > at_ms) {
                self.storage.set_alarm(at_ms).await?;
            }
        }
        Ok(())
    }
}

/// The engine calls of one alarm.
struct EngineRun {
    /// The wake, unless the engine has acted on it.
    pending_wake: Option<Wake>,
    /// Whether at least one call succeeded.
    advanced: bool,
    /// Whether a settlement has ended, or there was nothing to settle.
    has_ended: bool,
    result: Result<(RunResult, NextRun), RunnerError>,
}

/// Calls the engine until it has to wait, has nothing to do, fails, has been called [`MAX_CALLS_PER_ALARM`] times, or has run
/// more than [`MAX_STATEMENTS_BEFORE_A_CALL`] statements.
///
/// The engine acts on the wake by opening a settlement for it or by finding nothing to settle. As long as an earlier
/// settlement is open, it ignores the wake.
async fn run_engine<E: SettlementEngine>(engine: &E, mut wake: Option<Wake>) -> EngineRun {
    let (mut advanced, mut has_ended) = (false, false);
    let result = 'calls: {
        for _ in 0..MAX_CALLS_PER_ALARM {
            if engine.statements() > MAX_STATEMENTS_BEFORE_A_CALL {
                break;
            }
            let trigger = Trigger {
                name: wake.as_ref().map_or(FOLLOW_UP_TRIGGER, |wake| &wake.trigger),
                retry_held: wake.as_ref().is_some_and(|wake| wake.retry_held),
            };
            let progress = match engine.advance(trigger).await {
                Ok(progress) => progress,
                Err(error) => break 'calls Err(error),
            };
            advanced = true;
            has_ended |= matches!(progress, Progress::Finished { .. } | Progress::Idle);
            match progress {
                Progress::Opened => wake = None,
                Progress::Continue { after_ms: 0 } => {}
                Progress::Continue { after_ms } => {
                    break 'calls Ok((RunResult::Working, NextRun::after_ms(after_ms)));
                }
                // There may be more work: rewards granted in the meantime, or more nodes than one settlement can hold.
                Progress::Finished { failure: None, .. } => {}
                // An immediate retry would fail in the same way, so wait for the next wake.
                Progress::Finished { settlement_id, failure: Some(reason) }
                | Progress::Blocked { settlement_id, reason } => {
                    wake = None;
                    break 'calls Ok((RunResult::Failed { settlement_id, reason }, NextRun::OnWake));
                }
                Progress::Idle => {
                    wake = None;
                    break 'calls Ok((RunResult::Idle, NextRun::OnWake));
                }
                Progress::Busy { holder, retry_after_ms } => {
                    break 'calls Ok((RunResult::Busy { holder }, NextRun::after_ms(retry_after_ms)));
                }
            }
        }
        Ok((RunResult::Working, NextRun::AfterMs(0)))
    };
    EngineRun { pending_wake: wake, advanced, has_ended, result }
}

/// Combines a pending wake with a newer one: the trigger is the newer one's, and either can ask to retry held rewards.
fn merge_wakes(earlier: Option<Wake>, newer: Option<Wake>) -> Option<Wake> {
    match (earlier, newer) {
        (Some(earlier), Some(newer)) => Some(Wake { retry_held: newer.retry_held || earlier.retry_held, ..newer }),
        (earlier, newer) => newer.or(earlier),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextRun {
    /// Not before the next wake.
    OnWake,
    /// This many milliseconds from now.
    AfterMs(i64),
}

impl NextRun {
    fn after_ms(wait_ms: u64) -> Self {
        Self::AfterMs(i64::try_from(wait_ms).unwrap_or(MAX_BACKOFF_MS))
    }
}

/// For how long the RPC node has asked not to be asked, in milliseconds, up to an hour.
fn retry_after_ms(error: &EngineError) -> i64 {
    match error {
        EngineError::Chain(ChainError::RateLimited { retry_after_ms: Some(ms) }) => {
            i64::try_from(*ms).unwrap_or(MAX_BACKOFF_MS)
        }
        _ => 0,
    }
}

fn backoff_ms(errors_in_a_row: u32) -> i64 {
    let doublings = errors_in_a_row.min(MAX_DOUBLINGS);
    (FIRST_BACKOFF_MS << doublings).min(MAX_BACKOFF_MS)
}
