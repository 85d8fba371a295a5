//! Repeated requests have no additional effect.

use serde_json::json;
use williw_tests::sample_nodes::NodeKind;

use crate::fixture::{NetworkFixture, OrFail, nodes};

#[test]
fn repeated_contributions_and_grants_are_paid_once() {
    let mut network = NetworkFixture::new("idempotency");
    let mut all = nodes(NodeKind::Paid, network.parameters, 3);
    network.register_and_report(&mut all);
    let api = network.worker.api().clone();

    // Registering a node again has no effect; a different address is rejected.
    all[0].register(&api).or_fail();
    let other = json!({ "id": all[0].id, "address": all[1].address.to_string() });
    let rejected = api.post("/v1/nodes", &other).or_fail();
    assert_eq!((rejected.status, rejected.code()), (409, Some("ADDRESS_CONFLICT")), "{rejected:?}");

    // Repeating a contribution returns the same reward.
    let contribution = all[0].contribution(0);
    let again = api.post("/v1/contributions", &contribution).or_fail();
    assert_eq!(again.status, 200, "{again:?}");
    let again = again.data().or_fail();
    assert_eq!(again["duplicate"], true);
    let third = api.post("/v1/contributions", &contribution).or_fail().data().or_fail();
    assert_eq!(third["reward"], again["reward"]);

    // The same contribution id with different content is rejected.
    let mut changed = contribution;
    changed["compute_score"] = json!(999_999_999);
    let rejected = api.post("/v1/contributions", &changed).or_fail();
    assert_eq!((rejected.status, rejected.code()), (409, Some("CONTRIBUTION_CONFLICT")), "{rejected:?}");

    // A grant with the same idempotency key is made once; reusing the key for a different grant is rejected.
    let grant = |lamports: &str| json!({ "rewards": [{ "node_id": all[2].id, "amount_lamports": lamports }] });
    let first = api.post_idempotent("/v1/rewards/distribute", "grant-1", &grant("2000000")).or_fail();
    assert_eq!((first.status, first.replayed), (201, false), "{first:?}");
    let second = api.post_idempotent("/v1/rewards/distribute", "grant-1", &grant("2000000")).or_fail();
    assert_eq!((second.status, second.replayed), (201, true), "{second:?}");
    assert_eq!(second.body["data"], first.body["data"]);
    let rejected = api.post_idempotent("/v1/rewards/distribute", "grant-1", &grant("2000001")).or_fail();
    assert_eq!((rejected.status, rejected.code()), (422, Some("IDEMPOTENCY_CONFLICT")), "{rejected:?}");
    all[2].expected.earned += 2_000_000;

    network.settle(&mut all);
    network.assert_balances_match(&all);

    // After the settlement, repeating the contribution and the grant still has no effect.
    let again = api.post("/v1/contributions", &all[0].contribution(0)).or_fail();
    assert_eq!(again.status, 200, "{again:?}");
    let grant = json!({ "rewards": [{ "node_id": all[2].id, "amount_lamports": "2000000" }] });
    assert!(api.post_idempotent("/v1/rewards/distribute", "grant-1", &grant).or_fail().replayed);
    network.assert_balances_match(&all);
}
