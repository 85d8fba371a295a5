//! The Durable Object that runs settlements, and its client.
//!
//! There is a single instance with a fixed name. It stores only the state of the [`Scheduler`], which can be lost
//! safely. It handles two internal requests that only this Worker can send: `POST /wake` and `GET /status`.

#![expect(missing_docs, reason = "the `durable_object` macro generates public methods without documentation")]

use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use williw_relay::clock::Clock as _;
use williw_relay::engine::{Engine, EngineParts, Progress, Trigger};
use williw_relay::ledger::retention;
use williw_relay::signer::SecretKey;
use worker::durable::{State, Storage};
use worker::js_sys::Date;
use worker::{DurableObject, Env, Method, Request, RequestInit, Response, ScheduledTime, Stub, durable_object};

use super::bindings::{self, SETTLEMENT_BINDING};
use super::console::{ConsoleEvents, log_error};
use super::d1::D1Ledger;
use super::rpc::{Cluster, Rates};
use crate::runner::{
    BoxFuture, ControlError, RunnerError, RunnerStatus, Scheduler, SchedulerState, SchedulerStorage, SettlementControl,
    SettlementEngine, Wake,
};
use crate::time::WorkersClock;

/// All requests use the same instance, so that only one settlement runs at a time.
const INSTANCE_NAME: &str = "settlement";

/// The storage key of the [`SchedulerState`], which is stored as JSON text.
const STATE_KEY: &str = "runner";

// Requests to a Durable Object need an absolute URL; the host is never contacted.
const WAKE_URL: &str = "https://settlement.internal/wake";
const STATUS_URL: &str = "https://settlement.internal/status";

/// The Durable Object that runs settlements.
#[durable_object(alarm)]
pub struct Settlement {
    state: State,
    env: Env,
    /// The lease holder's name. It is unique to this instance in memory, because an earlier one may still be running
    /// when this one starts.
    holder: String,
    rates: Rates,
}

impl DurableObject for Settlement {
    fn new(state: State, env: Env) -> Self {
        Self { state, env, holder: format!("worker {}", uuid::Uuid::new_v4()), rates: Rates::default() }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let (storage, clock) = (ObjectStorage(self.state.storage()), WorkersClock::new());
        let scheduler = Scheduler::new(&storage, &clock);
        let status = match (request.method(), request.path().as_str()) {
            (Method::Post, "/wake") => scheduler.wake(serde_json::from_str(&request.text().await?)?).await?,
            (Method::Get, "/status") => scheduler.status().await?,
            _ => return Response::error("not found", 404),
        };
        Response::ok(serde_json::to_string(&status)?)
    }

    async fn alarm(&self) -> worker::Result<Response> {
        let (storage, clock) = (ObjectStorage(self.state.storage()), WorkersClock::new());
        Scheduler::new(&storage, &clock).alarm(self.engine()).await?;
        Response::empty()
    }
}

impl Settlement {
    /// Creates the engine from this Worker's bindings and settings.
    fn engine(&self) -> Result<WorkerEngine, RunnerError> {
        let settings = bindings::settings(&self.env).settlement(&self.holder).map_err(RunnerError::Setting)?;
        let ledger = D1Ledger::from_env(&self.env);
        let parts = EngineParts {
            database: ledger.clone(),
            chain: self.rates.cluster(&settings.rpc_urls, settings.requests_per_second),
            signer: settings.key,
            clock: WorkersClock::new(),
            events: ConsoleEvents,
        };
        let engine = Engine::new(parts, settings.engine);
        Ok(WorkerEngine { engine, ledger, retention_days: settings.retention_days })
    }
}

/// The engine with the Worker's implementations of its interfaces.
struct WorkerEngine {
    engine: Engine<D1Ledger, Cluster, SecretKey, WorkersClock, ConsoleEvents>,
    ledger: D1Ledger,
    retention_days: u32,
}

impl SettlementEngine for WorkerEngine {
    async fn advance(&self, trigger: Trigger<'_>) -> Result<Progress, RunnerError> {
        Ok(self.engine.advance(trigger).await?)
    }

    fn statements(&self) -> usize {
        self.ledger.statements()
    }

    async fn release_lease(&self) {
        if let Err(error) = self.engine.stop().await {
            // The lease expires by itself.
            log_error(&format!("cannot release the lease: {error}"));
        }
    }

    async fn prune(&self) {
        let now_ms = WorkersClock::new().now_ms();
        if let Err(error) = retention::prune_some(&self.ledger, now_ms, self.retention_days, true).await {
            log_error(&format!("cannot delete old data: {error}"));
        }
    }
}

struct ObjectStorage(Storage);

impl SchedulerStorage for ObjectStorage {
    type Error = worker::Error;

    async fn alarm(&self) -> worker::Result<Option<i64>> {
        self.0.get_alarm().await
    }

    async fn set_alarm(&self, at_ms: i64) -> worker::Result<()> {
        self.0.set_alarm(ScheduledTime::new(Date::new(&JsValue::from_f64(at_ms as f64)))).await
    }

    async fn load(&self) -> worker::Result<SchedulerState> {
        let text: Option<String> = self.0.get(STATE_KEY).await?;
        // A state that another version wrote can be discarded: it only affects when the engine is called.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    async fn save(&self, state: &SchedulerState) -> worker::Result<()> {
        self.0.put_raw(STATE_KEY, JsValue::from_str(&serde_json::to_string(state)?)).await
    }
}

/// A client for the [`Settlement`] object.
pub(crate) struct SettlementClient {
    env: Env,
}

impl SettlementClient {
    pub(crate) fn from_env(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    fn stub(&self) -> worker::Result<Stub> {
        self.env.durable_object(SETTLEMENT_BINDING)?.get_by_name(INSTANCE_NAME)
    }

    async fn send<T: DeserializeOwned>(&self, request: worker::Result<Request>) -> Result<T, ControlError> {
        let result = async {
            let mut response = self.stub()?.fetch_with_request(request?).await?;
            let text = response.text().await?;
            if response.status_code() != 200 {
                return Err(worker::Error::RustError(format!("it responded with status {}", response.status_code())));
            }
            Ok(serde_json::from_str(&text)?)
        };
        result.await.map_err(|error: worker::Error| ControlError(error.to_string()))
    }
}

impl SettlementControl for SettlementClient {
    fn wake<'a>(&'a self, wake: &'a Wake) -> BoxFuture<'a, Result<RunnerStatus, ControlError>> {
        Box::pin(async move {
            let body = serde_json::to_string(wake).map_err(|error| ControlError(error.to_string()))?;
            let mut init = RequestInit::new();
            init.with_method(Method::Post).with_body(Some(JsValue::from_str(&body)));
            self.send(Request::new_with_init(WAKE_URL, &init)).await
        })
    }

    fn status(&self) -> BoxFuture<'_, Result<RunnerStatus, ControlError>> {
        Box::pin(self.send(Request::new(STATUS_URL, Method::Get)))
    }
}
