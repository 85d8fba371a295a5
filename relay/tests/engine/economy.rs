//! How few calls a settlement makes, and that none of those that it leaves out was needed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use williw_relay::chain::{
    AccountData, AccountsAtSlot, Chain, ChainError, Commitment, ExecutedTransaction, FinalizedBlock, LatestBlockhash,
    Simulation, StatusSearch, StatusesAtSlot,
};
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use williw_relay::engine::Progress;
use williw_relay::ledger::settlements;
use williw_relay::transaction::BatchKind;
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

/// A database or a chain that counts its calls.
struct Counted<'a, T> {
    inner: &'a T,
    calls: Cell<u64>,
    by_name: RefCell<BTreeMap<&'static str, u64>>,
}

impl<'a, T> Counted<'a, T> {
    fn new(inner: &'a T) -> Self {
        Self { inner, calls: Cell::new(0), by_name: RefCell::default() }
    }

    fn count(&self, name: &'static str) -> &'a T {
        self.calls.set(self.calls.get() + 1);
        *self.by_name.borrow_mut().entry(name).or_default() += 1;
        self.inner
    }

    fn calls_of(&self, name: &str) -> u64 {
        self.by_name.borrow().get(name).copied().unwrap_or(0)
    }
}

impl<T: Database> Database for Counted<'_, T> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        self.count("batch").batch(statements).await
    }
}

impl<T: Chain> Chain for Counted<'_, T> {
    async fn genesis_hash(&self) -> Result<Hash, ChainError> {
        self.count("genesis_hash").genesis_hash().await
    }

    async fn latest_blockhash(&self) -> Result<LatestBlockhash, ChainError> {
        self.count("latest_blockhash").latest_blockhash().await
    }

    async fn finalized_block(&self) -> Result<FinalizedBlock, ChainError> {
        self.count("finalized_block").finalized_block().await
    }

    async fn accounts(
        &self,
        addresses: &[Pubkey],
        data: AccountData,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<AccountsAtSlot, ChainError> {
        self.count("accounts").accounts(addresses, data, commitment, min_slot).await
    }

    async fn minimum_balance(&self, data_len: u64) -> Result<u64, ChainError> {
        self.count("minimum_balance").minimum_balance(data_len).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.count("simulate").simulate(transaction).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<(), ChainError> {
        self.count("send").send(transaction).await
    }

    async fn statuses(&self, signatures: &[Signature], search: StatusSearch) -> Result<StatusesAtSlot, ChainError> {
        self.count("statuses").statuses(signatures, search).await
    }

    async fn transaction(&self, signature: &Signature) -> Result<Option<ExecutedTransaction>, ChainError> {
        self.count("transaction").transaction(signature).await
    }

    async fn recent_priority_fees(&self, writable: &[Pubkey]) -> Result<Vec<u64>, ChainError> {
        self.count("recent_priority_fees").recent_priority_fees(writable).await
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
    let (database, chain) = (Counted::new(&fixture.database), Counted::new(&fixture.chain));
    let engine = fixture.engine(&database, &chain);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 260);
    assert_eq!(fixture.batches_of_kind(BatchKind::Credit).len(), 3 + 3);
    assert_eq!(chain.calls_of("simulate"), 2, "one probes the format");
    assert_eq!(chain.calls_of("accounts"), 6, "two read the wallets, before the plan; none reads them again");
    assert_eq!((chain.calls_of("send"), chain.calls_of("transaction")), (3, 3));
    assert!(database.calls.get() < 100, "{}", database.calls.get());
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
    let fixture = credits(70, 10);
    let wallet = Some(fixture.wallet_address("n3"));
    fixture.chain.unloadable.set(wallet);
    fixture.chain.reverts.set(wallet);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 70 + 69);
    let held = fixture.hold_reasons().into_iter().flatten().collect::<Vec<_>>();
    assert!(matches!(held.as_slice(), [reason] if reason.starts_with("evicted")), "{held:?}");
}

#[test]
fn finding_that_nothing_is_to_do_takes_one_read() {
    let fixture = credits(1, 10);
    assert_eq!(fixture.settle(), [None]);
    let (database, chain) = (Counted::new(&fixture.database), Counted::new(&fixture.chain));
    let engine = fixture.engine(&database, &chain);
    assert_eq!(block_on(engine.advance(TRIGGER)).unwrap(), Progress::Idle);
    assert_eq!((database.calls.get(), chain.calls.get()), (1, 0));
}
