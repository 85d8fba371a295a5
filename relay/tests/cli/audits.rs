//! The commands that prove and compare, without a cluster.

use std::fs;

use crate::process::Relay;

/// The receipt of docs/RECEIPTS.md.
fn receipt() -> &'static str {
    let documented = include_str!("../../../docs/RECEIPTS.md");
    documented.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap()
}

#[test]
fn a_file_that_is_no_receipt_or_was_changed_is_refused_without_a_cluster() {
    let relay = Relay::with_settings();
    for (content, reason) in [
        ("{}".to_owned(), "not a receipt"),
        ("<html>".to_owned(), "not a receipt"),
        (receipt().replace("node-7", "node-8"), "the checksum is not that"),
        (receipt().replace("receipt-v1", "receipt-v9"), "williw-receipt-v9"),
    ] {
        fs::write(relay.file("receipt.json"), content).unwrap();
        relay.run(&["verify", "receipt.json"]).expect_failure(9, reason);
    }
    relay.run(&["verify", "missing.json"]).expect_failure(2, "cannot read missing.json");
}

#[test]
fn an_rpc_node_that_cannot_tell_does_not_refute_a_receipt() {
    // Of another network than the one in the settings.
    let relay = Relay::with_settings();
    fs::write(relay.file("receipt.json"), receipt()).unwrap();
    relay.run(&["verify", "receipt.json"]).expect_failure(9, "the receipt is of network vector-net of creator");
    let relay = Relay::new().with("SOLANA_RPC_URL", "http://127.0.0.1:1");
    fs::write(relay.file("receipt.json"), receipt()).unwrap();
    relay.run(&["verify", "receipt.json"]).expect_failure(5, "receipt.json: the RPC node cannot be reached");
    let result = relay.run(&["verify", "receipt.json", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!((result.exit_code, document["error"].as_str()), (5, Some("NOT_VERIFIED")));
    let without_url = Relay::new();
    fs::write(without_url.file("receipt.json"), receipt()).unwrap();
    without_url.run(&["verify", "receipt.json"]).expect_failure(2, "pass --rpc-url");
}

#[test]
fn comparing_needs_an_existing_ledger_a_network_and_a_cluster() {
    let relay = Relay::with_settings();
    let commands = [&["receipt", "rw_1"][..], &["reconcile"], &["reconcile", "--repair"], &["rebuild"]];
    for command in commands {
        relay.run(command).expect_failure(3, "there is no ledger at");
    }
    assert!(!relay.file("ledger.sqlite3").exists());
    assert_eq!(relay.run(&["reconcile", "--csv", "--json"]).exit_code, 2);
    let relay = Relay::new().with("SOLANA_RPC_URL", "http://127.0.0.1:1");
    for command in commands {
        relay.run(command).expect_failure(2, "pass --network");
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    let relay = Relay::new();
    for command in ["receipt", "verify", "reconcile", "rebuild"] {
        let help = relay.run(&[command, "--help"]);
        assert_eq!(help.exit_code, 0);
        for part in ["Example", "Exit codes:", &format!("williw-relay {command}")] {
            assert!(help.stdout.contains(part), "{part}: {}", help.stdout);
        }
    }
}
