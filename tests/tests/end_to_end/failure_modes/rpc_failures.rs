//! An RPC node that is slow, goes away in the middle of a settlement, answers nothing, or belongs to another cluster.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use williw_tests::faults::{Fault, FaultyRpc};
use williw_tests::process::{run_to_exit, run_to_success};
use williw_tests::wait;

use super::Scenario;
use super::runbook::Runbook;
use crate::fixture::{OrFail, localnet, seed};

/// A URL at which nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";

#[test]
fn a_slow_rpc_node_only_delays_a_settlement() {
    let mut scenario = Scenario::new("slow-rpc");
    let proxy = FaultyRpc::start(localnet().url(), |_, _| {
        wait::sleep(Duration::from_millis(300));
        Fault::Forward
    })
    .or_fail();
    run_to_success(scenario.relay(&proxy.url())).or_fail();
    scenario.verify();
    assert_eq!(scenario.latest_attempts(), ["finalized"]);
}

#[test]
fn an_rpc_node_that_goes_away_after_a_transaction_was_sent_delays_its_confirmation() {
    let mut scenario = Scenario::new("rpc-goes-away");
    let requests = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&requests);
    let proxy = FaultyRpc::start(localnet().url(), move |method, _| {
        let sent = counted.load(Ordering::SeqCst) > 0 || method == "sendTransaction";
        // Down for four requests after the first transaction.
        match if sent { counted.fetch_add(1, Ordering::SeqCst) } else { 0 } {
            1..=4 => Fault::CloseConnection,
            _ => Fault::Forward,
        }
    })
    .or_fail();
    run_to_success(scenario.relay(&proxy.url())).or_fail();
    assert!(requests.load(Ordering::SeqCst) > 5, "it was down, and has come back");
    scenario.verify();
    assert_eq!(scenario.latest_attempts(), ["finalized"]);

    // What docs/runbooks/rpc-provider-down.md says if it stays away.
    scenario.report_more();
    let runbook = Runbook::open(&scenario, "rpc-provider-down.md").with_rpc_urls(NOWHERE);
    let shown = runbook.run(1, &[], &[10]);
    assert!(shown.contains("node 0: "), "{shown}");
    let nodes = [("https://one.example", localnet().url()), ("https://two.example", &proxy.url())];
    runbook.run(2, &[&nodes[..], &[("https://three.example", NOWHERE)]].concat(), &[0]);
    runbook.close(&[3]);
    scenario.verify();
}

#[test]
fn an_rpc_node_that_answers_null_is_reported_and_its_answer_never_used() {
    let mut scenario = Scenario::new("rpc-null");
    let random = Mutex::new(fastrand::Rng::with_seed(seed(4)));
    let nulls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&nulls);
    let proxy = FaultyRpc::start(localnet().url(), move |method, _| {
        let is_null = random.lock().expect("no other thread has panicked").u8(0..8) == 0;
        // The result of `getTransaction` may be null.
        if is_null && method != "getTransaction" {
            counted.fetch_add(1, Ordering::SeqCst);
            return Fault::Answer(Value::Null);
        }
        Fault::Forward
    })
    .or_fail();
    // Each run may end at an answer that makes no sense; each next one resumes.
    let has_succeeded = (0..40).any(|_| {
        let output = run_to_exit(scenario.relay(&proxy.url())).or_fail();
        if output.status.success() {
            return true;
        }
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{error}");
        assert!(error.contains("SOLANA_RPC_URL"), "{error}");
        false
    });
    assert!(has_succeeded && nulls.load(Ordering::SeqCst) > 0, "{nulls:?} answers were null");
    scenario.verify();
    assert_eq!(scenario.latest_attempts(), ["finalized"]);
}

#[test]
fn an_rpc_node_of_another_cluster_is_refused_in_the_middle_of_a_settlement() {
    let mut scenario = Scenario::new("other-cluster");
    let mut held = scenario.spawn_up_to("getSignatureStatuses", Fault::CloseConnection);
    held.relay.kill();
    let sent = Arc::new(AtomicBool::new(false));
    let sends = Arc::clone(&sent);
    let other = FaultyRpc::start(localnet().url(), move |method, _| match method {
        "getGenesisHash" => Fault::Answer(json!("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d")),
        // On another cluster, nothing of this one is known.
        _ => {
            sends.fetch_or(method == "sendTransaction", Ordering::SeqCst);
            Fault::Answer(Value::Null)
        }
    })
    .or_fail();
    let output = run_to_exit(scenario.relay(&other.url())).or_fail();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("genesis_hash"), "{error}");
    assert!(!sent.load(Ordering::SeqCst), "nothing was sent to it");
    assert_eq!(scenario.latest_attempts(), ["sent"], "nothing was concluded from it");
    scenario.run_and_verify();
    assert_eq!(scenario.latest_attempts(), ["finalized"]);
}
