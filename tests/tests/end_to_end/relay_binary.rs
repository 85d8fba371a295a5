//! The `williw-relay` binary with an SQLite ledger and with the Worker's ledger.

use serde_json::{Value, json};
use williw_tests::network::SOL;
use williw_tests::process::{Process, run_to_exit, run_to_success};
use williw_tests::relay_cli::{LedgerLocation, with_ledger};
use williw_tests::sample_nodes::{NodeKind, RewardParameters, SampleNode};
use williw_tests::wait::{self, Poll};

use crate::fixture::{
    NetworkFixture, OrFail, SETTLEMENT_DEADLINE, SqliteNetworkFixture, mixed_nodes, nodes, wait_until_exited,
};

#[test]
fn the_relay_settles_an_sqlite_ledger_and_a_second_run_sends_nothing() {
    let network = SqliteNetworkFixture::new("relay-file");
    let mut all = nodes_of_every_kind(network.parameters);
    for node in &mut all {
        node.register(&network.ingest).or_fail();
        node.report(&network.ingest, network.parameters).or_fail();
    }
    let (relay_cli, ledger_location) = (&network.relay_cli, &network.ledger_location);

    run_to_success(relay_cli.run_once(ledger_location)).or_fail();
    network.assert_settled(&mut all);

    let sent = network.chain.transactions_of(&relay_cli.settler()).or_fail();
    run_to_success(relay_cli.run_once(ledger_location)).or_fail();
    let sent_after = network.chain.transactions_of(&relay_cli.settler()).or_fail();
    assert_eq!(sent_after, sent, "the second run sent a transaction");

    // `williw-relay status` reports what the ledger contains.
    let mut command = relay_cli.command(relay_cli.admin_file());
    with_ledger(&mut command, ledger_location);
    command.args(["--json", "status", "--node", &all[0].id]);
    let status: Value = serde_json::from_slice(&run_to_success(command).or_fail().stdout).or_fail();
    assert_eq!(status["settlement"]["state"], "done", "{status}");
    assert_eq!(status["node"]["earned_lamports"], all[0].expected.earned.to_string(), "{status}");
    assert_eq!(status["node"]["total_rewards_distributed_lamports"], all[0].expected.paid.to_string(), "{status}");
}

#[test]
fn the_relay_settles_the_workers_ledger_even_if_the_worker_is_killed_in_the_meantime() {
    let mut network = NetworkFixture::new("relay-worker");
    let mut all = nodes_of_every_kind(network.parameters);
    network.register_and_report(&mut all);
    let ledger_location = network.ledger_location();
    let log = network.directory().join("relay.log");
    let mut relay = Process::spawn("the relay", network.relay_cli.run_once(&ledger_location), &log).or_fail();
    let ledger = network.worker.d1().or_fail();
    wait::until_fast("an attempt to be signed", SETTLEMENT_DEADLINE, || {
        let attempts =
            ledger.number("SELECT COUNT(*) FROM attempts WHERE state IN ('signed', 'sent', 'landed')", None)?;
        Ok(Poll::when(attempts > 0, String::new))
    })
    .or_fail();
    network.worker.kill();
    network.worker.restart().or_fail();
    wait_until_exited(&mut relay);
    // However that run ended, the next one succeeds and completes the settlement if necessary.
    run_to_success(network.relay_cli.run_once(&ledger_location)).or_fail();
    network.assert_settled(&mut all);
}

#[test]
fn what_a_wallet_holds_too_much_is_swept_to_the_treasury() {
    let network = SqliteNetworkFixture::new("relay-rent");
    let mut all = nodes(NodeKind::Paid, network.parameters, 2);
    for node in &mut all {
        node.register(&network.ingest).or_fail();
        node.report(&network.ingest, network.parameters).or_fail();
    }
    let (relay_cli, chain) = (&network.relay_cli, &network.chain);
    run_to_success(relay_cli.run_once(&network.ledger_location)).or_fail();
    network.assert_settled(&mut all);
    let rent = |command: &str| -> Value {
        let mut rent = relay_cli.command(relay_cli.settler_file());
        with_ledger(&mut rent, &network.ledger_location);
        rent.args(["rent", command, "--json"]);
        serde_json::from_slice(&run_to_success(rent).or_fail().stdout).or_fail()
    };
    let nothing =
        json!({"network": "relay-rent", "accounts": 0, "lamports": "0", "missing_lamports": "0", "signatures": []});
    assert_eq!((rent("sweep"), rent("top-up")), (nothing.clone(), nothing.clone()));

    let treasury = || chain.treasury(&relay_cli.network()).or_fail().expect("the treasury").lamports;
    let wallet = chain.wallet(&relay_cli.network(), &all[0].id, &all[0].address).or_fail().expect("the wallet").address;
    let before = treasury();
    chain.airdrop(&wallet, SOL).or_fail();
    let swept = rent("sweep");
    assert_eq!((&swept["accounts"], &swept["lamports"]), (&json!(1), &json!(SOL.to_string())), "{swept}");
    assert_eq!(treasury(), before + SOL);
    assert_eq!(rent("sweep"), nothing);
}

#[test]
fn concurrent_relays_and_the_worker_pay_every_reward_once() {
    let mut network = NetworkFixture::new("relay-and-worker");
    let mut all = nodes(NodeKind::Paid, network.parameters, 40);
    network.register_and_report(&mut all);
    let ledger_location = network.ledger_location();
    let relays = ["relay-1", "relay-2"].map(|name| {
        let log = network.directory().join(format!("{name}.log"));
        Process::spawn(name, network.relay_cli.run_once(&ledger_location), &log).or_fail()
    });
    network.run_cron_until_idle();
    for mut relay in relays {
        wait_until_exited(&mut relay);
    }
    network.assert_settled(&mut all);
    let ledger = network.worker.d1().or_fail();
    let attempts = ledger.number("SELECT COUNT(*) FROM attempts", None).or_fail();
    let batches = ledger.number("SELECT COUNT(*) FROM batches", None).or_fail();
    assert_eq!(attempts, batches, "every batch has exactly one attempt: no work is repeated");
}

#[test]
fn a_key_without_the_ledger_scope_cannot_settle() {
    let network = NetworkFixture::new("relay-scope");
    let mut all = nodes(NodeKind::Paid, network.parameters, 1);
    network.register_and_report(&mut all);
    let mut create = network.relay_cli.command(network.relay_cli.admin_file());
    with_ledger(&mut create, &network.ledger_location());
    create.args(["--json", "key", "create", "reader", "--scope", "read"]);
    let created: Value = serde_json::from_slice(&run_to_success(create).or_fail().stdout).or_fail();
    let key = created["key"].as_str().expect("the new key").to_owned();
    let reader = network.worker.api().with_key(Some(&key));
    assert_eq!(reader.get("/v1/settlements/latest").or_fail().status, 200, "the new key has the scope `read`");

    let before = network.settler_signatures();
    let ledger_location = LedgerLocation::Worker { url: network.worker.api().url().to_owned(), key: key.clone() };
    let output = run_to_exit(network.relay_cli.run_once(&ledger_location)).or_fail();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("scope") && !stderr.contains(&key), "{stderr}");
    assert_eq!(network.settler_signatures(), before);
}

fn nodes_of_every_kind(parameters: RewardParameters) -> Vec<SampleNode> {
    let counts = [
        (NodeKind::Paid, 8),
        (NodeKind::BelowThreshold, 2),
        (NodeKind::UnpayableDestination, 2),
        (NodeKind::NoAddress, 2),
    ];
    mixed_nodes(parameters, &counts)
}
