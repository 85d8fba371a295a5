//! Registration and heartbeats.

use std::collections::BTreeMap;

use williw_relay::ledger::LedgerError;
use williw_relay::ledger::nodes::{self, Registration};
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
async fn a_registered_node_round_trips() {
    let ledger = Fixture::new();
    let node = NewNode {
        id: node_id("node-1"),
        address: Some(public_key(1)),
        public_key: Some(public_key(2)),
        capabilities: Some(capabilities(8)),
    };
    let Registration { node: info, created } =
        nodes::register(&ledger.database, &ledger.clock, &ledger.actor, node).await.unwrap();
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
async fn re_registration_does_not_change_existing_values() {
    let ledger = Fixture::new();
    let node = NewNode { capabilities: Some(capabilities(8)), ..new_node("node-1", Some(public_key(1))) };
    let Registration { node: first, .. } =
        nodes::register(&ledger.database, &ledger.clock, &ledger.actor, node.clone()).await.unwrap();
    ledger.clock.advance(5000);
    let Registration { node: second, created } =
        nodes::register(&ledger.database, &ledger.clock, &ledger.actor, new_node("node-1", None)).await.unwrap();
    assert!(!created);
    assert_eq!(second.address, first.address);
    assert_eq!(second.capabilities, first.capabilities);
    assert_eq!(second.registered_at, first.registered_at);
    assert_eq!(second.last_active_at, NOW_MS + 5000);
    let Registration { node: third, created } =
        nodes::register(&ledger.database, &ledger.clock, &ledger.actor, node).await.unwrap();
    assert!(!created);
    assert_eq!(third, second);
}

#[tokio::test]
async fn an_address_can_be_set_once() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let with_address = |seed| new_node("node-1", Some(public_key(seed)));
    let Registration { node: named, .. } =
        nodes::register(&ledger.database, &ledger.clock, &ledger.actor, with_address(1)).await.unwrap();
    assert_eq!(named.address, Some(public_key(1)));

    ledger.clock.advance(1);
    let changed = NewNode { capabilities: Some(capabilities(1)), public_key: Some(public_key(3)), ..with_address(2) };
    let error = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, changed).await.unwrap_err();
    assert_eq!(
        error,
        LedgerError::AddressConflict { node_id: node_id("node-1"), held: public_key(1), given: public_key(2) }
    );
    assert_eq!(nodes::get(&ledger.database, &node_id("node-1")).await.unwrap(), named, "the node was modified");
}

#[tokio::test]
async fn a_signing_key_cannot_be_changed() {
    let ledger = Fixture::new();
    let with_key = |seed| NewNode { public_key: Some(public_key(seed)), ..new_node("node-1", None) };
    nodes::register(&ledger.database, &ledger.clock, &ledger.actor, with_key(1)).await.unwrap();
    let other = NewNode { address: Some(public_key(9)), ..with_key(2) };
    let error = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, other).await.unwrap_err();
    assert_eq!(
        error,
        LedgerError::PublicKeyConflict { node_id: node_id("node-1"), held: public_key(1), given: public_key(2) }
    );
    assert_eq!(ledger.read("SELECT address FROM nodes"), ["NULL"], "the address of a rejected registration was stored");
}

#[tokio::test]
async fn setting_an_address_is_audited_once() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    for _ in 0..2 {
        let named = new_node("node-1", Some(public_key(1)));
        nodes::register(&ledger.database, &ledger.clock, &ledger.actor, named).await.unwrap();
    }
    let conflicting = new_node("node-1", Some(public_key(2)));
    nodes::register(&ledger.database, &ledger.clock, &ledger.actor, conflicting).await.unwrap_err();
    assert_eq!(
        ledger.read("SELECT at, actor, action, subject, details ->> 'address' FROM audit_log ORDER BY id"),
        [
            format!("{NOW_MS}|operator|node.register|node-1|NULL"),
            format!("{NOW_MS}|operator|node.identify|node-1|{}", public_key(1)),
        ]
    );
}

#[tokio::test]
async fn a_heartbeat_never_moves_the_last_activity_back_and_keeps_capabilities() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.clock.advance(10);
    let node = node_id("node-1");
    let heartbeat = |capabilities| nodes::heartbeat(&ledger.database, &ledger.clock, &node, capabilities);
    assert_eq!(heartbeat(Some(capabilities(4))).await.unwrap().last_active_at, NOW_MS + 10);
    ledger.clock.advance(-5);
    let info = heartbeat(None).await.unwrap();
    assert_eq!(info.last_active_at, NOW_MS + 10);
    assert_eq!(info.capabilities, capabilities(4));
}

#[tokio::test]
async fn a_heartbeat_reactivates_inactive_but_not_suspended_nodes() {
    let ledger = Fixture::new();
    for (status, expected) in [("inactive", NodeStatus::Active), ("suspended", NodeStatus::Suspended)] {
        ledger.register(status).await;
        ledger.write(&format!("UPDATE nodes SET status = '{status}' WHERE id = '{status}'"));
        let info = nodes::heartbeat(&ledger.database, &ledger.clock, &node_id(status), None).await.unwrap();
        assert_eq!(info.status, expected);
    }
}

#[tokio::test]
async fn unregistered_nodes_are_unknown() {
    let ledger = Fixture::new();
    let unknown = LedgerError::UnknownNodes(vec![node_id("ghost")]);
    assert_eq!(nodes::get(&ledger.database, &node_id("ghost")).await.unwrap_err(), unknown);
    assert_eq!(nodes::stats(&ledger.database, &node_id("ghost")).await.unwrap_err(), unknown);
    let heartbeat = nodes::heartbeat(&ledger.database, &ledger.clock, &node_id("ghost"), None).await;
    assert_eq!(heartbeat.unwrap_err(), unknown);
}

#[tokio::test]
async fn oversized_capabilities_are_rejected() {
    let ledger = Fixture::new();
    let labels = BTreeMap::from([("note".to_owned(), "x".repeat(5000))]);
    let large = DeviceCapabilities { labels, ..DeviceCapabilities::default() };
    let node = NewNode { capabilities: Some(large), ..new_node("node-1", None) };
    let error = nodes::register(&ledger.database, &ledger.clock, &ledger.actor, node).await.unwrap_err();
    assert!(matches!(error, LedgerError::InvalidField { field: "capabilities", .. }), "{error}");
    assert_eq!(ledger.read("SELECT COUNT(*) FROM nodes"), ["0"]);
}

#[tokio::test]
async fn stats_sum_up_contributions() {
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
