//! Tests of the API as clients see it: the real routes over a real ledger in SQLite.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use williw_relay::clock::ManualClock;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use williw_relay::ledger::{Actor, api_keys};
use williw_relay::types::Scope;

use crate::log::{RequestLogEntry, RequestLogger};
use crate::runner::{BoxFuture, ControlError, RunnerStatus, SettlementControl, Wake};
use crate::settings::{Setting, Settings};
use crate::state::{AppParts, AppState, Ledger};
use crate::time::WorkersClock;
use crate::{openapi, routes, server};

const NOW_MS: i64 = 1_790_000_000_000;
const ADMIN_KEY: &str = "0123456789abcdef0123456789abcdef";
const ADDRESS: &str = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM";

/// A fake settlement object that records its wakes, or is unreachable.
#[derive(Clone, Default)]
struct FakeControl {
    wakes: Rc<RefCell<Vec<Wake>>>,
    unreachable: bool,
}

impl FakeControl {
    fn response(&self) -> BoxFuture<'_, Result<RunnerStatus, ControlError>> {
        let result = if self.unreachable { Err(ControlError("gone".to_owned())) } else { Ok(RunnerStatus::default()) };
        Box::pin(std::future::ready(result))
    }
}

impl SettlementControl for FakeControl {
    fn wake<'a>(&'a self, wake: &'a Wake) -> BoxFuture<'a, Result<RunnerStatus, ControlError>> {
        self.wakes.borrow_mut().push(wake.clone());
        self.response()
    }

    fn status(&self) -> BoxFuture<'_, Result<RunnerStatus, ControlError>> {
        self.response()
    }
}

/// A logger that keeps its entries as JSON.
#[derive(Clone, Default)]
struct MemoryLogger(Rc<RefCell<Vec<String>>>);

impl RequestLogger for MemoryLogger {
    fn log(&self, entry: &RequestLogEntry) {
        self.0.borrow_mut().push(serde_json::to_string(entry).unwrap());
    }
}

/// A ledger that can be shared, and made to fail with an error.
#[derive(Clone)]
struct SharedLedger {
    database: Rc<SqliteDatabase>,
    failure: Rc<RefCell<Option<DatabaseError>>>,
}

impl Database for SharedLedger {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let failure = self.failure.borrow().clone();
        match failure {
            Some(error) => Err(error),
            None => self.database.batch(statements).await,
        }
    }
}

/// The Worker without workerd.
struct Worker {
    ledger: SharedLedger,
    control: FakeControl,
    settings: Vec<(&'static str, String)>,
    logger: MemoryLogger,
}

struct Response {
    head: http::response::Parts,
    text: String,
    body: Value,
}

impl Response {
    fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    fn code(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    #[track_caller]
    fn data(&self) -> &Value {
        assert_eq!(self.body["success"], true, "{}", self.text);
        &self.body["data"]
    }

    /// Asserts that the response is an error in the API's error format.
    #[track_caller]
    fn assert_error(&self, status: u16, code: &str) {
        assert_eq!((self.status(), self.code()), (status, code), "{}", self.text);
        assert_eq!(self.body["success"], false);
        assert!(self.body["message"].as_str().is_some_and(|message| message.len() > 10), "{}", self.text);
        assert_eq!(self.body["timestamp"], NOW_MS);
        let id = self.head.headers.get("x-request-id").unwrap().to_str().unwrap();
        assert_eq!(self.body["request_id"], id);
        assert_eq!(self.head.headers.get("content-type").unwrap(), "application/json");
        let fields: Vec<&String> = self.body.as_object().unwrap().keys().collect();
        let allowed = ["details", "error", "message", "request_id", "success", "timestamp"];
        assert!(fields.iter().all(|field| allowed.contains(&field.as_str())), "{fields:?}");
    }
}

impl Worker {
    fn new() -> Self {
        let private_key = format!("{:?}", Keypair::new().to_bytes());
        Self {
            ledger: SharedLedger {
                database: Rc::new(SqliteDatabase::open(Path::new(":memory:")).unwrap()),
                failure: Rc::default(),
            },
            control: FakeControl::default(),
            settings: vec![
                ("WILLIW_ADMIN_KEY", ADMIN_KEY.to_owned()),
                ("SOLANA_PRIVATE_KEY", private_key),
                ("SOLANA_RPC_URL", "http://127.0.0.1:8899/?token=tsecret".to_owned()),
                ("NETWORK", "local".to_owned()),
                ("NETWORK_CREATOR", Keypair::new().pubkey().to_string()),
                ("LAMPORTS_PER_SCORE", "1000".to_owned()),
            ],
            logger: MemoryLogger::default(),
        }
    }

    fn without(mut self, setting: &str) -> Self {
        self.settings.retain(|(name, _)| *name != setting);
        self
    }

    fn with(self, setting: &'static str, value: &str) -> Self {
        let mut worker = self.without(setting);
        worker.settings.push((setting, value.to_owned()));
        worker
    }

    fn app(&self) -> AppState {
        AppState::new(AppParts {
            ledger: Ledger::new(self.ledger.clone()),
            clock: WorkersClock::with_runtime(|| NOW_MS),
            settlement: Box::new(self.control.clone()),
            settings: Settings::read(|name| {
                let found = self.settings.iter().find(|(key, _)| *key == name);
                found.map_or(Setting::Missing, |(_, value)| Setting::Text(value.clone()))
            }),
            logger: Box::new(self.logger.clone()),
        })
    }

    async fn send(&self, request: Request<Body>) -> Response {
        let (head, body) = server::handle(self.app(), request).await.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Response { head, text, body }
    }

    async fn get(&self, path: &str) -> Response {
        self.send(request(Method::GET, path, ADMIN_KEY).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        self.post_as(ADMIN_KEY, path, body).await
    }

    async fn post_as(&self, key: &str, path: &str, body: Value) -> Response {
        let request = request(Method::POST, path, key).header("content-type", "application/json");
        self.send(request.header("idempotency-key", "k-1").body(body.to_string().into()).unwrap()).await
    }

    /// Creates an API key with these scopes, as an operator would.
    async fn create_key(&self, scopes: &[Scope]) -> String {
        let mut entropy = [7; 32];
        entropy[0] = scopes.iter().fold(0, |sum, scope| sum * 8 + *scope as u8);
        let clock = ManualClock::at(NOW_MS);
        let created = api_keys::create(&self.ledger, &clock, &Actor::operator(), "test", scopes, entropy).await;
        created.unwrap().key.reveal().to_owned()
    }

    async fn register(&self, id: &str) {
        assert_eq!(self.post("/v1/nodes", json!({ "id": id, "address": ADDRESS })).await.status(), 201);
    }
}

fn request(method: Method, path: &str, key: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"))
}

fn contribution(id: &str, score: u64) -> Value {
    json!({
        "id": id, "node_id": "n-1", "task_id": "t-1", "compute_score": score, "duration_seconds": 60,
        "timestamp": NOW_MS,
    })
}

fn grant(node_id: &str, amount: Value) -> Value {
    json!({ "rewards": [{ "node_id": node_id, "amount_lamports": amount }] })
}

/// Every operation of the document: its method, its path with example parameters, and the scope that it requires.
fn operations() -> Vec<(Method, String, Option<String>)> {
    let document: Value = serde_json::from_str(openapi::COMMITTED).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let scope = operation["security"][0]["bearer"][0].as_str().map(str::to_owned);
            operations.push((method, path.replace("{node_id}", "n-1").replace("{id}", "1"), scope));
        }
    }
    operations
}

#[test]
fn the_committed_document_matches_the_routes() {
    let generated = routes::openapi_document().unwrap();
    assert!(
        generated == openapi::COMMITTED,
        "docs/openapi.json is out of date: run 'cargo run -p williw-worker --bin openapi -- docs/openapi.json'"
    );
}

#[tokio::test]
async fn only_health_is_public() {
    let worker = Worker::new();
    let operations = operations();
    assert!(operations.len() >= 12, "{operations:?}");
    for (method, path, scope) in operations {
        for key in [None, Some("Bearer wk_unknown"), Some("Basic YTpi"), Some("Bearer ")] {
            let mut request = Request::builder().method(method.clone()).uri(&path);
            if let Some(key) = key {
                request = request.header("authorization", key);
            }
            let response = worker.send(request.body(Body::empty()).unwrap()).await;
            if path == "/health" {
                assert_eq!((response.status(), &scope), (200, &None));
            } else {
                response.assert_error(401, "UNAUTHORIZED");
                assert!(response.head.headers.contains_key("www-authenticate"));
            }
        }
    }
}

#[tokio::test]
async fn a_key_grants_its_scopes_and_nothing_else() {
    let worker = Worker::new();
    for scope in [Scope::Nodes, Scope::Contributions, Scope::Rewards, Scope::Settlement, Scope::Read, Scope::Ledger] {
        let key = worker.create_key(&[scope]).await;
        for (method, path, required) in operations() {
            let Some(required) = required else { continue };
            let response = worker.send(request(method, &path, &key).body(Body::empty()).unwrap()).await;
            if required == scope.as_str() {
                assert!(!matches!(response.status(), 401 | 403), "{path}: {}", response.text);
            } else {
                response.assert_error(403, "FORBIDDEN");
                assert_eq!(response.body["details"]["scope"], required);
            }
        }
    }
}

#[tokio::test]
async fn a_revoked_key_grants_nothing() {
    let worker = Worker::new();
    let key = worker.create_key(&[Scope::Read]).await;
    let read = async || worker.send(request(Method::GET, "/v1/nodes/n-1", &key).body(Body::empty()).unwrap()).await;
    read().await.assert_error(404, "UNKNOWN_NODE");
    let all = api_keys::list(&worker.ledger).await.unwrap();
    api_keys::revoke(&worker.ledger, &ManualClock::at(NOW_MS), &Actor::operator(), &all[0].id).await.unwrap();
    read().await.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn without_a_valid_admin_key_no_key_is_the_admin_key() {
    for worker in [Worker::new().without("WILLIW_ADMIN_KEY"), Worker::new().with("WILLIW_ADMIN_KEY", "short")] {
        for key in [ADMIN_KEY, "", "short"] {
            let response = worker.send(request(Method::GET, "/v1/nodes/n-1", key).body(Body::empty()).unwrap()).await;
            response.assert_error(401, "UNAUTHORIZED");
        }
    }
}

#[tokio::test]
async fn a_relays_key_cannot_create_keys_or_rewards_through_the_ledger_endpoint() {
    let worker = Worker::new();
    worker.register("n-1").await;
    let key = worker.create_key(&[Scope::Ledger]).await;
    let insert = williw_relay::ledger::all_statements().find(|sql| sql.contains("INSERT INTO api_keys")).unwrap();
    let parameters = ["ak_1", "mine", "hash", "[\"admin\"]", "0"];
    let batch = json!({ "statements": [{ "sql": insert, "parameters": parameters }] });
    worker.post_as(&key, "/v1/ledger/batch", batch.clone()).await.assert_error(403, "FORBIDDEN");
    assert_eq!(api_keys::list(&worker.ledger).await.unwrap().len(), 1);
    assert_eq!(worker.post("/v1/ledger/batch", batch).await.status(), 200, "the admin key can");
}

#[tokio::test]
async fn errors_outside_of_a_route_have_the_same_format() {
    let worker = Worker::new();
    let send = async |method: Method, path: &str| {
        worker.send(request(method, path, ADMIN_KEY).body(Body::empty()).unwrap()).await
    };
    for path in ["/", "/v1", "/v1/nodes/", "/v1/nodes/a/b/c", "/nope", "//health", "/v1/%00"] {
        send(Method::GET, path).await.assert_error(404, "NOT_FOUND");
    }
    for (method, path) in [
        (Method::DELETE, "/v1/nodes"),
        (Method::GET, "/v1/rewards/settle"),
        (Method::OPTIONS, "/v1/nodes"),
        (Method::POST, "/health"),
        (Method::PUT, "/openapi.json"),
    ] {
        let response = send(method, path).await;
        response.assert_error(405, "METHOD_NOT_ALLOWED");
        assert!(response.head.headers.contains_key("allow"), "{path}");
    }
    for path in ["/v1/nodes/%ff", "/v1/nodes/a%20b", "/v1/settlements/abc", "/v1/rewards/pending?limit=x"] {
        send(Method::GET, path).await.assert_error(422, "INVALID_REQUEST");
    }
    let malformed = server::reject_malformed(&worker.app(), &Method::GET, "/v1/nodes");
    assert_eq!(malformed.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_invalid_body_is_rejected_and_nothing_is_written() {
    let worker = Worker::new();
    worker.register("n-1").await;
    let mut large = contribution("c-1", 5);
    large["task_id"] = "t".repeat(256 * 1024).into();
    for (content_type, body, status, code) in [
        ("application/json", String::new(), 400, "INVALID_JSON"),
        ("application/json", "{".to_owned(), 400, "INVALID_JSON"),
        ("application/json", contribution("c-1", 5).to_string() + "}", 400, "INVALID_JSON"),
        ("application/json", "[]".to_owned(), 422, "INVALID_REQUEST"),
        ("application/json", "{}".to_owned(), 422, "INVALID_REQUEST"),
        ("application/json", large.to_string(), 413, "BODY_TOO_LARGE"),
        ("text/plain", contribution("c-1", 5).to_string(), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let request = request(Method::POST, "/v1/contributions", ADMIN_KEY).header("content-type", content_type);
        worker.send(request.body(body.into()).unwrap()).await.assert_error(status, code);
    }
    assert_eq!(worker.get("/v1/rewards/pending").await.data()["items"], json!([]));
}

#[tokio::test]
async fn a_contribution_is_rewarded_once_however_often_it_is_reported() {
    let worker = Worker::new();
    worker.register("n-1").await;
    let first = worker.post("/v1/contributions", contribution("c-1", 5)).await;
    assert_eq!((first.status(), &first.data()["duplicate"]), (201, &json!(false)));
    assert_eq!(first.data()["reward"]["amount_lamports"], "5000");
    let again = worker.post("/v1/contributions", contribution("c-1", 5)).await;
    assert_eq!((again.status(), &again.data()["duplicate"]), (200, &json!(true)));
    assert_eq!(again.data()["reward"], first.data()["reward"]);
    worker.post("/v1/contributions", contribution("c-1", 6)).await.assert_error(409, "CONTRIBUTION_CONFLICT");
    assert_eq!(worker.get("/v1/rewards/balance/n-1").await.data()["unsettled_lamports"], "5000");
}

#[tokio::test]
async fn without_a_reward_rate_contributions_are_rejected() {
    let worker = Worker::new().without("LAMPORTS_PER_SCORE");
    worker.register("n-1").await;
    let response = worker.post("/v1/contributions", contribution("c-1", 5)).await;
    response.assert_error(503, "SETTING_MISSING");
    assert_eq!(response.body["details"]["setting"], "LAMPORTS_PER_SCORE");
}

#[tokio::test]
async fn a_grant_repeated_with_the_same_idempotency_key_grants_nothing_more() {
    let worker = Worker::new();
    worker.register("n-1").await;
    let first = worker.post("/v1/rewards/distribute", grant("n-1", json!("7"))).await;
    assert_eq!(first.status(), 201);
    assert!(!first.head.headers.contains_key("idempotent-replayed"));
    let again = worker.post("/v1/rewards/distribute", grant("n-1", json!("7"))).await;
    assert_eq!((again.status(), again.data()), (201, first.data()));
    assert_eq!(again.head.headers.get("idempotent-replayed").unwrap(), "true");
    worker.post("/v1/rewards/distribute", grant("n-1", json!("8"))).await.assert_error(422, "IDEMPOTENCY_CONFLICT");
    assert_eq!(worker.get("/v1/rewards/balance/n-1").await.data()["earned_lamports"], "7");
}

#[tokio::test]
async fn an_invalid_amount_grants_nothing() {
    let worker = Worker::new();
    worker.register("n-1").await;
    for (amount, code) in [
        (json!(0), "ZERO_AMOUNT"),
        (json!("0"), "ZERO_AMOUNT"),
        (json!(-1), "INVALID_REQUEST"),
        (json!("-1"), "INVALID_REQUEST"),
        (json!(1.5), "INVALID_REQUEST"),
        (json!("1e3"), "INVALID_REQUEST"),
        (json!("9223372036854775808"), "INVALID_REQUEST"),
        (json!(9_007_199_254_740_992_u64), "INVALID_REQUEST"),
        (json!(null), "INVALID_REQUEST"),
    ] {
        worker.post("/v1/rewards/distribute", grant("n-1", amount)).await.assert_error(422, code);
    }
    worker.post("/v1/rewards/distribute", json!({ "rewards": [] })).await.assert_error(422, "NO_ENTRIES");
    worker.post("/v1/rewards/distribute", grant("n-9", json!(1))).await.assert_error(404, "UNKNOWN_NODE");
    let keyless = request(Method::POST, "/v1/rewards/distribute", ADMIN_KEY).header("content-type", "application/json");
    let keyless = worker.send(keyless.body(grant("n-1", json!(1)).to_string().into()).unwrap()).await;
    keyless.assert_error(400, "IDEMPOTENCY_KEY_REQUIRED");
    assert_eq!(worker.get("/v1/rewards/balance/n-1").await.data()["earned_lamports"], "0");
}

#[tokio::test]
async fn a_list_is_paginated() {
    let worker = Worker::new();
    worker.register("n-1").await;
    for id in ["c-1", "c-2", "c-3"] {
        worker.post("/v1/contributions", contribution(id, 1)).await.data();
    }
    let mut seen = Vec::new();
    let mut path = "/v1/rewards/pending?limit=2".to_owned();
    loop {
        let page = worker.get(&path).await.data().clone();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["contribution_id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/rewards/pending?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["c-1", "c-2", "c-3"]);
    worker.get("/v1/rewards/pending?limit=501").await.assert_error(422, "INVALID_LIMIT");
    worker.get("/v1/rewards/pending?cursor=x").await.assert_error(422, "INVALID_CURSOR");
    worker.get("/v1/rewards/pending?colour=red").await.assert_error(422, "INVALID_REQUEST");
}

#[tokio::test]
async fn settle_wakes_the_settlement_object() {
    let worker = Worker::new();
    let response = worker.post("/v1/rewards/settle", json!(null)).await;
    assert_eq!((response.status(), &response.data()["settlement"]), (202, &Value::Null));
    assert_eq!(*worker.control.wakes.borrow(), [Wake { trigger: "api".to_owned(), retry_held: true }]);
}

#[tokio::test]
async fn settle_names_an_invalid_setting_and_wakes_nothing() {
    for (worker, code, setting) in [
        (Worker::new().without("SOLANA_PRIVATE_KEY"), "SETTING_MISSING", "SOLANA_PRIVATE_KEY"),
        (Worker::new().with("SOLANA_PRIVATE_KEY", "tsecret"), "SETTING_INVALID", "SOLANA_PRIVATE_KEY"),
        (Worker::new().with("SOLANA_RPC_URL", "tsecret"), "SETTING_INVALID", "SOLANA_RPC_URL"),
        (Worker::new().without("NETWORK"), "SETTING_MISSING", "NETWORK"),
        (Worker::new().without("NETWORK_CREATOR"), "SETTING_MISSING", "NETWORK_CREATOR"),
    ] {
        let response = worker.post("/v1/rewards/settle", json!(null)).await;
        response.assert_error(503, code);
        assert_eq!(response.body["details"]["setting"], setting);
        assert!(worker.control.wakes.borrow().is_empty());

        let health = worker.get("/health").await;
        assert_eq!((health.status(), &health.data()["status"]), (200, &json!("degraded")));
        assert_eq!(health.data()["settlement"]["errors"][0]["code"], code);
        for text in [&response.text, &health.text] {
            assert!(!text.contains("tsecret"), "{text}");
        }
    }
}

#[tokio::test]
async fn health_reports_which_component_is_degraded() {
    let worker = Worker::new();
    let health = worker.get("/health").await;
    assert_eq!(health.data()["status"], "ok", "{}", health.text);
    assert!(!health.text.contains("tsecret"));

    let mut worker = Worker::new();
    worker.control.unreachable = true;
    let health = worker.get("/health").await;
    assert_eq!(health.data()["settlement"]["errors"][0]["code"], "SETTLEMENT_UNAVAILABLE");
    worker.get("/v1/settlements/latest").await.assert_error(503, "SETTLEMENT_UNAVAILABLE");

    let worker = Worker::new();
    worker.ledger.failure.replace(Some(DatabaseError::Unavailable("lost".to_owned())));
    let health = worker.get("/health").await;
    health.assert_error(503, "LEDGER_UNAVAILABLE");
    assert_eq!(health.body["details"]["ledger"]["status"], "degraded");
    assert!(health.head.headers.contains_key("retry-after"));
    worker.ledger.failure.replace(Some(DatabaseError::Statement("no such table: nodes".to_owned())));
    let health = worker.get("/health").await;
    health.assert_error(500, "LEDGER_STATEMENT");
    assert!(health.text.contains("migrations"), "{}", health.text);
}

#[tokio::test]
async fn the_ledger_endpoint_runs_only_statements_of_the_ledger() {
    let worker = Worker::new();
    for sql in ["DROP TABLE nodes", "SELECT 1", ""] {
        let response = worker.post("/v1/ledger/batch", json!({ "statements": [{ "sql": sql }] })).await;
        assert!(matches!(response.code(), "UNKNOWN_STATEMENT"), "{}", response.text);
        assert_eq!((response.status(), &response.body["details"]["position"]), (422, &json!(0)));
    }
    let response = worker.post("/v1/ledger/batch", json!({ "statements": [] })).await;
    assert_eq!(response.data()["results"], json!([]));
}

#[tokio::test]
async fn a_violated_constraint_is_reported_with_the_databases_message() {
    let worker = Worker::new();
    let insert = williw_relay::ledger::all_statements().find(|sql| sql.contains("INSERT INTO api_keys")).unwrap();
    let statement = json!({ "sql": insert, "parameters": ["ak_1", "mine", "hash", "[]", "0"] });
    let batch = json!({ "statements": [statement, statement] });
    let response = worker.post("/v1/ledger/batch", batch).await;
    response.assert_error(409, "LEDGER_CONSTRAINT");
    assert!(response.body["details"]["message"].as_str().unwrap().contains("api_keys"), "{}", response.text);
    assert!(api_keys::list(&worker.ledger).await.unwrap().is_empty(), "nothing was written");
}

#[tokio::test]
async fn the_log_has_one_entry_per_request_and_no_secrets() {
    let worker = Worker::new();
    let issued = worker.create_key(&[Scope::Read]).await;
    let path = format!("/v1/nodes/n-1?key={issued}");
    let keyed = request(Method::GET, &path, &issued).header("x-request-start-time", (NOW_MS - 40).to_string());
    worker.send(keyed.body(Body::empty()).unwrap()).await;
    worker.post("/v1/rewards/settle", json!({ "key": ADMIN_KEY })).await;
    worker.send(request(Method::GET, "/v1/nodes/n-1", "wk_wrong").body(Body::empty()).unwrap()).await;

    let lines = worker.logger.0.borrow();
    assert_eq!(lines.len(), 3);
    for secret in [ADMIN_KEY, &issued, "wk_wrong", "tsecret"] {
        assert!(lines.iter().all(|line| !line.contains(secret)), "{lines:?}");
    }
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["actor"].as_str().unwrap().starts_with("key:ak_"));
    assert_eq!((&lines[0]["status"], &lines[0]["error"]), (&json!(404), &json!("UNKNOWN_NODE")));
    assert_eq!((&lines[0]["path"], &lines[0]["transit_ms"]), (&json!("/v1/nodes/n-1"), &json!(40)));
    assert_eq!((&lines[1]["actor"], &lines[1]["status"]), (&json!("operator"), &json!(202)));
    assert_eq!((&lines[2]["actor"], &lines[2]["error"]), (&Value::Null, &json!("UNAUTHORIZED")));
}

#[tokio::test]
async fn an_implausible_start_time_is_ignored() {
    let worker = Worker::new();
    let implausible =
        request(Method::GET, "/health", ADMIN_KEY).header("x-request-start-time", (NOW_MS - 60_000).to_string());
    worker.send(implausible.body(Body::empty()).unwrap()).await;
    let line: Value = serde_json::from_str(&worker.logger.0.borrow()[0]).unwrap();
    assert_eq!(line["transit_ms"], Value::Null);
}

#[tokio::test]
async fn the_openapi_document_is_served() {
    let response = Worker::new().get("/openapi.json").await;
    assert_eq!((response.status(), response.text.as_str()), (200, openapi::COMMITTED));
    assert_eq!(response.body["openapi"], "3.1.0");
}
