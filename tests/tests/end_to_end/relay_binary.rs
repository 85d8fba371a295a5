//! The relay as a process of its own, against a ledger in a file and against the Worker's.

use serde_json::Value;
use williw_tests::audit::Sources;
use williw_tests::chain::Witness;
use williw_tests::intake::FileIntake;
use williw_tests::ledger_file::LedgerFile;
use williw_tests::operator::{LedgerAt, Operator, Terms, finish, succeed, with_ledger};
use williw_tests::process::Process;
use williw_tests::sample::{NodeKind, SampleNode, Tariff};
use williw_tests::settlements::wake_until_idle;
use williw_tests::stage::SOL;
use williw_tests::wait::{self, Seen};

use crate::fixture::{OrFail, SETTLEMENT_DEADLINE, World, artifacts, directory, localnet, nodes};

#[test]
fn the_relay_settles_a_ledger_in_a_file_and_a_second_run_sends_nothing() {
    let name = "relay-file";
    let folder = directory(name);
    let chain = Witness::new(localnet().url());
    let tariff = Tariff::for_cluster(chain.rent_minimum(0).or_fail());
    let operator = Operator::new(artifacts(), localnet().url(), name, &folder.join("keys")).or_fail();
    chain.airdrop(&operator.admin(), 20 * SOL).or_fail();
    chain.airdrop(&operator.settler(), 5 * SOL).or_fail();
    operator.create_network(Terms { threshold_lamports: tariff.threshold_lamports }).or_fail();
    operator.fund(10 * SOL).or_fail();
    let file = folder.join("ledger.sqlite");
    let mut all = every_kind(tariff);
    let intake = FileIntake::open(&file, tariff.lamports_per_score).or_fail();
    for node in &mut all {
        node.register(&intake).or_fail();
        node.report(&intake, tariff).or_fail();
    }
    let at = LedgerAt::File(file.clone());

    succeed(operator.run_once(&at)).or_fail();
    for node in &mut all {
        node.expect_settlement(tariff);
    }
    let ledger = LedgerFile::open(&file).or_fail();
    let sources = Sources { chain: &chain, ledger: &ledger, api: None, network: name };
    let mismatches = sources.audit(&all).or_fail();
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));

    let sent = chain.transactions_of(&operator.settler()).or_fail();
    succeed(operator.run_once(&at)).or_fail();
    assert_eq!(chain.transactions_of(&operator.settler()).or_fail(), sent, "the second run sent something");

    // What the relay says of itself is what the ledger holds.
    let mut status = operator.relay(operator.admin_file());
    with_ledger(&mut status, &at);
    status.args(["--json", "status", "--node", &all[0].id]);
    let told: Value = serde_json::from_slice(&succeed(status).or_fail().stdout).or_fail();
    assert_eq!(told["settlement"]["state"], "done", "{told}");
    assert_eq!(told["node"]["earned_lamports"], all[0].expected.earned.to_string(), "{told}");
    assert_eq!(told["node"]["total_rewards_distributed_lamports"], all[0].expected.paid.to_string(), "{told}");
}

#[test]
fn the_relay_settles_the_workers_ledger_even_when_the_worker_is_killed_meanwhile() {
    let mut world = World::new("relay-worker");
    let mut all = every_kind(world.tariff);
    world.load(&mut all);
    let at = LedgerAt::Worker { url: world.edge.api().url().to_owned(), key: world.edge.options().admin_key.clone() };
    let log = world.directory().join("relay.log");
    let mut relay = Process::spawn("the relay", world.operator.run_once(&at), &log).or_fail();
    let ledger = world.edge.d1().or_fail();
    wait::closely("an attempt to leave", SETTLEMENT_DEADLINE, || {
        let left = ledger.number("SELECT COUNT(*) FROM attempts WHERE state IN ('signed', 'sent', 'landed')", None)?;
        Ok(if left > 0 { Seen::Done(()) } else { Seen::NotYet(String::new()) })
    })
    .or_fail();
    world.edge.kill();
    world.edge.start_again().or_fail();
    wait::until("the relay to end", SETTLEMENT_DEADLINE, || {
        Ok(relay.check_running().err().map_or(Seen::NotYet(relay.log_tail()), Seen::Done))
    })
    .or_fail();
    // However that run ended, another one finds everything done or finishes it.
    succeed(world.operator.run_once(&at)).or_fail();
    for node in &mut all {
        node.expect_settlement(world.tariff);
    }
    world.assert_books_agree(&all);
}

#[test]
fn relay_and_worker_at_work_at_once_pay_everyone_once() {
    let mut world = World::new("relay-and-worker");
    let mut all = nodes(NodeKind::Paid, world.tariff, 40);
    world.load(&mut all);
    let at = LedgerAt::Worker { url: world.edge.api().url().to_owned(), key: world.edge.options().admin_key.clone() };
    let relays: Vec<Process> = ["relay-1", "relay-2"]
        .map(|name| {
            let log = world.directory().join(format!("{name}.log"));
            Process::spawn(name, world.operator.run_once(&at), &log).or_fail()
        })
        .into();
    wake_until_idle(&mut world.edge, SETTLEMENT_DEADLINE, |edge| edge.fire_cron()).or_fail();
    for mut relay in relays {
        wait::until("the relay to end", SETTLEMENT_DEADLINE, || {
            Ok(relay.check_running().err().map_or(Seen::NotYet(relay.log_tail()), Seen::Done))
        })
        .or_fail();
    }
    for node in &mut all {
        node.expect_settlement(world.tariff);
    }
    world.assert_books_agree(&all);
    let ledger = world.edge.d1().or_fail();
    let attempts = ledger.number("SELECT COUNT(*) FROM attempts", None).or_fail();
    let batches = ledger.number("SELECT COUNT(*) FROM batches", None).or_fail();
    assert_eq!(attempts, batches, "one attempt for each batch: nobody did another's work again");
}

#[test]
fn a_key_without_the_ledger_scope_cannot_settle() {
    let world = World::new("relay-scope");
    let mut all = nodes(NodeKind::Paid, world.tariff, 1);
    world.load(&mut all);
    let admin =
        LedgerAt::Worker { url: world.edge.api().url().to_owned(), key: world.edge.options().admin_key.clone() };
    let mut create = world.operator.relay(world.operator.admin_file());
    with_ledger(&mut create, &admin);
    create.args(["--json", "key", "create", "reader", "--scope", "read"]);
    let made: Value = serde_json::from_slice(&succeed(create).or_fail().stdout).or_fail();
    let key = made["key"].as_str().expect("the new key").to_owned();
    let read = world.edge.api().with_key(Some(&key));
    assert_eq!(read.get("/v1/settlements/latest").or_fail().status, 200, "the new key may read");

    let before = world.settler_signatures();
    let reader = LedgerAt::Worker { url: world.edge.api().url().to_owned(), key: key.clone() };
    let (_, output) = finish(world.operator.run_once(&reader)).or_fail();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("scope") && !said.contains(&key), "{said}");
    assert_eq!(world.settler_signatures(), before);
}

fn every_kind(tariff: Tariff) -> Vec<SampleNode> {
    let mut all = nodes(NodeKind::Paid, tariff, 8);
    all.extend(nodes(NodeKind::BelowThreshold, tariff, 2));
    all.extend(nodes(NodeKind::UnpayableDestination, tariff, 2));
    all.extend(nodes(NodeKind::WithoutAddress, tariff, 2));
    all
}
