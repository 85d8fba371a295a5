//! When something around it is missing or broken, the product says which and what to do, loses nothing, and goes on
//! once it is mended.

use std::path::PathBuf;
use std::process::Command;

use solana_keypair::Keypair;
use williw_tests::faults::{Fault, FaultyRpc};
use williw_tests::files::{self, keypair_json};
use williw_tests::localnet::{Localnet, LocalnetOptions};
use williw_tests::operator::{LedgerAt, Operator, Terms, finish, with_ledger};
use williw_tests::ports;
use williw_tests::sample::{NodeKind, SampleNode};
use williw_tests::settlements::{Report, wake_until_idle};
use williw_tests::stage::SOL;
use williw_tests::wait::{self, Seen};

use crate::fixture::{OrFail, SETTLEMENT_DEADLINE, SLOT_MS, World, artifacts, directory, localnet, nodes};

#[test]
fn an_rpc_node_that_is_down_or_answers_garbage_delays_and_loses_nothing() {
    let mut world = World::new("bad-rpc");
    let mut all = nodes(NodeKind::Paid, world.tariff, 3);
    world.load(&mut all);
    let good = world.edge.options().rpc_url.clone();

    // Nobody listens.
    let nobody = format!("http://127.0.0.1:{}", ports::free().or_fail());
    restart_on(&mut world, &nobody);
    let message = runner_error_after_cron(&mut world);
    assert!(message.contains("cannot be reached") && message.contains("SOLANA_RPC_URL"), "{message}");

    // Somebody listens, but it is no RPC node; then one that answers half a result.
    for garbage in ["<html>hello</html>", r#"{"jsonrpc":"2.0","id":1,"result":{"value":7}}"#] {
        let rpc = FaultyRpc::start(&good, move |_, _| Fault::Answer(garbage)).or_fail();
        restart_on(&mut world, &rpc.url());
        let message = runner_error_after_cron(&mut world);
        assert!(message.contains("SOLANA_RPC_URL"), "{message}");
    }

    // Mended, everything goes on by itself.
    restart_on(&mut world, &good);
    pay(&mut world, &mut all);
}

#[test]
fn a_treasury_without_funds_holds_rewards_until_it_is_funded() {
    let mut world = World::with("no-funds", |options| options.treasury_lamports = 0);
    let mut all = nodes(NodeKind::Paid, world.tariff, 3);
    world.load(&mut all);
    wake_until_idle(&mut world.edge, SETTLEMENT_DEADLINE, |edge| edge.fire_cron()).or_fail();
    for statement in world.statements(&all).or_fail() {
        assert_eq!(statement.hold_reason(), Some("treasury_short"), "{statement:?}");
        assert_eq!(statement.chain.credited, 0, "{statement:?}");
    }
    world.operator.fund(SOL).or_fail();
    pay(&mut world, &mut all);
}

#[test]
fn a_wrong_secret_is_named_and_not_repeated() {
    let mut world = World::new("bad-secret");
    let mut all = nodes(NodeKind::Paid, world.tariff, 1);
    world.load(&mut all);
    let right = world.edge.options().solana_private_key.clone();

    // No keypair at all: refused at once, and /health says so.
    restart_with_key(&mut world, "tsecret-that-is-none");
    let answer = world.edge.api().post("/v1/rewards/settle", &serde_json::json!({})).or_fail();
    assert_eq!((answer.status, answer.code()), (503, Some("SETTING_INVALID")), "{}", answer.body);
    assert!(answer.body.to_string().contains("SOLANA_PRIVATE_KEY"), "{}", answer.body);
    let health = world.edge.api().get("/health").or_fail().data().or_fail();
    assert_eq!(health["status"], "degraded", "{health}");
    assert!(!answer.body.to_string().contains("tsecret") && !health.to_string().contains("tsecret"));

    // A keypair, but not the settler's.
    let stranger = Keypair::new();
    restart_with_key(&mut world, &keypair_json(&stranger));
    let failure = failure_after_cron(&mut world);
    assert!(failure.contains("settler"), "{failure}");
    let log = world.edge.log_text().or_fail();
    assert!(!log.contains(&keypair_json(&stranger)) && !log.contains("tsecret"), "a secret reached the log");

    restart_with_key(&mut world, &right);
    pay(&mut world, &mut all);
}

#[test]
fn a_program_that_is_not_deployed_is_named_by_worker_and_relay() {
    let folder = directory("no-program");
    let options = LocalnetOptions { rpc_port: 0, ws_port: 0, slot_ms: SLOT_MS, deploy: false };
    let bare = Localnet::start(artifacts(), options, &folder).or_fail();

    // The relay refuses before it sends anything.
    let operator = Operator::new(artifacts(), bare.url(), "no-program", &folder.join("keys")).or_fail();
    let refused = operator.create_network(Terms { threshold_lamports: 1 }).expect_err("there is no program");
    assert!(refused.to_string().contains("is not deployed"), "{refused}");

    // The Worker fails the settlement, and every reward waits for the next.
    let mut world = World::new("no-program");
    let mut all = nodes(NodeKind::Paid, world.tariff, 2);
    world.load(&mut all);
    let good = world.edge.options().rpc_url.clone();
    restart_on(&mut world, bare.url());
    let failure = failure_after_cron(&mut world);
    assert!(failure.contains("is not deployed"), "{failure}");
    let waiting = world.edge.d1().or_fail();
    let waiting = waiting.number("SELECT COUNT(*) FROM rewards WHERE status = 'pending'", None).or_fail();
    let reported: usize = all.iter().map(SampleNode::contributions).sum();
    assert_eq!(waiting, reported as u64, "every reward still waits");

    restart_on(&mut world, &good);
    pay(&mut world, &mut all);
}

#[test]
fn the_relay_names_what_is_wrong_and_ends_with_its_code() {
    let folder = directory("relay-settings");
    let operator = Operator::new(artifacts(), localnet().url(), "relay-settings", &folder.join("keys")).or_fail();
    let at = LedgerAt::File(folder.join("ledger.sqlite"));
    let nobody = format!("http://127.0.0.1:{}", ports::free().or_fail());
    let garbage = FaultyRpc::start(localnet().url(), |_, _| Fault::Answer("<html></html>")).or_fail();
    let no_keypair = folder.join("no-keypair.json");
    files::write_secret(&no_keypair, "[1,2,3]").or_fail();

    // With nothing to settle, nothing is asked of the chain: one reward makes it ask.
    let intake = williw_tests::intake::FileIntake::open(&folder.join("ledger.sqlite"), 1).or_fail();
    let tariff = williw_tests::sample::Tariff::for_cluster(890_880);
    let mut node = SampleNode::new("node", NodeKind::Paid, tariff, 1, 0);
    node.register(&intake).or_fail();
    node.report(&intake, tariff).or_fail();

    let run = |change: &dyn Fn(&mut Command)| {
        let mut command = operator.relay(operator.admin_file());
        with_ledger(&mut command, &at);
        command.args(["run", "--once", "--patience", "0"]);
        change(&mut command);
        finish(command).or_fail().1
    };
    let rpc_url = |url: String| {
        move |command: &mut Command| {
            command.env("SOLANA_RPC_URL", &url);
        }
    };
    let key = |text: PathBuf| {
        move |command: &mut Command| {
            command.env("SOLANA_PRIVATE_KEY", &text);
        }
    };
    let cases = [
        ("there is no network", run(&|_| {}), 6, "network create"),
        ("nobody listens", run(&rpc_url(nobody)), 5, "cannot be reached"),
        ("garbage", run(&rpc_url(garbage.url())), 5, "SOLANA_RPC_URL"),
        ("no keypair", run(&key(no_keypair)), 3, "SOLANA_PRIVATE_KEY"),
        ("no key", run(&key(PathBuf::new())), 3, "SOLANA_PRIVATE_KEY"),
    ];
    for (what, output, expected, words) in &cases {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*expected), "{what}: {said}");
        assert!(said.contains(words), "{what}: {said}");
        assert!(!said.contains("panicked"), "{what}: {said}");
    }
}

fn restart_on(world: &mut World, rpc_url: &str) {
    world.edge.stop();
    world.edge.start_again_with(|options| options.rpc_url = rpc_url.to_owned()).or_fail();
}

fn restart_with_key(world: &mut World, key: &str) {
    world.edge.stop();
    world.edge.start_again_with(|options| options.solana_private_key = key.to_owned()).or_fail();
}

/// Fires cron and waits for the runner to tell of an error.
fn runner_error_after_cron(world: &mut World) -> String {
    runner_result_after_cron(world, "error", "message")
}

/// Fires cron and waits for a settlement to be closed as failed.
fn failure_after_cron(world: &mut World) -> String {
    runner_result_after_cron(world, "failed", "reason")
}

fn runner_result_after_cron(world: &mut World, result: &str, field: &str) -> String {
    let before = Report::read(&world.edge).or_fail().runner["last_run"]["at"].as_i64().unwrap_or_default();
    world.edge.fire_cron().or_fail();
    wait::until(&format!("the runner to tell '{result}'"), SETTLEMENT_DEADLINE, || {
        let runner = Report::read(&world.edge)?.runner;
        let run = &runner["last_run"];
        if run["result"] == result && run["at"].as_i64() > Some(before) {
            return Ok(Seen::Done(run[field].as_str().unwrap_or_default().to_owned()));
        }
        Ok(Seen::NotYet(runner.to_string()))
    })
    .or_fail()
}

/// Asks for a settlement over the API, which also tries again what was held, and holds the books against everyone
/// being paid.
fn pay(world: &mut World, all: &mut [SampleNode]) {
    wake_until_idle(&mut world.edge, SETTLEMENT_DEADLINE, |edge| {
        edge.api().post("/v1/rewards/settle", &serde_json::json!({}))?.data().map(drop)
    })
    .or_fail();
    for node in all.iter_mut() {
        node.expect_settlement(world.tariff);
    }
    world.assert_books_agree(all);
}
