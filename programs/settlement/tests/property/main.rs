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
mod invariants;
mod model;
#[path = "../program/common/program.rs"]
mod program;
mod step;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use account_id::{AccountId, NODES, Net, PEOPLE};
use chain::{Chain, SplTokenVersion};
use coverage::Coverage;
use invariants::{OutflowHistory, Snapshot};
use model::{Model, TokenAccount};
use step::{Action, Actor, Parameters, Registration, Step};

/// Steps to run unless `WILLIW_PROPERTY_STEPS` is set.
const DEFAULT_STEPS: u64 = 20_000;
/// The maximum number of random steps per sequence.
const MAX_STEPS_PER_SEQUENCE: usize = 200;
/// The initial time, in Unix seconds.
const START_TIME: i64 = 1_800_000_000;
/// The initial rent, in lamports per byte.
const RENT_RATE: u64 = 6_960;

/// Initially has neither lamports nor token accounts.
const PERSON_WITHOUT_LAMPORTS: u8 = 6;
/// Initially has only the rent minimum of an empty account.
const PERSON_WITH_RENT_ONLY: u8 = 7;

const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/property/regressions.txt");

/// The state before the first step.
fn initial_model() -> Model {
    let mut model = Model {
        now: START_TIME,
        rent_rate: RENT_RATE,
        lamports: BTreeMap::new(),
        tokens: BTreeMap::new(),
        networks: BTreeMap::new(),
        nodes: BTreeMap::new(),
    };
    for person in 0..PEOPLE {
        let lamports = match person {
            PERSON_WITHOUT_LAMPORTS => continue,
            PERSON_WITH_RENT_ONLY => model.rent_minimum(0),
            _ => 1_000_000_000_000,
        };
        model.lamports.insert(AccountId::Person(person), lamports);
        for net in [Net::Spl, Net::Fee] {
            // Enough for a total to reach its maximum.
            let amount = if person == 0 { u64::MAX / 2 } else { 1_000_000_000_000 };
            model
                .tokens
                .insert(AccountId::TokenAccount(net, person), TokenAccount { amount, ..TokenAccount::default() });
        }
    }
    let mut accounts: Vec<_> = model.tokens.keys().copied().collect();
    accounts.extend([AccountId::Mint(Net::Spl), AccountId::Mint(Net::Fee)]);
    for account_id in accounts {
        let rent = model.rent_minimum(model.bytes(account_id));
        model.lamports.insert(account_id, rent);
    }
    model
}

/// The steps that start every sequence: they create three networks with funds and nodes. The fourth
/// network exists only if a later step creates it.
fn setup_steps(parameters: &[Parameters; 3]) -> Vec<Step> {
    let mut steps = vec![];
    for (net, parameters) in [Net::Sol, Net::Spl, Net::Fee].into_iter().zip(parameters) {
        let actor = Actor::Person(net as u8);
        steps.push(Step { net, node: 0, actor, action: Action::Create(*parameters), corruption: None });
        let mut step =
            |node, action| steps.push(Step { net, node, actor: Actor::Authorized, action, corruption: None });
        step(0, Action::Fund(80_000_000));
        for node in 0..NODES {
            let owner = AccountId::Person(node + 3);
            // The last node gets a destination that only the admin may choose.
            let by_admin = node == NODES - 1;
            let destination = by_admin.then_some(AccountId::Person(0));
            let registration = Registration { by_admin, payer: 0, owner, destination, threshold: None };
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
    /// The last batch, for [`Action::Resend`].
    last_batch: Option<Step>,
}

impl Simulation {
    fn new(chain: &Chain) -> Self {
        let (mut chain, model) = (chain.clone(), initial_model());
        chain.load(&model);
        let snapshot = Snapshot::of(&chain);
        Self { chain, model, snapshot, outflow: OutflowHistory::default(), last_batch: None }
    }

    /// Runs a step on the chain and the model, compares them and records the step.
    fn run(&mut self, step: &Step, coverage: &mut Coverage) {
        let resent = self.last_batch.clone().filter(|_| matches!(step.action, Action::Resend));
        let step = resent.unwrap_or_else(|| self.with_absolute_totals(&self.model.retargeted(step)));
        let succeeded = match chain::instruction(&self.model, &step) {
            Some((instruction, is_corrupted)) => {
                let expected = if is_corrupted { Err(model::Rejected) } else { self.model.apply(&step) };
                let outcome = self.chain.execute(instruction);
                match (&expected, &outcome) {
                    (Ok(expected), Ok(events)) => {
                        assert_eq!(events, expected, "events of {step:?}");
                        coverage.record_skip_reasons(events);
                    }
                    (Err(_), Err(_)) => {}
                    (Ok(_), Err(error)) => panic!("should have succeeded: {step:?}\n{error}"),
                    (Err(_), Ok(_)) => panic!("should have been rejected: {step:?}"),
                }
                expected.is_ok()
            }
            None => {
                self.change_environment(&step);
                true
            }
        };
        accounting::assert_matches_model(&self.chain, &self.model);
        let snapshot = Snapshot::of(&self.chain);
        snapshot.check_after(&self.snapshot, &step);
        self.outflow.check(&self.snapshot, &snapshot, self.model.now);
        self.snapshot = snapshot;
        coverage.record_step(&step, succeeded);
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
    let sequence = (any::<bool>(), [parameters(), parameters(), parameters()], step::steps(1..=MAX_STEPS_PER_SEQUENCE));
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
        let outcome = runner.run(&sequence, |(with_p_token, parameters, steps)| {
            let mut coverage = coverage.borrow_mut();
            let mut simulation = Simulation::new(&chains[usize::from(!with_p_token)]);
            for step in setup_steps(&parameters).iter().chain(&steps) {
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
