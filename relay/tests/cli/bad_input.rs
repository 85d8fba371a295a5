//! Whatever is wrong with the settings, the ledger or the cluster: the error says what to do, nothing is sent, nothing is lost.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::process::{CommandResult, Relay};
use crate::rpc::{Cluster, Rpc};
use crate::status::relay_with_a_reward;

/// Any user but root.
const NOBODY: u32 = 65_534;

fn ledger(relay: &Relay) -> Connection {
    Connection::open(relay.file("ledger.sqlite3")).unwrap()
}

/// Asserts that the reward is still to be paid, and that the file is sound.
fn assert_nothing_is_lost(relay: &Relay) {
    let ledger = ledger(relay);
    let pending = "SELECT status, amount_lamports FROM rewards WHERE node_id = 'node-1'";
    let reward: (String, i64) = ledger.query_row(pending, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(reward, ("pending".to_owned(), 1_500_000_000));
    let check: String = ledger.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

fn assert_refused(result: &CommandResult, exit_code: i32, text: &str) {
    assert!(result.stderr.contains(text), "'{text}' is not in: {}", result.stderr);
    assert_eq!(result.exit_code, exit_code, "{}", result.stderr);
}

async fn run_against(cluster: Cluster, exit_code: i32, text: &str) {
    let rpc = Rpc::start(cluster);
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    for _ in 0..2 {
        assert_refused(&relay.run(&["run", "--patience", "0"]), exit_code, text);
    }
    assert_eq!(rpc.sends(), 0);
    assert_nothing_is_lost(&relay);
    let settlements: i64 = ledger(&relay).query_row("SELECT COUNT(*) FROM settlements", [], |row| row.get(0)).unwrap();
    assert_eq!(settlements, 1, "the second run has recorded the same again");
}

/// What every other test here keeps from happening.
#[tokio::test]
async fn with_nothing_wrong_the_reward_is_sent_and_paid() {
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    let result = relay.run(&["run"]);
    assert_eq!(result.exit_code, 0, "{}", result.stderr);
    assert!(rpc.sends() > 0, "{}", result.stdout);
    let node = &relay.json(&["status", "--node", "node-1"])["node"];
    assert_eq!(node["unsettled_lamports"], "0", "{node}");
    let status = "SELECT status FROM rewards WHERE node_id = 'node-1'";
    assert_eq!(ledger(&relay).query_row(status, [], |row| row.get::<_, String>(0)).unwrap(), "confirmed");
}

#[tokio::test]
async fn a_keypair_that_is_not_the_settlers_sends_nothing() {
    run_against(Cluster { settler: 8, ..Cluster::default() }, 6, "use the settler's key").await;
}

#[tokio::test]
async fn a_network_that_does_not_exist_sends_nothing() {
    let cluster = Cluster { has_network: false, ..Cluster::default() };
    run_against(cluster, 6, "create the network with 'williw-relay network create'").await;
}

#[tokio::test]
async fn a_cluster_without_the_program_is_sent_nothing() {
    run_against(Cluster { has_program: false, ..Cluster::default() }, 6, "deploy it, or check SOLANA_RPC_URL").await;
}

#[tokio::test]
async fn a_paused_network_is_sent_nothing() {
    run_against(Cluster { paused: true, ..Cluster::default() }, 6, "until its admin unpauses it").await;
}

#[tokio::test]
async fn an_rpc_node_of_another_cluster_is_sent_nothing() {
    let rpc = Rpc::start(Cluster { genesis: 2, ..Cluster::default() });
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    let genesis = solana_hash::Hash::new_from_array([1; 32]).to_string();
    ledger(&relay).execute("INSERT INTO ledger_binding VALUES ('genesis_hash', ?1)", [&genesis]).unwrap();
    assert_refused(&relay.run(&["run"]), 6, &format!("this ledger is bound to genesis_hash {genesis}"));
    assert_eq!(rpc.sends(), 0);
    assert_nothing_is_lost(&relay);
}

#[tokio::test]
async fn rpc_nodes_of_two_clusters_are_sent_nothing() {
    let (one, other) = (Rpc::start(Cluster::default()), Rpc::start(Cluster { genesis: 2, ..Cluster::default() }));
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &format!("{},{}", one.url, other.url));
    assert_refused(&relay.run(&["run", "--patience", "0"]), 5, "belongs to another cluster");
    assert_eq!((one.sends(), other.sends()), (0, 0));
    assert_nothing_is_lost(&relay);
}

#[tokio::test]
async fn a_ledger_of_a_newer_schema_is_not_touched() {
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    ledger(&relay).execute("INSERT INTO d1_migrations (name) VALUES ('9999_future.sql')", []).unwrap();
    let before = fs::read(relay.file("ledger.sqlite3")).unwrap();
    for command in [&["run"][..], &["status"], &["review", "list"]] {
        assert_refused(&relay.run(command), 3, "upgrade williw-relay");
    }
    assert_eq!(fs::read(relay.file("ledger.sqlite3")).unwrap(), before);
    assert_eq!(rpc.sends(), 0);
}

/// Runs the command as a user to whom permissions apply, which is not root.
fn run_unprivileged(relay: &Relay, arguments: &[&str]) -> CommandResult {
    let command = relay.command(arguments);
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return CommandResult::from({ command }.output().unwrap());
    }
    // Other users may have no access to the folder of the binary, for example to root's home.
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = folder.path().join("williw-relay");
    fs::copy(command.get_program(), &binary).unwrap();
    let mut copied = Command::new(binary);
    copied.args(command.get_args()).env_clear().current_dir(relay.file("")).uid(NOBODY).gid(NOBODY);
    copied.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    CommandResult::from(copied.output().unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_ledger_of_another_user_is_named() {
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    set_mode(&relay.file("settler.json"), 0o644);
    set_mode(&relay.file("ledger.sqlite3"), 0o444);
    set_mode(&relay.file(""), 0o555);
    let result = run_unprivileged(&relay, &["run", "--patience", "0"]);
    set_mode(&relay.file(""), 0o755);
    assert_refused(&result, 3, "check that it is a file that you may read and write");
    assert_eq!(rpc.sends(), 0);
    assert_nothing_is_lost(&relay);
}

#[tokio::test]
async fn a_keypair_of_another_user_is_named() {
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    set_mode(&relay.file("settler.json"), 0o600);
    set_mode(&relay.file("ledger.sqlite3"), 0o666);
    set_mode(&relay.file(""), 0o777);
    let result = run_unprivileged(&relay, &["run", "--patience", "0"]);
    set_mode(&relay.file(""), 0o755);
    assert_refused(&result, 3, "SOLANA_PRIVATE_KEY");
    assert!(result.stderr.contains("ermission"), "{}", result.stderr);
    assert_eq!(rpc.sends(), 0);
    assert_nothing_is_lost(&relay);
}

#[tokio::test]
async fn a_ledger_that_cannot_grow_is_named_and_loses_nothing() {
    /// What the index of the write-ahead log needs.
    const SHARED_MEMORY_BYTES: u64 = 32 * 1024;

    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    // Fills the write-ahead log, and keeps it by staying open.
    let filler = ledger(&relay);
    let log = || fs::metadata(relay.file("ledger.sqlite3-wal")).map_or(0, |metadata| metadata.len());
    while log() <= SHARED_MEMORY_BYTES {
        filler
            .execute("INSERT INTO audit_log (at, actor, action, subject, details) VALUES (0, 'a', 'b', 'c', '1')", [])
            .unwrap();
    }
    let limited = r#"trap "" XFSZ; ulimit -f "$1"; shift; exec "$@""#;
    let relay_command = relay.command(&["run", "--patience", "0"]);
    let mut command = Command::new("sh");
    command.args(["-c", limited, "sh"]).arg(log().div_ceil(512).to_string()).arg(relay_command.get_program());
    command.args(relay_command.get_args()).env_clear().current_dir(relay.file(""));
    command.envs(relay_command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let result = CommandResult::from(command.output().unwrap());
    assert_refused(&result, 4, "the space that is left on it");
    assert_eq!(rpc.sends(), 0);
    drop(filler);
    assert_nothing_is_lost(&relay);
}

#[tokio::test]
async fn no_negative_huge_duplicate_or_unknown_reward_can_be_stored() {
    let relay = relay_with_a_reward().await;
    let ledger = ledger(&relay);
    for (values, constraint) in [
        ("'x', 'node-1', -1, 1500000001", "CHECK"),
        ("'x', 'node-1', 0, 1500000000", "CHECK"),
        ("'x', 'node-1', 9223372036854775808, 9223372036854775808", "cannot store REAL"),
        ("'x', 'node-1', 7, 6", "CHECK"),
        ("'x', 'node-1', 1, 1500000000", "UNIQUE"),
        ("(SELECT id FROM rewards), 'node-1', 1, 1500000001", "UNIQUE"),
        ("'x', 'nobody', 1, 1", "FOREIGN KEY"),
        ("'x', 'node-1', 'much', 1500000001", "cannot store TEXT"),
    ] {
        let sql = format!(
            "INSERT INTO rewards (id, node_id, amount_lamports, node_total_lamports, period, reason, created_at) \
            VALUES ({values}, '2026-01-01', 'r', 0)"
        );
        let error = ledger.execute(&sql, []).unwrap_err().to_string();
        assert!(error.contains(constraint), "{values}: {error}");
    }
    assert_nothing_is_lost(&relay);
}

#[tokio::test]
async fn a_damaged_ledger_sends_nothing_and_the_doctor_finds_the_damage() {
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    ledger(&relay)
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
            INSERT INTO rewards (id, node_id, amount_lamports, node_total_lamports, period, reason, created_at)
                VALUES ('orphan', 'nobody', 5, 5, '2026-01-01', 'r', 0);
            INSERT INTO payables (node_id, next_sequence) VALUES ('nobody', 2);",
        )
        .unwrap();
    assert_refused(&relay.run(&["run"]), 1, "williw-relay doctor");
    let doctor = relay.run(&["doctor"]);
    assert_eq!(doctor.exit_code, 10, "{}", doctor.stdout);
    assert!(
        doctor.stdout.contains("a row of rewards refers to a row of nodes that does not exist"),
        "{}",
        doctor.stdout
    );
    assert_eq!(rpc.sends(), 0);
    assert_nothing_is_lost(&relay);
}
