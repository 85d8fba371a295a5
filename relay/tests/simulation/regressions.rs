//! What went wrong once, each in a situation in which it would go wrong again: every test says what it fails without.
//!
//! They do not depend on what a certain seed happens to do. Each of them makes its situation out of the scenarios of many seeds.

use std::rc::Rc;

use crate::checker::Rule;
use crate::cluster::History;
use crate::faults::Faults;
use crate::named::{holds_in, holds_with, scenario};
use crate::run::run_with;
use crate::scenario::{Actors, Scenario, Unpayable, Urls};
use crate::world::World;

/// A round trip to an RPC node that takes nearly as long as a relay waits for it, in one direction.
const SLOW_MS: i64 = 4_800;

fn with_views(scenario: &mut Scenario, lags: &[u64]) {
    let view = scenario.views[0].clone();
    scenario.views = lags
        .iter()
        .map(|lag| crate::cluster::View { lag_slots: *lag, history: History::Full, loses_logs: false, ..view.clone() })
        .collect();
}

/// Without the ledger's own highest signed total, the chain's total confirms a reward that another history of the ledger paid.
#[test]
fn a_reward_granted_after_the_ledger_was_restored_is_not_confirmed_by_what_the_lost_ledger_has_paid() {
    holds_in(
        |scenario| {
            scenario.actors = Actors { restores: true, ..Actors::default() };
            scenario.heal_ms = 40_000;
            scenario.act_ms = 4_000;
        },
        &["restores the ledger", "chain_above_ledger"],
    );
}

/// If what owners have withdrawn since an attempt were compared, its batch would never end.
#[test]
fn an_owner_who_withdraws_while_an_attempt_expires_stops_no_batch() {
    holds_in(
        |scenario| {
            scenario.actors = Actors { owners: true, ..Actors::default() };
            scenario.faults = Faults { dropped: 900, ..Faults::NONE };
            scenario.heal_ms = 60_000;
            scenario.act_ms = 300;
        },
        &["Withdraw", "expired without landing"],
    );
}

/// A node that lags must not be believed when it knows nothing of a transaction.
#[test]
fn an_attempt_that_landed_is_not_given_up_because_a_lagging_node_does_not_know_it() {
    holds_in(
        |scenario| {
            with_views(scenario, &[0, 24]);
            scenario.urls = Urls::One;
            scenario.faults = Faults { other_view: 500, postponed: 900, ..Faults::NONE };
            scenario.heal_ms = 60_000;
        },
        &["node 1 does not know what is final", "expired without landing"],
    );
}

/// Answers about money must come from two nodes: accounts, transactions, and that a transaction is nowhere or finalized.
#[test]
fn one_node_of_several_that_lies_makes_nothing_recorded_that_did_not_happen() {
    for (liar, dropped, rpc_refused) in [(0, 0, 100), (1, 0, 450), (1, 800, 100)] {
        holds_in(
            |scenario| {
                with_views(scenario, &[0, 0, 24]);
                for view in &mut scenario.views {
                    view.index_lag = 6;
                }
                scenario.urls = Urls::All { liar: Some(liar) };
                scenario.faults = Faults { lie: 600, dropped, rpc_refused, postponed: 900, ..Faults::NONE };
                scenario.heal_ms = 90_000;
                scenario.act_ms = 3_000;
            },
            &[" lies", "expired without landing"],
        );
    }
}

/// Without renewals within a piece of work, two relays take the lease from each other for ever.
#[test]
fn a_relay_that_waits_long_for_every_answer_keeps_its_lease() {
    holds_in(
        |scenario| {
            with_views(scenario, &[0, 0]);
            scenario.urls = Urls::One;
            scenario.skews_ms = vec![0, 0];
            scenario.latency_ms = SLOW_MS;
            scenario.nodes.truncate(2);
            scenario.heal_ms = 5_000;
        },
        &["(register, ", "everything is settled"],
    );
}

/// The same for a piece of work that looks up one transaction after another.
#[test]
fn a_relay_that_looks_up_many_transactions_one_after_another_keeps_its_lease() {
    let many_batches = |scenario: &mut Scenario| {
        with_views(scenario, &[0]);
        scenario.urls = Urls::One;
        scenario.views[0].history = History::Silent;
        scenario.skews_ms = vec![0, 0];
        scenario.latency_ms = SLOW_MS;
        // Until then, the cluster produces a block in every slot.
        scenario.heal_ms = 450_000;
        scenario.max_nodes = 5_250;
        (scenario.nodes_per_call, scenario.batches_per_call, scenario.max_open_batches) = (600, 8, 100);
        scenario.first_rewards = 25;
        (scenario.parameters.per_node_cap, scenario.parameters.per_batch_cap) = (Some(500), Some(500));
        scenario.parameters.window_limit = Some(u64::MAX);
        scenario.last_caps = [500, 500];
        (scenario.treasury, scenario.act_ms) = (None, i64::from(u32::MAX));
        for node in &mut scenario.nodes {
            (node.has_address, node.unpayable) = (true, None);
        }
    };
    let seeds = (0..200).filter(|seed| scenario(*seed, many_batches).nodes.len() == 5).take(3);
    for seed in seeds {
        let outcome = run_with(scenario(seed, many_batches), seed, true, stand_still_after_credits);
        assert_eq!(outcome.violation, None, "run {seed}: {}", outcome.story);
        assert!(outcome.story.contains("rewards name no transaction"), "run {seed}: {}", outcome.story);
        // Only for standing still, each of them once.
        let losses = outcome.story.matches("has lost the lease").count();
        assert!(losses <= 2, "run {seed}: {losses} losses: {}", outcome.story);
    }
}

/// All relays stand still once several transactions have credited nodes, until the RPC node has forgotten them.
fn stand_still_after_credits(world: &Rc<World>) {
    fn look(world: &World) {
        let cluster = world.cluster.borrow();
        let credits = cluster.blocks.iter().flat_map(|block| &block.executed).filter(|one| !one.credited().is_empty());
        if credits.count() < 4 {
            world.schedule_effect(400, look);
            return;
        }
        world.tell("world", format_args!("all relays stand still"));
        for until in &world.suspended {
            until.set(world.now_ms() + 150_000);
        }
    }
    world.schedule_effect(400, look);
}

/// If the lease's time were that of the relays, one whose clock is ahead would take it from the other or keep it for an hour.
#[test]
fn a_relay_whose_clock_is_an_hour_ahead_neither_takes_nor_keeps_the_lease_of_the_other() {
    holds_in(
        |scenario| {
            scenario.skews_ms = vec![0, 3_600_000];
            scenario.faults = Faults { crash: 60, ..Faults::NONE };
            scenario.heal_ms = 20_000;
        },
        &["CRASHES"],
    );
}

/// Nodes that are held must not take the places of those that can be paid.
#[test]
fn nodes_that_can_never_be_paid_keep_nobody_from_being_paid() {
    for reason in [Unpayable::NoAddress, Unpayable::Suspended] {
        holds_in(
            |scenario| {
                let last = scenario.nodes.len() - 1;
                for node in &mut scenario.nodes[..last] {
                    node.make_unpayable(reason);
                }
                scenario.nodes[last].unpayable = None;
                scenario.max_nodes = 4;
                scenario.first_rewards = 12;
                scenario.act_ms = 1_000;
            },
            &["everything is settled"],
        );
    }
}

/// What exceeds a cap for good is paid in parts.
#[test]
fn a_reward_above_the_caps_is_paid_in_parts() {
    holds_in(
        |scenario| {
            (scenario.parameters.per_node_cap, scenario.parameters.per_batch_cap) = (Some(700), Some(2_000));
            scenario.last_caps = [700, 2_000];
            scenario.first_rewards = 8;
        },
        &["everything is settled"],
    );
}

/// A process checks that its nodes belong to the ledger's cluster.
#[test]
fn nothing_is_recorded_from_another_cluster_or_sent_to_it() {
    holds_in(
        |scenario| {
            scenario.faults = Faults { other_cluster: 700, crash: 150, dropped: 300, ..Faults::NONE };
            scenario.heal_ms = 60_000;
        },
        &["a URL of another cluster", "this ledger is bound to"],
    );
}

/// Whatever a node answers, a relay goes on asking.
#[test]
fn nonsense_from_a_node_ends_no_relay() {
    holds_in(
        |scenario| scenario.faults = Faults { rpc_refused: 250, ..Faults::NONE },
        &["<html>", "everything is settled"],
    );
}

/// What the settler lacks is not the fault of a node, and is not an error of one transaction.
#[test]
fn a_settler_without_lamports_costs_no_node_its_place() {
    holds_in(
        |scenario| {
            scenario.actors = Actors { settler: true, ..Actors::default() };
            scenario.act_ms = 1_500;
            scenario.heal_ms = 60_000;
        },
        &["InsufficientFundsForRent", "cannot pay the transaction fee"],
    );
}

/// A failed transaction costs its fee.
#[test]
fn the_fees_of_failed_transactions_are_booked() {
    holds_with(
        &[Rule::FeesAreBooked],
        |scenario| {
            with_views(scenario, &[0, 0]);
            scenario.actors = Actors { pauses: true, closing: true, ..Actors::default() };
            scenario.faults = Faults { postponed: 600, ..Faults::NONE };
            scenario.act_ms = 300;
            scenario.heal_ms = 40_000;
        },
        &["failed on-chain"],
    );
}

/// A log that is late is asked for again.
#[test]
fn rewards_name_their_transaction_although_the_log_is_late() {
    holds_with(
        &[Rule::NamesATransactionWhoseLogIsThere, Rule::CreditedIsReported],
        |scenario| {
            with_views(scenario, &[0, 3]);
            for view in &mut scenario.views {
                view.index_lag = 6;
            }
            // Relays with wrong clocks may give up asking.
            scenario.skews_ms.fill(0);
            scenario.faults = Faults { rpc_refused: 50, postponed: 200, ..Faults::NONE };
        },
        &["not found", "found in slot"],
    );
}
