//! Grants by operators, and the list of unconfirmed rewards.

use williw_relay::ledger::LedgerError;
use williw_relay::ledger::rewards::{self, MAX_DISTRIBUTIONS};
use williw_relay::types::{Lamports, RewardDistribution, RewardRecord};

use crate::fixture::{Fixture, NOW_MS, contribution, grant, idempotency_key, lamports, node_id};

#[tokio::test]
async fn distributed_rewards_are_in_order_with_running_totals() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.register("node-2").await;
    ledger.record(contribution("c-1", "node-1")).await.unwrap();
    let with_reason = RewardDistribution { reason: Some("it's a \"bonus\" – 🎉".to_owned()), ..grant("node-1", 3) };
    let entries = vec![grant("node-1", 1), grant("node-2", 2), with_reason, grant("node-2", 4)];
    let outcome = ledger.distribute("k-1", entries).await.unwrap();
    assert_eq!(outcome.total_lamports, lamports(10));
    assert!(!outcome.replayed);
    assert_eq!(
        ledger.read("SELECT id, node_id, amount_lamports, node_total_lamports, period, reason, created_at FROM rewards WHERE contribution_id IS NULL ORDER BY sequence"),
        [
            format!("{}|node-1|1|5001|2026-11-20|distribution|{NOW_MS}", outcome.rewards[0].id),
            format!("{}|node-2|2|2|2026-11-20|distribution|{NOW_MS}", outcome.rewards[1].id),
            format!("{}|node-1|3|5004|2026-11-20|it's a \"bonus\" – 🎉|{NOW_MS}", outcome.rewards[2].id),
            format!("{}|node-2|4|6|2026-11-20|distribution|{NOW_MS}", outcome.rewards[3].id),
        ]
    );
    assert_eq!(ledger.read("SELECT id, total_rewards_lamports FROM nodes ORDER BY id"), ["node-1|5004", "node-2|6"]);
}

#[tokio::test]
async fn a_repeated_request_grants_nothing_and_returns_the_same_result() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let first = ledger.distribute("k-1", vec![grant("node-1", 5)]).await.unwrap();
    let before = ledger.row_counts();
    ledger.clock.advance(86_400_000);
    let again = ledger.distribute("k-1", vec![grant("node-1", 5)]).await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.rewards, again.total_lamports), (first.rewards, first.total_lamports));
    assert_eq!(ledger.row_counts(), before);
}

#[tokio::test]
async fn an_idempotency_key_cannot_be_used_for_another_request() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.distribute("k-1", vec![grant("node-1", 5)]).await.unwrap();
    let before = ledger.row_counts();
    for other in [vec![grant("node-1", 6)], vec![grant("node-1", 5), grant("node-1", 5)], vec![grant("ghost", 5)]] {
        let error = ledger.distribute("k-1", other).await.unwrap_err();
        assert_eq!(error, LedgerError::IdempotencyConflict(idempotency_key("k-1")));
    }
    assert_eq!(ledger.row_counts(), before);
    ledger.distribute("k-2", vec![grant("node-1", 5)]).await.unwrap();
    assert_eq!(ledger.read("SELECT total_rewards_lamports FROM nodes"), ["10"]);
}

#[tokio::test]
async fn one_unknown_node_rejects_the_whole_request() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let before = ledger.row_counts();
    let entries = vec![grant("node-1", 1), grant("ghost-2", 1), grant("ghost-1", 1), grant("ghost-2", 1)];
    let error = ledger.distribute("k-1", entries).await.unwrap_err();
    assert_eq!(error, LedgerError::UnknownNodes(vec![node_id("ghost-1"), node_id("ghost-2")]));
    assert_eq!(ledger.row_counts(), before);
    // The idempotency key can still be used.
    ledger.distribute("k-1", vec![grant("node-1", 1)]).await.unwrap();
}

#[tokio::test]
async fn invalid_requests_are_rejected_with_a_reason() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let before = ledger.row_counts();
    let reason = |reason: &str| vec![RewardDistribution { reason: Some(reason.to_owned()), ..grant("node-1", 1) }];
    let max = Lamports::MAX.get();
    assert_eq!(ledger.distribute("k", vec![]).await, Err(LedgerError::NoEntries));
    assert_eq!(
        ledger.distribute("k", vec![grant("node-1", 1); MAX_DISTRIBUTIONS + 1]).await,
        Err(LedgerError::TooManyEntries { count: 1001, max: 1000 })
    );
    assert_eq!(
        ledger.distribute("k", vec![grant("node-1", 1), grant("node-1", 0)]).await,
        Err(LedgerError::ZeroAmount { index: 1, node_id: node_id("node-1") })
    );
    assert_eq!(
        ledger.distribute("k", vec![grant("node-1", max), grant("node-1", 1)]).await,
        Err(LedgerError::SumTooLarge)
    );
    for text in ["", "two\nlines", &"x".repeat(201)] {
        let error = ledger.distribute("k", reason(text)).await.unwrap_err();
        assert!(matches!(error, LedgerError::InvalidField { field: "reason", .. }), "{error}");
    }
    assert_eq!(ledger.row_counts(), before);
    ledger.distribute("k", reason(&"ü".repeat(200))).await.unwrap();
}

#[tokio::test]
async fn an_overflowing_total_rejects_the_whole_request() {
    let ledger = Fixture::new();
    for node in ["node-1", "node-2", "node-3"] {
        ledger.register(node).await;
    }
    let max = Lamports::MAX.get();
    ledger.distribute("k-1", vec![grant("node-1", max)]).await.unwrap();
    ledger.distribute("k-2", vec![grant("node-3", max - 5)]).await.unwrap();
    let before = ledger.row_counts();
    let entries = vec![grant("node-2", 7), grant("node-3", 3), grant("node-3", 3), grant("node-1", 1)];
    let error = ledger.distribute("k-3", entries).await.unwrap_err();
    assert_eq!(error, LedgerError::TotalTooLarge(vec![node_id("node-1"), node_id("node-3")]));
    assert_eq!(ledger.row_counts(), before);
    let fits = ledger.distribute("k-3", vec![grant("node-3", 2), grant("node-3", 3)]).await.unwrap();
    assert_eq!(fits.total_lamports, lamports(5));
    assert_eq!(
        ledger.read("SELECT node_total_lamports FROM rewards WHERE node_id = 'node-3' ORDER BY sequence DESC LIMIT 1"),
        [max.to_string()]
    );
}

#[tokio::test]
async fn the_largest_allowed_request_succeeds() {
    let ledger = Fixture::new();
    let mut entries = Vec::new();
    for node in 0..50 {
        ledger.register(&format!("node-{node}")).await;
    }
    for entry in 0..MAX_DISTRIBUTIONS as u64 {
        entries.push(grant(&format!("node-{}", entry % 50), entry + 1));
    }
    let outcome = ledger.distribute("k", entries).await.unwrap();
    assert_eq!(outcome.total_lamports, lamports(500_500));
    assert_eq!(
        ledger.read("SELECT COUNT(*), COUNT(DISTINCT id), SUM(amount_lamports) FROM rewards"),
        ["1000|1000|500500"]
    );
    assert_eq!(ledger.read("SELECT SUM(total_rewards_lamports) FROM nodes"), ["500500"]);
}

#[tokio::test]
async fn distributions_are_audited_once() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.distribute("k-1", vec![grant("node-1", 5), grant("node-1", 6)]).await.unwrap();
    ledger.distribute("k-1", vec![grant("node-1", 5), grant("node-1", 6)]).await.unwrap();
    assert_eq!(
        ledger.read("SELECT actor, subject, details ->> 'count', details ->> 'total_lamports' FROM audit_log WHERE action = 'rewards.distribute'"),
        ["operator|k-1|2|11"]
    );
}

async fn all_pages(ledger: &Fixture, node: Option<&str>, limit: u32) -> Vec<RewardRecord> {
    let node = node.map(node_id);
    let (mut rewards, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = rewards::pending(&ledger.database, node.as_ref(), cursor.as_deref(), limit).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        rewards.extend(page.items);
        assert!(rewards.len() <= 100, "pagination does not terminate");
        cursor = page.next_cursor;
        if cursor.is_none() {
            return rewards;
        }
    }
}

#[tokio::test]
async fn pages_contain_every_unconfirmed_reward_once_and_in_order() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.register("node-2").await;
    let entries = (1..=10).map(|amount| grant(["node-1", "node-2"][amount % 2], amount as u64)).collect();
    ledger.distribute("k-1", entries).await.unwrap();
    ledger.write(&format!(
        "UPDATE rewards SET status = 'confirmed', distributed_at = {NOW_MS} WHERE amount_lamports = 4"
    ));
    let amounts = |rewards: Vec<RewardRecord>| -> Vec<u64> {
        rewards.iter().map(|reward| reward.amount_lamports.get()).collect()
    };
    for limit in [1, 2, 3, 9, 10, 500] {
        assert_eq!(amounts(all_pages(&ledger, None, limit).await), [1, 2, 3, 5, 6, 7, 8, 9, 10]);
        assert_eq!(amounts(all_pages(&ledger, Some("node-1"), limit).await), [2, 6, 8, 10]);
    }
    assert_eq!(all_pages(&ledger, Some("ghost"), 5).await, []);
}

#[tokio::test]
async fn a_reward_added_between_two_pages_is_on_the_last_page() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.distribute("k-1", vec![grant("node-1", 1), grant("node-1", 2), grant("node-1", 3)]).await.unwrap();
    let first = rewards::pending(&ledger.database, None, None, 2).await.unwrap();
    ledger.distribute("k-2", vec![grant("node-1", 4)]).await.unwrap();
    let second = rewards::pending(&ledger.database, None, first.next_cursor.as_deref(), 2).await.unwrap();
    let amounts: Vec<u64> = second.items.iter().map(|reward| reward.amount_lamports.get()).collect();
    assert_eq!((amounts, second.next_cursor), (vec![3, 4], None));
}

#[tokio::test]
async fn invalid_page_sizes_and_cursors_are_rejected() {
    let ledger = Fixture::new();
    for limit in [0, 501, u32::MAX] {
        let error = rewards::pending(&ledger.database, None, None, limit).await.unwrap_err();
        assert_eq!(error, LedgerError::InvalidLimit { limit, max: 500 });
    }
    for cursor in ["", "1", "%", "cGVuZGluZzotMQ"] {
        let error = rewards::pending(&ledger.database, None, Some(cursor), 1).await.unwrap_err();
        assert_eq!(error, LedgerError::InvalidCursor, "{cursor}");
    }
}
