//! API keys from the command line.

use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::ledger::api_keys;

use crate::process::Relay;

#[tokio::test]
async fn a_key_is_made_listed_and_revoked() {
    let relay = Relay::new().with_ledger("ledger.sqlite3");
    let made = relay.json(&["key", "create", "edge 1", "--scope", "read", "--scope", "ledger"]);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let other = relay.json(&["key", "create", "edge 2", "--scope", "admin"]);
    assert_ne!(other["key"], made["key"]);

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
fn a_key_for_people_comes_with_the_hint_to_keep_it() {
    let relay = Relay::new().with_ledger("ledger.sqlite3");
    let made = relay.run(&["key", "create", "edge", "--scope", "nodes"]);
    assert_eq!(made.exit_code, 0, "{}", made.stderr);
    assert!(made.stdout.contains("wk_") && made.stdout.contains("shown once"), "{}", made.stdout);
    assert!(!made.stderr.contains("wk_"), "the key reached the log: {}", made.stderr);
}

#[test]
fn an_unknown_key_cannot_be_revoked() {
    let relay = Relay::new().with_ledger("ledger.sqlite3");
    relay.run(&["key", "revoke", "ak_0"]).expect_failure(3, "there is no ledger at");
    relay.json(&["key", "create", "edge", "--scope", "nodes"]);
    relay.run(&["key", "revoke", "ak_0"]).expect_failure(7, "there is no API key ak_0");
}
