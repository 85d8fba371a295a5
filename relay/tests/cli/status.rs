//! The `status` command, and `run` without a cluster.

use solana_keypair::Keypair;
use solana_signer::Signer as _;
use williw_relay::clock::SystemClock;
use williw_relay::database::sqlite::SqliteDatabase;
use williw_relay::ledger::{Actor, nodes, rewards};
use williw_relay::types::{Lamports, NewNode, RewardDistribution};

use crate::process::Relay;
use crate::rpc::{Cluster, Rpc};

/// With a ledger in which node-1 has earned 1.5 SOL, which can be paid.
pub(crate) async fn relay_with_a_reward() -> Relay {
    relay_with_a_reward_of(9).await
}

/// The same with node-1 at the address of the key with this seed.
pub(crate) async fn relay_with_a_reward_of(seed: u8) -> Relay {
    let relay = Relay::with_settings();
    let ledger = SqliteDatabase::open(&relay.file("ledger.sqlite3")).unwrap();
    let address = Keypair::new_from_array([seed; 32]).pubkey().to_string().parse().unwrap();
    let node = NewNode { id: "node-1".parse().unwrap(), address: Some(address), public_key: None, capabilities: None };
    nodes::register(&ledger, &SystemClock, &Actor::operator(), node).await.unwrap();
    let grant = RewardDistribution {
        node_id: "node-1".parse().unwrap(),
        amount_lamports: Lamports::new(1_500_000_000).unwrap(),
        reason: None,
    };
    rewards::distribute(&ledger, &SystemClock, &Actor::operator(), &"k".parse().unwrap(), vec![grant]).await.unwrap();
    relay
}

#[test]
fn status_does_not_create_a_ledger() {
    let relay = Relay::with_settings();
    relay.run(&["status"]).expect_failure(3, "there is no ledger at");
    assert!(!relay.file("ledger.sqlite3").exists());
}

#[tokio::test]
async fn the_balance_of_a_node_is_exact() {
    let relay = relay_with_a_reward().await;
    let shown = relay.run(&["status", "--node", "node-1"]);
    assert_eq!(shown.exit_code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("no settlement yet"), "{}", shown.stdout);
    assert!(shown.stdout.contains("uncredited      1500000000 base units"), "{}", shown.stdout);
    let json = relay.json(&["status", "--node", "node-1"]);
    assert_eq!(json["node"]["unsettled_lamports"], "1500000000");
    assert_eq!(json["settlement"], serde_json::Value::Null);
}

#[tokio::test]
async fn unknown_nodes_and_settlements_exit_with_7() {
    let relay = relay_with_a_reward().await;
    relay.run(&["status", "--node", "ghost"]).expect_failure(7, "node ghost is not registered");
    relay.run(&["status", "--settlement", "5"]).expect_failure(7, "settlement 5 does not exist");
}

#[tokio::test]
async fn without_a_cluster_a_settlement_stays_open_with_an_error() {
    let relay = relay_with_a_reward().await;
    let result = relay.run(&["run", "--patience", "0"]);
    assert_eq!(result.exit_code, 5, "{}", result.stderr);
    let json = relay.json(&["status"]);
    assert_eq!(
        (json["settlement"]["state"].as_str(), json["settlement"]["step"].as_str()),
        (Some("open"), Some("validate"))
    );
    assert!(json["settlement"]["error"].as_str().unwrap().contains("cannot be reached"));
    let shown = relay.run(&["status"]);
    assert!(shown.stdout.contains("settlement 1: open in step validate"), "{}", shown.stdout);
}

#[tokio::test]
async fn old_data_is_deleted_also_by_runs_that_never_have_nothing_to_settle() {
    let relay = relay_with_a_reward().await;
    let ledger = rusqlite::Connection::open(relay.file("ledger.sqlite3")).unwrap();
    ledger
        .execute_batch(
            "INSERT INTO settlements (id, trigger, state, step, started_at, updated_at, finished_at)
                VALUES (1, 't', 'done', 'reconcile', 1, 1, 1);
            INSERT INTO settlement_steps (settlement_id, step, at, level, message) VALUES (1, 'plan', 1, 'info', 'old')",
        )
        .unwrap();
    let rpc = Rpc::start(Cluster { paused: true, ..Cluster::default() });
    let result = relay.with("SOLANA_RPC_URL", &rpc.url).run(&["run"]);
    assert_eq!(result.exit_code, 6, "{}", result.stderr);
    let lines = "SELECT COUNT(*) FROM settlement_steps WHERE message = 'old'";
    assert_eq!(ledger.query_row(lines, [], |row| row.get::<_, u32>(0)).unwrap(), 0);
}

#[tokio::test]
async fn an_open_batch_shows_each_of_its_open_attempts_with_its_signature() {
    let relay = relay_with_a_reward().await;
    let ledger = rusqlite::Connection::open(relay.file("ledger.sqlite3")).unwrap();
    ledger
        .execute_batch(
            "INSERT INTO settlements (id, trigger, state, step, started_at, updated_at) VALUES (1, 't', 'open', 'submit', 0, 0);
            INSERT INTO batches (id, settlement_id, kind, state, format, entry_count, records_root, created_at, updated_at)
                VALUES (1, 1, 'credit', 'planned', 'v0', 1, '', 0, 0), (2, 1, 'credit', 'planned', 'v0', 1, '', 0, 0);
            INSERT INTO attempts (batch_id, number, state, signature, transaction_base64, last_valid_block_height,
                compute_unit_limit, loaded_accounts_data_limit, compute_unit_price, priority_fee_lamports, created_at, updated_at)
                VALUES (1, 1, 'expired', 'first', 't', 1, 1, 1, 1, 1, 0, 0), (1, 2, 'sent', 'second', 't', 1, 1, 1, 1, 1, 0, 0),
                    (2, 1, 'planned', NULL, NULL, NULL, 1, 1, 1, 1, 0, 0);",
        )
        .unwrap();
    let shown = relay.run(&["status"]).stdout;
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(lines.iter().any(|line| line == &["attempt", "2", "sent", "second"]), "{shown}");
    assert!(lines.iter().any(|line| line == &["attempt", "1", "planned", "not", "signed"]), "{shown}");
    assert!(!shown.contains("first"), "an attempt that has ended needs nobody's attention: {shown}");
}

#[test]
fn without_pending_rewards_a_run_succeeds_without_rpc_requests() {
    let relay = Relay::with_settings();
    for arguments in [&["run"][..], &["run", "--once"]] {
        let result = relay.run(arguments);
        assert_eq!((result.exit_code, result.stdout.as_str()), (0, "nothing to settle\n"), "{}", result.stderr);
    }
    assert_eq!(relay.json(&["run"])["outcome"], "idle");
}
