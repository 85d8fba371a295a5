//! When to call the engine: the decisions of the settlement object, without the runtime.
//!
//! An alarm runs at least once and may be lost with the process; a wake may come at any moment, also in the middle of
//! an alarm. So an alarm calls the engine a bounded number of times and sets the next alarm by what it answered, and
//! every wake sets one when there is none. Whether something is paid twice is never decided here: the engine's calls
//! can be repeated at will.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use williw_relay::chain::ChainError;
use williw_relay::clock::Clock;
use williw_relay::engine::{EngineError, Progress, Trigger};

use crate::settings::SettingError;
use crate::web::error::ErrorCode;

/// How often one alarm calls the engine at most. Each call is bounded by itself; ten of them stay well within the
/// subrequests and D1 queries of one invocation.
const MAX_CALLS_PER_ALARM: u32 = 10;

/// The trigger's name for a settlement that nobody asked for: a run went on after another, and found more.
const NO_WAKE: &str = "alarm";

/// The wait after a first error in milliseconds; it doubles with each further one.
const FIRST_BACKOFF_MS: i64 = 1_000;

/// More would not change the wait.
const MAX_DOUBLINGS: u32 = 6;

/// The longest wait after an error, in milliseconds: as long as cron takes to come by anyway.
const MAX_BACKOFF_MS: i64 = 60_000;

/// Why the object is woken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// Who wakes it: the trigger's name in the ledger, `cron` or `api`.
    pub trigger: String,
    /// Whether rewards that were held back are tried again now.
    pub retry_held: bool,
}

/// What the object remembers between two events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerState {
    wake: Option<Wake>,
    errors_in_a_row: u32,
    last: Option<Outcome>,
}

/// What the last run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What.
    #[serde(flatten)]
    pub result: OutcomeResult,
}

/// See [`Outcome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum OutcomeResult {
    /// There was nothing to settle.
    Idle,
    /// A settlement is under way.
    Working,
    /// Another runner is at work.
    Busy {
        /// Its name.
        holder: String,
    },
    /// A settlement could not be carried out and was closed.
    Failed {
        /// Which.
        settlement_id: i64,
        /// Why.
        reason: String,
    },
    /// The run was interrupted by an error and will be taken up again.
    Error {
        /// The error's code.
        code: String,
        /// The error in words.
        message: String,
    },
}

/// The object's status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunnerStatus {
    /// When it will run next, in Unix milliseconds. `None`: when it is woken.
    pub next_run_at: Option<i64>,
    /// What its last run came to. `None`: it has not run yet.
    pub last_run: Option<Outcome>,
}

/// Why the engine cannot be called or did not finish.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunnerError {
    /// A setting is missing or wrong; only a new deployment can help.
    #[error("{0}")]
    Setting(SettingError),
    /// The engine's error.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl RunnerError {
    fn code(&self) -> String {
        match self {
            Self::Setting(error) => code_text(error.code()),
            Self::Engine(error) => engine_code(error).to_owned(),
        }
    }
}

/// The code as the API spells it.
fn code_text(code: ErrorCode) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The engine's error in a word.
fn engine_code(error: &EngineError) -> &'static str {
    match error {
        EngineError::Ledger(error) => error.code(),
        EngineError::Chain(ChainError::Unreachable(_)) => "CHAIN_UNAVAILABLE",
        EngineError::Chain(ChainError::InvalidResponse(_)) => "CHAIN_ANSWER_INVALID",
        EngineError::Chain(ChainError::ErrorResponse { .. } | ChainError::UnsupportedVersion) => "CHAIN_REFUSED",
        EngineError::Signer(_) => "SIGNER_UNAVAILABLE",
        EngineError::Build(_) => "TRANSACTION_NOT_BUILDABLE",
        EngineError::LeaseLost => "LEASE_LOST",
        EngineError::StateChanged => "STATE_CHANGED",
        EngineError::Rejected(_) => "SETTLEMENT_REJECTED",
    }
}

/// The engine, ready to be called.
#[allow(async_fn_in_trait, reason = "one thread, no Send needed")]
pub trait Advance {
    /// Does the next bounded piece of work.
    async fn advance(&self, trigger: Trigger<'_>) -> Result<Progress, RunnerError>;

    /// Gives up what the engine holds against other runners: this one will be gone for a while, and its successor,
    /// if only itself in a new incarnation, need not wait.
    async fn rest(&self);
}

/// The object's one alarm and its memory.
#[allow(async_fn_in_trait, reason = "one thread, no Send needed")]
pub trait AlarmSlot {
    /// What the storage failed with.
    type Error;

    /// When the alarm is set for, in Unix milliseconds. `None` while it runs.
    async fn alarm(&self) -> Result<Option<i64>, Self::Error>;

    /// Sets the alarm, in place of an earlier one.
    async fn set_alarm(&self, at_ms: i64) -> Result<(), Self::Error>;

    /// What was remembered last; the default when there is nothing or it cannot be read.
    async fn load(&self) -> Result<RunnerState, Self::Error>;

    /// Remembers `state`.
    async fn save(&self, state: &RunnerState) -> Result<(), Self::Error>;
}

/// The decisions, over a slot and a clock.
pub struct Runner<'a, S, C> {
    slot: &'a S,
    clock: &'a C,
}

impl<'a, S: AlarmSlot, C: Clock> Runner<'a, S, C> {
    /// A runner over `slot`.
    pub fn new(slot: &'a S, clock: &'a C) -> Self {
        Self { slot, clock }
    }

    /// Has the engine called soon. An alarm that is set already stays, unless it is overdue (then it was lost) or
    /// the wake asks for more than waiting.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn wake(&self, wake: Wake) -> Result<RunnerStatus, S::Error> {
        let now = self.clock.now_ms();
        let mut state = self.slot.load().await?;
        let urgent = wake.retry_held;
        let retry_held = urgent || state.wake.as_ref().is_some_and(|earlier| earlier.retry_held);
        state.wake = Some(Wake { retry_held, ..wake });
        self.slot.save(&state).await?;
        let alarm = self.slot.alarm().await?;
        if urgent || alarm.is_none_or(|at_ms| at_ms <= now) {
            self.slot.set_alarm(now).await?;
        }
        self.status().await
    }

    /// The object's status.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn status(&self) -> Result<RunnerStatus, S::Error> {
        let state = self.slot.load().await?;
        Ok(RunnerStatus { next_run_at: self.slot.alarm().await?, last_run: state.last })
    }

    /// Runs the alarm: calls the engine and sets the next alarm.
    ///
    /// # Errors
    /// When the storage fails; the runtime then runs the alarm again.
    pub async fn alarm<A: Advance>(&self, engine: Result<A, RunnerError>) -> Result<(), S::Error> {
        let mut state = self.slot.load().await?;
        // Taken before the engine looks: what a wake writes meanwhile is for the next alarm.
        let mut wake = state.wake.take();
        self.slot.save(&state).await?;
        let mut advanced = false;
        let run = match engine {
            Ok(engine) => {
                let run = self.call(&engine, &mut wake, &mut advanced).await;
                if run.is_err() {
                    engine.rest().await;
                }
                run
            }
            Err(error) => Err(error),
        };

        let now = self.clock.now_ms();
        let mut state = self.slot.load().await?;
        state.wake = match (state.wake, wake) {
            (Some(newer), earlier) => {
                Some(Wake { retry_held: newer.retry_held || earlier.is_some_and(|wake| wake.retry_held), ..newer })
            }
            (None, earlier) => earlier,
        };
        if advanced {
            state.errors_in_a_row = 0;
        }
        let (result, next) = match run {
            Ok(result_and_next) => result_and_next,
            Err(error) => {
                let next = match error {
                    RunnerError::Setting(_) => Next::Sleep,
                    RunnerError::Engine(_) => Next::After(backoff_ms(state.errors_in_a_row)),
                };
                state.errors_in_a_row = state.errors_in_a_row.saturating_add(1);
                (OutcomeResult::Error { code: error.code(), message: error.to_string() }, next)
            }
        };
        state.last = Some(Outcome { at: now, result });
        self.slot.save(&state).await?;
        if let Next::After(wait_ms) = next {
            let at_ms = now.saturating_add(wait_ms);
            // A wake in the meantime may have asked for an earlier one.
            if self.slot.alarm().await?.is_none_or(|set| set > at_ms) {
                self.slot.set_alarm(at_ms).await?;
            }
        }
        Ok(())
    }

    /// Calls the engine until it has to wait, has nothing to do, fails, or has had its calls. The wake is taken out
    /// once the engine has opened a settlement for it or found none to open; while an earlier settlement is open, the
    /// engine does not look at it. `advanced` becomes true with the first call that succeeds.
    async fn call<A: Advance>(
        &self,
        engine: &A,
        wake: &mut Option<Wake>,
        advanced: &mut bool,
    ) -> Result<(OutcomeResult, Next), RunnerError> {
        for _ in 0..MAX_CALLS_PER_ALARM {
            let progress = {
                let trigger = Trigger {
                    name: wake.as_ref().map_or(NO_WAKE, |wake| &wake.trigger),
                    retry_held: wake.as_ref().is_some_and(|wake| wake.retry_held),
                };
                engine.advance(trigger).await?
            };
            *advanced = true;
            match progress {
                Progress::Opened => *wake = None,
                Progress::Continue { after_ms: 0 } => {}
                Progress::Continue { after_ms } => return Ok((OutcomeResult::Working, Next::after(after_ms))),
                // There may be more: rewards that came meanwhile, or more nodes than one settlement takes.
                Progress::Finished { failure: None, .. } => {}
                // Another try now would fail in the same way: the next wake tries again.
                Progress::Finished { settlement_id, failure: Some(reason) } => {
                    *wake = None;
                    return Ok((OutcomeResult::Failed { settlement_id, reason }, Next::Sleep));
                }
                Progress::Idle => {
                    *wake = None;
                    return Ok((OutcomeResult::Idle, Next::Sleep));
                }
                Progress::Busy { holder, retry_after_ms } => {
                    return Ok((OutcomeResult::Busy { holder }, Next::after(retry_after_ms)));
                }
            }
        }
        Ok((OutcomeResult::Working, Next::After(0)))
    }
}

/// What to do about the alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing: a wake will come.
    Sleep,
    /// Set it, in milliseconds from now.
    After(i64),
}

impl Next {
    fn after(wait_ms: u64) -> Self {
        Self::After(i64::try_from(wait_ms).unwrap_or(MAX_BACKOFF_MS))
    }
}

fn backoff_ms(errors_in_a_row: u32) -> i64 {
    let doublings = errors_in_a_row.min(MAX_DOUBLINGS);
    (FIRST_BACKOFF_MS << doublings).min(MAX_BACKOFF_MS)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use williw_relay::clock::ManualClock;

    use super::*;

    const START_MS: i64 = 1_000_000;

    /// Storage that holds one alarm and one state, as a Durable Object's does.
    #[derive(Default)]
    struct Memory {
        alarm: Cell<Option<i64>>,
        state: RefCell<RunnerState>,
    }

    impl AlarmSlot for &Memory {
        type Error = Infallible;

        async fn alarm(&self) -> Result<Option<i64>, Infallible> {
            Ok(self.alarm.get())
        }

        async fn set_alarm(&self, at_ms: i64) -> Result<(), Infallible> {
            self.alarm.set(Some(at_ms));
            Ok(())
        }

        async fn load(&self) -> Result<RunnerState, Infallible> {
            Ok(self.state.borrow().clone())
        }

        async fn save(&self, state: &RunnerState) -> Result<(), Infallible> {
            self.state.replace(state.clone());
            Ok(())
        }
    }

    /// An engine that answers by the book, and notes what it was asked.
    #[derive(Default)]
    struct Script {
        answers: RefCell<VecDeque<Result<Progress, RunnerError>>>,
        asked: RefCell<Vec<(String, bool)>>,
        rested: Cell<bool>,
        /// What happens in the middle of the next call.
        meanwhile: RefCell<Option<Box<dyn FnOnce()>>>,
    }

    impl Script {
        fn new(answers: impl IntoIterator<Item = Result<Progress, RunnerError>>) -> Self {
            Self { answers: RefCell::new(answers.into_iter().collect()), ..Self::default() }
        }
    }

    impl Advance for &Script {
        async fn advance(&self, trigger: Trigger<'_>) -> Result<Progress, RunnerError> {
            self.asked.borrow_mut().push((trigger.name.to_owned(), trigger.retry_held));
            if let Some(meanwhile) = self.meanwhile.take() {
                meanwhile();
            }
            self.answers.borrow_mut().pop_front().unwrap_or(Ok(Progress::Continue { after_ms: 0 }))
        }

        async fn rest(&self) {
            self.rested.set(true);
        }
    }

    fn wake(trigger: &str, retry_held: bool) -> Wake {
        Wake { trigger: trigger.to_owned(), retry_held }
    }

    fn down() -> RunnerError {
        EngineError::from(ChainError::Unreachable("refused".to_owned())).into()
    }

    const FINISHED: Progress = Progress::Finished { settlement_id: 1, failure: None };

    /// One object.
    struct Object {
        memory: Memory,
        clock: ManualClock,
    }

    impl Object {
        fn new() -> Self {
            Self { memory: Memory::default(), clock: ManualClock::at(START_MS) }
        }

        async fn wake(&self, wake: Wake) -> RunnerStatus {
            let Ok(status) = Runner::new(&&self.memory, &self.clock).wake(wake).await;
            status
        }

        async fn status(&self) -> RunnerStatus {
            let Ok(status) = Runner::new(&&self.memory, &self.clock).status().await;
            status
        }

        /// Runs the alarm as the runtime does: while it runs, none is set.
        async fn alarm(&self, engine: &Script) {
            self.memory.alarm.set(None);
            let Ok(()) = Runner::new(&&self.memory, &self.clock).alarm(Ok(engine)).await;
        }

        async fn result(&self) -> OutcomeResult {
            self.status().await.last_run.unwrap().result
        }

        fn next_in_ms(&self) -> Option<i64> {
            self.memory.alarm.get().map(|at_ms| at_ms - self.clock.now_ms())
        }
    }

    #[tokio::test]
    async fn a_wake_sets_the_alarm_when_none_is_set() {
        let object = Object::new();
        assert_eq!(object.wake(wake("cron", false)).await.next_run_at, Some(START_MS));
    }

    #[tokio::test]
    async fn a_wake_sets_the_alarm_again_when_it_was_lost() {
        let object = Object::new();
        object.memory.alarm.set(Some(START_MS - 1));
        assert_eq!(object.wake(wake("cron", false)).await.next_run_at, Some(START_MS));
    }

    #[tokio::test]
    async fn cron_leaves_an_alarm_that_is_coming_and_a_request_moves_it_up() {
        let object = Object::new();
        object.memory.alarm.set(Some(START_MS + 7));
        assert_eq!(object.wake(wake("cron", false)).await.next_run_at, Some(START_MS + 7));
        assert_eq!(object.wake(wake("api", true)).await.next_run_at, Some(START_MS));
    }

    #[tokio::test]
    async fn with_nothing_to_do_it_sleeps_until_it_is_woken() {
        let object = Object::new();
        object.wake(wake("cron", false)).await;
        let engine = Script::new([Ok(Progress::Idle)]);
        object.alarm(&engine).await;
        assert_eq!(*engine.asked.borrow(), [("cron".to_owned(), false)]);
        assert_eq!(object.next_in_ms(), None);
        assert_eq!(object.result().await, OutcomeResult::Idle);
    }

    #[tokio::test]
    async fn it_waits_as_long_as_the_engine_says() {
        let object = Object::new();
        object
            .alarm(&Script::new([Ok(Progress::Continue { after_ms: 0 }), Ok(Progress::Continue { after_ms: 2_000 })]))
            .await;
        assert_eq!(object.next_in_ms(), Some(2_000));
        assert_eq!(object.result().await, OutcomeResult::Working);
    }

    #[tokio::test]
    async fn another_runner_is_waited_for() {
        let object = Object::new();
        object.wake(wake("api", true)).await;
        object.alarm(&Script::new([Ok(Progress::Busy { holder: "cli".to_owned(), retry_after_ms: 900 })])).await;
        assert_eq!(object.next_in_ms(), Some(900));
        assert_eq!(object.result().await, OutcomeResult::Busy { holder: "cli".to_owned() });
        // And what was asked for is not forgotten.
        let engine = Script::new([Ok(Progress::Idle)]);
        object.alarm(&engine).await;
        assert_eq!(*engine.asked.borrow(), [("api".to_owned(), true)]);
    }

    #[tokio::test]
    async fn the_work_of_one_alarm_is_bounded() {
        let object = Object::new();
        let engine = Script::default();
        object.alarm(&engine).await;
        assert_eq!(engine.asked.borrow().len() as u32, MAX_CALLS_PER_ALARM);
        assert_eq!(object.next_in_ms(), Some(0));
    }

    #[tokio::test]
    async fn after_a_settlement_it_looks_for_more_but_does_not_try_held_rewards_again_and_again() {
        let object = Object::new();
        object.wake(wake("api", true)).await;
        let engine = Script::new([Ok(Progress::Opened), Ok(FINISHED), Ok(Progress::Idle)]);
        object.alarm(&engine).await;
        let asked = engine.asked.borrow();
        assert_eq!(*asked, [("api".to_owned(), true), (NO_WAKE.to_owned(), false), (NO_WAKE.to_owned(), false)]);
        assert_eq!(object.next_in_ms(), None);
    }

    #[tokio::test]
    async fn what_is_asked_for_during_a_settlement_is_done_after_it() {
        let object = Object::new();
        object.alarm(&Script::new([Ok(Progress::Continue { after_ms: 2_000 })])).await;
        object.wake(wake("api", true)).await;
        let engine = Script::new([Ok(Progress::Continue { after_ms: 0 }), Ok(FINISHED), Ok(Progress::Idle)]);
        object.alarm(&engine).await;
        assert_eq!(engine.asked.borrow().last(), Some(&("api".to_owned(), true)));
    }

    #[tokio::test]
    async fn a_wake_is_kept_while_a_settlement_of_another_runner_is_open() {
        let object = Object::new();
        object.wake(wake("api", true)).await;
        let engine = Script::new([
            Ok(Progress::Continue { after_ms: 0 }),
            Ok(FINISHED),
            Ok(Progress::Opened),
            Ok(FINISHED),
            Ok(Progress::Idle),
        ]);
        object.alarm(&engine).await;
        let triggers: Vec<String> = engine.asked.borrow().iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(triggers, ["api", "api", "api", NO_WAKE, NO_WAKE]);
    }

    #[tokio::test]
    async fn a_wake_in_the_middle_of_a_run_is_not_lost() {
        let object = std::rc::Rc::new(Object::new());
        let engine = Script::new([Ok(Progress::Idle)]);
        let same = object.clone();
        engine.meanwhile.replace(Some(Box::new(move || {
            same.memory.alarm.set(Some(START_MS));
            same.memory.state.borrow_mut().wake = Some(wake("api", true));
        })));
        object.alarm(&engine).await;
        assert_eq!(object.next_in_ms(), Some(0), "its alarm stays");
        let engine = Script::new([Ok(Progress::Idle)]);
        object.alarm(&engine).await;
        assert_eq!(*engine.asked.borrow(), [("api".to_owned(), true)]);
    }

    #[tokio::test]
    async fn an_error_is_tried_again_later_and_later_but_never_given_up() {
        let object = Object::new();
        object.wake(wake("api", true)).await;
        let mut waits = Vec::new();
        for _ in 0..40 {
            let engine = Script::new([Err(down())]);
            object.alarm(&engine).await;
            assert!(engine.rested.get());
            assert_eq!(*engine.asked.borrow(), [("api".to_owned(), true)]);
            waits.extend(object.next_in_ms());
        }
        assert_eq!(waits[..7], [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
        assert_eq!(waits.len(), 40);
        assert!(waits[7..].iter().all(|wait_ms| *wait_ms == MAX_BACKOFF_MS));
        assert!(matches!(object.result().await, OutcomeResult::Error { code, .. } if code == "CHAIN_UNAVAILABLE"));

        object.alarm(&Script::new([Ok(Progress::Idle)])).await;
        object.alarm(&Script::new([Err(down())])).await;
        assert_eq!(object.next_in_ms(), Some(FIRST_BACKOFF_MS), "a success starts the count again");

        object.alarm(&Script::new([Err(down())])).await;
        object.alarm(&Script::new([Ok(Progress::Continue { after_ms: 0 }), Err(down())])).await;
        assert_eq!(object.next_in_ms(), Some(FIRST_BACKOFF_MS), "and so does a step before the error");
    }

    #[tokio::test]
    async fn a_failed_settlement_waits_for_the_next_wake() {
        let object = Object::new();
        let failure = Progress::Finished { settlement_id: 3, failure: Some("no program".to_owned()) };
        object.alarm(&Script::new([Ok(failure)])).await;
        assert_eq!(object.next_in_ms(), None);
        let expected = OutcomeResult::Failed { settlement_id: 3, reason: "no program".to_owned() };
        assert_eq!(object.result().await, expected);
    }

    #[tokio::test]
    async fn a_missing_setting_is_named_and_waits_for_the_next_wake() {
        let object = Object::new();
        object.wake(wake("api", true)).await;
        object.memory.alarm.set(None);
        let error = SettingError { setting: "NETWORK", missing: true, problem: "is not set".to_owned() };
        let Ok(()) =
            Runner::new(&&object.memory, &object.clock).alarm::<&Script>(Err(RunnerError::Setting(error))).await;
        assert_eq!(object.next_in_ms(), None);
        let OutcomeResult::Error { code, message } = object.result().await else { panic!("no error") };
        assert_eq!((code.as_str(), message.as_str()), ("SETTING_MISSING", "NETWORK: is not set"));
    }

    #[tokio::test]
    async fn an_earlier_alarm_is_not_put_off() {
        let object = std::rc::Rc::new(Object::new());
        let engine = Script::new([Ok(Progress::Continue { after_ms: 2_000 })]);
        let same = object.clone();
        engine.meanwhile.replace(Some(Box::new(move || same.memory.alarm.set(Some(START_MS + 5)))));
        object.alarm(&engine).await;
        assert_eq!(object.next_in_ms(), Some(5));
    }

    #[test]
    fn a_state_survives_being_stored() {
        let state = RunnerState {
            wake: Some(wake("api", true)),
            errors_in_a_row: 3,
            last: Some(Outcome { at: 7, result: OutcomeResult::Busy { holder: "cli".to_owned() } }),
        };
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<RunnerState>(&text).unwrap(), state);
    }
}
