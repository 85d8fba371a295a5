//! The `review` command.

use rusqlite::Connection;
use serde_json::Value;
use williw_relay::database::sqlite::SqliteDatabase;

use crate::process::Relay;
use crate::rpc::{Cluster, Rpc};
use crate::status::{relay_with_a_reward, relay_with_a_reward_of};

/// With an empty ledger.
fn relay() -> Relay {
    let relay = Relay::with_settings();
    SqliteDatabase::open(&relay.file("ledger.sqlite3")).unwrap();
    relay
}

#[test]
fn a_ledger_without_differences_has_no_reviews() {
    let relay = relay();
    let listed = relay.run(&["review", "list"]);
    assert_eq!((listed.exit_code, listed.stdout.as_str()), (0, "no node needs a review\n"), "{}", listed.stderr);
    assert_eq!(relay.json(&["review", "list"])["reviews"], serde_json::json!([]));
}

#[test]
fn no_command_creates_a_ledger() {
    let relay = Relay::with_settings();
    for arguments in
        [&["review", "list"][..], &["review", "show", "node-1"], &["review", "resolve", "node-1", "--accept-chain"]]
    {
        relay.run(arguments).expect_failure(3, "there is no ledger at");
    }
    assert!(!relay.file("ledger.sqlite3").exists());
}

#[test]
fn nothing_is_resolved_before_the_first_settlement() {
    relay()
        .run(&["review", "resolve", "node-1", "--accept-chain", "--yes"])
        .expect_failure(6, "nothing has been settled");
}

#[test]
fn resolving_needs_a_node_one_choice_and_a_cluster() {
    let relay = relay();
    for arguments in [
        &["review"][..],
        &["review", "show"],
        &["review", "resolve"],
        &["review", "resolve", "node-1"],
        &["review", "resolve", "node-1", "--yes"],
        &["review", "resolve", "node-1", "--accept-chain", "--pay-on-top"],
        &["review", "resolve", "node-1", "--all", "--accept-chain"],
        &["review", "resolve", "--all"],
        &["review", "resolve", "--all", "--reason", "no_address", "--accept-chain"],
        &["review", "resolve", "node-1", "--reason", "total_mismatch", "--accept-chain"],
    ] {
        assert_eq!(relay.run(arguments).exit_code, 2, "{arguments:?}");
    }
    let relay = Relay::new().with_ledger("ledger.sqlite3");
    relay.run(&["review", "show", "node-1"]).expect_failure(2, "pass --rpc-url");
    relay.run(&["review", "resolve", "node-1", "--pay-on-top"]).expect_failure(2, "pass --rpc-url");
}

#[test]
fn help_says_what_each_choice_does() {
    let help = relay().run(&["review", "resolve", "--help"]);
    for part in ["--yes", "--accept-chain", "--pay-on-top", "PAYS TWICE", "correction", "Nothing is sent to"] {
        assert!(help.stdout.contains(part), "{part}: {}", help.stdout);
    }
}

fn count(relay: &Relay, sql: &str) -> u32 {
    Connection::open(relay.file("ledger.sqlite3")).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A node on which a ledger that is lost has paid node-1 the 1.5 SOL that it has earned.
async fn paid_by_a_lost_ledger() -> Rpc {
    let rpc = Rpc::start(Cluster::default());
    let lost = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url).run(&["run"]);
    assert_eq!(lost.exit_code, 0, "{}", lost.stderr);
    rpc
}

#[tokio::test]
async fn unknown_credits_are_accepted_exactly_as_shown_and_then_new_wallet_accounts_are_created() {
    let rpc = paid_by_a_lost_ledger().await;
    let sends = rpc.sends();
    let relay = relay_with_a_reward_of(10).await.with("SOLANA_RPC_URL", &rpc.url);
    let held = relay.run(&["run"]);
    assert_eq!(held.exit_code, 8, "{}", held.stderr);
    assert_eq!(rpc.sends(), sends, "no wallet account is created");
    let listed = relay.json(&["review", "list"]);
    assert_eq!(listed["reviews"][0]["reason"], "unknown_credits");
    assert_eq!(listed["unknown_credits"]["unknown_lamports"], "1500000000");
    let text = relay.run(&["review", "list"]).stdout;
    assert!(text.contains("1.500000000 SOL is unknown") && text.contains("(1500000000 base units)"), "{text}");

    let audited = || count(&relay, "SELECT COUNT(*) FROM audit_log WHERE action = 'review.accept_unknown'");
    for other in ["1499999999", "1500000001"] {
        relay.run(&["review", "accept-unknown", other]).expect_failure(7, "has credited 1500000000 to wallet accounts");
    }
    assert_eq!((audited(), rpc.sends()), (0, sends), "nothing was written");
    let accepted = relay.json(&["review", "accept-unknown", "1500000000"]);
    assert_eq!((&accepted["outcome"], &accepted["lamports"]), (&"accepted".into(), &"1500000000".into()));
    assert_eq!(audited(), 1);
    relay.run(&["review", "accept-unknown", "1500000000"]).expect_failure(7, "and not 1500000000");

    let paid = relay.run(&["run"]);
    assert_eq!(paid.exit_code, 0, "{}", paid.stderr);
    let node = &relay.json(&["status", "--node", "node-1"])["node"];
    assert_eq!(node["credited_lamports"], "1500000000", "{node}");
}

/// The documents that a command prints.
fn documents(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn all_nodes_that_are_held_for_a_reason_are_resolved_at_once_and_what_is_refused_keeps_no_other() {
    let rpc = paid_by_a_lost_ledger().await;
    let sends = rpc.sends();
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    assert_eq!(relay.run(&["run"]).exit_code, 8);
    Connection::open(relay.file("ledger.sqlite3"))
        .unwrap()
        .execute_batch(
            "INSERT INTO nodes (id, registered_at, last_active_at, status, capabilities, created_at, updated_at)
                VALUES ('ghost', 0, 0, 'active', '{}', 0, 0);
            INSERT INTO payables (node_id, hold_reason, retry_at) VALUES ('ghost', 'chain_above_ledger', 1)",
        )
        .unwrap();
    let audited = || count(&relay, "SELECT COUNT(*) FROM audit_log WHERE action = 'review.accept'");

    let other = relay.json(&["review", "resolve", "--all", "--reason", "total_mismatch", "--accept-chain"]);
    assert_eq!((&other["summary"]["nodes"], &other["summary"]["refused"]), (&0.into(), &0.into()));
    for (arguments, outcome, entries) in [(&[][..], "not written", 0), (&["--yes"], "recorded", 1)] {
        let result = relay.run(&[&["review", "resolve", "--all", "--accept-chain", "--json"], arguments].concat());
        assert_eq!(result.exit_code, 8, "{}", result.stderr);
        let lines = documents(&result.stdout);
        assert_eq!((&lines[0]["outcome"], &lines[0]["node_id"]), (&"refused".into(), &"ghost".into()));
        assert!(lines[0]["message"].as_str().unwrap().contains("has no open wallet account"), "{lines:#?}");
        assert_eq!((&lines[1]["outcome"], &lines[1]["excess"]["node_id"]), (&outcome.into(), &"node-1".into()));
        let summary = &lines[2]["summary"];
        assert_eq!((&summary["outcome"], &summary["nodes"]), (&outcome.into(), &1.into()));
        assert_eq!((&summary["refused"], &summary["counted_as_credited_lamports"]), (&1.into(), &"1500000000".into()));
        assert_eq!(audited(), entries);
    }
    let text = relay.run(&["review", "resolve", "--all", "--accept-chain"]);
    assert!(text.stdout.contains("ghost  refused: ") && text.stdout.contains("0 nodes, 1 refused"), "{}", text.stdout);

    assert_eq!(relay.run(&["run"]).exit_code, 8, "the other one is still held");
    let node = &relay.json(&["status", "--node", "node-1"])["node"];
    assert_eq!((&node["unsettled_lamports"], rpc.sends()), (&"0".into(), sends), "{node}");
}
