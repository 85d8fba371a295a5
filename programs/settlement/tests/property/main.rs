//! Random sequences of all possible actions, by honest and hostile actors, run on the built program and
//! on a simple model of it. After each step, all accounts must match the model byte for byte, and every
//! invariant must hold.
//!
//! By default the same 20,000 steps are run each time, so that results are reproducible.
//! `WILLIW_PROPERTY_STEPS` runs that many new random steps instead. A failing sequence is shrunk, and its
//! seed is stored in `regressions.txt`, whose seeds are run first.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    reason = "a test that encounters something unexpected fails by panicking"
)]

mod account_id;
mod accounting;
mod chain;
mod coverage;
mod event;
mod invariants;
mod model;
#[path = "../program/common/program.rs"]
mod program;
mod step;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use account_id::{AccountId, Mint, NODE_WITH_TOKENS, NODES, Net, PEOPLE, TOKEN_ACCOUNTS_PER_PERSON};
use chain::{Chain, SplTokenVersion};
use coverage::Coverage;
use invariants::{Executed, History, OutflowHistory, Snapshot};
use model::{Model, Rejected, TokenAccount};
use step::{Action, Actor, Destination, Parameters, Registration, Step};

/// Steps to run unless `WILLIW_PROPERTY_STEPS` is set.
const DEFAULT_STEPS: u64 = 20_000;
/// The maximum number of random steps per sequence.
const MAX_STEPS_PER_SEQUENCE: usize = 200;
/// The initial time, in Unix seconds.
const START_TIME: i64 = 1_800_000_000;

/// Initially has neither lamports nor token accounts.
const PERSON_WITHOUT_LAMPORTS: u8 = 6;
/// Initially has only the rent minimum of an empty account.
const PERSON_WITH_RENT_ONLY: u8 = 7;

const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/property/regressions.txt");

/// The state before the first step, at a rent of `rent_rate` lamports per byte.
fn initial_model(rent_rate: u64) -> Model {
    let mut model = Model {
        now: START_TIME,
        rent_rate,
        lamports: BTreeMap::new(),
        tokens: BTreeMap::new(),
        networks: BTreeMap::new(),
        closed_networks: BTreeMap::new(),
        nodes: BTreeMap::new(),
        harvested: 0,
    };
    for person in 0..PEOPLE {
        let lamports = match person {
            PERSON_WITHOUT_LAMPORTS => continue,
            PERSON_WITH_RENT_ONLY => model.rent_minimum(0),
            _ => 1_000_000_000_000,
        };
        model.lamports.insert(AccountId::Person(person), lamports);
        for (mint, number) in Mint::ALL.into_iter().flat_map(|m| (0..TOKEN_ACCOUNTS_PER_PERSON).map(move |n| (m, n))) {
            // Enough for a total to reach its maximum.
            let amount = if (person, number) == (0, 0) { u64::MAX / 2 } else { 1_000_000_000_000 };
            let tokens = TokenAccount { amount, ..TokenAccount::empty(AccountId::Person(person)) };
            model.tokens.insert(AccountId::TokenAccount(mint, person, number), tokens);
        }
    }
    for (net, mint) in Net::ALL.into_iter().flat_map(|net| Mint::ALL.map(|mint| (net, mint))) {
        let accounts = [
            (AccountId::TreasuryTokens(net, mint), AccountId::Treasury(net)),
            (AccountId::NodeTokens(net, mint), AccountId::Wallet(net, NODE_WITH_TOKENS)),
        ];
        for (account_id, owner) in accounts {
            model.tokens.insert(account_id, TokenAccount { amount: 1_000, ..TokenAccount::empty(owner) });
        }
    }
    let mut accounts: Vec<_> = model.tokens.keys().copied().collect();
    accounts.extend(Mint::ALL.map(AccountId::Mint));
    for account_id in accounts {
        let rent = model.rent_minimum(model.bytes(account_id));
        model.lamports.insert(account_id, rent);
    }
    model
}

/// The steps that start every sequence: they create three networks with funds and nodes. The fourth
/// network exists only if a later step creates it. The admin chooses one node's destination.
fn setup_steps(parameters: &[Parameters; 3], chosen: Destination) -> Vec<Step> {
    let mut steps = vec![];
    for (net, parameters) in [Net::Sol, Net::Spl, Net::Fee].into_iter().zip(parameters) {
        let actor = Actor::Authorized;
        steps.push(Step { net, node: 0, actor, action: Action::Create(*parameters), corruption: None });
        let mut step =
            |node, action| steps.push(Step { net, node, actor: Actor::Authorized, action, corruption: None });
        step(0, Action::Fund { amount: 80_000_000, expected_admin: None });
        for node in 0..NODES {
            // This node gets a destination that the admin chooses.
            let by_admin = node == NODE_WITH_TOKENS;
            let destination = by_admin.then_some(chosen);
            let registration = Registration { by_admin, payer: 0, other_owner: None, destination, threshold: None };
            step(node, Action::Register(registration));
        }
    }
    steps
}

/// The chain and its model, with the history that the checks need.
struct Simulation {
    chain: Chain,
    model: Model,
    snapshot: Snapshot,
    outflow: OutflowHistory,
    history: History,
    /// The last batch, for [`Action::Resend`].
    last_batch: Option<Step>,
}

impl Simulation {
    fn new(chain: &Chain, rent_rate: u64) -> Self {
        let (mut chain, model) = (chain.clone(), initial_model(rent_rate));
        chain.load(&model);
        let snapshot = Snapshot::of(&chain);
        let (outflow, history) = (OutflowHistory::default(), History::default());
        Self { chain, model, snapshot, outflow, history, last_batch: None }
    }

    /// Runs a step on the chain and the model, compares them and records the step.
    fn run(&mut self, step: &Step, coverage: &mut Coverage) {
        let resent = self.last_batch.clone().filter(|_| matches!(step.action, Action::Resend));
        let step = resent.unwrap_or_else(|| self.with_absolute_totals(&self.model.retargeted(step)));
        let actor = self.model.actor(&step);
        let mut events = vec![];
        let instruction = chain::instruction(&self.model, &step);
        let is_instruction = instruction.is_some();
        let outcome = match instruction {
            Some((instruction, is_corrupted)) => {
                let expected = if is_corrupted { Err(Rejected::ByInstruction) } else { self.model.apply(&step) };
                match (expected, self.chain.execute(instruction)) {
                    (Ok(expected), Ok(emitted)) => {
                        assert_eq!(emitted, expected, "events of {step:?}");
                        coverage.record_events(&emitted);
                        events = emitted;
                        Ok(())
                    }
                    (Err(expected), Err(failure)) => {
                        assert_eq!(failure.rejected, expected, "{step:?}\n{}", failure.details);
                        Err(expected)
                    }
                    (Ok(_), Err(failure)) => panic!("should have succeeded: {step:?}\n{}", failure.details),
                    (Err(_), Ok(_)) => panic!("should have been rejected: {step:?}"),
                }
            }
            None => {
                self.change_environment(&step);
                Ok(())
            }
        };
        accounting::assert_matches_model(&self.chain, &self.model);
        let snapshot = Snapshot::of(&self.chain);
        let executed = Executed {
            step: &step,
            actor,
            events: &events,
            succeeded: is_instruction && outcome.is_ok(),
            now: self.model.now,
            rent_rate: self.model.rent_rate,
        };
        snapshot.check_after(&self.snapshot, &executed);
        self.history.check(&snapshot, &executed);
        self.outflow.check(&self.snapshot, &snapshot, self.model.now);
        self.snapshot = snapshot;
        let is_paused = self.model.networks.get(&step.net).is_some_and(|network| network.is_paused);
        if is_paused && outcome.is_ok() && matches!(step.action, Action::Withdraw { .. }) {
            coverage.withdrawals_in_pause += 1;
        }
        coverage.record_step(&step, outcome);
    }

    /// Replaces relative amounts in a batch with absolute ones, so that the batch can be resent unchanged.
    fn with_absolute_totals(&mut self, step: &Step) -> Step {
        let absolute = |entries: &Vec<_>| self.model.with_absolute_totals(step.net, entries);
        let action = match &step.action {
            Action::Credit(entries) => Action::Credit(absolute(entries)),
            Action::Settle(entries) => Action::Settle(absolute(entries)),
            Action::Payout(entries) => Action::Payout(absolute(entries)),
            _ => return step.clone(),
        };
        let step = Step { action, ..step.clone() };
        if step.corruption.is_none() {
            self.last_batch = Some(Step { actor: Actor::Person(self.model.actor(&step)), ..step.clone() });
        }
        step
    }

    /// Applies an action that is not an instruction: changes of time, rent or account layout.
    fn change_environment(&mut self, step: &Step) {
        match step.action {
            Action::AdvanceTime(seconds) => self.model.now = self.model.now.saturating_add(seconds),
            Action::SetTime(now) => self.model.now = now,
            Action::SetRentRate(rate) => self.model.rent_rate = rate,
            Action::DowngradeTreasury if step.net.pays_in_sol() => {
                if let Some(network) = self.model.networks.get_mut(&step.net) {
                    network.treasury_version = 1;
                    self.chain.downgrade_treasury(step.net);
                }
            }
            _ => {}
        }
        self.chain.set_time(self.model.now);
        self.chain.set_rent(self.model.rent_rate);
    }
}

#[test]
fn the_program_matches_the_model_and_every_invariant_holds_after_each_step() {
    let (step_count, is_random) = match std::env::var("WILLIW_PROPERTY_STEPS") {
        Ok(steps) => (steps.parse().expect("WILLIW_PROPERTY_STEPS must be a number"), true),
        Err(_) => (DEFAULT_STEPS, false),
    };
    let chains = [SplTokenVersion::PToken, SplTokenVersion::Original].map(Chain::new);
    let coverage = RefCell::new(Coverage::default());
    let parameters = || step::parameters();
    let sequence = (
        any::<bool>(),
        step::initial_rent_rate(),
        [parameters(), parameters(), parameters()],
        step::chosen_destination(),
        step::steps(1..=MAX_STEPS_PER_SEQUENCE),
        step::wind_down(MAX_STEPS_PER_SEQUENCE),
    );
    let mut round = 0;
    while coverage.borrow().steps_run() < step_count {
        round += 1;
        let config = Config {
            cases: 10,
            failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
            max_shrink_iters: 4_000,
            ..Config::default()
        };
        let mut runner = if is_random {
            TestRunner::new(config)
        } else {
            TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[round; 32]))
        };
        let outcome = runner.run(&sequence, |(with_p_token, rent_rate, parameters, chosen, mut steps, wind_down)| {
            let mut coverage = coverage.borrow_mut();
            if let Some(wind_down) = wind_down {
                let at = wind_down.after.min(steps.len());
                steps.splice(at..at, wind_down.steps());
            }
            let mut simulation = Simulation::new(&chains[usize::from(!with_p_token)], rent_rate);
            for step in setup_steps(&parameters, chosen).iter().chain(&steps) {
                simulation.run(step, &mut coverage);
            }
            Ok::<(), TestCaseError>(())
        });
        if let Err(failed) = outcome {
            panic!("{failed}");
        }
    }
    println!("{}", coverage.borrow());
    if !is_random {
        coverage.borrow().assert_complete();
    }
}
