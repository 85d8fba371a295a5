//! The API in workerd with D1: public endpoints, a node's own data, and pagination.

use serde_json::json;
use williw_tests::sample_nodes::NodeKind;

use crate::fixture::{NetworkFixture, OrFail, nodes};

#[test]
fn health_openapi_and_docs_are_public() {
    let network = NetworkFixture::new("api-public");
    let public = network.worker.api().with_key(None);
    let health = public.get("/health").or_fail().data().or_fail();
    assert_eq!(health["status"], "ok", "{health}");
    let openapi = public.get("/openapi.json").or_fail();
    assert_eq!(openapi.status, 200);
    assert!(openapi.body["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    assert!(openapi.body["paths"]["/v1/rewards/distribute"].is_object());
    for page in ["/docs", "/docs/"] {
        assert_eq!(public.get(page).or_fail().status, 200, "{page}");
    }
}

#[test]
fn a_nodes_data_is_correct_from_registration_to_payment() {
    let mut network = NetworkFixture::new("api-node");
    let mut all = nodes(NodeKind::Paid, network.parameters, 1);
    let (api, parameters) = (network.worker.api().clone(), network.parameters);
    let node = &mut all[0];
    for _ in 0..4 {
        node.work(1_000);
    }
    let new = json!({ "id": node.id, "address": node.address.to_string() });
    assert_eq!(api.post("/v1/nodes", &new).or_fail().status, 201);
    assert_eq!(api.post("/v1/nodes", &new).or_fail().status, 200, "the node is already registered");
    let heartbeat = json!({ "capabilities": { "cpu_cores": 4 } });
    let updated = api.post(&format!("/v1/nodes/{}/heartbeat", node.id), &heartbeat).or_fail().data().or_fail();
    assert_eq!(updated["capabilities"]["cpu_cores"], 4);
    node.report(&api, parameters).or_fail();
    let details = api.get(&format!("/v1/nodes/{}", node.id)).or_fail().data().or_fail();
    assert_eq!(details["total_rewards_lamports"], node.expected.earned.to_string());
    assert_eq!(details["contribution_count"], node.contributions());

    // Pagination returns each reward once and in order. The last running total is the node's total earnings.
    let mut totals: Vec<u64> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/rewards/pending?node_id={}&limit=2{cursor}", node.id);
        let page = api.get(&path).or_fail().data().or_fail();
        for reward in page["items"].as_array().expect("a list") {
            totals.push(reward["node_total_lamports"].as_str().and_then(|it| it.parse().ok()).expect("a total"));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(totals.len(), node.contributions());
    assert!(totals.is_sorted() && totals.last() == Some(&node.expected.earned), "{totals:?}");

    network.settle(&mut all);
    network.assert_balances_match(&all);
    let pending = api.get(&format!("/v1/rewards/pending?node_id={}", all[0].id)).or_fail().data().or_fail();
    assert_eq!(pending["items"], json!([]));
}
