//! The API in workerd, over D1: what is public, what a node sees of itself, and lists in pages.

use serde_json::json;
use williw_tests::sample::NodeKind;

use crate::fixture::{OrFail, World, nodes};

#[test]
fn health_description_and_documentation_are_public() {
    let world = World::new("api-public");
    let public = world.edge.api().with_key(None);
    let health = public.get("/health").or_fail().data().or_fail();
    assert_eq!(health["status"], "ok", "{health}");
    let description = public.get("/openapi.json").or_fail();
    assert_eq!(description.status, 200);
    assert!(description.body["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    assert!(description.body["paths"]["/v1/rewards/distribute"].is_object());
    for page in ["/docs", "/docs/"] {
        assert_eq!(public.get(page).or_fail().status, 200, "{page}");
    }
}

#[test]
fn a_node_sees_itself_and_its_rewards_from_registration_to_payment() {
    let mut world = World::new("api-node");
    let mut all = nodes(NodeKind::Paid, world.tariff, 1);
    let (api, tariff) = (world.edge.api().clone(), world.tariff);
    let node = &mut all[0];
    for _ in 0..4 {
        node.work(1_000);
    }
    let new = json!({ "id": node.id, "address": node.address.to_string() });
    assert_eq!(api.post("/v1/nodes", &new).or_fail().status, 201);
    assert_eq!(api.post("/v1/nodes", &new).or_fail().status, 200, "it is known already");
    let heartbeat = json!({ "capabilities": { "cpu_cores": 4 } });
    let told = api.post(&format!("/v1/nodes/{}/heartbeat", node.id), &heartbeat).or_fail().data().or_fail();
    assert_eq!(told["capabilities"]["cpu_cores"], 4);
    node.report(&api, tariff).or_fail();
    let told = api.get(&format!("/v1/nodes/{}", node.id)).or_fail().data().or_fail();
    assert_eq!(told["total_rewards_lamports"], node.expected.earned.to_string());
    assert_eq!(told["contribution_count"], node.contributions());

    // Its rewards come in pages, each once and in order; the running total ends at what it earned.
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

    world.settle(&mut all);
    world.assert_books_agree(&all);
    let left = api.get(&format!("/v1/rewards/pending?node_id={}", all[0].id)).or_fail().data().or_fail();
    assert_eq!(left["items"], json!([]));
}
