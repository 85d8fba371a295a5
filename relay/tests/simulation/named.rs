//! Situations that have gone wrong once, or would be hard to reach by chance: each with some seeds of its own.

use crate::cluster::History;
use crate::faults::Faults;
use crate::random::Random;
use crate::run::run;
use crate::scenario::{Actors, Scenario};

/// The number of runs of each situation.
const RUNS: u64 = 12;

/// Runs a situation: `change` makes it out of a seed's scenario in which nothing goes wrong.
fn holds_in(change: impl Fn(&mut Scenario)) {
    for seed in 0..RUNS {
        let mut random = Random::new(1_000_000 + seed);
        let mut scenario = Scenario { faults: Faults::NONE, actors: Actors::default(), ..Scenario::of(&mut random) };
        change(&mut scenario);
        let outcome = run(scenario, random, true);
        if let Some(violation) = outcome.violation {
            panic!("{}\nrun {seed}: {violation}", outcome.story);
        }
    }
}

#[test]
fn forks_that_drop_landed_transactions_lose_no_reward() {
    holds_in(|scenario| scenario.faults = Faults { fork: 300, postponed: 300, ..Faults::NONE });
}

#[test]
fn relays_that_stand_still_and_wake_up_write_nothing_after_another_has_taken_over() {
    holds_in(|scenario| {
        scenario.skews_ms = vec![0, 0];
        scenario.faults = Faults { hang: 40, ..Faults::NONE };
        scenario.heal_ms = 90_000;
    });
}

#[test]
fn relays_that_crash_again_and_again_lose_no_reward() {
    holds_in(|scenario| scenario.faults = Faults { crash: 60, ..Faults::NONE });
}

#[test]
fn requests_to_the_ledger_that_arrive_after_their_sender_has_given_up_change_nothing_they_must_not() {
    holds_in(|scenario| scenario.faults = Faults { ledger_late: 150, ledger_answer_lost: 100, ..Faults::NONE });
}

#[test]
fn transactions_that_are_dropped_postponed_and_duplicated_pay_once() {
    holds_in(|scenario| {
        scenario.faults = Faults { dropped: 800, duplicated: 500, postponed: 800, ..Faults::NONE };
        scenario.heal_ms = 60_000;
    });
}

#[test]
fn nodes_that_have_forgotten_landed_transactions_lead_to_no_second_payment() {
    holds_in(|scenario| {
        scenario.faults = Faults { dropped: 300, other_view: 500, hang: 30, stuck_view: 100, ..Faults::NONE };
        scenario.heal_ms = 60_000;
        for view in &mut scenario.views {
            view.history = History::Silent;
            view.index_lag = 6;
        }
    });
}

#[test]
fn nodes_that_lag_behind_each_other_agree_in_the_end() {
    holds_in(|scenario| {
        scenario.faults = Faults { other_view: 600, stuck_view: 150, skipped_slot: 300, ..Faults::NONE };
        let view = scenario.views[0].clone();
        scenario.views = [0, 3, 12].map(|lag_slots| crate::cluster::View { lag_slots, ..view.clone() }).to_vec();
    });
}

#[test]
fn a_ledger_restored_from_a_backup_pays_nobody_twice() {
    holds_in(|scenario| {
        scenario.actors = Actors { restores: true, owners: true, ..Actors::default() };
        scenario.faults = Faults { postponed: 500, duplicated: 300, ..Faults::NONE };
        scenario.heal_ms = 60_000;
    });
}

#[test]
fn owners_who_withdraw_and_close_at_any_time_stop_nobody_elses_rewards() {
    holds_in(|scenario| {
        scenario.actors = Actors { owners: true, closing: true, ..Actors::default() };
        scenario.faults = Faults { postponed: 500, dropped: 300, ..Faults::NONE };
        scenario.act_ms = 400;
    });
}

#[test]
fn an_admin_who_pauses_and_changes_limits_delays_rewards_only() {
    holds_in(|scenario| {
        scenario.actors = Actors { pauses: true, caps: true, treasury: true, ..Actors::default() };
        scenario.act_ms = 500;
    });
}

#[test]
fn a_settler_without_lamports_goes_on_when_it_is_refilled() {
    holds_in(|scenario| {
        scenario.actors = Actors { settler: true, ..Actors::default() };
        scenario.act_ms = 500;
    });
}

#[test]
fn rent_that_rises_and_falls_costs_nobody_a_reward() {
    holds_in(|scenario| {
        scenario.actors = Actors { rent: true, owners: true, ..Actors::default() };
        scenario.act_ms = 800;
    });
}

#[test]
fn clocks_that_jump_delay_rewards_only() {
    holds_in(|scenario| {
        scenario.skews_ms = vec![-100_000, 100_000];
        scenario.faults = Faults { clock_jump: 150, ..Faults::NONE };
    });
}

#[test]
fn a_reward_that_is_credited_in_parts_names_a_transaction_that_covers_it() {
    holds_in(|scenario| {
        scenario.parameters.per_node_cap = Some(300);
        scenario.parameters.per_batch_cap = Some(u64::MAX);
        scenario.faults = Faults { hang: 60, crash: 10, other_view: 500, stuck_view: 100, ..Faults::NONE };
        scenario.heal_ms = 120_000;
        scenario.act_ms = 8_000;
        for view in &mut scenario.views {
            view.history = History::Silent;
        }
    });
}
