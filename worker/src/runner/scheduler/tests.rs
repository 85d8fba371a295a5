use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;

use williw_relay::clock::ManualClock;

use super::*;
use crate::settings::SettingError;

const START_MS: i64 = 1_000_000;

/// In-memory storage for one alarm and one state, like that of a Durable Object.
#[derive(Default)]
struct MemoryStorage {
    alarm: Cell<Option<i64>>,
    state: RefCell<SchedulerState>,
}

impl SchedulerStorage for &MemoryStorage {
    type Error = Infallible;

    async fn alarm(&self) -> Result<Option<i64>, Infallible> {
        Ok(self.alarm.get())
    }

    async fn set_alarm(&self, at_ms: i64) -> Result<(), Infallible> {
        self.alarm.set(Some(at_ms));
        Ok(())
    }

    async fn load(&self) -> Result<SchedulerState, Infallible> {
        Ok(self.state.borrow().clone())
    }

    async fn save(&self, state: &SchedulerState) -> Result<(), Infallible> {
        self.state.replace(state.clone());
        Ok(())
    }
}

/// An engine with scripted results that records its calls.
#[derive(Default)]
struct ScriptedEngine {
    results: RefCell<VecDeque<Result<Progress, RunnerError>>>,
    /// The trigger's name and `retry_held` of each call.
    triggers: RefCell<Vec<(String, bool)>>,
    lease_released: Cell<bool>,
    pruned: Cell<u32>,
    /// The number of statements that each call runs.
    statements_per_call: usize,
    /// Runs in the middle of the next call.
    during_call: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl ScriptedEngine {
    fn new(results: impl IntoIterator<Item = Result<Progress, RunnerError>>) -> Self {
        Self { results: RefCell::new(results.into_iter().collect()), ..Self::default() }
    }
}

impl SettlementEngine for &ScriptedEngine {
    async fn advance(&self, trigger: Trigger<'_>) -> Result<Progress, RunnerError> {
        self.triggers.borrow_mut().push((trigger.name.to_owned(), trigger.retry_held));
        if let Some(action) = self.during_call.take() {
            action();
        }
        self.results.borrow_mut().pop_front().unwrap_or(Ok(Progress::Continue { after_ms: 0 }))
    }

    fn statements(&self) -> usize {
        self.triggers.borrow().len() * self.statements_per_call
    }

    async fn release_lease(&self) {
        self.lease_released.set(true);
    }

    async fn prune(&self) {
        self.pruned.set(self.pruned.get() + 1);
    }
}

/// A wake as the cron trigger sends it.
fn cron_wake() -> Wake {
    Wake { trigger: "cron".to_owned(), retry_held: false }
}

/// A wake as an API request sends it.
fn api_wake() -> Wake {
    Wake { trigger: "api".to_owned(), retry_held: true }
}

fn chain_unreachable() -> RunnerError {
    EngineError::from(ChainError::Unreachable("refused".to_owned())).into()
}

const FINISHED: Progress = Progress::Finished { settlement_id: 1, failure: None };

/// The settlement object without its runtime.
struct Object {
    storage: MemoryStorage,
    clock: ManualClock,
}

impl Object {
    fn new() -> Self {
        Self { storage: MemoryStorage::default(), clock: ManualClock::at(START_MS) }
    }

    async fn wake(&self, wake: Wake) -> RunnerStatus {
        let Ok(status) = Scheduler::new(&&self.storage, &self.clock).wake(wake).await;
        status
    }

    async fn status(&self) -> RunnerStatus {
        let Ok(status) = Scheduler::new(&&self.storage, &self.clock).status().await;
        status
    }

    /// Runs the alarm as the runtime does: the alarm is not set while it runs.
    async fn alarm(&self, engine: &ScriptedEngine) {
        self.storage.alarm.set(None);
        let Ok(()) = Scheduler::new(&&self.storage, &self.clock).alarm(Ok(engine)).await;
    }

    async fn result(&self) -> RunResult {
        self.status().await.last_run.unwrap().result
    }

    fn next_in_ms(&self) -> Option<i64> {
        self.storage.alarm.get().map(|at_ms| at_ms - self.clock.now_ms())
    }
}

#[tokio::test]
async fn a_wake_sets_the_alarm_if_none_is_set() {
    let object = Object::new();
    assert_eq!(object.wake(cron_wake()).await.next_run_at, Some(START_MS));
}

#[tokio::test]
async fn a_wake_replaces_a_lost_alarm() {
    let object = Object::new();
    object.storage.alarm.set(Some(START_MS - 1));
    assert_eq!(object.wake(cron_wake()).await.next_run_at, Some(START_MS));
}

#[tokio::test]
async fn cron_keeps_a_pending_alarm_and_an_api_request_moves_it_forward() {
    let object = Object::new();
    object.storage.alarm.set(Some(START_MS + 7));
    assert_eq!(object.wake(cron_wake()).await.next_run_at, Some(START_MS + 7));
    assert_eq!(object.wake(api_wake()).await.next_run_at, Some(START_MS));
}

#[tokio::test]
async fn without_work_it_sleeps_until_the_next_wake() {
    let object = Object::new();
    object.wake(cron_wake()).await;
    let engine = ScriptedEngine::new([Ok(Progress::Idle)]);
    object.alarm(&engine).await;
    assert_eq!(*engine.triggers.borrow(), [("cron".to_owned(), false)]);
    assert_eq!(object.next_in_ms(), None);
    assert_eq!(object.result().await, RunResult::Idle);
}

#[tokio::test]
async fn old_data_is_deleted_after_settlements_and_every_ten_minutes_whatever_happens() {
    let object = Object::new();
    let pruned = async |results: Vec<Result<Progress, RunnerError>>| {
        let engine = ScriptedEngine::new(results);
        object.alarm(&engine).await;
        engine.pruned.get()
    };
    let working = || Ok(Progress::Continue { after_ms: 2_000 });
    let blocked = || Ok(Progress::Blocked { settlement_id: 3, reason: "paused".to_owned() });
    let failed = Ok(Progress::Finished { settlement_id: 3, failure: Some("paused".to_owned()) });
    assert_eq!(pruned(vec![working()]).await, 1, "the object may have been away for long");
    assert_eq!(pruned(vec![working()]).await, 0);
    // Under constant work, and once per alarm.
    assert_eq!(pruned(vec![Ok(FINISHED), Ok(Progress::Opened), Ok(FINISHED), working()]).await, 1);
    assert_eq!([pruned(vec![failed]).await, pruned(vec![Ok(Progress::Idle)]).await], [1, 1]);
    for other in [blocked(), working(), Err(chain_unreachable())] {
        object.clock.advance(PRUNE_INTERVAL_MS as i64 - 1);
        assert_eq!(pruned(vec![other.clone()]).await, 0);
        object.clock.advance(1);
        assert_eq!([pruned(vec![other.clone()]).await, pruned(vec![other]).await], [1, 0]);
    }
}

#[tokio::test]
async fn it_waits_for_the_delay_that_the_engine_returns() {
    let object = Object::new();
    object
        .alarm(&ScriptedEngine::new([
            Ok(Progress::Continue { after_ms: 0 }),
            Ok(Progress::Continue { after_ms: 2_000 }),
        ]))
        .await;
    assert_eq!(object.next_in_ms(), Some(2_000));
    assert_eq!(object.result().await, RunResult::Working);
}

#[tokio::test]
async fn it_waits_for_another_runner_and_keeps_the_wake() {
    let object = Object::new();
    object.wake(api_wake()).await;
    object.alarm(&ScriptedEngine::new([Ok(Progress::Busy { holder: "cli".to_owned(), retry_after_ms: 900 })])).await;
    assert_eq!(object.next_in_ms(), Some(900));
    assert_eq!(object.result().await, RunResult::Busy { holder: "cli".to_owned() });
    let engine = ScriptedEngine::new([Ok(Progress::Idle)]);
    object.alarm(&engine).await;
    assert_eq!(*engine.triggers.borrow(), [("api".to_owned(), true)]);
}

#[tokio::test]
async fn the_number_of_engine_calls_per_alarm_is_bounded() {
    let object = Object::new();
    let engine = ScriptedEngine::default();
    object.alarm(&engine).await;
    assert_eq!(engine.triggers.borrow().len() as u32, MAX_CALLS_PER_ALARM);
    assert_eq!(object.next_in_ms(), Some(0));
}

#[tokio::test]
async fn an_alarm_runs_no_more_statements_than_d1_allows_in_an_invocation() {
    const D1_QUERIES: usize = 1_000;

    for (statements_per_call, calls) in [(600, 1), (250, 2), (200, 2), (100, 3), (0, 10)] {
        let object = Object::new();
        let engine = ScriptedEngine { statements_per_call, ..ScriptedEngine::default() };
        object.alarm(&engine).await;
        assert_eq!(engine.triggers.borrow().len(), calls, "{statements_per_call}");
        assert!((&engine).statements() <= D1_QUERIES, "{statements_per_call}");
        assert_eq!(object.next_in_ms(), Some(0), "the next alarm goes on at once");
    }
}

#[tokio::test]
async fn after_a_settlement_it_looks_for_more_work_without_retrying_held_rewards_again() {
    let object = Object::new();
    object.wake(api_wake()).await;
    let engine = ScriptedEngine::new([Ok(Progress::Opened), Ok(FINISHED), Ok(Progress::Idle)]);
    object.alarm(&engine).await;
    let triggers = engine.triggers.borrow();
    assert_eq!(
        *triggers,
        [("api".to_owned(), true), (FOLLOW_UP_TRIGGER.to_owned(), false), (FOLLOW_UP_TRIGGER.to_owned(), false)]
    );
    assert_eq!(object.next_in_ms(), None);
}

#[tokio::test]
async fn a_wake_during_a_settlement_is_handled_after_it() {
    let object = Object::new();
    object.alarm(&ScriptedEngine::new([Ok(Progress::Continue { after_ms: 2_000 })])).await;
    object.wake(api_wake()).await;
    let engine = ScriptedEngine::new([Ok(Progress::Continue { after_ms: 0 }), Ok(FINISHED), Ok(Progress::Idle)]);
    object.alarm(&engine).await;
    assert_eq!(engine.triggers.borrow().last(), Some(&("api".to_owned(), true)));
}

#[tokio::test]
async fn a_wake_is_kept_while_an_open_settlement_of_another_runner_is_continued() {
    let object = Object::new();
    object.wake(api_wake()).await;
    let engine =
        ScriptedEngine::new([Ok(Progress::Continue { after_ms: 0 }), Ok(FINISHED), Ok(Progress::Opened), Ok(FINISHED)]);
    object.alarm(&engine).await;
    let triggers = engine.triggers.borrow();
    let api = ("api".to_owned(), true);
    assert_eq!(triggers[..3], [api.clone(), api.clone(), api]);
    assert_eq!(triggers[3], (FOLLOW_UP_TRIGGER.to_owned(), false));
}

#[tokio::test]
async fn a_wake_during_a_run_is_not_lost() {
    let object = std::rc::Rc::new(Object::new());
    let engine = ScriptedEngine::new([Ok(Progress::Idle)]);
    let same_object = object.clone();
    engine.during_call.replace(Some(Box::new(move || {
        same_object.storage.alarm.set(Some(START_MS));
        same_object.storage.state.borrow_mut().wake = Some(api_wake());
    })));
    object.alarm(&engine).await;
    assert_eq!(object.next_in_ms(), Some(0), "the alarm that the wake set is kept");
    let engine = ScriptedEngine::new([Ok(Progress::Idle)]);
    object.alarm(&engine).await;
    assert_eq!(*engine.triggers.borrow(), [("api".to_owned(), true)]);
}

#[tokio::test]
async fn errors_are_retried_with_exponential_backoff_and_without_limit() {
    let object = Object::new();
    object.wake(api_wake()).await;
    let mut waits = Vec::new();
    for _ in 0..40 {
        let engine = ScriptedEngine::new([Err(chain_unreachable())]);
        object.alarm(&engine).await;
        assert!(engine.lease_released.get());
        assert_eq!(*engine.triggers.borrow(), [("api".to_owned(), true)]);
        waits.extend(object.next_in_ms());
    }
    assert_eq!(waits[..7], [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
    assert_eq!(waits.len(), 40);
    assert!(waits[7..].iter().all(|wait_ms| *wait_ms == MAX_BACKOFF_MS));
    assert!(matches!(object.result().await, RunResult::Error { code, .. } if code == "CHAIN_UNAVAILABLE"));

    object.alarm(&ScriptedEngine::new([Ok(Progress::Idle)])).await;
    object.alarm(&ScriptedEngine::new([Err(chain_unreachable())])).await;
    assert_eq!(object.next_in_ms(), Some(FIRST_BACKOFF_MS), "a successful run resets the backoff");

    object.alarm(&ScriptedEngine::new([Err(chain_unreachable())])).await;
    object.alarm(&ScriptedEngine::new([Ok(Progress::Continue { after_ms: 0 }), Err(chain_unreachable())])).await;
    assert_eq!(object.next_in_ms(), Some(FIRST_BACKOFF_MS), "so does a successful call before the error");
}

#[tokio::test]
async fn an_rpc_node_that_limits_the_rate_is_left_alone_for_as_long_as_it_asks() {
    for (asked, wait) in [(Some(300_000), 300_000), (Some(10), FIRST_BACKOFF_MS), (None, FIRST_BACKOFF_MS)] {
        let object = Object::new();
        object.wake(cron_wake()).await;
        let limited = EngineError::from(ChainError::RateLimited { retry_after_ms: asked }).into();
        let engine = ScriptedEngine::new([Err(limited)]);
        object.alarm(&engine).await;
        assert!(engine.lease_released.get());
        assert_eq!(object.next_in_ms(), Some(wait));
        // The cron trigger does not end the pause.
        object.clock.advance(1);
        assert_eq!(object.wake(cron_wake()).await.next_run_at, Some(START_MS + wait));
    }
}

#[tokio::test]
async fn a_failed_settlement_waits_for_the_next_wake() {
    let object = Object::new();
    let failure = Progress::Finished { settlement_id: 3, failure: Some("no program".to_owned()) };
    object.alarm(&ScriptedEngine::new([Ok(failure)])).await;
    assert_eq!(object.next_in_ms(), None);
    let expected = RunResult::Failed { settlement_id: 3, reason: "no program".to_owned() };
    assert_eq!(object.result().await, expected);
}

#[tokio::test]
async fn a_missing_setting_is_reported_and_waits_for_the_next_wake() {
    let object = Object::new();
    object.wake(api_wake()).await;
    object.storage.alarm.set(None);
    let error = SettingError { setting: "NETWORK", missing: true, problem: "not set".to_owned() };
    let Ok(()) = Scheduler::new(&&object.storage, &object.clock)
        .alarm::<&ScriptedEngine>(Err(RunnerError::Setting(error)))
        .await;
    assert_eq!(object.next_in_ms(), None);
    let RunResult::Error { code, message } = object.result().await else { panic!("the run did not fail") };
    assert_eq!((code.as_str(), message.as_str()), ("SETTING_MISSING", "NETWORK: not set"));
}

#[tokio::test]
async fn an_earlier_alarm_is_not_postponed() {
    let object = std::rc::Rc::new(Object::new());
    let engine = ScriptedEngine::new([Ok(Progress::Continue { after_ms: 2_000 })]);
    let same_object = object.clone();
    engine.during_call.replace(Some(Box::new(move || same_object.storage.alarm.set(Some(START_MS + 5)))));
    object.alarm(&engine).await;
    assert_eq!(object.next_in_ms(), Some(5));
}

#[test]
fn the_state_survives_serialization() {
    let state = SchedulerState {
        wake: Some(api_wake()),
        errors_in_a_row: 3,
        last: Some(RunOutcome { at: 7, result: RunResult::Busy { holder: "cli".to_owned() } }),
        pruned_at: 9,
    };
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<SchedulerState>(&text).unwrap(), state);
}
