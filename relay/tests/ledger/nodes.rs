//! Registration and heartbeat.

use std::collections::BTreeMap;

use williw_relay::ledger::{LedgerError, nodes};
use williw_relay::types::{DeviceCapabilities, Gpu, NewNode, NodeStatus};

use crate::fixture::{Fixture, NOW_MS, contribution, new_node, node_id, public_key};

fn capabilities(cpu_cores: u32) -> DeviceCapabilities {
    DeviceCapabilities {
        cpu_cores: Some(cpu_cores),
        gpus: vec![Gpu { model: "RTX 4090 \"O'Neil\" ünïcödé".to_owned(), memory_mb: 24_564 }],
        labels: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
        ..DeviceCapabilities::default()
    }
}

#[tokio::test]
async fn a_node_is_read_back_as_it_was_registered() {
    let ledger = Fixture::new();
    let node = NewNode {
        id: node_id("node-1"),
        address: Some(public_key(1)),
        public_key: Some(public_key(2)),
        capabilities: Some(capabilities(8)),
    };
    let (info, created) = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, node).await.unwrap();
    assert!(created);
    assert_eq!(info, nodes::get(&ledger.database, &node_id("node-1")).await.unwrap());
    assert_eq!(info.address, Some(public_key(1)));
    assert_eq!(info.public_key, Some(public_key(2)));
    assert_eq!(info.capabilities, capabilities(8));
    assert_eq!(info.status, NodeStatus::Active);
    assert_eq!((info.registered_at, info.last_active_at, info.created_at), (NOW_MS, NOW_MS, NOW_MS));
    assert_eq!((info.total_compute_score, info.contribution_count), (0, 0));
}

#[tokio::test]
async fn registering_again_changes_nothing_that_is_known() {
    let ledger = Fixture::new();
    let node = NewNode { capabilities: Some(capabilities(8)), ..new_node("node-1", Some(public_key(1))) };
    let (first, _) = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, node.clone()).await.unwrap();
    ledger.clock.advance(5000);
    let (second, created) =
        nodes::register(&ledger.database, &ledger.clock, &ledger.actor, new_node("node-1", None)).await.unwrap();
    assert!(!created);
    assert_eq!(second.address, first.address);
    assert_eq!(second.capabilities, first.capabilities);
    assert_eq!(second.registered_at, first.registered_at);
    assert_eq!(second.last_active_at, NOW_MS + 5000);
    let (third, created) = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, node).await.unwrap();
    assert!(!created);
    assert_eq!(third, second);
}

#[tokio::test]
async fn an_address_can_be_named_later_and_then_never_changed() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let name = |seed| new_node("node-1", Some(public_key(seed)));
    let (named, _) = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, name(1)).await.unwrap();
    assert_eq!(named.address, Some(public_key(1)));

    ledger.clock.advance(1);
    let changed = NewNode { capabilities: Some(capabilities(1)), public_key: Some(public_key(3)), ..name(2) };
    let refused = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, changed).await.unwrap_err();
    assert_eq!(
        refused,
        LedgerError::AddressConflict { node_id: node_id("node-1"), held: public_key(1), given: public_key(2) }
    );
    assert_eq!(nodes::get(&ledger.database, &node_id("node-1")).await.unwrap(), named, "something was written");
}

#[tokio::test]
async fn a_signing_key_is_never_changed() {
    let ledger = Fixture::new();
    let with_key = |seed| NewNode { public_key: Some(public_key(seed)), ..new_node("node-1", None) };
    nodes::register(&ledger.database, &ledger.clock, &ledger.actor, with_key(1)).await.unwrap();
    let other = NewNode { address: Some(public_key(9)), ..with_key(2) };
    let refused = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, other).await.unwrap_err();
    assert_eq!(
        refused,
        LedgerError::PublicKeyConflict { node_id: node_id("node-1"), held: public_key(1), given: public_key(2) }
    );
    assert_eq!(ledger.read("SELECT address FROM nodes"), ["NULL"], "the address of a refused registration was kept");
}

#[tokio::test]
async fn the_audit_log_says_once_who_named_which_address() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    for _ in 0..2 {
        let named = new_node("node-1", Some(public_key(1)));
        nodes::register(&ledger.database, &ledger.clock, &ledger.actor, named).await.unwrap();
    }
    let refused = new_node("node-1", Some(public_key(2)));
    nodes::register(&ledger.database, &ledger.clock, &ledger.actor, refused).await.unwrap_err();
    assert_eq!(
        ledger.read("SELECT at, actor, action, subject, details ->> 'address' FROM audit_log ORDER BY id"),
        [
            format!("{NOW_MS}|operator|node.register|node-1|NULL"),
            format!("{NOW_MS}|operator|node.identify|node-1|{}", public_key(1)),
        ]
    );
}

#[tokio::test]
async fn a_heartbeat_moves_only_forward_and_keeps_what_it_does_not_say() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.clock.advance(10);
    let node = node_id("node-1");
    let heard = |capabilities| nodes::heartbeat(&ledger.database, &ledger.clock, &node, capabilities);
    assert_eq!(heard(Some(capabilities(4))).await.unwrap().last_active_at, NOW_MS + 10);
    ledger.clock.advance(-5);
    let info = heard(None).await.unwrap();
    assert_eq!(info.last_active_at, NOW_MS + 10);
    assert_eq!(info.capabilities, capabilities(4));
}

#[tokio::test]
async fn a_heartbeat_wakes_an_inactive_node_but_not_a_suspended_one() {
    let ledger = Fixture::new();
    for (status, then) in [("inactive", NodeStatus::Active), ("suspended", NodeStatus::Suspended)] {
        ledger.register(status).await;
        ledger.write(&format!("UPDATE nodes SET status = '{status}' WHERE id = '{status}'"));
        let info = nodes::heartbeat(&ledger.database, &ledger.clock, &node_id(status), None).await.unwrap();
        assert_eq!(info.status, then);
    }
}

#[tokio::test]
async fn a_node_that_nobody_registered_is_unknown() {
    let ledger = Fixture::new();
    let unknown = LedgerError::UnknownNodes(vec![node_id("ghost")]);
    assert_eq!(nodes::get(&ledger.database, &node_id("ghost")).await.unwrap_err(), unknown);
    assert_eq!(nodes::stats(&ledger.database, &node_id("ghost")).await.unwrap_err(), unknown);
    let heartbeat = nodes::heartbeat(&ledger.database, &ledger.clock, &node_id("ghost"), None).await;
    assert_eq!(heartbeat.unwrap_err(), unknown);
}

#[tokio::test]
async fn capabilities_are_bounded() {
    let ledger = Fixture::new();
    let labels = BTreeMap::from([("note".to_owned(), "x".repeat(5000))]);
    let large = DeviceCapabilities { labels, ..DeviceCapabilities::default() };
    let node = NewNode { capabilities: Some(large), ..new_node("node-1", None) };
    let refused = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, node).await.unwrap_err();
    assert!(matches!(refused, LedgerError::InvalidField { field: "capabilities", .. }), "{refused}");
    assert_eq!(ledger.read("SELECT COUNT(*) FROM nodes"), ["0"]);
}

#[tokio::test]
async fn stats_add_up_what_a_node_did() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let stats = nodes::stats(&ledger.database, &node_id("node-1")).await.unwrap();
    assert_eq!((stats.contribution_count, stats.first_contribution_at), (0, None));
    for (id, timestamp) in [("c-1", NOW_MS - 50), ("c-2", NOW_MS - 100), ("c-3", NOW_MS - 75)] {
        let mut report = contribution(id, "node-1");
        report.timestamp = timestamp;
        ledger.record(report).await.unwrap();
    }
    let stats = nodes::stats(&ledger.database, &node_id("node-1")).await.unwrap();
    assert_eq!((stats.contribution_count, stats.total_compute_score, stats.total_duration_seconds), (3, 15, 180));
    assert_eq!(stats.total_rewards_lamports.get(), 15_000);
    assert_eq!((stats.first_contribution_at, stats.last_contribution_at), (Some(NOW_MS - 100), Some(NOW_MS - 50)));
}
