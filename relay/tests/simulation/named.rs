//! Situations that have gone wrong once, or would be hard to reach by chance: each with some seeds of its own.

use crate::checker::Rule;
use crate::cluster::History;
use crate::faults::Faults;
use crate::run::run;
use crate::scenario::{Actors, Scenario, Urls};

/// The number of runs of each situation.
const RUNS: u64 = 12;

/// The number of runs after which a situation must have been reached.
const MAX_RUNS: u64 = 80;

/// As [`holds_in`], and in every run, these rules are at stake.
pub(crate) fn holds_with(rules: &[Rule], change: impl Fn(&mut Scenario), about: &[&str]) {
    for seed in 0..RUNS {
        let evaluations = run(scenario(seed, &change), seed, false).evaluations;
        for (rule, count) in evaluations.iter() {
            assert!(count > 0 || !rules.contains(&rule), "run {seed} does not evaluate {rule:?}");
        }
    }
    holds_in(change, about);
}

/// Runs a situation: `change` makes it out of a seed's scenario in which nothing else goes wrong. What it is about, parts of
/// the stories' lines, must be reached.
pub(crate) fn holds_in(change: impl Fn(&mut Scenario), mut about: &[&str]) {
    for seed in 0..MAX_RUNS {
        if seed >= RUNS && about.is_empty() {
            return;
        }
        let outcome = run(scenario(seed, &change), seed, true);
        if let Some(violation) = outcome.violation {
            panic!("{}\nrun {seed}: {violation}", outcome.story);
        }
        while let Some((part, rest)) = about.split_first() {
            if !outcome.story.contains(part) {
                break;
            }
            about = rest;
        }
    }
    assert!(about.is_empty(), "not reached in {MAX_RUNS} runs, in this order: {about:?}");
}

/// The scenario of a situation.
pub(crate) fn scenario(seed: u64, change: impl Fn(&mut Scenario)) -> Scenario {
    let of_seed = Scenario::basic(seed);
    let urls = if of_seed.views.len() > 1 && seed % 2 == 1 { Urls::All { liar: None } } else { Urls::One };
    let mut scenario = Scenario { faults: Faults::NONE, actors: Actors::default(), urls, ..of_seed };
    change(&mut scenario);
    scenario
}

#[test]
fn forks_that_drop_landed_transactions_lose_no_reward() {
    holds_in(
        |scenario| scenario.faults = Faults { fork: 300, postponed: 300, ..Faults::NONE },
        &["drops", "attempt 2: signed"],
    );
}

#[test]
fn relays_that_stand_still_and_wake_up_write_nothing_after_another_has_taken_over() {
    holds_in(
        |scenario| {
            scenario.skews_ms = vec![0, 0];
            scenario.faults = Faults { hang: 100, ..Faults::NONE };
            scenario.heal_ms = 90_000;
        },
        &["stands still", "has lost the lease"],
    );
}

#[test]
fn relays_that_crash_again_and_again_lose_no_reward() {
    holds_in(|scenario| scenario.faults = Faults { crash: 200, ..Faults::NONE }, &["CRASHES"]);
}

#[test]
fn requests_to_the_ledger_that_arrive_after_their_sender_has_given_up_change_nothing_they_must_not() {
    holds_in(
        |scenario| scenario.faults = Faults { ledger_late: 150, ledger_answer_lost: 100, ..Faults::NONE },
        &["the request is late", "the ledger rejected the write"],
    );
}

#[test]
fn transactions_that_are_dropped_postponed_and_duplicated_pay_once() {
    holds_in(
        |scenario| {
            scenario.faults = Faults { dropped: 800, duplicated: 500, postponed: 800, ..Faults::NONE };
            scenario.heal_ms = 60_000;
        },
        &["expired without landing", "attempt 2: signed"],
    );
}

#[test]
fn nodes_that_have_forgotten_landed_transactions_lead_to_no_second_payment() {
    holds_in(
        |scenario| {
            scenario.faults = Faults { dropped: 300, other_view: 500, hang: 80, stuck_view: 100, ..Faults::NONE };
            scenario.heal_ms = 60_000;
            for view in &mut scenario.views {
                view.history = History::Silent;
                view.index_lag = 6;
            }
        },
        &["expired without landing"],
    );
}

#[test]
fn nodes_that_lag_behind_each_other_agree_in_the_end() {
    holds_in(
        |scenario| {
            scenario.faults = Faults { other_view: 600, stuck_view: 150, skipped_slot: 300, ..Faults::NONE };
            let view = scenario.views[0].clone();
            scenario.views = [0, 3, 12].map(|lag_slots| crate::cluster::View { lag_slots, ..view.clone() }).to_vec();
        },
        &["behind slot"],
    );
}

#[test]
fn a_ledger_restored_from_a_backup_pays_nobody_twice() {
    holds_in(
        |scenario| {
            scenario.actors = Actors { restores: true, owners: true, ..Actors::default() };
            scenario.faults = Faults { postponed: 500, duplicated: 300, ..Faults::NONE };
            scenario.heal_ms = 60_000;
        },
        &["restores the ledger", "chain_above_ledger"],
    );
}

#[test]
fn owners_who_withdraw_and_close_at_any_time_stop_nobody_elses_rewards() {
    holds_in(
        |scenario| {
            scenario.actors = Actors { owners: true, closing: true, ..Actors::default() };
            scenario.faults = Faults { postponed: 500, dropped: 300, ..Faults::NONE };
            scenario.act_ms = 400;
        },
        &["Withdraw", "expired without landing", "Reopen"],
    );
}

#[test]
fn an_admin_who_pauses_and_changes_limits_delays_rewards_only() {
    holds_in(
        |scenario| {
            scenario.actors = Actors { pauses: true, caps: true, treasury: true, ..Actors::default() };
            scenario.act_ms = 500;
        },
        &["the network is paused", "held: treasury_short"],
    );
}

#[test]
fn a_settler_without_lamports_goes_on_when_it_is_refilled() {
    holds_in(
        |scenario| {
            scenario.actors = Actors { settler: true, ..Actors::default() };
            scenario.act_ms = 500;
        },
        &["cannot pay"],
    );
}

#[test]
fn rent_that_rises_and_falls_costs_nobody_a_reward() {
    holds_in(
        |scenario| {
            scenario.actors = Actors { rent: true, owners: true, ..Actors::default() };
            scenario.act_ms = 800;
        },
        &["TopUpRent"],
    );
}

#[test]
fn clocks_that_jump_delay_rewards_only() {
    holds_in(
        |scenario| {
            scenario.skews_ms = vec![-100_000, 100_000];
            scenario.faults = Faults { clock_jump: 150, ..Faults::NONE };
        },
        &["a clock that is"],
    );
}

#[test]
fn a_reward_that_is_credited_in_parts_names_a_transaction_that_covers_it() {
    holds_in(
        |scenario| {
            scenario.parameters.per_node_cap = Some(300);
            scenario.parameters.per_batch_cap = Some(u64::MAX);
            scenario.faults = Faults { hang: 150, crash: 40, other_view: 500, stuck_view: 100, ..Faults::NONE };
            scenario.heal_ms = 120_000;
            scenario.act_ms = 8_000;
            for view in &mut scenario.views {
                view.history = History::Silent;
            }
        },
        &["expired without landing"],
    );
}
