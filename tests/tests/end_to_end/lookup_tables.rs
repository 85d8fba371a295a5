//! v0 transactions with lookup tables, from their creation to the return of their rent.

use std::time::Duration;

use serde_json::{Value, json};
use solana_commitment_config::CommitmentConfig;
use solana_rpc_client::rpc_client::RpcClient;
use solana_rpc_client_api::request::RpcRequest;
use williw_tests::faults::{Fault, FaultyRpc};
use williw_tests::localnet::{InitialProgram, Localnet, LocalnetOptions};
use williw_tests::network::SOL;
use williw_tests::process::run_to_success;
use williw_tests::sample_nodes::NodeKind;
use williw_tests::wait::{self, Poll};

use crate::fixture::{OrFail, SqliteNetworkFixture, artifacts, directory, nodes};

/// A table can be closed 513 slots after it was deactivated: 26 s.
const SLOT_MS: u64 = 50;

/// Several times as long as that.
const DEADLINE: Duration = Duration::from_secs(180);

/// More than a v0 transaction pays without lookup tables, and no more than one pays with them.
const NODES: u64 = 25;

/// The fee of a transaction with one signature, in lamports.
const FEE: u64 = 5_000;

#[test]
fn with_lookup_tables_a_v0_transaction_pays_more_nodes_and_closing_them_returns_their_rent() {
    let options = LocalnetOptions::on_free_ports(SLOT_MS, InitialProgram::Deployed);
    let localnet = Localnet::start(artifacts(), options, &directory("tables-localnet")).or_fail();
    // Tables need two RPC nodes that agree.
    let second = FaultyRpc::start(localnet.url(), |_, _| Fault::Forward).or_fail();
    let urls = [localnet.url(), &second.url()].join(",");
    let network = SqliteNetworkFixture::unfunded("tables", localnet.url(), None);
    network.relay_cli.fund(10 * SOL).or_fail();
    let mut all = nodes(NodeKind::Paid, network.parameters, NODES);
    network.register_and_report(&mut all);
    let relay = |arguments: &[&str]| {
        let mut command = network.command(arguments);
        command.env("SOLANA_RPC_URL", &urls);
        run_to_success(command).or_fail().stdout
    };
    let tables = |arguments: &[&str]| -> Value {
        let output = relay(&[&["--json", "tables"], arguments].concat());
        serde_json::from_slice(&output).or_fail()
    };
    let wait_for_slots = |what: &str| {
        wait::until(what, DEADLINE, || {
            let table = tables(&["list"])["tables"][0].clone();
            assert_eq!(table["problem"], Value::Null, "{table}");
            Ok(Poll::when(table["slots_left"] == 0, || table.to_string()))
        })
        .or_fail();
    };
    relay(&["run", "--format", "v0"]);
    network.assert_settled(&mut all);
    let batches = "SELECT id FROM batches WHERE kind = 'settle' AND format = 'v0' AND state = 'confirmed'";
    let before = network.ledger.rows(batches, None).or_fail().len();
    assert!(before > 1, "{before}");

    let extended = tables(&["extend", "--min-batches", "1"]);
    // A wallet account and a destination of each node.
    assert_eq!((&extended["addresses"], &extended["new_tables"]), (&json!(2 * NODES), &json!(1)), "{extended}");
    let rent = lamports(&extended["rent_lamports"]);
    wait_for_slots("the table to warm up");
    let score = network.parameters.destination_minimum_lamports / network.parameters.lamports_per_score;
    for node in &mut all {
        node.work(score);
        node.report(&network.ingest, network.parameters).or_fail();
    }
    relay(&["run", "--format", "v0"]);
    network.assert_settled(&mut all);
    assert_eq!(network.ledger.rows(batches, None).or_fail().len(), before + 1);
    let signature = "SELECT signature FROM batches WHERE id = (SELECT MAX(id) FROM batches)";
    let signature = network.ledger.rows(signature, None).or_fail()[0][0].clone().expect("a signature");
    let rpc = RpcClient::new_with_commitment(localnet.url().to_owned(), CommitmentConfig::finalized());
    let options = json!({"encoding": "json", "maxSupportedTransactionVersion": 0, "commitment": "finalized"});
    let landed: Value = rpc.send(RpcRequest::GetTransaction, json!([signature, options])).or_fail();
    let lookup = &landed["transaction"]["message"]["addressTableLookups"][0];
    let table = lookup["accountKey"].as_str().expect("a lookup table");
    let looked_up = lookup["writableIndexes"].as_array().map_or(0, Vec::len);
    assert_eq!(looked_up as u64, 2 * NODES, "{landed}");

    let settler = network.relay_cli.settler();
    let balance = network.chain.balance(&settler).or_fail();
    let deactivated = tables(&["close", "--all"]);
    assert_eq!((&deactivated["deactivated"], &deactivated["closed"]), (&json!([table]), &json!([])), "{deactivated}");
    wait_for_slots("the table to be closable");
    let closed = tables(&["close"]);
    assert_eq!((&closed["closed"], lamports(&closed["returned_lamports"])), (&json!([table]), rent), "{closed}");
    assert_eq!(network.chain.balance(&settler).or_fail(), balance + rent - 2 * FEE);
    assert_eq!(network.chain.balance(&table.parse().or_fail()).or_fail(), 0);
}

fn lamports(text: &Value) -> u64 {
    text.as_str().expect("lamports as a string").parse().or_fail()
}
