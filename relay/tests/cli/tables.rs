//! The `tables` commands.

use rusqlite::Connection;
use settlement::client::{NetworkId, network_address};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;

use crate::process::Relay;
use crate::rpc::{Cluster, Rpc};
use crate::status::relay_with_a_reward;

/// The number of addresses that can be put into tables: more than one transaction takes.
const WALLETS: u8 = 40;

/// A ledger that has settled on the cluster with the genesis hash `genesis`, and whose nodes were credited once.
async fn settled(rpc: &Rpc, genesis: u8) -> Relay {
    // A second node that shows the same chain. What becomes of nodes that do not agree is tested with the engine.
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &format!("{0},{0}/second", rpc.url));
    let ledger = Connection::open(relay.file("ledger.sqlite3")).unwrap();
    let id = NetworkId::from_name("test-net").unwrap();
    let network = network_address(&Keypair::new_from_array([7; 32]).pubkey(), &id);
    let genesis = Hash::new_from_array([genesis; 32]).to_string();
    for (name, value) in [
        ("genesis_hash", genesis),
        ("program_id", settlement::ID.to_string()),
        ("network", network.to_string()),
        ("asset", "SOL".to_owned()),
    ] {
        ledger.execute("INSERT INTO ledger_binding VALUES (?1, ?2)", [name, &value]).unwrap();
    }
    ledger
        .execute_batch(
            "INSERT INTO settlements (id, trigger, state, step, started_at, updated_at) \
                VALUES (1, 'cli', 'done', 'reconcile', 0, 0); \
            INSERT INTO batches (id, settlement_id, kind, state, format, entry_count, records_root, created_at, updated_at) \
                VALUES (1, 1, 'credit', 'confirmed', 'v0', 40, '00', 0, 0);",
        )
        .unwrap();
    for number in 0..WALLETS {
        let node = format!("w{number}");
        let wallet = Pubkey::new_from_array([number + 100; 32]).to_string();
        let insert = |sql: &str| ledger.execute(&sql.replace("NODE", &node).replace("WALLET", &wallet), []).unwrap();
        insert(
            "INSERT INTO nodes (id, registered_at, last_active_at, status, capabilities, created_at, updated_at) \
                VALUES ('NODE', 0, 0, 'active', '{}', 0, 0)",
        );
        insert(
            "INSERT INTO wallets (node_id, wallet_address, owner, destination, destination_source, sol_balance_lamports, \
                credited_lamports, pending_rewards_lamports, total_rewards_distributed_lamports, threshold_lamports, \
                last_slot, last_updated_at) \
            VALUES ('NODE', 'WALLET', 'WALLET', 'WALLET', 'default', 0, 0, 0, 0, 0, 0, 0)",
        );
        insert(
            "INSERT INTO rewards (id, node_id, amount_lamports, node_total_lamports, period, reason, status, batch_id, \
                distributed_at, created_at) \
            VALUES ('rw_NODE', 'NODE', 1, 1, '2026-01-31', 'r', 'confirmed', 1, 0, 0)",
        );
    }
    relay
}

#[tokio::test]
async fn tables_are_extended_listed_and_closed_for_their_rent() {
    let rpc = Rpc::start(Cluster::default());
    let relay = settled(&rpc, 1).await;
    assert_eq!(relay.json(&["tables", "list"])["tables"], serde_json::json!([]));
    let none = relay.run(&["tables", "extend"]);
    assert_eq!((none.exit_code, none.stdout.as_str()), (0, "no addresses to add\n"), "{}", none.stderr);
    assert_eq!(rpc.sends(), 0);

    let extended = relay.json(&["tables", "extend", "--min-batches", "1"]);
    assert_eq!((&extended["addresses"], &extended["new_tables"]), (&40.into(), &1.into()));
    assert_eq!(extended["signatures"].as_array().unwrap().len(), 2);
    let listed = relay.json(&["tables", "list"]);
    let table = &listed["tables"][0];
    assert_eq!((&table["state"], &table["addresses"], &table["problem"]), (&"open".into(), &40.into(), &().into()));
    assert_eq!(table["rent_lamports"], extended["rent_lamports"]);
    let text = relay.run(&["tables", "list"]).stdout;
    assert!(text.contains("40 addresses, 0.0") && text.contains(table["address"].as_str().unwrap()), "{text}");
    let again = relay.json(&["tables", "extend", "--min-batches", "1"]);
    assert_eq!(again["addresses"], 0);

    let nothing = relay.run(&["tables", "close"]);
    assert_eq!(nothing.stdout, "no tables to close\n", "{}", nothing.stderr);
    let closing = relay.json(&["tables", "close", table["address"].as_str().unwrap()]);
    assert_eq!((&closing["deactivated"][0], &closing["closed"]), (&table["address"], &serde_json::json!([])));
    let waiting = relay.run(&["tables", "close"]).stdout;
    assert!(waiting.contains("can be closed in") && !waiting.contains("returned"), "{waiting}");
    rpc.skip_slots(513);
    let closed = relay.json(&["tables", "close"]);
    assert_eq!((&closed["closed"][0], &closed["returned_lamports"]), (&table["address"], &table["rent_lamports"]));
    assert_eq!(relay.json(&["tables", "list"])["tables"], serde_json::json!([]));
    assert_eq!(rpc.sends(), 2 * 4, "four transactions, each sent to both URLs");
}

#[tokio::test]
async fn tables_are_not_changed_with_another_key_or_for_another_cluster() {
    let rpc = Rpc::start(Cluster { settler: 8, ..Cluster::default() });
    let relay = settled(&rpc, 1).await;
    relay.run(&["tables", "extend"]).expect_failure(6, "lookup tables belong to the settler");
    let rpc = Rpc::start(Cluster::default());
    let relay = settled(&rpc, 2).await;
    relay.run(&["tables", "close", "--all"]).expect_failure(3, "this ledger is bound to genesis_hash");
    let relay = relay_with_a_reward().await.with("SOLANA_RPC_URL", &rpc.url);
    relay.run(&["tables", "extend"]).expect_failure(3, "has never settled");
    assert_eq!(rpc.sends(), 0);
}

/// What the doctor says about tables, as `status: message: action`.
fn findings(relay: &Relay) -> Vec<String> {
    let report = relay.json(&["doctor"]);
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["check"] == "tables");
    let text = |check: &serde_json::Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    checks.map(|check| ["status", "message", "action"].map(|name| text(check, name)).join(": ")).collect()
}

#[tokio::test]
async fn the_doctor_says_whether_tables_can_be_used_and_what_to_do_about_those_that_cannot() {
    let rpc = Rpc::start(Cluster::default());
    let relay = settled(&rpc, 1).await;
    assert_eq!(findings(&relay), Vec::<String>::new(), "there are no tables");
    relay.json(&["tables", "extend", "--min-batches", "1"]);
    let table = relay.json(&["tables", "list"])["tables"][0]["address"].as_str().unwrap().to_owned();
    let assert_found = |relay: &Relay, status: &str, text: &str| {
        let found = findings(relay);
        assert!(found.len() == 1 && found[0].starts_with(status) && found[0].contains(text), "{text}: {found:#?}");
    };
    assert_found(&relay, "ok", "with 40 addresses can be used in ");
    rpc.skip_slots(40);
    assert_found(&relay, "ok", "1 lookup table(s) with 40 addresses are as recorded and can be used");

    let ledger = Connection::open(relay.file("ledger.sqlite3")).unwrap();
    let change = |sql: &str| ledger.execute_batch(sql).unwrap();
    change(
        "UPDATE lookup_tables SET pending_signature = '1111111111111111111111111111111111111111111111111111111111111111', \
            pending_last_valid_block_height = 1",
    );
    let found = findings(&relay);
    assert!(found[0].contains("its end is not known: repeat 'williw-relay tables extend'"), "{found:#?}");
    change("UPDATE lookup_tables SET pending_signature = NULL, pending_last_valid_block_height = NULL");

    change("DELETE FROM lookup_addresses WHERE position = 7");
    change(&format!("INSERT INTO lookup_addresses VALUES ('{}', '{table}', 7)", Pubkey::new_from_array([1; 32])));
    assert_found(&relay, "warning", "is not used: at position 7, the chain has another address than the ledger: ");
    let closing = format!("'williw-relay tables close {table}' returns its rent");
    assert_found(&relay, "warning", &closing);

    relay.json(&["tables", "close", "--all"]);
    assert_found(&relay, "ok", "can be closed in ");
    rpc.skip_slots(600);
    assert_found(&relay, "warning", "its rent was not returned: run 'williw-relay tables close'");
    relay.json(&["tables", "close"]);
    assert_eq!(findings(&relay), Vec::<String>::new());
}

#[tokio::test]
async fn the_doctor_warns_of_tables_that_are_not_on_the_chain_and_of_a_single_node() {
    let rpc = Rpc::start(Cluster::default());
    let relay = settled(&rpc, 1).await;
    relay.json(&["tables", "extend", "--min-batches", "1"]);
    rpc.skip_slots(40);
    let single = findings(&relay.with("SOLANA_RPC_URL", &rpc.url));
    assert!(single[0].starts_with("warning: 1 lookup table(s) are not used, because only one RPC node"), "{single:#?}");

    // The same ledger, and a chain without the table.
    let rpc = Rpc::start(Cluster::default());
    let relay = settled(&rpc, 1).await;
    let missing = Pubkey::new_from_array([3; 32]);
    Connection::open(relay.file("ledger.sqlite3"))
        .unwrap()
        .execute(
            "INSERT INTO lookup_tables (address, state, address_count, created_at, updated_at) VALUES (?1, 'open', 1, 0, 0)",
            [missing.to_string()],
        )
        .unwrap();
    let found = findings(&relay);
    assert!(
        found[0].starts_with(&format!("warning: lookup table {missing} is not used: it does not exist")),
        "{found:#?}"
    );
}
