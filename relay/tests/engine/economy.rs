//! How few calls a settlement makes, and that none of those that it leaves out was needed.

use std::cell::RefCell;
use std::collections::BTreeMap;

use williw_relay::chain::ChainError;
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use williw_relay::engine::Progress;
use williw_relay::ledger::settlements;
use williw_relay::transaction::BatchKind;
use williw_relay::types::RewardStatus;

use crate::support::{Around, EngineFixture, NodeSpec, Surrounded, TRIGGER, block_on};

/// Counts calls, by name.
#[derive(Default)]
struct Calls(RefCell<BTreeMap<&'static str, u64>>);

impl Calls {
    fn count(&self, name: &'static str) {
        *self.0.borrow_mut().entry(name).or_default() += 1;
    }

    fn of(&self, name: &str) -> u64 {
        self.0.borrow().get(name).copied().unwrap_or(0)
    }

    fn all(&self) -> u64 {
        self.0.borrow().values().sum()
    }
}

impl Around for &Calls {
    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        self.count(name);
        call.await
    }
}

/// The fixture's database, whose calls are counted.
struct Counted<'a>(&'a EngineFixture, &'a Calls);

impl Database for Counted<'_> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        self.1.count("batch");
        self.0.database.batch(statements).await
    }
}

/// Nodes that were settled before, with `amount` lamports to credit, which is below the threshold.
fn credits(count: usize, amount: u64) -> EngineFixture {
    let nodes: Vec<NodeSpec> = (0..count).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 1);
    }
    assert_eq!(fixture.settle(), [None]);
    for node in &nodes {
        fixture.grant(&node.name, amount);
    }
    fixture
}

/// The lines that the latest settlement has logged.
fn log(fixture: &EngineFixture) -> String {
    let latest = block_on(settlements::latest(&fixture.database)).unwrap().expect("a settlement");
    latest.steps.iter().map(|step| step.message.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn credits_that_go_as_planned_are_simulated_once_and_read_once() {
    let fixture = credits(130, 10);
    let calls = Calls::default();
    let chain = Surrounded { chain: &fixture.chain, around: &calls };
    let engine = fixture.engine(Counted(&fixture, &calls), chain);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 260);
    assert_eq!(fixture.batches_of_kind(BatchKind::Credit).len(), 3 + 3);
    assert_eq!(calls.of("simulate"), 2, "one probes the format");
    assert_eq!(calls.of("accounts"), 8, "two read the wallets, before the plan; none reads them again");
    assert_eq!((calls.of("send"), calls.of("transaction")), (3, 3));
    assert!(calls.of("batch") < 100, "{}", calls.of("batch"));
    for node in ["n0", "n64", "n129"] {
        let (balance, wallet) = (fixture.balance(node), fixture.wallet(node).unwrap());
        assert_eq!(balance.credited_lamports.get(), wallet.credited_total);
        assert_eq!(balance.sol_balance_lamports.get(), fixture.balance_of(&fixture.wallet_address(node)));
        assert_eq!(balance.pending_rewards_lamports.get(), 11);
    }
    assert!(log(&fixture).contains("ledger and chain agree"), "{}", log(&fixture));
}

#[test]
fn a_credit_from_another_total_than_the_mirrored_one_is_closed_by_its_wallets() {
    let fixture = credits(2, 10);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    // Another transaction with the settler's key credits a part in between.
    fixture.credit_outside_the_engine(&[("n0", 5)]);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 4);
    let settlement = fixture.settlements().pop().expect("a settlement");
    assert_eq!(settlement.credited_lamports.get(), 16, "what the transaction has credited");
    assert!(log(&fixture).contains("ledger and chain agree"), "{}", log(&fixture));
}

#[test]
fn a_credit_that_fails_in_simulation_or_on_the_chain_delays_no_other() {
    for (in_simulation, on_chain) in [(true, false), (false, true), (true, true)] {
        let fixture = credits(70, 10);
        let wallet = Some(fixture.wallet_address("n3"));
        fixture.chain.unloadable.set(wallet.filter(|_| in_simulation));
        fixture.chain.reverts.set(wallet.filter(|_| on_chain));
        assert_eq!(fixture.settle(), [None]);
        let context = format!("in simulation: {in_simulation}, on the chain: {on_chain}");
        // A single simulation stands for all credits of a format, so that one which would land is not held for it.
        let held: Vec<_> = fixture.rewards().into_iter().filter(|reward| reward.hold_reason.is_some()).collect();
        assert_eq!(held.len(), usize::from(on_chain), "{context}: {held:?}");
        for held in &held {
            let reason = held.hold_reason.as_deref().unwrap();
            assert!(held.node == "n3" && reason.starts_with("evicted"), "{context}: {held:?}");
        }
        assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 140 - held.len(), "{context}");
        assert_eq!(fixture.chain.landed().iter().any(|(_, succeeded)| !succeeded), on_chain, "{context}");
    }
}

#[test]
fn finding_that_nothing_is_to_do_takes_one_read() {
    let fixture = credits(1, 10);
    assert_eq!(fixture.settle(), [None]);
    let calls = Calls::default();
    let chain = Surrounded { chain: &fixture.chain, around: &calls };
    let engine = fixture.engine(Counted(&fixture, &calls), chain);
    assert_eq!(block_on(engine.advance(TRIGGER)).unwrap(), Progress::Idle);
    assert_eq!((calls.of("batch"), calls.all()), (1, 1));
}
