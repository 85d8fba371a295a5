//! Every reported contribution earns one reward.

use williw_relay::ledger::{LedgerError, MAX_TOTAL_SCORE, contributions, nodes, tasks};
use williw_relay::types::{ComputeContribution, Lamports, RewardStatus, TaskStatus};

use crate::fixture::{Fixture, NOW_MS, contribution, grant, lamports, node_id, rate};

#[tokio::test]
async fn a_reward_is_score_times_rate() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let recorded = ledger.record(contribution("c-1", "node-1")).await.unwrap();
    assert!(!recorded.duplicate);
    let reward = &recorded.reward;
    assert_eq!(reward.amount_lamports, lamports(5000));
    assert_eq!(reward.node_total_lamports, lamports(5000));
    assert_eq!(reward.contribution_id, Some("c-1".parse().unwrap()));
    assert_eq!((reward.period.as_str(), reward.reason.as_str()), ("2026-11-20", "contribution"));
    assert_eq!(reward.status, RewardStatus::Pending);
    assert_eq!(reward.created_at, NOW_MS);

    let node = nodes::get(&ledger.database, &node_id("node-1")).await.unwrap();
    assert_eq!((node.total_compute_score, node.contribution_count), (5, 1));
    assert_eq!(node.total_rewards_lamports, lamports(5000));
    assert_eq!(
        ledger.read("SELECT id, task_id, compute_score, gpu_usage_percent, cpu_usage_percent, memory_used_mb, network_upload_mb, network_download_mb FROM contributions"),
        ["c-1|task-1|5|93.5|NULL|2048|NULL|0"]
    );

    let task = tasks::get(&ledger.database, &"task-1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((task.name.as_str(), task.status, task.created_at), ("task-1", TaskStatus::Open, NOW_MS));
    assert_eq!(tasks::get(&ledger.database, &"task-2".parse().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn rewards_of_a_node_form_a_running_total() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.register("node-2").await;
    for number in 1..=4 {
        ledger.record(contribution(&format!("c-{number}"), "node-1")).await.unwrap();
        ledger.record(contribution(&format!("d-{number}"), "node-2")).await.unwrap();
    }
    for node in ["node-1", "node-2"] {
        assert_eq!(
            ledger.read(&format!("SELECT node_total_lamports FROM rewards WHERE node_id = '{node}' ORDER BY sequence")),
            ["5000", "10000", "15000", "20000"]
        );
    }
}

#[tokio::test]
async fn a_repeated_report_earns_nothing() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let first = ledger.record(contribution("c-1", "node-1")).await.unwrap();
    let before = ledger.row_counts();
    ledger.clock.advance(60_000);
    // The rate has changed, but the reward is that of the first report.
    let again = contributions::record(&ledger.database, &ledger.clock, rate(7), contribution("c-1", "node-1")).await;
    let again = again.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.reward, first.reward);
    assert_eq!(ledger.row_counts(), before);
}

#[tokio::test]
async fn the_same_id_with_different_content_is_rejected() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.register("node-2").await;
    ledger.record(contribution("c-1", "node-1")).await.unwrap();
    let before = ledger.row_counts();
    let changes: [fn(&mut ComputeContribution); 5] = [
        |report| report.compute_score = 6,
        |report| report.node_id = node_id("node-2"),
        |report| report.task_id = "task-2".parse().unwrap(),
        |report| report.cpu_usage_percent = Some(0.0.try_into().unwrap()),
        |report| report.timestamp += 1,
    ];
    for change in changes {
        let mut report = contribution("c-1", "node-1");
        change(&mut report);
        let error = ledger.record(report).await.unwrap_err();
        assert_eq!(error, LedgerError::ContributionConflict("c-1".parse().unwrap()));
    }
    assert_eq!(ledger.row_counts(), before);
}

#[tokio::test]
async fn a_contribution_by_an_unknown_node_writes_nothing() {
    let ledger = Fixture::new();
    let before = ledger.row_counts();
    let error = ledger.record(contribution("c-1", "ghost")).await.unwrap_err();
    assert_eq!(error, LedgerError::UnknownNodes(vec![node_id("ghost")]));
    assert_eq!(ledger.row_counts(), before);
    // The same report is accepted once the node is registered.
    ledger.register("ghost").await;
    assert!(!ledger.record(contribution("c-1", "ghost")).await.unwrap().duplicate);
}

#[tokio::test]
async fn suspended_nodes_and_closed_tasks_accept_only_repeated_reports() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.record(contribution("c-1", "node-1")).await.unwrap();

    ledger.write("UPDATE tasks SET status = 'closed'");
    let before = ledger.row_counts();
    let error = ledger.record(contribution("c-2", "node-1")).await.unwrap_err();
    assert_eq!(error, LedgerError::TaskClosed("task-1".parse().unwrap()));
    ledger.write("UPDATE nodes SET status = 'suspended'");
    let error = ledger.record(contribution("c-2", "node-1")).await.unwrap_err();
    assert_eq!(error, LedgerError::NodeSuspended(node_id("node-1")));
    assert!(ledger.record(contribution("c-1", "node-1")).await.unwrap().duplicate);
    assert_eq!(ledger.row_counts(), before);
}

#[tokio::test]
async fn out_of_range_values_are_rejected_with_the_field_name() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let before = ledger.row_counts();
    type Change = fn(&mut ComputeContribution);
    let cases: [(&str, Change); 7] = [
        ("compute_score", |report| report.compute_score = 0),
        ("compute_score", |report| report.compute_score = 1 << 53),
        ("duration_seconds", |report| report.duration_seconds = contributions::MAX_DURATION_SECONDS + 1),
        ("samples_processed", |report| report.samples_processed = u64::MAX),
        ("memory_used_mb", |report| report.memory_used_mb = Some(u64::MAX)),
        ("network_upload_mb", |report| report.network_upload_mb = Some(1 << 60)),
        ("network_download_mb", |report| report.network_download_mb = Some(1 << 53)),
    ];
    for (expected, change) in cases {
        let mut report = contribution("c-1", "node-1");
        change(&mut report);
        let error = ledger.record(report).await.unwrap_err();
        assert!(matches!(&error, LedgerError::InvalidField { field, .. } if *field == expected), "{error}");
    }
    assert_eq!(ledger.row_counts(), before);
}

#[tokio::test]
async fn out_of_range_timestamps_are_rejected() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let day = 24 * 60 * 60 * 1000;
    let seconds_instead_of_milliseconds = NOW_MS / 1000;
    for timestamp in [i64::MIN, -1, 0, seconds_instead_of_milliseconds, NOW_MS + day + 1, i64::MAX] {
        let result = ledger.record(ComputeContribution { timestamp, ..contribution("c-1", "node-1") }).await;
        assert_eq!(result.unwrap_err(), LedgerError::InvalidTimestamp { timestamp, now: NOW_MS });
    }
    let tomorrow = ComputeContribution { timestamp: NOW_MS + day, ..contribution("c-1", "node-1") };
    assert_eq!(ledger.record(tomorrow).await.unwrap().reward.period, "2026-11-21");
}

#[tokio::test]
async fn a_reward_above_the_maximum_is_rejected() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let before = ledger.row_counts();
    let report = ComputeContribution { compute_score: 1 << 52, ..contribution("c-1", "node-1") };
    let error = contributions::record(&ledger.database, &ledger.clock, rate(1 << 20), report).await.unwrap_err();
    assert_eq!(error, LedgerError::RewardTooLarge("c-1".parse().unwrap()));
    assert_eq!(ledger.row_counts(), before);
}

#[tokio::test]
async fn the_cumulative_total_is_limited_to_the_maximum_amount() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.distribute("k-1", vec![grant("node-1", Lamports::MAX.get() - 5000)]).await.unwrap();
    let last = ledger.record(contribution("c-1", "node-1")).await.unwrap();
    assert_eq!(last.reward.node_total_lamports, Lamports::MAX);
    let before = ledger.row_counts();
    let error = ledger.record(contribution("c-2", "node-1")).await.unwrap_err();
    assert_eq!(error, LedgerError::TotalTooLarge(vec![node_id("node-1")]));
    assert_eq!(ledger.row_counts(), before);
    assert_eq!(ledger.read("SELECT total_rewards_lamports FROM nodes"), [Lamports::MAX.to_string()]);
}

#[tokio::test]
async fn the_total_score_is_limited_to_exact_json_integers() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    let report = |id, compute_score| ComputeContribution { compute_score, ..contribution(id, "node-1") };
    let one = rate(1);
    let record = |report| contributions::record(&ledger.database, &ledger.clock, one, report);
    record(report("c-1", MAX_TOTAL_SCORE - 1)).await.unwrap();
    record(report("c-2", 1)).await.unwrap();
    let error = record(report("c-3", 1)).await.unwrap_err();
    assert_eq!(error, LedgerError::TotalTooLarge(vec![node_id("node-1")]));
}
