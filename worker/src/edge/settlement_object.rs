//! The Durable Object that drives settlements, and the way to it.
//!
//! There is one instance, by name. It keeps nothing that matters: see [`Runner`]. It answers two internal requests,
//! `POST /wake` and `GET /status`, that only this Worker can send.

use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use williw_relay::chain::JsonRpc;
use williw_relay::engine::{Engine, EngineParts, Progress, Trigger};
use williw_relay::signer::SecretKey;
use worker::durable::{State, Storage};
use worker::js_sys::Date;
use worker::{DurableObject, Env, Method, Request, RequestInit, Response, ScheduledTime, Stub, durable_object};

use super::bindings::{self, SETTLEMENT_BINDING};
use super::console::{ConsoleEvents, console_problem};
use super::{D1Ledger, FetchTransport};
use crate::runner::{
    Advance, AlarmSlot, BoxFuture, ControlError, Runner, RunnerError, RunnerState, RunnerStatus, SettlementControl,
    Wake,
};
use crate::time::WorkersClock;

/// The one instance's name.
const INSTANCE: &str = "settlement";

/// Under which the object remembers its [`RunnerState`], as JSON text.
const STATE_KEY: &str = "runner";

/// Internal requests need some host; no such one is ever asked.
const WAKE_URL: &str = "https://settlement.internal/wake";
const STATUS_URL: &str = "https://settlement.internal/status";

/// Drives settlements.
#[durable_object(alarm)]
pub struct Settlement {
    state: State,
    env: Env,
    /// The name for the lease, of this incarnation only: an earlier one may still be at work when this one starts.
    holder: String,
}

impl DurableObject for Settlement {
    fn new(state: State, env: Env) -> Self {
        Self { state, env, holder: format!("worker {}", uuid::Uuid::new_v4()) }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let (slot, clock) = (Slot(self.state.storage()), WorkersClock::new());
        let runner = Runner::new(&slot, &clock);
        let status = match (request.method(), request.path().as_str()) {
            (Method::Post, "/wake") => runner.wake(serde_json::from_str(&request.text().await?)?).await?,
            (Method::Get, "/status") => runner.status().await?,
            _ => return Response::error("not found", 404),
        };
        Response::ok(serde_json::to_string(&status)?)
    }

    async fn alarm(&self) -> worker::Result<Response> {
        let (slot, clock) = (Slot(self.state.storage()), WorkersClock::new());
        Runner::new(&slot, &clock).alarm(self.engine()).await?;
        Response::empty()
    }
}

impl Settlement {
    /// The engine over this Worker's bindings and settings.
    fn engine(&self) -> Result<EdgeEngine, RunnerError> {
        let settings = bindings::settings(&self.env).settlement(&self.holder).map_err(RunnerError::Setting)?;
        let parts = EngineParts {
            database: D1Ledger::bound_to(&self.env),
            chain: JsonRpc::new(FetchTransport::new(settings.rpc_url)),
            signer: settings.key,
            clock: WorkersClock::new(),
            events: ConsoleEvents,
        };
        Ok(EdgeEngine(Engine::new(parts, settings.engine)))
    }
}

/// The engine on the edge's parts.
struct EdgeEngine(Engine<D1Ledger, JsonRpc<FetchTransport>, SecretKey, WorkersClock, ConsoleEvents>);

impl Advance for EdgeEngine {
    async fn advance(&self, trigger: Trigger<'_>) -> Result<Progress, RunnerError> {
        Ok(self.0.advance(trigger).await?)
    }

    async fn rest(&self) {
        if let Err(error) = self.0.stop().await {
            // The lease ends by itself.
            console_problem(&format!("the lease was not given back: {error}"));
        }
    }
}

/// The object's storage.
struct Slot(Storage);

impl AlarmSlot for Slot {
    type Error = worker::Error;

    async fn alarm(&self) -> worker::Result<Option<i64>> {
        self.0.get_alarm().await
    }

    async fn set_alarm(&self, at_ms: i64) -> worker::Result<()> {
        self.0.set_alarm(ScheduledTime::new(Date::new(&JsValue::from_f64(at_ms as f64)))).await
    }

    async fn load(&self) -> worker::Result<RunnerState> {
        let text: Option<String> = self.0.get(STATE_KEY).await?;
        // A state of another version decides about nothing but waiting: it is as good as none.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    async fn save(&self, state: &RunnerState) -> worker::Result<()> {
        self.0.put_raw(STATE_KEY, JsValue::from_str(&serde_json::to_string(state)?)).await
    }
}

/// The way to the one [`Settlement`] object.
pub struct SettlementObject {
    env: Env,
}

impl SettlementObject {
    /// The object that `env` binds.
    pub fn bound_to(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    fn stub(&self) -> worker::Result<Stub> {
        self.env.durable_object(SETTLEMENT_BINDING)?.get_by_name(INSTANCE)
    }

    async fn ask<T: DeserializeOwned>(&self, request: worker::Result<Request>) -> Result<T, ControlError> {
        let answer = async {
            let mut response = self.stub()?.fetch_with_request(request?).await?;
            let text = response.text().await?;
            if response.status_code() != 200 {
                return Err(worker::Error::RustError(format!("it answered with status {}", response.status_code())));
            }
            Ok(serde_json::from_str(&text)?)
        };
        answer.await.map_err(|error: worker::Error| ControlError(error.to_string()))
    }
}

impl SettlementControl for SettlementObject {
    fn wake<'a>(&'a self, wake: &'a Wake) -> BoxFuture<'a, Result<RunnerStatus, ControlError>> {
        Box::pin(async move {
            let body = serde_json::to_string(wake).map_err(|error| ControlError(error.to_string()))?;
            let mut init = RequestInit::new();
            init.with_method(Method::Post).with_body(Some(JsValue::from_str(&body)));
            self.ask(Request::new_with_init(WAKE_URL, &init)).await
        })
    }

    fn status(&self) -> BoxFuture<'_, Result<RunnerStatus, ControlError>> {
        Box::pin(self.ask(Request::new(STATUS_URL, Method::Get)))
    }
}
