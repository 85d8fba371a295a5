//! Networks that pay in tokens, full transactions, and lookup tables, each in situations that are hard to reach by chance.

use crate::checker::Rule;
use crate::cluster::Asset;
use crate::faults::Faults;
use crate::named::{holds_in, holds_with};
use crate::random::Random;
use crate::scenario::{Actors, Scenario};
use crate::token_programs::TokenProgram;

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

#[test]
fn full_transactions_of_tokens_land_whatever_owners_do() {
    for asset in [TOKENS[0], TOKENS[3]] {
        holds_with(
            &[Rule::NamesWhomItPays, Rule::ReceivedIsPaid],
            |scenario| {
                scenario.asset = asset;
                scenario.fill(&mut random(scenario));
                scenario.actors = Actors { owners: true, ..Actors::default() };
                scenario.faults = Faults { postponed: 500, ..Faults::NONE };
                scenario.heal_ms = 20_000;
            },
            &["(settle, "],
        );
    }
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
        &["wallets are looked up in", "Extend", "holds more addresses"],
    );
}
