//! What is said twice counts once.

use serde_json::json;
use williw_tests::sample::NodeKind;

use crate::fixture::{OrFail, World, nodes};

#[test]
fn a_repeated_report_or_payment_is_paid_once() {
    let mut world = World::new("repeats");
    let mut all = nodes(NodeKind::Paid, world.tariff, 3);
    world.load(&mut all);
    let api = world.edge.api().clone();

    // Registered again, nothing changes; with another address it is refused.
    all[0].register(&api).or_fail();
    let other = json!({ "id": all[0].id, "address": all[1].address.to_string() });
    let refused = api.post("/v1/nodes", &other).or_fail();
    assert_eq!((refused.status, refused.code()), (409, Some("ADDRESS_CONFLICT")), "{refused:?}");

    // The same report again gets the same reward.
    let report = all[0].contribution(0);
    let again = api.post("/v1/contributions", &report).or_fail();
    assert_eq!(again.status, 200, "{again:?}");
    let again = again.data().or_fail();
    assert_eq!(again["duplicate"], true);
    let once_more = api.post("/v1/contributions", &report).or_fail().data().or_fail();
    assert_eq!(once_more["reward"], again["reward"]);

    // Under the same id with other content it is refused.
    let mut changed = report;
    changed["compute_score"] = json!(999_999_999);
    let refused = api.post("/v1/contributions", &changed).or_fail();
    assert_eq!((refused.status, refused.code()), (409, Some("CONTRIBUTION_CONFLICT")), "{refused:?}");

    // A grant with the same key is made once; the same key for another grant is refused.
    let grant = |lamports: &str| json!({ "rewards": [{ "node_id": all[2].id, "amount_lamports": lamports }] });
    let first = api.post_once("/v1/rewards/distribute", "grant-1", &grant("2000000")).or_fail();
    assert_eq!((first.status, first.replayed), (201, false), "{first:?}");
    let second = api.post_once("/v1/rewards/distribute", "grant-1", &grant("2000000")).or_fail();
    assert_eq!((second.status, second.replayed), (201, true), "{second:?}");
    assert_eq!(second.body["data"], first.body["data"]);
    let refused = api.post_once("/v1/rewards/distribute", "grant-1", &grant("2000001")).or_fail();
    assert_eq!((refused.status, refused.code()), (422, Some("IDEMPOTENCY_CONFLICT")), "{refused:?}");
    all[2].expected.earned += 2_000_000;

    world.settle(&mut all);
    world.assert_books_agree(&all);

    // What was settled before is still known: the same report and the same grant count no second time.
    let again = api.post("/v1/contributions", &all[0].contribution(0)).or_fail();
    assert_eq!(again.status, 200, "{again:?}");
    let grant = json!({ "rewards": [{ "node_id": all[2].id, "amount_lamports": "2000000" }] });
    assert!(api.post_once("/v1/rewards/distribute", "grant-1", &grant).or_fail().replayed);
    world.assert_books_agree(&all);
}
