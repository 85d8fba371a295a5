//! What is shown of a ledger.

use williw_relay::clock::SystemClock;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::ledger::{Actor, nodes, rewards};
use williw_relay::types::{Lamports, NewNode, RewardDistribution};

use crate::process::Relay;

/// A ledger in which node-1 has earned 1.5 SOL.
async fn relay_with_a_reward() -> Relay {
    let relay = Relay::with_settings();
    let ledger = SqliteDatabase::open(&relay.file("ledger.sqlite3")).unwrap();
    let node = NewNode { id: "node-1".parse().unwrap(), address: None, public_key: None, capabilities: None };
    nodes::register(&ledger, &SystemClock, &Actor::operator(), node).await.unwrap();
    let grant = RewardDistribution {
        node_id: "node-1".parse().unwrap(),
        amount_lamports: Lamports::new(1_500_000_000).unwrap(),
        reason: None,
    };
    rewards::distribute(&ledger, &SystemClock, &Actor::operator(), &"k".parse().unwrap(), vec![grant]).await.unwrap();
    relay
}

#[test]
fn a_ledger_is_not_created_by_looking_at_it() {
    let relay = Relay::with_settings();
    relay.run(&["status"]).expect_failure(3, "there is no ledger at");
    assert!(!relay.file("ledger.sqlite3").exists());
}

#[tokio::test]
async fn a_node_is_shown_to_the_lamport() {
    let relay = relay_with_a_reward().await;
    let shown = relay.run(&["status", "--node", "node-1"]);
    assert_eq!(shown.exit_code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("there has been no settlement yet"), "{}", shown.stdout);
    assert!(shown.stdout.contains("to be credited  1.500000000 SOL"), "{}", shown.stdout);
    let json = relay.json(&["status", "--node", "node-1"]);
    assert_eq!(json["node"]["unsettled_lamports"], "1500000000");
    assert_eq!(json["settlement"], serde_json::Value::Null);
}

#[tokio::test]
async fn what_the_ledger_does_not_know_ends_with_7() {
    let relay = relay_with_a_reward().await;
    relay.run(&["status", "--node", "ghost"]).expect_failure(7, "the ledger knows no node ghost");
    relay.run(&["status", "--settlement", "5"]).expect_failure(7, "there is no settlement 5");
}

#[tokio::test]
async fn a_settlement_without_a_cluster_stays_open_and_is_shown_with_the_reason() {
    let relay = relay_with_a_reward().await;
    let ended = relay.run(&["run", "--patience", "0"]);
    assert_eq!(ended.exit_code, 5, "{}", ended.stderr);
    let json = relay.json(&["status"]);
    assert_eq!(
        (json["settlement"]["state"].as_str(), json["settlement"]["step"].as_str()),
        (Some("open"), Some("validate"))
    );
    assert!(json["settlement"]["error"].as_str().unwrap().contains("cannot be reached"));
    let shown = relay.run(&["status"]);
    assert!(shown.stdout.contains("settlement 1: open, at step validate"), "{}", shown.stdout);
}

#[test]
fn nothing_to_settle_is_no_error_and_asks_no_cluster() {
    let relay = Relay::with_settings();
    for arguments in [&["run"][..], &["run", "--once"]] {
        let ended = relay.run(arguments);
        assert_eq!((ended.exit_code, ended.stdout.as_str()), (0, "there is nothing to settle\n"), "{}", ended.stderr);
    }
    assert_eq!(relay.json(&["run"])["outcome"], "idle");
}
