//! API keys: shown once, stored as a hash, and invalid once revoked.

use williw_relay::ledger::{LedgerError, api_keys};
use williw_relay::types::Scope;

use crate::fixture::{Fixture, NOW_MS};

#[tokio::test]
async fn a_key_grants_exactly_its_scopes() {
    let ledger = Fixture::new();
    let scopes = [Scope::Read, Scope::Nodes, Scope::Read];
    let created =
        api_keys::create(&ledger.database, &ledger.clock, &ledger.actor, "edge 1", &scopes, [7; 32]).await.unwrap();
    assert_eq!(created.info.scopes, [Scope::Nodes, Scope::Read]);
    assert!(created.key.reveal().starts_with("wk_"));
    let known = api_keys::authenticate(&ledger.database, created.key.reveal()).await.unwrap().unwrap();
    assert_eq!(known, created.info);
    assert!(known.allows(Scope::Read) && known.allows(Scope::Nodes));
    assert!(!known.allows(Scope::Ledger) && !known.allows(Scope::Admin));

    let admin = api_keys::create(&ledger.database, &ledger.clock, &ledger.actor, "ops", &[Scope::Admin], [8; 32])
        .await
        .unwrap();
    assert!(Scope::ALL.iter().all(|scope| admin.info.allows(*scope)));
}

#[tokio::test]
async fn invalid_keys_are_not_authenticated() {
    let ledger = Fixture::new();
    let created =
        api_keys::create(&ledger.database, &ledger.clock, &ledger.actor, "a", &[Scope::Admin], [7; 32]).await.unwrap();
    let key = created.key.reveal();
    let hash = ledger.read("SELECT key_hash FROM api_keys").remove(0);
    let long = format!("wk_{}", "1".repeat(100_000));
    for presented in [
        "",
        "wk_",
        &key[3..],
        &key[..key.len() - 1],
        &format!("{key}1"),
        &format!(" {key}"),
        &hash,
        &long,
        created.info.id.as_str(),
        "wk_' OR 1=1 --",
    ] {
        assert_eq!(api_keys::authenticate(&ledger.database, presented).await.unwrap(), None, "{presented}");
    }
}

#[tokio::test]
async fn the_key_is_neither_stored_nor_printed() {
    let ledger = Fixture::new();
    let created =
        api_keys::create(&ledger.database, &ledger.clock, &ledger.actor, "a", &[Scope::Read], [7; 32]).await.unwrap();
    let secret = created.key.reveal().trim_start_matches("wk_");
    assert!(!format!("{created:?}").contains(secret));
    let stored = ledger.read("SELECT id, name, key_hash, scopes FROM api_keys UNION ALL SELECT actor, action, subject, details FROM audit_log");
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|row| !row.contains(secret)), "{stored:?}");
}

#[tokio::test]
async fn a_revoked_key_is_not_authenticated() {
    let ledger = Fixture::new();
    let created =
        api_keys::create(&ledger.database, &ledger.clock, &ledger.actor, "a", &[Scope::Admin], [7; 32]).await.unwrap();
    let other =
        api_keys::create(&ledger.database, &ledger.clock, &ledger.actor, "b", &[Scope::Read], [8; 32]).await.unwrap();
    ledger.clock.advance(1);
    let revoked = api_keys::revoke(&ledger.database, &ledger.clock, &ledger.actor, &created.info.id).await.unwrap();
    assert_eq!(revoked.revoked_at, Some(NOW_MS + 1));
    assert_eq!(api_keys::authenticate(&ledger.database, created.key.reveal()).await.unwrap(), None);
    assert!(api_keys::authenticate(&ledger.database, other.key.reveal()).await.unwrap().is_some());

    ledger.clock.advance(1);
    let again = api_keys::revoke(&ledger.database, &ledger.clock, &ledger.actor, &created.info.id).await.unwrap();
    assert_eq!(again, revoked);
    assert_eq!(
        ledger.read("SELECT at, action, subject FROM audit_log WHERE action = 'key.revoke'"),
        [format!("{}|key.revoke|{}", NOW_MS + 1, created.info.id)]
    );
    let listed = api_keys::list(&ledger.database).await.unwrap();
    assert_eq!(listed, [revoked, other.info]);
}

#[tokio::test]
async fn revoking_an_unknown_key_fails() {
    let ledger = Fixture::new();
    let id: williw_relay::types::ApiKeyId = "ak_0".parse().unwrap();
    let error = api_keys::revoke(&ledger.database, &ledger.clock, &ledger.actor, &id).await.unwrap_err();
    assert_eq!(error, LedgerError::UnknownApiKey(id));
}

#[tokio::test]
async fn a_key_needs_a_name_and_a_scope() {
    let ledger = Fixture::new();
    let long = "x".repeat(101);
    for (name, scopes, expected) in [
        ("", &[Scope::Read][..], "name"),
        (&long, &[Scope::Read], "name"),
        ("a\nb", &[Scope::Read], "name"),
        ("a", &[], "scopes"),
    ] {
        let error =
            api_keys::create(&ledger.database, &ledger.clock, &ledger.actor, name, scopes, [7; 32]).await.unwrap_err();
        assert!(matches!(&error, LedgerError::InvalidField { field, .. } if *field == expected), "{error}");
    }
    assert_eq!(ledger.read("SELECT COUNT(*) FROM api_keys"), ["0"]);
}
