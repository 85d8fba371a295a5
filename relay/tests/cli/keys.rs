//! The `key` command.

use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::ledger::api_keys;

use crate::process::Relay;

#[tokio::test]
async fn keys_are_created_listed_and_revoked() {
    let relay = Relay::new().with_ledger("ledger.sqlite3");
    let created = relay.json(&["key", "create", "edge 1", "--scope", "read", "--scope", "ledger"]);
    let (id, key) = (created["id"].as_str().unwrap(), created["key"].as_str().unwrap());
    let other = relay.json(&["key", "create", "edge 2", "--scope", "admin"]);
    assert_ne!(other["key"], created["key"]);

    let ledger = SqliteDatabase::open(&relay.file("ledger.sqlite3")).unwrap();
    let known = api_keys::authenticate(&ledger, key).await.unwrap().unwrap();
    assert_eq!((known.id.as_str(), known.name.as_str()), (id, "edge 1"));

    let listed = relay.run(&["key", "list"]);
    assert!(listed.stdout.contains(id) && listed.stdout.contains("read,ledger"), "{}", listed.stdout);
    assert!(!listed.stdout.contains(key));

    let revoked = relay.json(&["key", "revoke", id]);
    assert!(revoked["revoked_at"].is_i64());
    assert_eq!(api_keys::authenticate(&ledger, key).await.unwrap(), None);
    let keys = relay.json(&["key", "list"]);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
}

#[test]
fn the_text_output_reminds_to_save_the_key() {
    let relay = Relay::new().with_ledger("ledger.sqlite3");
    let created = relay.run(&["key", "create", "edge", "--scope", "nodes"]);
    assert_eq!(created.exit_code, 0, "{}", created.stderr);
    assert!(created.stdout.contains("wk_") && created.stdout.contains("shown once"), "{}", created.stdout);
    assert!(!created.stderr.contains("wk_"), "the key was logged: {}", created.stderr);
}

#[test]
fn revoking_an_unknown_key_fails() {
    let relay = Relay::new().with_ledger("ledger.sqlite3");
    relay.run(&["key", "revoke", "ak_0"]).expect_failure(3, "there is no ledger at");
    relay.json(&["key", "create", "edge", "--scope", "nodes"]);
    relay.run(&["key", "revoke", "ak_0"]).expect_failure(7, "API key ak_0 does not exist");
}
