//! Invalid requests are rejected with a uniform error response and write nothing to the ledger.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use williw_tests::api::ApiResponse;
use williw_tests::sample_nodes::NodeKind;

use crate::fixture::{NetworkFixture, OrFail, nodes};

/// Tables that a rejected request must not change.
const TABLES: [&str; 6] = ["nodes", "tasks", "contributions", "rewards", "idempotency_keys", "audit_log"];

#[test]
fn rejections_have_a_uniform_format_and_write_nothing() {
    let network = NetworkFixture::new("invalid-requests");
    let mut known = nodes(NodeKind::Paid, network.parameters, 1);
    network.register_and_report(&mut known);
    let node = known[0].id.clone();
    let api = network.worker.api();
    let before = row_counts(&network);

    let grant = |amount: Value| json!({ "rewards": [{ "node_id": node, "amount_lamports": amount }] });
    let distribute = |body: Value| api.post_idempotent("/v1/rewards/distribute", "invalid-request", &body).or_fail();
    let contribute = |change: fn(&mut Value)| {
        let mut body = known[0].contribution(0);
        body["id"] = json!("invalid-request");
        change(&mut body);
        api.post("/v1/contributions", &body).or_fail()
    };
    let register = |address: &str| api.post("/v1/nodes", &json!({ "id": "newcomer", "address": address })).or_fail();
    let program_derived = Pubkey::find_program_address(&[b"invalid-request"], &settlement::ID).0.to_string();

    let rejections: Vec<(&str, ApiResponse, u16, &str)> = vec![
        (
            "a grant for an unknown node",
            distribute(json!({ "rewards": [
            { "node_id": node, "amount_lamports": "5" }, { "node_id": "nobody", "amount_lamports": "5" },
        ] })),
            404,
            "UNKNOWN_NODE",
        ),
        (
            "a contribution of an unknown node",
            contribute(|body| body["node_id"] = json!("nobody")),
            404,
            "UNKNOWN_NODE",
        ),
        ("the balance of an unknown node", api.get("/v1/rewards/balance/nobody").or_fail(), 404, "UNKNOWN_NODE"),
        (
            "a heartbeat of an unknown node",
            api.post("/v1/nodes/nobody/heartbeat", &json!({})).or_fail(),
            404,
            "UNKNOWN_NODE",
        ),
        ("an amount of 0", distribute(grant(json!("0"))), 422, "ZERO_AMOUNT"),
        ("a negative amount", distribute(grant(json!(-5))), 422, "INVALID_REQUEST"),
        ("a negative amount as a string", distribute(grant(json!("-5"))), 422, "INVALID_REQUEST"),
        ("an amount above 2^63-1", distribute(grant(json!("9223372036854775808"))), 422, "INVALID_REQUEST"),
        ("a number above 2^53-1", distribute(grant(json!(9_007_199_254_740_993_u64))), 422, "INVALID_REQUEST"),
        ("a fractional amount", distribute(grant(json!(1.5))), 422, "INVALID_REQUEST"),
        ("a non-numeric amount", distribute(grant(json!("much"))), 422, "INVALID_REQUEST"),
        (
            "a sum above 2^63-1",
            distribute(json!({ "rewards": [
            { "node_id": node, "amount_lamports": "9223372036854775807" },
            { "node_id": node, "amount_lamports": "9223372036854775807" },
        ] })),
            422,
            "SUM_TOO_LARGE",
        ),
        ("a total above 2^63-1", distribute(grant(json!("9223372036854775807"))), 422, "TOTAL_TOO_LARGE"),
        ("an empty list of grants", distribute(json!({ "rewards": [] })), 422, "NO_ENTRIES"),
        ("a score of 0", contribute(|body| body["compute_score"] = json!(0)), 422, "INVALID_FIELD"),
        ("a negative score", contribute(|body| body["compute_score"] = json!(-1)), 422, "INVALID_REQUEST"),
        ("a fractional score", contribute(|body| body["compute_score"] = json!(0.5)), 422, "INVALID_REQUEST"),
        (
            "a reward above 2^63-1",
            contribute(|body| body["compute_score"] = json!(9_007_199_254_740_991_u64)),
            422,
            "TOTAL_TOO_LARGE",
        ),
        ("a percentage above 100", contribute(|body| body["gpu_usage_percent"] = json!(100.5)), 422, "INVALID_REQUEST"),
        ("a timestamp that is too old", contribute(|body| body["timestamp"] = json!(5)), 422, "INVALID_TIMESTAMP"),
        ("an unknown field", contribute(|body| body["tip"] = json!(5)), 422, "INVALID_REQUEST"),
        ("an address that is not valid base58", register("0OIl"), 422, "INVALID_REQUEST"),
        ("an address of 31 bytes", register("1111111111111111111111111111111"), 422, "INVALID_REQUEST"),
        ("an address off the curve", register(&program_derived), 422, "INVALID_REQUEST"),
        ("the System program's address", register("11111111111111111111111111111111"), 422, "INVALID_REQUEST"),
        ("an id with a slash", api.post("/v1/nodes", &json!({ "id": "a/b" })).or_fail(), 422, "INVALID_REQUEST"),
        (
            "a missing idempotency key",
            api.post("/v1/rewards/distribute", &grant(json!("5"))).or_fail(),
            400,
            "IDEMPOTENCY_KEY_REQUIRED",
        ),
        ("invalid JSON", api.post_raw("/v1/nodes", b"{\"id\": ".to_vec()).or_fail(), 400, "INVALID_JSON"),
        ("invalid UTF-8", api.post_raw("/v1/nodes", vec![0xff, 0xfe]).or_fail(), 400, "INVALID_JSON"),
        ("a body over the limit", api.post_raw("/v1/nodes", vec![b' '; 300 * 1024]).or_fail(), 413, "BODY_TOO_LARGE"),
        ("an unknown path", api.get("/v1/nothing").or_fail(), 404, "NOT_FOUND"),
        ("an unsupported method", api.get("/v1/contributions").or_fail(), 405, "METHOD_NOT_ALLOWED"),
        ("an unknown settlement", api.get("/v1/settlements/999").or_fail(), 404, "UNKNOWN_SETTLEMENT"),
        (
            "an SQL statement that is not allowed",
            api.post(
                "/v1/ledger/batch",
                &json!({ "statements": [
            { "sql": "DELETE FROM rewards", "parameters": [] },
        ] }),
            )
            .or_fail(),
            422,
            "UNKNOWN_STATEMENT",
        ),
        (
            "a missing API key",
            api.with_key(None).post("/v1/nodes", &json!({ "id": "newcomer" })).or_fail(),
            401,
            "UNAUTHORIZED",
        ),
        (
            "an invalid API key",
            api.with_key(Some("wk_wrong")).get("/v1/settlements/latest").or_fail(),
            401,
            "UNAUTHORIZED",
        ),
    ];
    for (what, response, status, code) in &rejections {
        assert_eq!((response.status, response.code()), (*status, Some(*code)), "{what}: {}", response.body);
        assert_rejection_format(what, response);
    }

    assert_eq!(row_counts(&network), before, "a rejected request changed the ledger");
    assert!(!network.worker.log_text().or_fail().contains("wk_wrong"), "the log contains an API key");
    // The idempotency key of the rejected grants can still be used.
    assert_eq!(distribute(grant(json!("5"))).status, 201);
}

/// Asserts that the body has the form `{"success": false, "error", "message", "timestamp", "request_id"}`.
fn assert_rejection_format(what: &str, response: &ApiResponse) {
    let body = &response.body;
    assert_eq!(body["success"], false, "{what}: {body}");
    for field in ["error", "message", "request_id"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{what}: '{field}' in {body}");
    }
    assert!(body["timestamp"].is_i64(), "{what}: {body}");
}

fn row_counts(network: &NetworkFixture) -> BTreeMap<&'static str, u64> {
    let ledger = network.worker.d1().or_fail();
    TABLES
        .into_iter()
        .map(|table| (table, ledger.number(&format!("SELECT COUNT(*) FROM {table}"), None).or_fail()))
        .collect()
}
