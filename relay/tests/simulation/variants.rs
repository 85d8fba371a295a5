//! Networks that pay in tokens, full transactions, and lookup tables, each in situations that are hard to reach by chance.

use std::rc::Rc;

use williw_relay::database::Statement;
use williw_relay::transaction::Format;

use crate::checker::Rule;
use crate::cluster::Asset;
use crate::faults::Faults;
use crate::named::{holds_in, holds_with, scenario};
use crate::random::Random;
use crate::run::{run, run_with};
use crate::scenario::{Actors, Scenario, Urls};
use crate::token_programs::TokenProgram;
use crate::world::World;

/// What networks pay in, if it is not SOL.
const TOKENS: [Asset; 4] = [
    Asset::Tokens { program: TokenProgram::PToken, has_fee: false },
    Asset::Tokens { program: TokenProgram::SplToken, has_fee: false },
    Asset::Tokens { program: TokenProgram::Token2022, has_fee: false },
    Asset::Tokens { program: TokenProgram::Token2022, has_fee: true },
];

/// A scenario that has a number of its own. The same scenario always gets the same one.
fn random(scenario: &Scenario) -> Random {
    Random::new(u64::from_le_bytes(scenario.nodes[0].owner.to_bytes()[..8].try_into().expect("eight bytes")))
}

#[test]
fn token_accounts_that_are_frozen_closed_or_given_away_delay_their_own_payouts_only() {
    for asset in TOKENS {
        holds_in(
            |scenario| {
                scenario.asset = asset;
                scenario.actors = Actors { owners: true, issuer: true, ..Actors::default() };
                (scenario.act_ms, scenario.heal_ms) = (400, 30_000);
            },
            &["held: token_account", "held: treasury_frozen"],
        );
    }
}

#[test]
fn a_treasury_without_tokens_delays_rewards_only() {
    for asset in [TOKENS[0], TOKENS[3]] {
        holds_in(
            |scenario| {
                scenario.asset = asset;
                scenario.actors = Actors { treasury: true, ..Actors::default() };
                (scenario.treasury, scenario.act_ms, scenario.heal_ms) = (Some(900), 500, 20_000);
            },
            &["held: treasury_short"],
        );
    }
}

/// If a batch of tokens could have as many entries as one of SOL, its transaction would be too large.
#[test]
fn full_transactions_of_tokens_are_planned_as_they_fit_and_land_whatever_owners_do() {
    let mut settled = 0;
    for asset in [TOKENS[0], TOKENS[3]] {
        for seed in 0..6 {
            let full = |scenario: &mut Scenario| {
                scenario.asset = asset;
                scenario.fill(&mut random(scenario));
                scenario.actors = Actors { owners: true, ..Actors::default() };
                scenario.faults = Faults { postponed: 500, ..Faults::NONE };
                scenario.format = Some(if seed % 2 == 0 { Format::V0 } else { Format::V1 });
                (scenario.rejects_v1, scenario.heal_ms) = (false, 20_000);
            };
            let outcome = run(scenario(seed, full), seed, true);
            assert_eq!(outcome.violation, None, "run {seed}: {}", outcome.story);
            assert!(!outcome.story.contains("is split"), "run {seed}: {}", outcome.story);
            settled += outcome.story.matches("(settle, ").count();
        }
    }
    assert!(settled >= 12, "only {settled} batches have paid");
}

#[test]
fn whatever_happens_to_lookup_tables_no_other_node_is_paid_and_every_reward_is() {
    holds_with(
        &[Rule::NamesWhomItPays],
        |scenario| {
            scenario.use_tables(&mut random(scenario));
            scenario.actors = Actors { outsider: true, ..Actors::default() };
            scenario.faults = Faults { postponed: 300, crash: 30, lie: scenario.faults.lie, ..Faults::NONE };
            scenario.act_ms = 1_000;
        },
        &["wallets are looked up in", "was deactivated, but not by"],
    );
}

/// If positions were not compared with the chain, a table into which somebody else has put addresses first would name other nodes.
#[test]
fn a_table_that_somebody_else_extends_at_the_same_time_pays_nobody_else() {
    let with_tables = |scenario: &mut Scenario| {
        scenario.use_tables(&mut random(scenario));
        (scenario.faults, scenario.urls) = (Faults::NONE, Urls::All { liar: None });
        scenario.act_ms = 4_000;
    };
    let mut not_used = 0;
    for seed in 0..12 {
        let outcome = run_with(scenario(seed, with_tables), seed, true, extend_before_the_operator);
        assert_eq!(outcome.violation, None, "run {seed}: {}", outcome.story);
        not_used += outcome.story.matches("will not be used: at position").count();
    }
    assert!(not_used >= 3, "the operator was overtaken only {not_used} times");
}

/// Somebody else extends every table that the operator is about to extend.
fn extend_before_the_operator(world: &Rc<World>) {
    const ABOUT_TO: &str =
        "SELECT address FROM lookup_tables WHERE state = 'open' AND pending_signature IS NOT NULL ORDER BY address";

    fn look(world: &World) {
        for row in world.ledger.query(Statement::new(ABOUT_TO)) {
            world.extend_table(row.get("address").expect("an address"));
        }
        if !world.healed.get() {
            world.schedule_effect(200, look);
        }
    }
    world.schedule_effect(200, look);
}
