//! The `review` command, without a cluster.

use williw_relay::database::sqlite::SqliteDatabase;

use crate::process::Relay;

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
fn neither_command_creates_a_ledger() {
    let relay = Relay::with_settings();
    for arguments in [&["review", "list"][..], &["review", "accept", "node-1", "--yes"]] {
        relay.run(arguments).expect_failure(3, "there is no ledger at");
    }
    assert!(!relay.file("ledger.sqlite3").exists());
}

#[test]
fn nothing_is_accepted_before_the_first_settlement() {
    relay().run(&["review", "accept", "node-1", "--yes"]).expect_failure(6, "nothing has been settled");
}

#[test]
fn accepting_needs_a_node_and_a_cluster() {
    let relay = relay();
    assert_eq!(relay.run(&["review"]).exit_code, 2);
    assert_eq!(relay.run(&["review", "accept"]).exit_code, 2);
    let relay = Relay::new().with_ledger("ledger.sqlite3");
    relay.run(&["review", "accept", "node-1"]).expect_failure(2, "pass --rpc-url");
}

#[test]
fn help_says_what_accepting_does() {
    let help = relay().run(&["review", "accept", "--help"]);
    for part in ["--yes", "correction", "Nothing is sent to the chain"] {
        assert!(help.stdout.contains(part), "{part}: {}", help.stdout);
    }
}
