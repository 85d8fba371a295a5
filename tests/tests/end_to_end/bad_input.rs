//! Bad input gets a clear refusal in the one error shape, and nothing is lost or half-written.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use williw_tests::api::Answer;
use williw_tests::sample::NodeKind;

use crate::fixture::{OrFail, World, nodes};

/// The tables that a refused request must leave alone.
const TABLES: [&str; 6] = ["nodes", "tasks", "contributions", "rewards", "idempotency_keys", "audit_log"];

#[test]
fn every_refusal_has_the_one_shape_and_writes_nothing() {
    let world = World::new("bad-input");
    let mut known = nodes(NodeKind::Paid, world.tariff, 1);
    world.load(&mut known);
    let node = known[0].id.clone();
    let api = world.edge.api();
    let before = counts(&world);

    let grant = |amount: Value| json!({ "rewards": [{ "node_id": node, "amount_lamports": amount }] });
    let distribute = |body: Value| api.post_once("/v1/rewards/distribute", "bad-input", &body).or_fail();
    let report = |change: fn(&mut Value)| {
        let mut body = known[0].contribution(0);
        body["id"] = json!("bad-input");
        change(&mut body);
        api.post("/v1/contributions", &body).or_fail()
    };
    let register = |address: &str| api.post("/v1/nodes", &json!({ "id": "newcomer", "address": address })).or_fail();
    let program_derived = Pubkey::find_program_address(&[b"bad-input"], &settlement::ID).0.to_string();

    let refusals: Vec<(&str, Answer, u16, &str)> = vec![
        (
            "an unknown node's grant",
            distribute(json!({ "rewards": [
            { "node_id": node, "amount_lamports": "5" }, { "node_id": "nobody", "amount_lamports": "5" },
        ] })),
            404,
            "UNKNOWN_NODE",
        ),
        ("an unknown node's report", report(|body| body["node_id"] = json!("nobody")), 404, "UNKNOWN_NODE"),
        ("an unknown node's balance", api.get("/v1/rewards/balance/nobody").or_fail(), 404, "UNKNOWN_NODE"),
        (
            "an unknown node's heartbeat",
            api.post("/v1/nodes/nobody/heartbeat", &json!({})).or_fail(),
            404,
            "UNKNOWN_NODE",
        ),
        ("an amount of 0", distribute(grant(json!("0"))), 422, "ZERO_AMOUNT"),
        ("a negative amount", distribute(grant(json!(-5))), 422, "INVALID_REQUEST"),
        ("a negative amount as text", distribute(grant(json!("-5"))), 422, "INVALID_REQUEST"),
        ("an amount above 2^63-1", distribute(grant(json!("9223372036854775808"))), 422, "INVALID_REQUEST"),
        ("a number above 2^53-1", distribute(grant(json!(9_007_199_254_740_993_u64))), 422, "INVALID_REQUEST"),
        ("an amount that is no integer", distribute(grant(json!(1.5))), 422, "INVALID_REQUEST"),
        ("an amount that is no number", distribute(grant(json!("much"))), 422, "INVALID_REQUEST"),
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
        ("no grant at all", distribute(json!({ "rewards": [] })), 422, "NO_ENTRIES"),
        ("a score of 0", report(|body| body["compute_score"] = json!(0)), 422, "INVALID_FIELD"),
        ("a negative score", report(|body| body["compute_score"] = json!(-1)), 422, "INVALID_REQUEST"),
        ("a score that is no integer", report(|body| body["compute_score"] = json!(0.5)), 422, "INVALID_REQUEST"),
        (
            "a reward above 2^63-1",
            report(|body| body["compute_score"] = json!(9_007_199_254_740_991_u64)),
            422,
            "TOTAL_TOO_LARGE",
        ),
        ("a percentage above 100", report(|body| body["gpu_usage_percent"] = json!(100.5)), 422, "INVALID_REQUEST"),
        ("a time before all work", report(|body| body["timestamp"] = json!(5)), 422, "INVALID_TIMESTAMP"),
        ("a field that there is not", report(|body| body["tip"] = json!(5)), 422, "INVALID_REQUEST"),
        ("an address that is no base58", register("0OIl"), 422, "INVALID_REQUEST"),
        ("an address of 31 bytes", register("1111111111111111111111111111111"), 422, "INVALID_REQUEST"),
        ("an address off the curve", register(&program_derived), 422, "INVALID_REQUEST"),
        ("the System program's address", register("11111111111111111111111111111111"), 422, "INVALID_REQUEST"),
        ("an id with a slash", api.post("/v1/nodes", &json!({ "id": "a/b" })).or_fail(), 422, "INVALID_REQUEST"),
        (
            "no idempotency key",
            api.post("/v1/rewards/distribute", &grant(json!("5"))).or_fail(),
            400,
            "IDEMPOTENCY_KEY_REQUIRED",
        ),
        ("no JSON", api.post_raw("/v1/nodes", b"{\"id\": ".to_vec()).or_fail(), 400, "INVALID_JSON"),
        ("no UTF-8", api.post_raw("/v1/nodes", vec![0xff, 0xfe]).or_fail(), 400, "INVALID_JSON"),
        ("a body over the limit", api.post_raw("/v1/nodes", vec![b' '; 300 * 1024]).or_fail(), 413, "BODY_TOO_LARGE"),
        ("no such path", api.get("/v1/nothing").or_fail(), 404, "NOT_FOUND"),
        ("no such method", api.get("/v1/contributions").or_fail(), 405, "METHOD_NOT_ALLOWED"),
        ("no such settlement", api.get("/v1/settlements/999").or_fail(), 404, "UNKNOWN_SETTLEMENT"),
        (
            "SQL of one's own",
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
        ("no key", api.with_key(None).post("/v1/nodes", &json!({ "id": "newcomer" })).or_fail(), 401, "UNAUTHORIZED"),
        ("a wrong key", api.with_key(Some("wk_wrong")).get("/v1/settlements/latest").or_fail(), 401, "UNAUTHORIZED"),
    ];
    for (what, answer, status, code) in &refusals {
        assert_eq!((answer.status, answer.code()), (*status, Some(*code)), "{what}: {}", answer.body);
        assert_refusal_shape(what, answer);
    }

    assert_eq!(counts(&world), before, "a refused request has written something");
    assert!(!world.edge.log_text().or_fail().contains("wk_wrong"), "a key reached the log");
    // The key of the refused grants is still free.
    assert_eq!(distribute(grant(json!("5"))).status, 201);
}

/// `{"success": false, "error", "message", "timestamp", "request_id"}`, and no panic behind it.
fn assert_refusal_shape(what: &str, answer: &Answer) {
    let body = &answer.body;
    assert_eq!(body["success"], false, "{what}: {body}");
    for field in ["error", "message", "request_id"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{what}: '{field}' in {body}");
    }
    assert!(body["timestamp"].is_i64(), "{what}: {body}");
}

fn counts(world: &World) -> BTreeMap<&'static str, u64> {
    let ledger = world.edge.d1().or_fail();
    TABLES
        .into_iter()
        .map(|table| (table, ledger.number(&format!("SELECT COUNT(*) FROM {table}"), None).or_fail()))
        .collect()
}
