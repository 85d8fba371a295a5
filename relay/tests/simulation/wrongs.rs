//! What must not happen is noticed: a checker that never objects would pass every seed.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Waker};

use settlement::client::{BatchHeader, credit_ix};
use solana_signature::Signature;
use solana_signer::Signer as _;
use williw_relay::chain::Chain as _;
use williw_relay::database::Statement;

use crate::actors::Action;
use crate::agenda::ProcessId;
use crate::checker::{Rule, holder};
use crate::cluster::{Block, Executed, History, Totals};
use crate::faults::Faults;
use crate::process::Process;
use crate::rpc::{Rpc, Url};
use crate::run::run_with;
use crate::scenario::{Actors, Scenario, Urls};
use crate::world::{Violation, World};

/// A process of a relay.
const PROCESS: ProcessId = ProcessId { relay: 0, incarnation: 1 };

/// The objection to what a run in which nothing else goes wrong does besides.
fn objection(besides: impl FnOnce(&Rc<World>)) -> Violation {
    let seed = 1;
    let of_seed = Scenario::basic(seed);
    let mut scenario = Scenario { faults: Faults::NONE, actors: Actors::default(), urls: Urls::One, ..of_seed };
    scenario.last_caps = [u64::MAX; 2];
    scenario.treasury = None;
    for node in &mut scenario.nodes {
        (node.has_address, node.unpayable) = (true, None);
    }
    scenario.act_ms = i64::from(u32::MAX);
    scenario.parameters.per_node_cap = Some(u64::MAX);
    scenario.parameters.per_batch_cap = Some(u64::MAX);
    scenario.parameters.window_limit = Some(u64::MAX);
    for view in &mut scenario.views {
        (view.loses_logs, view.history, view.lag_slots) = (false, History::Full, 0);
    }
    let skews = scenario.skews_ms.len();
    scenario.skews_ms = vec![0; skews];
    let outcome = run_with(scenario, seed, true, besides);
    outcome.violation.unwrap_or_else(|| panic!("nobody objects:\n{}", outcome.story))
}

/// The objection to `wrong`, which happens `at_ms` after the start.
fn objection_at(at_ms: i64, wrong: impl FnOnce(&World) + 'static) -> Violation {
    objection(|world| world.schedule_effect(at_ms, wrong))
}

/// Does something wrong once everything is settled.
fn once_settled(world: &World, rule: Rule) {
    if world.checker.borrow().unsettled(world).is_some() {
        world.schedule_effect(400, move |world| once_settled(world, rule));
    } else {
        break_rule(world, rule);
    }
}

#[test]
fn whatever_breaks_a_rule_is_noticed_by_that_rule() {
    for rule in Rule::ALL {
        let objection = objection(|world| match rule {
            Rule::NothingToAnotherCluster => send_to_another_cluster(world),
            rule => world.schedule_effect(400, |world| once_settled(world, *rule)),
        });
        assert_eq!(objection.rule, *rule, "{objection}");
    }
}

/// A process sends something to another cluster, beside what it does.
fn send_to_another_cluster(world: &Rc<World>) {
    let rpc = Rpc { world: Rc::clone(world), process: PROCESS, url: Url::OtherCluster };
    let sending: Rc<RefCell<Process>> = Rc::new(RefCell::new(Box::pin(async move {
        rpc.send(&[]).await.expect("it answers");
    })));
    for step in 0..20 {
        let sending = Rc::clone(&sending);
        world.schedule_effect(100 * step, move |_| {
            let _ = sending.borrow_mut().as_mut().poll(&mut Context::from_waker(Waker::noop()));
        });
    }
}

/// Changes the ledger behind the relays' backs.
fn change(world: &World, sql: &'static str) {
    world.ledger.run(vec![Statement::new(sql)]).expect("the ledger is changed");
}

/// Tells the checker that a process has written this.
fn written(world: &World, process: ProcessId, sql: &'static str, parameters: &[&str]) {
    let statement = parameters.iter().fold(Statement::new(sql), |statement, parameter| statement.bind(*parameter));
    world.checker.borrow_mut().written(world, process, &[statement]);
}

/// The first value of a query.
fn value(world: &World, sql: &'static str) -> String {
    world.ledger.query(Statement::new(sql))[0].get("value").expect("a text")
}

/// A process writes with a fencing token.
fn written_with_lease(world: &World, process: ProcessId, holder: &str, token: &str) {
    written(world, process, "INSERT INTO preconditions (lease_held) SELECT 1", &[holder, token]);
}

/// A process says what the entries of the first payment batch did.
fn outcomes_written(world: &World) {
    let batch = value(world, "SELECT CAST(MIN(id) AS TEXT) AS value FROM batches WHERE kind <> 'register'");
    written(world, PROCESS, "UPDATE batch_entries SET outcome = 1", &[&batch]);
}

/// A process gives up the first attempt.
fn given_up(world: &World) {
    written(world, PROCESS, "UPDATE attempts SET state = ?2", &["1", "expired"]);
}

/// The ledger's confirmed rewards are looked at as after it was restored.
fn confirmed_again(world: &World) {
    world.checker.borrow_mut().restored();
    confirmed(world);
}

fn confirmed(world: &World) {
    written(world, PROCESS, "UPDATE rewards SET status = 'confirmed'", &[]);
}

fn held(world: &World, sql: &'static str, reason: &str) {
    let holds = serde_json::json!([{"node_id": world.nodes()[0].id.as_str(), "hold": reason}]).to_string();
    written(world, PROCESS, sql, &[&holds]);
}

/// Changes the newest block with a transaction, and lets the checker see it.
fn block(world: &World, change: impl FnOnce(&mut Block)) {
    let index = {
        let mut cluster = world.cluster.borrow_mut();
        let index = cluster.blocks.iter().rposition(|block| !block.executed.is_empty()).expect("a transaction");
        change(&mut cluster.blocks[index]);
        index
    };
    world.checker.borrow_mut().block(world, index);
}

/// Changes the totals of the first node in that block.
fn totals(world: &World, change: impl FnOnce(&mut Totals)) {
    block(world, |block| change(&mut Rc::make_mut(&mut block.totals)[0]));
}

fn at_rest(world: &World) {
    world.checker.borrow().at_rest(world);
}

/// Breaks a rule, and no other that is evaluated before.
fn break_rule(world: &World, rule: Rule) {
    let own_name = holder(world, PROCESS);
    match rule {
        Rule::StoredBeforeSent => world.checker.borrow().sent(world, &Signature::from([7; 64])),
        Rule::NothingToAnotherCluster => {}
        Rule::WritesInItsOwnName => written_with_lease(world, PROCESS, "somebody", "1000"),
        Rule::OneHolderPerToken => {
            let next = ProcessId { incarnation: 2, ..PROCESS };
            written_with_lease(world, PROCESS, &own_name, "1000");
            written_with_lease(world, next, &holder(world, next), "1000");
        }
        Rule::NoWriteAfterATakeover => {
            written_with_lease(world, PROCESS, &own_name, "1000");
            written_with_lease(world, PROCESS, &own_name, "999");
        }
        Rule::SignsAgainOnlyWhatIsDead => {
            let signature = Signature::from([7; 64]).to_string();
            const UNKNOWN: &str = "UPDATE attempts SET signature = ?1, last_valid_block_height = 999999 WHERE id = 1";
            world.ledger.run(vec![Statement::new(UNKNOWN).bind(&*signature)]).expect("the attempt is changed");
            change(
                world,
                "INSERT INTO attempts (id, batch_id, number, state, compute_unit_limit, loaded_accounts_data_limit, \
                    compute_unit_price, priority_fee_lamports, created_at, updated_at) \
                SELECT 999, batch_id, number + 1, 'planned', 1, 1, 1, 1, 1, 1 FROM attempts WHERE id = 1",
            );
            let registers = value(world, "SELECT transaction_base64 AS value FROM attempts WHERE id = 1");
            written(world, PROCESS, "UPDATE attempts SET state = 'signed'", &["999", &signature, &registers]);
        }
        Rule::NamesWhomItPays => {
            const SIGNED: &str = "SELECT CAST(id AS TEXT) AS id, signature, transaction_base64 FROM attempts WHERE id = \
                (SELECT MIN(id) FROM attempts WHERE batch_id = (SELECT MIN(id) FROM batches WHERE kind <> 'register'))";
            let attempt = &world.ledger.query(Statement::new(SIGNED))[0];
            let text = |name| attempt.get::<String>(name).expect("a text");
            change(world, "UPDATE batch_entries SET target_lamports = target_lamports + 1");
            let signed = [text("id"), text("signature"), text("transaction_base64")];
            let [id, signature, bytes] = signed.each_ref().map(String::as_str);
            written(world, PROCESS, "UPDATE attempts SET state = 'signed'", &[id, signature, bytes]);
        }
        Rule::GivesUpOnlyWhatIsDead => {
            change(world, "UPDATE attempts SET last_valid_block_height = 999999 WHERE id = 1");
            given_up(world);
        }
        Rule::GivesUpNothingThatLanded => {
            change(world, "UPDATE attempts SET last_valid_block_height = 0 WHERE id = 1");
            given_up(world);
        }
        Rule::OutcomesHaveLanded => {
            let signature = Signature::from([7; 64]).to_string();
            const UNKNOWN: &str = "UPDATE attempts SET signature = ?1 WHERE id = (SELECT MIN(id) FROM attempts WHERE \
                batch_id = (SELECT MIN(id) FROM batches WHERE kind <> 'register'))";
            world.ledger.run(vec![Statement::new(UNKNOWN).bind(&*signature)]).expect("the attempt is changed");
            outcomes_written(world);
        }
        Rule::CreditedIsTrue => {
            change(world, "UPDATE batch_entries SET target_lamports = target_lamports + 1");
            outcomes_written(world);
        }
        Rule::SkippedIsTrue => {
            change(world, "UPDATE batch_entries SET outcome = 'skipped' WHERE outcome = 'credited'");
            outcomes_written(world);
        }
        Rule::DisagreementsAreTrue => held(world, "INSERT INTO payables (node_id, hold_reason", "chain_above_ledger"),
        Rule::HoldsAreTrue => held(world, "UPDATE wallets SET hold_reason", "destination_reserved"),
        Rule::OldestAreFirst => {
            // A node that is served twice is not served after one that has waited less.
            const CHOSEN: &str = "INSERT INTO settlement_nodes (node_id, position, state) SELECT node_id, number, 'selected' \
                FROM (SELECT MIN(node_id) AS node_id FROM payables), (SELECT 1 AS number UNION ALL SELECT 2)";
            change(world, "UPDATE payables SET next_sequence = 1");
            change(world, CHOSEN);
            written(world, PROCESS, "INSERT INTO settlement_nodes", &[]);
        }
        Rule::StoppingReleasesTheLease => {
            const HELD: &str = "UPDATE leases SET holder = ?1, expires_at = 9000000000000000";
            world.ledger.run(vec![Statement::new(HELD).bind(&*own_name)]).expect("the lease is held");
            world.checker.borrow().leaves_no_lease(world, PROCESS);
        }
        Rule::OnlyTheLateLoseTheirLease => world.checker.borrow().lost_lease(world, "relay-a"),
        Rule::ConfirmedStaysConfirmed => {
            change(world, "UPDATE rewards SET status = 'batched', distributed_at = NULL WHERE sequence = 1");
            confirmed(world);
        }
        Rule::ConfirmedIsCredited => {
            world.perform(Action::Grant, &world.nodes()[0]);
            change(world, "UPDATE rewards SET status = 'confirmed', distributed_at = 1 WHERE status = 'pending'");
            confirmed(world);
        }
        Rule::ConfirmedIsPaidFor => {
            change(world, "UPDATE rewards SET id = 'another' WHERE sequence = 1");
            confirmed_again(world);
        }
        Rule::NamesWhatHasPaid => {
            let signature = Signature::from([7; 64]).to_string();
            const OTHER: &str = "UPDATE rewards SET transaction_signature = ?1 WHERE sequence = 1";
            world.ledger.run(vec![Statement::new(OTHER).bind(&*signature)]).expect("the reward is changed");
            confirmed_again(world);
        }
        Rule::LamportsAreKept => block(world, |block| block.lamports += 1),
        Rule::CreditedIsEarned => totals(world, |totals| totals.credited += 1),
        Rule::PaidIsCredited => totals(world, |totals| totals.paid = totals.credited + 1),
        Rule::ReceivedIsPaid => totals(world, |totals| totals.received += 1),
        Rule::TotalsNeverFall => {
            {
                let mut cluster = world.cluster.borrow_mut();
                let index = cluster.blocks.iter().rposition(|block| !block.executed.is_empty()).expect("one");
                let parent = cluster.blocks[index].parent;
                Rc::make_mut(&mut cluster.blocks[parent].totals)[0].credited = u64::MAX;
            }
            block(world, |_| {});
        }
        Rule::CreditedIsSigned => {
            change(world, "UPDATE payables SET signed_lamports = 0");
            block(world, |_| {});
        }
        Rule::NoPreconditionIsLeft => {
            change(world, "INSERT INTO preconditions (lease_held) VALUES (1)");
            at_rest(world);
        }
        Rule::MirrorAgrees => {
            change(world, "UPDATE wallets SET credited_lamports = credited_lamports - 1");
            at_rest(world);
        }
        Rule::NamesATransactionWhoseLogIsThere => {
            world.checker.borrow_mut().without_signature += 1;
            at_rest(world);
        }
        Rule::FewUselessBatches => {
            {
                let mut cluster = world.cluster.borrow_mut();
                let batches = cluster.blocks.iter().flat_map(|block| &block.executed);
                let batch = Rc::clone(batches.rev().find(|one| one.event.is_some()).expect("a batch"));
                let mut event = batch.event.clone().expect("a batch");
                (event.credited, event.paid) = (0, 0);
                let useless = Executed {
                    signature: batch.signature,
                    slot: batch.slot,
                    error: None,
                    fee: 0,
                    logs: Vec::new(),
                    transaction: Rc::clone(&batch.transaction),
                    looked_up: Vec::new(),
                    event: Some(event),
                };
                let (root, useless) = (cluster.root, Rc::new(useless));
                cluster.blocks[root].executed.extend((0..20).map(|_| Rc::clone(&useless)));
            }
            at_rest(world);
        }
        Rule::EarnedIsCredited => {
            world.checker.borrow_mut().earned[0] += 1;
            at_rest(world);
        }
        Rule::CreditedIsReported => {
            change(world, "UPDATE settlements SET credited_lamports = credited_lamports + 1");
            at_rest(world);
        }
        Rule::FeesAreBooked => {
            change(world, "UPDATE settlements SET fees_lamports = fees_lamports + 1");
            at_rest(world);
        }
        Rule::ErrorsHaveACauseOutside => {
            world.perform(Action::Grant, &world.nodes()[0]);
            change(world, "UPDATE nodes SET address = 'nowhere'");
        }
        Rule::SomethingHappens => while world.agenda.borrow_mut().next().is_some() {},
        Rule::EverythingIsSettledInTime => {
            world.perform(Action::Grant, &world.nodes()[0]);
            change(world, "UPDATE payables SET next_sequence = NULL");
        }
    }
}

#[test]
fn a_credit_that_the_ledger_has_not_signed_is_noticed() {
    let objection = objection_at(12_000, |world| {
        let earned = world.checker.borrow().earned.clone();
        let entries: Vec<_> = world.nodes().iter().map(|node| node.wallet).zip(earned).collect();
        let entries: Vec<_> = entries.into_iter().map(|(wallet, earned)| (wallet, earned + 1)).collect();
        let header = BatchHeader { batch_id: 99, records_root: [0; 32] };
        let settler = world.keys.settler.pubkey();
        world.submit("thief", "Credit", credit_ix(settler, world.keys.network().address(), header, &entries));
    });
    assert!(objection.text.contains("is credited"), "{objection}");
}

#[test]
fn a_reward_that_is_confirmed_without_a_credit_is_noticed() {
    const SQL: &str = "UPDATE rewards SET status = 'confirmed', distributed_at = 1";
    let objection = objection_at(1, |world| {
        let confirm = vec![Statement::new(SQL)];
        world.ledger.run(confirm.clone()).expect("the rewards are confirmed");
        let process = crate::agenda::ProcessId { relay: 0, incarnation: 1 };
        world.checker.borrow_mut().written(world, process, &confirm);
    });
    assert!(objection.text.contains("is confirmed, but 0 is credited"), "{objection}");
}

#[test]
fn lamports_that_come_from_nowhere_are_noticed() {
    let objection = objection_at(2_000, |world| {
        let mut cluster = world.cluster.borrow_mut();
        let tip = cluster.tip;
        let mut state = cluster.blocks[tip].state.borrow().clone();
        let mut account = state.get_account(&world.nodes()[0].owner).expect("the owner's account exists");
        account.lamports += 5;
        state.set_account(world.nodes()[0].owner, account).expect("the account is written");
        cluster.blocks[tip].state = Rc::new(std::cell::RefCell::new(state));
    });
    assert!(objection.text.contains("lamports after") || objection.text.contains("has received"), "{objection}");
}
