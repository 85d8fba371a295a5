//! Failures in the environment: the product names the cause, loses nothing, and continues once the cause is fixed.

use std::process::{Command, Output};

use serde_json::Value;
use solana_keypair::Keypair;
use williw_tests::faults::{Fault, FaultyRpc};
use williw_tests::files::{self, keypair_json};
use williw_tests::ingest::SqliteIngest;
use williw_tests::localnet::{InitialProgram, Localnet, LocalnetOptions};
use williw_tests::network::SOL;
use williw_tests::ports;
use williw_tests::process::run_to_exit;
use williw_tests::relay_cli::{LedgerLocation, NetworkSettings, RelayCli, with_ledger};
use williw_tests::sample_nodes::{NewNode, NodeKind, RewardParameters, SampleNode};
use williw_tests::settlements::LatestSettlement;
use williw_tests::wait::{self, Poll};

use crate::fixture::{NetworkFixture, OrFail, SETTLEMENT_DEADLINE, SLOT_MS, artifacts, directory, localnet, nodes};

#[test]
fn an_unreachable_or_malfunctioning_rpc_node_delays_a_settlement_but_loses_nothing() {
    let mut network = NetworkFixture::new("rpc-failures");
    let mut all = nodes(NodeKind::Paid, network.parameters, 3);
    network.register_and_report(&mut all);
    let working_url = network.worker.options().rpc_url.clone();

    // No process is listening.
    restart_with_rpc_url(&mut network, &unused_url());
    let message = runner_error_after_cron(&network);
    assert!(message.contains("cannot be reached") && message.contains("SOLANA_RPC_URL"), "{message}");

    // A server that is not an RPC node, and one whose result is incomplete.
    for body in ["<html>hello</html>", r#"{"jsonrpc":"2.0","id":1,"result":{"value":7}}"#] {
        let rpc = FaultyRpc::start(&working_url, move |_, _| Fault::Respond(body)).or_fail();
        restart_with_rpc_url(&mut network, &rpc.url());
        let message = runner_error_after_cron(&network);
        assert!(message.contains("SOLANA_RPC_URL"), "{message}");
    }

    restart_with_rpc_url(&mut network, &working_url);
    request_settlement_and_verify(&mut network, &mut all);
}

#[test]
fn rewards_are_held_until_an_empty_treasury_is_funded() {
    let mut network = NetworkFixture::with_options("empty-treasury", |options| options.treasury_lamports = 0);
    let mut all = nodes(NodeKind::Paid, network.parameters, 3);
    network.register_and_report(&mut all);
    network.run_cron_until_idle();
    for balances in network.node_balances(&all).or_fail() {
        assert_eq!(balances.hold_reason(), Some("treasury_short"), "{balances:?}");
        assert_eq!(balances.chain.credited, 0, "{balances:?}");
    }
    network.relay_cli.fund(SOL).or_fail();
    request_settlement_and_verify(&mut network, &mut all);
}

#[test]
fn an_invalid_secret_is_named_but_never_exposed() {
    const INVALID_SECRET: &str = "this-is-not-a-keypair";

    let mut network = NetworkFixture::new("invalid-secret");
    let mut all = nodes(NodeKind::Paid, network.parameters, 1);
    network.register_and_report(&mut all);
    let valid_key = network.worker.options().solana_private_key.clone();

    // Not a keypair: rejected immediately and reported by /health.
    restart_with_key(&mut network, INVALID_SECRET);
    let response = network.worker.api().post("/v1/rewards/settle", &serde_json::json!({})).or_fail();
    assert_eq!((response.status, response.code()), (503, Some("SETTING_INVALID")), "{}", response.body);
    assert!(response.body.to_string().contains("SOLANA_PRIVATE_KEY"), "{}", response.body);
    let health = network.worker.api().get("/health").or_fail().data().or_fail();
    assert_eq!(health["status"], "degraded", "{health}");
    assert!(!response.body.to_string().contains(INVALID_SECRET) && !health.to_string().contains(INVALID_SECRET));

    // A valid keypair, but not the settler's.
    let other_keypair = Keypair::new();
    restart_with_key(&mut network, &keypair_json(&other_keypair));
    let reason = settlement_failure_after_cron(&network);
    assert!(reason.contains("settler"), "{reason}");
    let log = network.worker.log_text().or_fail();
    assert!(!log.contains(&keypair_json(&other_keypair)) && !log.contains(INVALID_SECRET), "the log contains a secret");

    restart_with_key(&mut network, &valid_key);
    request_settlement_and_verify(&mut network, &mut all);
}

#[test]
fn the_worker_and_the_relay_report_a_program_that_is_not_deployed() {
    let folder = directory("no-program");
    let options = LocalnetOptions::on_free_ports(SLOT_MS, InitialProgram::Absent);
    let localnet_without_program = Localnet::start(artifacts(), options, &folder).or_fail();

    // The relay fails before it sends a transaction.
    let url = localnet_without_program.url();
    let relay_cli = RelayCli::new(artifacts(), url, "no-program", &folder.join("keys")).or_fail();
    let error = relay_cli
        .create_network(NetworkSettings { threshold_lamports: 1, mint: None })
        .expect_err("there is no program");
    assert!(error.to_string().contains("is not deployed"), "{error}");

    // The Worker's settlement fails, and all rewards stay pending.
    let mut network = NetworkFixture::new("no-program");
    let mut all = nodes(NodeKind::Paid, network.parameters, 2);
    network.register_and_report(&mut all);
    let working_url = network.worker.options().rpc_url.clone();
    restart_with_rpc_url(&mut network, url);
    let reason = settlement_failure_after_cron(&network);
    assert!(reason.contains("is not deployed"), "{reason}");
    let ledger = network.worker.d1().or_fail();
    let pending = ledger.number("SELECT COUNT(*) FROM rewards WHERE status = 'pending'", None).or_fail();
    let contributions: usize = all.iter().map(SampleNode::contributions).sum();
    assert_eq!(pending, contributions as u64, "every reward is still pending");

    restart_with_rpc_url(&mut network, &working_url);
    request_settlement_and_verify(&mut network, &mut all);
}

#[test]
fn the_relay_names_the_cause_of_a_failure_and_exits_with_its_code() {
    let folder = directory("relay-settings");
    let relay_cli = RelayCli::new(artifacts(), localnet().url(), "relay-settings", &folder.join("keys")).or_fail();
    let ledger_file = folder.join("ledger.sqlite");
    let ledger_location = LedgerLocation::File(ledger_file.clone());
    let unused_url = unused_url();
    let not_an_rpc_node = FaultyRpc::start(localnet().url(), |_, _| Fault::Respond("<html></html>")).or_fail();
    let invalid_keypair = folder.join("invalid-keypair.json");
    files::write_secret(&invalid_keypair, "[1,2,3]").or_fail();

    // The relay connects to the chain only if there is a reward to settle.
    let ingest = SqliteIngest::open(&ledger_file, 1).or_fail();
    let parameters = RewardParameters::for_cluster(890_880);
    let new_node = NewNode { id: "node", kind: NodeKind::Paid, contributions: 1, variation: 0 };
    let mut node = SampleNode::new(parameters, new_node);
    node.register(&ingest).or_fail();
    node.report(&ingest, parameters).or_fail();

    let run = |change: &dyn Fn(&mut Command)| -> Output {
        let mut command = relay_cli.command(relay_cli.admin_file());
        with_ledger(&mut command, &ledger_location);
        command.args(["run", "--once", "--patience", "0"]);
        change(&mut command);
        run_to_exit(command).or_fail()
    };
    let with_rpc_url = |url: &str| {
        run(&|command| {
            command.env("SOLANA_RPC_URL", url);
        })
    };
    let with_key = |key: &str| {
        run(&|command| {
            command.env("SOLANA_PRIVATE_KEY", key);
        })
    };
    let cases = [
        ("the network does not exist", run(&|_| {}), 6, "network create"),
        ("the RPC node is unreachable", with_rpc_url(&unused_url), 5, "cannot be reached"),
        ("the server is not an RPC node", with_rpc_url(&not_an_rpc_node.url()), 5, "SOLANA_RPC_URL"),
        ("the keypair file is invalid", with_key(&invalid_keypair.to_string_lossy()), 3, "SOLANA_PRIVATE_KEY"),
        ("the key is empty", with_key(""), 3, "SOLANA_PRIVATE_KEY"),
    ];
    for (case, output, exit_code, message) in &cases {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*exit_code), "{case}: {stderr}");
        assert!(stderr.contains(message), "{case}: {stderr}");
        assert!(!stderr.contains("panicked"), "{case}: {stderr}");
    }
}

/// A URL on which no process is listening.
fn unused_url() -> String {
    format!("http://127.0.0.1:{}", ports::free().or_fail())
}

fn restart_with_rpc_url(network: &mut NetworkFixture, rpc_url: &str) {
    network.worker.stop();
    network.worker.restart_with(|options| options.rpc_url = rpc_url.to_owned()).or_fail();
}

fn restart_with_key(network: &mut NetworkFixture, key: &str) {
    network.worker.stop();
    network.worker.restart_with(|options| options.solana_private_key = key.to_owned()).or_fail();
}

/// Fires the cron trigger, waits for a run that is interrupted by an error, and returns its message.
fn runner_error_after_cron(network: &NetworkFixture) -> String {
    run_result_after_cron(network, RunResult { name: "error", text_field: "message" })
}

/// Fires the cron trigger, waits for a run in which the settlement fails, and returns the reason.
fn settlement_failure_after_cron(network: &NetworkFixture) -> String {
    run_result_after_cron(network, RunResult { name: "failed", text_field: "reason" })
}

/// A result of the settlement runner, and the field of `last_run` with its text.
struct RunResult {
    name: &'static str,
    text_field: &'static str,
}

fn run_result_after_cron(network: &NetworkFixture, expected: RunResult) -> String {
    let before = LatestSettlement::read(&network.worker).or_fail().last_run_at();
    network.worker.fire_cron().or_fail();
    wait::until(&format!("the runner to report '{}'", expected.name), SETTLEMENT_DEADLINE, || {
        let latest = LatestSettlement::read(&network.worker)?;
        let field = |name| latest.last_run(name).and_then(Value::as_str).unwrap_or_default();
        if field("result") == expected.name && latest.last_run_at() > before {
            return Ok(Poll::Ready(field(expected.text_field).to_owned()));
        }
        Ok(Poll::Pending(latest.runner.to_string()))
    })
    .or_fail()
}

/// Requests a settlement over the API and asserts that every node is paid as expected.
fn request_settlement_and_verify(network: &mut NetworkFixture, all: &mut [SampleNode]) {
    network.request_settlement_until_idle();
    network.assert_settled(all);
}
