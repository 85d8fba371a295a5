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
