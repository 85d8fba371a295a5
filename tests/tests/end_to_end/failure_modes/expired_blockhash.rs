//! The blockhash of a transaction expires before the relay sends it, after the transaction is lost on its way, and after it
//! has landed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use solana_signature::Signature;
use williw_tests::faults::{Fault, FaultyRpc};

use super::{Scenario, forget_statuses, wait_for_success};
use crate::fixture::{OrFail, localnet};

#[test]
fn a_transaction_that_expired_unsent_is_signed_again() {
    let mut scenario = Scenario::new("expired-unsent");
    let mut held = scenario.spawn_up_to("sendTransaction", Fault::CloseConnection);
    held.relay.kill();
    scenario.wait_for_expiry();
    scenario.run_and_verify();
    assert_eq!(scenario.latest_attempts(), ["expired", "finalized"]);
}

#[test]
fn a_transaction_that_was_sent_and_never_arrived_is_signed_again() {
    let mut scenario = Scenario::new("expired-sent");
    let loses = Arc::new(AtomicBool::new(true));
    let losing = Arc::clone(&loses);
    let proxy = FaultyRpc::start(localnet().url(), move |method, _| {
        if method == "sendTransaction" && losing.load(Ordering::SeqCst) {
            // A node that accepts every transaction and forwards none.
            return Fault::Answer(json!(Signature::default().to_string()));
        }
        Fault::Forward
    })
    .or_fail();
    let mut relay = scenario.spawn(&proxy.url());
    scenario.wait_for_attempt("sent");
    scenario.wait_for_expiry();
    loses.store(false, Ordering::SeqCst);
    wait_for_success(&mut relay);
    scenario.verify();
    let attempts = scenario.latest_attempts();
    assert!(
        attempts.starts_with(&["expired".to_owned()]) && attempts.ends_with(&["finalized".to_owned()]),
        "{attempts:?}"
    );
}

#[test]
fn a_transaction_that_landed_is_never_signed_again_although_the_rpc_node_does_not_find_it() {
    let mut scenario = Scenario::new("expired-landed");
    let proxy = FaultyRpc::start(localnet().url(), |method, _| match method {
        "getSignatureStatuses" => Fault::Change(forget_statuses),
        _ => Fault::Forward,
    })
    .or_fail();
    let mut relay = scenario.spawn(&proxy.url());
    wait_for_success(&mut relay);
    // The wallets show what the transaction did, and the next totals would be the same: nothing is left to sign.
    let attempts = scenario.latest_attempts();
    scenario.network.assert_settled(&mut scenario.nodes);
    assert_eq!(attempts.len(), 1, "{attempts:?}");
}
