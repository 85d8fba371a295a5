//! One of two RPC nodes lies.

use serde_json::{Value, json};
use solana_signature::Signature;
use williw_tests::faults::{Fault, FaultyRpc};

use super::runbook::Runbook;
use super::{Scenario, forget_statuses};
use crate::fixture::{OrFail, localnet};

/// Says that every transaction is finalized.
fn finalize_statuses(result: &mut Value) {
    let slot = result.pointer("/context/slot").cloned().unwrap_or_default();
    for status in result.get_mut("value").and_then(Value::as_array_mut).into_iter().flatten() {
        *status = json!({"slot": slot, "confirmations": null, "err": null, "status": {"Ok": null},
            "confirmationStatus": "finalized"});
    }
}

/// A node that accepts every transaction and forwards none.
fn swallow() -> Fault {
    Fault::Answer(json!(Signature::default().to_string()))
}

#[test]
fn a_reward_is_not_confirmed_because_one_of_two_nodes_calls_its_lost_transaction_final() {
    let mut scenario = Scenario::new("liar-final");
    let liar = FaultyRpc::start(localnet().url(), |method, _| match method {
        "sendTransaction" => swallow(),
        "getSignatureStatuses" => Fault::Change(finalize_statuses),
        _ => Fault::Forward,
    })
    .or_fail();
    let honest = FaultyRpc::start(localnet().url(), |method, _| match method {
        "sendTransaction" => swallow(),
        _ => Fault::Forward,
    })
    .or_fail();
    let mut relay = scenario.spawn(&[liar.url(), honest.url()].join(","));
    scenario.wait_for_attempt("landed");
    scenario.wait_for_expiry();
    let unconfirmed = "SELECT COUNT(*) FROM rewards WHERE status <> 'confirmed'";
    assert_eq!(scenario.network.ledger.number(unconfirmed, None).or_fail(), 3);
    relay.stop();
    // Without the liar, the transaction turns out to be lost.
    scenario.run_and_verify();
}

#[test]
fn a_transaction_that_landed_is_not_signed_again_because_one_of_two_nodes_does_not_find_it() {
    let mut scenario = Scenario::new("liar-lost");
    let liar = FaultyRpc::start(localnet().url(), |method, _| match method {
        "getSignatureStatuses" => Fault::Change(forget_statuses),
        _ => Fault::Forward,
    })
    .or_fail();
    let mut relay = scenario.spawn(&[&liar.url(), localnet().url()].join(","));
    scenario.wait_for_credits();
    scenario.wait_for_expiry();
    assert_eq!(scenario.latest_attempts(), ["landed"], "two nodes have to agree that it is final");
    relay.stop();

    // What docs/runbooks/stuck-attempts.md says.
    let runbook = Runbook::open(&scenario, "stuck-attempts.md");
    let shown = runbook.run(1, &[], &[0]);
    assert!(shown.contains("landed"), "{shown}");
    runbook.run(2, &[], &[0]);
    runbook.close(&[]);
    scenario.run_and_verify();
    assert_eq!(scenario.latest_attempts(), ["finalized"]);
}
