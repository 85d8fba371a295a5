//! The `doctor` command.

use rusqlite::Connection;
use serde_json::Value;

use crate::process::Relay;
use crate::rpc::{Cluster, FUNDS, Rpc};
use crate::status::relay_with_a_reward;

/// The checks with this status: `check: message: action`.
fn checks(report: &Value, status: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["status"] == status);
    checks
        .map(|check| {
            let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
            format!("{}: {}: {}", text("check"), text("message"), text("action"))
        })
        .collect()
}

fn assert_found(lines: &[String], expected: &[&str]) {
    for text in expected {
        assert!(lines.iter().any(|line| line.contains(text)), "'{text}' is not in {lines:#?}");
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
}

#[tokio::test]
async fn everything_that_a_run_needs_is_checked() {
    let nodes = [Rpc::start(Cluster::default()), Rpc::start(Cluster::default())];
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &format!("{},{}", nodes[0].url, nodes[1].url));
    let report = relay.json(&["doctor"]);
    assert_eq!(checks(&report, "error"), Vec::<String>::new());
    let ok = checks(&report, "ok");
    for text in [
        "keypair: ",
        "is the network's settler",
        "ledger: readable, writable",
        "integrity: the file is sound",
        "lease: nobody is settling",
        "settlement: 1 reward(s) are pending",
        "rpc: node 0 answers, at the finalized slot 100",
        "rpc: node 1 answers",
        "clock: ",
        "program: ",
        "network: 'test-net' is in service",
        &format!("treasury: it holds {FUNDS} lamports, and 1500000000 are pending"),
        "payer: ",
    ] {
        assert!(ok.iter().any(|line| line.contains(text)), "'{text}' is not in {ok:#?}");
    }
    let text = relay.run(&["doctor"]);
    assert!(text.stdout.contains("ok       network     'test-net' is in service"), "{}", text.stdout);
    assert_eq!(nodes.map(|node| node.sends()), [0, 0]);
}

#[test]
fn without_settings_each_missing_one_is_named_and_no_ledger_is_created() {
    let relay = Relay::new();
    let result = relay.run(&["doctor", "--json"]);
    assert_eq!((result.exit_code, result.stderr.as_str()), (10, ""));
    let errors = checks(&serde_json::from_str(&result.stdout).unwrap(), "error");
    assert_found(&errors, &["SOLANA_PRIVATE_KEY is not set", "pass --network", "pass --ledger", "pass --rpc-url"]);

    let relay = Relay::with_settings();
    let result = relay.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&result.stdout).unwrap();
    assert_found(&checks(&report, "error"), &["rpc: node 0: the RPC node cannot be reached"]);
    assert!(checks(&report, "warning").iter().any(|line| line.contains("there is no ledger at")));
    assert!(!relay.file("ledger.sqlite3").exists());
}

#[tokio::test]
async fn whatever_would_make_a_run_fail_is_an_error_that_says_what_to_do() {
    for (cluster, expected) in [
        (Cluster { settler: 8, ..Cluster::default() }, "keypair: SOLANA_PRIVATE_KEY is the key of"),
        (Cluster { paused: true, ..Cluster::default() }, "network: it is paused"),
        (Cluster { has_network: false, ..Cluster::default() }, "williw-relay network create"),
        (Cluster { has_program: false, ..Cluster::default() }, "deploy it first"),
        (Cluster { settler_lamports: 10, ..Cluster::default() }, "payer: "),
        (Cluster { genesis: 2, ..Cluster::default() }, "binding: the ledger belongs to the cluster"),
    ] {
        let rpc = Rpc::start(cluster);
        let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
        let ledger = Connection::open(relay.file("ledger.sqlite3")).unwrap();
        let genesis = solana_hash::Hash::new_from_array([1; 32]).to_string();
        ledger.execute("INSERT INTO ledger_binding VALUES ('genesis_hash', ?1)", [genesis]).unwrap();
        let result = relay.run(&["doctor", "--json"]);
        assert_eq!(result.exit_code, 10, "{expected}: {}", result.stdout);
        assert_found(&checks(&serde_json::from_str(&result.stdout).unwrap(), "error"), &[expected]);
    }
}

#[tokio::test]
async fn what_an_operator_should_look_after_is_a_warning() {
    let rpc = Rpc::start(Cluster { settler_lamports: 6_000, ..Cluster::default() });
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    let ledger = Connection::open(relay.file("ledger.sqlite3")).unwrap();
    ledger
        .execute_batch(
            "INSERT INTO settlements (id, trigger, state, step, started_at, updated_at) VALUES (1, 't', 'open', 'submit', 0, 0);
            INSERT INTO batches (id, settlement_id, kind, state, format, entry_count, records_root, created_at, updated_at)
                VALUES (1, 1, 'credit', 'planned', 'v0', 1, '', 0, 0);
            INSERT INTO attempts (batch_id, number, state, signature, transaction_base64, last_valid_block_height,
                compute_unit_limit, loaded_accounts_data_limit, compute_unit_price, priority_fee_lamports, created_at, updated_at)
                VALUES (1, 1, 'sent', 's', 't', 1, 1, 1, 1, 1, 0, 0);
            UPDATE payables SET hold_reason = 'no_address', retry_at = 1;
            UPDATE rewards SET amount_lamports = amount_lamports;
            INSERT INTO rewards (id, node_id, amount_lamports, node_total_lamports, period, reason, created_at)
                VALUES ('large', 'node-1', 100000000000, 101500000000, '2026-01-01', 'r', 0);",
        )
        .unwrap();
    let report = relay.json(&["doctor"]);
    let mut warnings = checks(&report, "warning");
    warnings.retain(|line| !line.starts_with("disk"));
    assert_found(
        &warnings,
        &[
            "settlement: a transaction was signed",
            "held: 1 node(s) are held (rewards): no_address",
            "rpc: a single RPC node is believed",
            "treasury: it holds 50000000000 lamports, and 101500000000 are pending",
            "payer: ",
        ],
    );
    // Ledger and chain disagree: that is more than a warning.
    ledger.execute("UPDATE payables SET hold_reason = 'chain_above_ledger'", []).unwrap();
    let result = relay.run(&["doctor"]);
    assert_eq!(result.exit_code, 10);
    assert!(result.stdout.contains("williw-relay review list"), "{}", result.stdout);
}

#[tokio::test]
async fn what_is_credited_already_needs_no_funds() {
    let rpc = Rpc::start(Cluster::default());
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    let ledger = Connection::open(relay.file("ledger.sqlite3")).unwrap();
    ledger
        .execute_batch(
            "INSERT INTO rewards (id, node_id, amount_lamports, node_total_lamports, period, reason, created_at)
                VALUES ('large', 'node-1', 100000000000, 101500000000, '2026-01-01', 'r', 0);
            UPDATE nodes SET total_rewards_lamports = 101500000000;
            INSERT INTO wallets (node_id, wallet_address, owner, destination, destination_source, sol_balance_lamports,
                    credited_lamports, pending_rewards_lamports, total_rewards_distributed_lamports, threshold_lamports, last_slot,
                    last_updated_at)
                VALUES ('node-1', 'w', 'o', 'd', 'default', 0, 51500000000, 0, 0, 0, 0, 0);",
        )
        .unwrap();
    let text = format!("treasury: it holds {FUNDS} lamports, and 101500000000 are pending, of which");
    let ok = checks(&relay.json(&["doctor"]), "ok");
    assert!(ok.contains(&format!("{text} 51500000000 are credited already: ")), "{ok:#?}");

    ledger.execute("UPDATE wallets SET credited_lamports = credited_lamports - 1", []).unwrap();
    let warnings = checks(&relay.json(&["doctor"]), "warning");
    assert!(warnings.iter().any(|line| line.starts_with(&format!("{text} 51499999999 are"))), "{warnings:#?}");
}

#[test]
fn without_a_ledger_nothing_is_said_about_what_is_pending() {
    let rpc = Rpc::start(Cluster::default());
    let relay = Relay::with_settings().with("SOLANA_RPC_URL", &rpc.url);
    let report = relay.json(&["doctor"]);
    assert!(checks(&report, "ok").contains(&format!("treasury: it holds {FUNDS} lamports: ")), "{report:#}");
    assert!(!report.to_string().contains("pending"), "{report:#}");
}

#[tokio::test]
async fn one_of_three_nodes_may_be_down_and_one_of_two_may_not() {
    let nodes = [Rpc::start(Cluster::default()), Rpc::start(Cluster::default())];
    let down = "http://127.0.0.1:1";
    let relay = relay_with_a_reward().await;
    let relay = relay.with("SOLANA_RPC_URL", &format!("{},{down},{}", nodes[0].url, nodes[1].url));
    let report = relay.json(&["doctor"]);
    assert_eq!(checks(&report, "error"), Vec::<String>::new());
    let warnings = checks(&report, "warning");
    assert!(
        warnings.iter().any(|line| line.starts_with("rpc: node 1: the RPC node cannot be reached")),
        "{warnings:#?}"
    );

    let relay = relay.with("SOLANA_RPC_URL", &format!("{},{down}", nodes[0].url));
    let result = relay.run(&["doctor", "--json"]);
    assert_eq!(result.exit_code, 10, "{}", result.stdout);
    let errors = checks(&serde_json::from_str(&result.stdout).unwrap(), "error");
    // What the treasury's rent is, two nodes must say.
    assert_found(&errors, &["rpc: node 1: the RPC node cannot be reached", "treasury: the RPC node cannot be reached"]);
}

#[tokio::test]
async fn everything_that_a_ledger_is_bound_to_is_compared() {
    let rpc = Rpc::start(Cluster::default());
    for (name, expected) in [
        ("genesis_hash", "binding: the ledger belongs to the cluster other"),
        ("program_id", "binding: the ledger belongs to the program other"),
        ("network", "binding: the ledger belongs to the network other"),
        ("asset", "binding: the ledger's amounts are in other, but the network pays in SOL"),
    ] {
        let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
        let ledger = Connection::open(relay.file("ledger.sqlite3")).unwrap();
        ledger.execute("INSERT INTO ledger_binding VALUES (?1, 'other')", [name]).unwrap();
        let result = relay.run(&["doctor", "--json"]);
        assert_eq!(result.exit_code, 10, "{name}: {}", result.stdout);
        assert_found(&checks(&serde_json::from_str(&result.stdout).unwrap(), "error"), &[expected]);
    }
}

#[test]
fn an_older_ledger_is_named_and_not_migrated() {
    let rpc = Rpc::start(Cluster::default());
    let relay = Relay::with_settings().with("SOLANA_RPC_URL", &rpc.url);
    let file = relay.file("ledger.sqlite3");
    let older = "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, \
        applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)";
    Connection::open(&file).unwrap().execute_batch(older).unwrap();
    let before = std::fs::read(&file).unwrap();
    let report = relay.json(&["doctor"]);
    let warnings = checks(&report, "warning");
    let expected = "ledger: its schema is older than this version's, it lacks 0001_ledger.sql";
    assert!(warnings.iter().any(|line| line.starts_with(expected)), "{warnings:#?}");
    assert_eq!(std::fs::read(&file).unwrap(), before, "the doctor changes nothing");
}
