//! A run whose RPC node limits the rate, or answers with what makes no sense.

use std::process::{Child, Command, Stdio};

use rusqlite::Connection;
use serde_json::Value;

use crate::log::Log;
use crate::process::Relay;
use crate::rpc::{Cluster, Fault, Rpc};
use crate::status::relay_with_a_reward;

/// The node limits the rate for a second.
const FOR_A_SECOND: Fault = Fault { head: "429 Too Many Requests\r\nRetry-After: 1", body: "slow down" };

/// The node limits the rate for half an hour.
const FOR_LONG: Fault = Fault { head: "429 Too Many Requests\r\nRetry-After: 1800", body: "" };

fn watch(relay: &Relay) -> (Child, Log) {
    let mut command = relay.command(&["run", "--watch", "--interval", "3600"]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let log = Log::of(&mut child);
    (child, log)
}

fn terminate(mut child: Child, log: &Log) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let rest = log.rest();
    assert!(child.wait().unwrap().success(), "{rest:?}");
}

fn number(relay: &Relay, sql: &str) -> i64 {
    Connection::open(relay.file("ledger.sqlite3")).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

const LEASES: &str = "SELECT COUNT(*) FROM leases WHERE expires_at > 0";

const CONFIRMED: &str = "SELECT COUNT(*) FROM rewards WHERE status = 'confirmed'";

#[tokio::test]
async fn an_rpc_node_that_limits_the_rate_is_asked_nothing_meanwhile_and_no_lease_is_held() {
    let faults = vec![("getMultipleAccounts", FOR_LONG), ("getGenesisHash", FOR_LONG)];
    let rpc = Rpc::start(Cluster { faults, ..Cluster::default() });
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    let (child, log) = watch(&relay);
    log.line_with("limits the rate of requests: use another node, or a plan that allows more; retrying in 1800 s");
    assert_eq!(number(&relay, LEASES), 0);
    // A run with less patience than that does not wait in vain, and leaves no lease either.
    relay.run(&["run", "--patience", "1799"]).expect_failure(5, "limits the rate");
    assert_eq!(number(&relay, LEASES), 0);
    terminate(child, &log);
    let requests = rpc.requests();
    assert_eq!(requests.first().map(|(_, _, is_fault)| *is_fault), Some(true));
    assert_eq!(requests.last().map(|(_, _, is_fault)| *is_fault), Some(true), "nothing was asked after that");
    assert_eq!(rpc.sends(), 0);
}

#[tokio::test]
async fn a_transaction_that_the_rpc_node_refuses_for_its_rate_is_sent_again_once_it_may_be() {
    let faults = vec![("sendTransaction", FOR_A_SECOND), ("getMultipleAccounts", FOR_A_SECOND)];
    let rpc = Rpc::start(Cluster { faults, ..Cluster::default() });
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    let result = relay.run(&["run", "--max-rpc-requests-per-second", "1000"]);
    assert_eq!(result.exit_code, 0, "{}", result.stderr);
    assert_eq!(number(&relay, CONFIRMED), 1);
    let requests = rpc.requests();
    let refused: Vec<usize> = (0..requests.len()).filter(|position| requests[*position].2).collect();
    assert_eq!(refused.len(), 2);
    for position in refused {
        let (refused, next) = (&requests[position], &requests[position + 1]);
        assert!(next.0 - refused.0 >= 1_000, "{next:?} was asked {} ms after {refused:?}", next.0 - refused.0);
    }
}

#[tokio::test]
async fn a_watching_run_survives_answers_that_make_no_sense() {
    let ok = |body| Fault { head: "200 OK", body };
    let faults = vec![
        ("getGenesisHash", ok("<html>try later</html>")),
        ("getGenesisHash", Fault { head: "404 Not Found", body: "no such endpoint" }),
        (
            "getMultipleAccounts",
            ok(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-98765,"message":"quota of the plan"}}"#),
        ),
        ("getLatestBlockhash", ok(r#"{"jsonrpc":"2.0","id":1}"#)),
        ("simulateTransaction", ok(r#"{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":"what?"}}"#)),
        ("sendTransaction", ok(r#"{"jsonrpc":"2.0","id":1,"error":{"code":12345,"message":"maintenance"}}"#)),
        ("getSignatureStatuses", ok("null")),
        ("getTransaction", ok(r#"{"jsonrpc":"2.0","id":1,"result":"garbage"}"#)),
    ];
    let count = faults.len();
    let rpc = Rpc::start(Cluster { faults, ..Cluster::default() });
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url).with("RUST_LOG", "williw_relay=debug");
    let (child, log) = watch(&relay);
    log.line_with("nothing to settle");
    assert_eq!(rpc.requests().iter().filter(|(_, _, is_fault)| *is_fault).count(), count, "every fault has happened");
    assert_eq!(number(&relay, CONFIRMED), 1);
    terminate(child, &log);
}

#[tokio::test]
async fn the_log_is_json_if_asked_for_and_results_stay_as_they_are() {
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    let result = relay.run(&["run", "--log-format", "json"]);
    assert_eq!(result.exit_code, 0, "{}", result.stderr);
    let lines: Vec<Value> = result.stderr.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.len() > 3, "{lines:?}");
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"] == "INFO" && line["message"].is_string(), "{line}");
    }
    assert!(lines.iter().any(|line| line["settlement"] == 1 && line["step"] == "validate"), "{lines:?}");
    assert!(result.stdout.starts_with("settlement 1: done"), "{}", result.stdout);
    // And the other way round.
    let result = relay.run(&["run", "--json", "--log-format", "text"]);
    assert!(result.stdout.starts_with('{'), "{}", result.stdout);
    assert!(!result.stderr.contains('{'), "{}", result.stderr);
}
