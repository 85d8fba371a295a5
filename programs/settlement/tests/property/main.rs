//! Random sequences of everything that can happen, by honest and by hostile actors, played on the
//! built program and on a plain model of it side by side: after each step the two agree to the last
//! byte, and what must always hold holds.
//!
//! The same 20,000 steps are played each time, so that a change is judged by what it changed;
//! `WILLIW_PROPERTY_STEPS` plays so many new ones. A sequence that failed is shrunk, and its seed kept
//! in `regressions.txt`, which is played first from then on.

mod books;
mod chain;
mod invariants;
mod model;
mod place;
#[path = "../program/common/program.rs"]
mod program;
mod step;
mod tally;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use chain::Chain;
use invariants::{Outflow, Sight};
use model::{Model, Tokens};
use place::{NODES, Net, PEOPLE, Place};
use step::{Parameters, Registration, Step, What, Who};
use tally::Tally;

/// Steps played unless `WILLIW_PROPERTY_STEPS` says otherwise.
const STEPS: u64 = 20_000;
/// Steps of one sequence at most.
const LONGEST: usize = 200;
/// Unix seconds at which worlds begin.
const START: i64 = 1_800_000_000;
/// Lamports per byte at which worlds begin.
const RATE: u64 = 6_960;

/// Has neither lamports nor token accounts at the beginning.
const PAUPER: u8 = 6;
/// Has what an empty account needs and nothing more.
const POOR: u8 = 7;

const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/property/regressions.txt");

/// The world before anybody does anything.
fn beginning() -> Model {
    let mut model = Model {
        now: START,
        rate: RATE,
        lamports: BTreeMap::new(),
        tokens: BTreeMap::new(),
        networks: BTreeMap::new(),
        nodes: BTreeMap::new(),
    };
    for person in 0..PEOPLE {
        let lamports = match person {
            PAUPER => continue,
            POOR => model.minimum(0),
            _ => 1_000_000_000_000,
        };
        model.lamports.insert(Place::Person(person), lamports);
        for net in [Net::Spl, Net::Fee] {
            // So much that a total can reach its end.
            let amount = if person == 0 { u64::MAX / 2 } else { 1_000_000_000_000 };
            model.tokens.insert(Place::Tokens(net, person), Tokens { amount, ..Tokens::default() });
        }
    }
    let mut accounts: Vec<_> = model.tokens.keys().copied().collect();
    accounts.extend([Place::Mint(Net::Spl), Place::Mint(Net::Fee)]);
    for place in accounts {
        let rent = model.minimum(model.bytes(place));
        model.lamports.insert(place, rent);
    }
    model
}

/// What comes first in every sequence: three networks with funds and nodes, so that there is
/// something to go wrong with. The fourth comes if somebody creates it.
fn opening(parameters: &[Parameters; 3]) -> Vec<Step> {
    let mut steps = vec![];
    for (net, parameters) in [Net::Sol, Net::Spl, Net::Fee].into_iter().zip(parameters) {
        let admin = Step { net, node: 0, who: Who::Person(net as u8), what: What::Create(*parameters), spoil: None };
        steps.push(admin);
        let mut step = |node, what| steps.push(Step { net, node, who: Who::Rightful, what, spoil: None });
        step(0, What::Fund(80_000_000));
        for node in 0..NODES {
            let owner = Place::Person(node + 3);
            step(node, What::Register(Registration { payer: 0, owner, destination: None, threshold: None }));
        }
    }
    steps
}

/// A chain and its model, with what was seen on the way.
struct Play {
    chain: Chain,
    model: Model,
    sight: Sight,
    outflow: Outflow,
    /// The last batch, to be sent again.
    last_batch: Option<Step>,
}

impl Play {
    fn new(chain: &Chain) -> Self {
        let (mut chain, model) = (chain.clone(), beginning());
        chain.begin(&model);
        let sight = Sight::of(&chain);
        Self { chain, model, sight, outflow: Outflow::default(), last_batch: None }
    }

    /// Does a step on both sides, and counts it.
    fn step(&mut self, step: &Step, tally: &mut Tally) {
        let again = self.last_batch.clone().filter(|_| matches!(step.what, What::Again));
        let step = again.unwrap_or_else(|| self.in_numbers(&self.model.aimed(step)));
        let done = match chain::instruction(&self.model, &step) {
            Some((instruction, is_spoiled)) => {
                let expected = if is_spoiled { Err(model::Refused) } else { self.model.apply(&step) };
                let outcome = self.chain.run(instruction);
                match (&expected, &outcome) {
                    (Ok(expected), Ok(told)) => {
                        assert_eq!(told, expected, "events of {step:?}");
                        tally.count_reasons(told);
                    }
                    (Err(_), Err(_)) => {}
                    (Ok(_), Err(why)) => panic!("should have been done: {step:?}\n{why}"),
                    (Err(_), Ok(_)) => panic!("should have been refused: {step:?}"),
                }
                expected.is_ok()
            }
            None => {
                self.change_world(&step);
                true
            }
        };
        books::assert_same(&self.chain, &self.model);
        let sight = Sight::of(&self.chain);
        sight.check_after(&self.sight, &step);
        self.outflow.check(&self.sight, &sight, self.model.now);
        self.sight = sight;
        tally.count(&step, done);
    }

    /// The step with its batch said in numbers, to be sent again as it is.
    fn in_numbers(&mut self, step: &Step) -> Step {
        let numbers = |entries: &Vec<_>| self.model.in_numbers(step.net, entries);
        let what = match &step.what {
            What::Credit(entries) => What::Credit(numbers(entries)),
            What::Settle(entries) => What::Settle(numbers(entries)),
            What::Payout(entries) => What::Payout(numbers(entries)),
            _ => return step.clone(),
        };
        let step = Step { what, ..step.clone() };
        if step.spoil.is_none() {
            self.last_batch = Some(Step { who: Who::Person(self.model.actor(&step)), ..step.clone() });
        }
        step
    }

    /// What happens without anybody asking the program.
    fn change_world(&mut self, step: &Step) {
        match step.what {
            What::Pass(seconds) => self.model.now = self.model.now.saturating_add(seconds),
            What::Jump(now) => self.model.now = now,
            What::Rent(rate) => self.model.rate = rate,
            What::Age if step.net.pays_in_sol() => {
                if let Some(network) = self.model.networks.get_mut(&step.net) {
                    network.treasury_version = 1;
                    self.chain.age(step.net);
                }
            }
            _ => {}
        }
        self.chain.set_time(self.model.now);
        self.chain.set_rent(self.model.rate);
    }
}

#[test]
fn the_program_does_what_the_model_does_and_every_invariant_holds_after_each_step() {
    let (wanted, are_new) = match std::env::var("WILLIW_PROPERTY_STEPS") {
        Ok(steps) => (steps.parse().expect("WILLIW_PROPERTY_STEPS is a number"), true),
        Err(_) => (STEPS, false),
    };
    let chains = [true, false].map(Chain::new);
    let tally = RefCell::new(Tally::default());
    let parameters = || step::parameters();
    let sequence = (any::<bool>(), [parameters(), parameters(), parameters()], step::steps(1..=LONGEST));
    let mut round = 0;
    while tally.borrow().played() < wanted {
        round += 1;
        let config = Config {
            cases: 10,
            failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
            max_shrink_iters: 4_000,
            ..Config::default()
        };
        let mut runner = if are_new {
            TestRunner::new(config)
        } else {
            TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[round; 32]))
        };
        let outcome = runner.run(&sequence, |(with_p_token, parameters, steps)| {
            let mut tally = tally.borrow_mut();
            let mut play = Play::new(&chains[usize::from(!with_p_token)]);
            for step in opening(&parameters).iter().chain(&steps) {
                play.step(step, &mut tally);
            }
            Ok::<(), TestCaseError>(())
        });
        if let Err(failed) = outcome {
            panic!("{failed}");
        }
    }
    println!("{}", tally.borrow());
    if !are_new {
        tally.borrow().assert_all_met();
    }
}
