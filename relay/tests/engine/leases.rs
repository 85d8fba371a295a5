//! Leases and clocks: who may settle, whatever the clocks say and however slow the RPC node is.

use std::cell::Cell;
use std::task::Poll;

use williw_relay::chain::{ChainError, Pool};
use williw_relay::clock::Clock as _;
use williw_relay::database::{Database as _, Statement};
use williw_relay::engine::{EngineError, FormatChoice, HOLD_RETRY_MS, Progress, Step};
use williw_relay::transaction::{BatchKind, Format};
use williw_relay::types::RewardStatus;

use crate::support::{Around, EngineFixture, NodeSpec, Surrounded, TRIGGER, block_on};

/// Every answer takes longer than a third of a lease.
struct Slow<'a>(&'a EngineFixture);

impl Around for Slow<'_> {
    async fn call<T>(
        &self,
        _name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        self.0.advance_clock(11_000);
        call.await
    }
}

#[test]
fn a_runner_whose_rpc_node_is_slow_loses_its_lease_to_nobody() {
    let nodes: Vec<NodeSpec> = (0..130).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 2_000_000);
    }
    let engine = fixture.engine(&fixture.database, Surrounded { chain: &fixture.chain, around: Slow(&fixture) });
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 130);
}

/// Every answer takes a while, and nothing else may take the lease meanwhile.
struct Watched<'a>(&'a EngineFixture);

impl Around for Watched<'_> {
    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        self.0.advance_clock(900);
        let lease = Statement::new("SELECT CAST(expires_at AS TEXT) AS expires_at FROM leases");
        let rows = self.0.database.query(lease).await.expect("the lease is readable");
        let left = rows.first().map(|row| row.get::<i64>("expires_at").expect("a time") - self.0.clock.now_ms());
        // 0 is what a released one has.
        assert!(left.is_none_or(|left| !(-1_000_000..=0).contains(&left)), "{left:?} ms are left at a call of {name}");
        call.await
    }
}

#[test]
fn no_lease_expires_while_many_batches_are_simulated_sent_and_closed() {
    // 40 batches of 11 payouts: each of these takes longer than a lease for all of them.
    let nodes: Vec<NodeSpec> = (0..440).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 2_000_000);
    }
    let chain = Surrounded { chain: &fixture.chain, around: Watched(&fixture) };
    let engine = fixture.engine_with(&fixture.database, chain, |config| {
        config.format = FormatChoice::Only(Format::V0);
        config.batches_per_call = 50;
    });
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.batches_of_kind(BatchKind::Settle).len(), 40);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 440);
}

/// Every read of accounts takes a while, in which others can begin.
struct Reads<'a> {
    fixture: &'a EngineFixture,
    are_slow: &'a Cell<bool>,
    in_flight: Cell<usize>,
    most_in_flight: Cell<usize>,
}

impl Around for &Reads<'_> {
    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        if name != "accounts" || !self.are_slow.get() {
            return call.await;
        }
        self.in_flight.set(self.in_flight.get() + 1);
        self.most_in_flight.set(self.most_in_flight.get().max(self.in_flight.get()));
        yield_once().await;
        self.fixture.advance_clock(2_000);
        assert!(self.fixture.lease_remaining_ms() > 0, "the lease has expired");
        self.in_flight.set(self.in_flight.get() - 1);
        call.await
    }
}

async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn no_lease_expires_while_very_many_lookup_tables_are_read_and_they_are_read_concurrently() {
    // Each wallet account and each destination is in a table of its own: 14 requests for all of them.
    let nodes: Vec<NodeSpec> = (0..700).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    // Below the threshold, so that no destinations are read.
    let grant = || nodes.iter().for_each(|node| fixture.grant(&node.name, 10));
    grant();
    assert_eq!(fixture.settle(), [None]);
    fixture.record_tables_of_one_address_each();
    grant();

    let (are_slow, pool) = (Cell::new(false), Pool::new([&fixture.chain, &fixture.chain]));
    let around =
        Reads { fixture: &fixture, are_slow: &are_slow, in_flight: Cell::new(0), most_in_flight: Cell::new(0) };
    let chain = Surrounded { chain: &pool, around: &around };
    let engine = fixture.engine_with(&fixture.database, chain, |config| {
        config.format = FormatChoice::Only(Format::V0);
        *config = config.clone().with_local_ledger();
    });
    while fixture.settlements().pop().is_none_or(|settlement| settlement.step != Step::Plan.as_str()) {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    are_slow.set(true);
    while !fixture.log().iter().any(|line| line.contains("is not used: ")) {
        around.most_in_flight.set(0);
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    are_slow.set(false);
    // Two are those for the limits.
    assert!(around.most_in_flight.get() > 2, "{}", around.most_in_flight.get());
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2 * 700);
}

#[test]
fn a_late_write_of_the_same_rows_is_read_again() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 2_000_000);
    assert_eq!(fixture.settle(), [None]);
    for again in [
        "INSERT INTO batches SELECT * FROM batches",
        "INSERT INTO attempts (batch_id, number, state, compute_unit_limit, loaded_accounts_data_limit, compute_unit_price, \
            priority_fee_lamports, created_at, updated_at) SELECT batch_id, number, 'planned', 1, 1, 1, 1, 1, 1 FROM attempts",
        "INSERT INTO settlements (trigger, state, step, started_at, updated_at) VALUES ('a', 'open', 'sync', 1, 1), \
            ('b', 'open', 'sync', 1, 1)",
    ] {
        let error = EngineError::from(block_on(fixture.database.query(Statement::new(again))).unwrap_err());
        assert_eq!(error, EngineError::StateChanged, "{again}");
    }
    // Whatever else the ledger refuses stops the relay.
    let wrong = block_on(fixture.database.query(Statement::new("INSERT INTO nodes SELECT * FROM nodes"))).unwrap_err();
    assert!(matches!(EngineError::from(wrong), EngineError::Ledger(_)));
}

#[test]
fn a_runner_whose_clock_is_wrong_blocks_no_other() {
    for hours in [-1, 1] {
        let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
        fixture.grant("a", 2_000_000);
        let crashed = fixture.engine_with_clock(hours * 3_600_000);
        block_on(crashed.advance(TRIGGER)).unwrap();
        let engine = fixture.engine(&fixture.database, &fixture.chain);
        let Progress::Busy { retry_after_ms, .. } = block_on(engine.advance(TRIGGER)).unwrap() else {
            panic!("the crashed runner's lease has not expired yet");
        };
        assert!(retry_after_ms <= 30_000, "{retry_after_ms}");
        fixture.advance_time(retry_after_ms);
        let progress = block_on(engine.advance(TRIGGER)).unwrap();
        assert!(matches!(progress, Progress::Continue { .. }), "{progress:?}");
        assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
        assert_eq!(fixture.wallet("a").unwrap().paid_total, 2_000_000);
    }
}

#[test]
fn a_lease_from_before_the_databases_clock_was_set_back_blocks_nobody() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 2_000_000);
    fixture.advance_clock(3_600_000);
    block_on(fixture.engine_with_clock(0).advance(TRIGGER)).unwrap();
    fixture.advance_clock(-3_600_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    let progress = block_on(engine.advance(TRIGGER)).unwrap();
    assert!(matches!(progress, Progress::Continue { .. }), "{progress:?}");
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
}

#[test]
fn a_payout_that_is_due_only_by_a_wrong_clock_is_tried_once() {
    let fixture = EngineFixture::with_network(&[NodeSpec::payable("a")], |args| args.max_pending_age = 3_600);
    fixture.grant("a", 5);
    fixture.settle();
    let sends = fixture.chain.sends.get();
    let ahead = fixture.engine_with_clock(2 * 3_600_000);
    for _ in 0..200 {
        if let Progress::Continue { after_ms: 1.. } = block_on(ahead.advance(TRIGGER)).unwrap() {
            fixture.advance_time(800);
        }
    }
    assert_eq!(fixture.chain.sends.get(), sends + 1, "one transaction, and no further one until it is tried again");
    assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some("not_due"));

    fixture.advance_time(3_600_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 5);
}

#[test]
fn what_a_runner_with_a_wrong_clock_holds_is_tried_again_in_time() {
    let fixture = EngineFixture::new(&[NodeSpec::without_address("late")]);
    fixture.grant("late", 2_000_000);
    let ahead = fixture.engine_with_clock(365 * 24 * 3_600_000);
    for _ in 0..20 {
        block_on(ahead.advance(TRIGGER)).unwrap();
    }
    block_on(ahead.stop()).unwrap();
    assert_eq!(fixture.hold_reasons(), [Some("no_address".to_owned())]);
    fixture.register(&NodeSpec::payable("late"));
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("late").unwrap().paid_total, 2_000_000);
}

#[test]
fn what_was_held_before_the_databases_clock_was_set_back_is_tried_again_in_time() {
    const YEAR_MS: u64 = 365 * 24 * 3_600_000;

    let unfunded = [NodeSpec::unfunded("by-amount"), NodeSpec::unfunded("by-age")];
    let fixture = EngineFixture::with_network(&unfunded, |args| {
        (args.default_threshold, args.max_pending_age) = (1_000, 3_600);
    });
    fixture.register(&NodeSpec::without_address("rewards"));
    fixture.grant("by-age", 999);
    assert_eq!(fixture.settle(), [None]);

    fixture.advance_time(YEAR_MS);
    fixture.grant("by-amount", 1_000);
    fixture.grant("rewards", 2_000_000);
    assert_eq!(fixture.settle(), [None]);
    for (node, reason) in [
        ("by-amount", "destination_not_rent_exempt"),
        ("by-age", "destination_not_rent_exempt"),
        ("rewards", "no_address"),
    ] {
        assert_eq!(fixture.balance(node).hold_reason.as_deref(), Some(reason), "{node}");
    }
    fixture.advance_clock(7_200_000 - YEAR_MS as i64);
    for node in &unfunded {
        fixture.chain.svm.borrow_mut().airdrop(&node.address.unwrap(), 1_000_000_000).unwrap();
    }
    fixture.register(&NodeSpec::payable("rewards"));
    fixture.advance_time(0);
    assert_eq!(fixture.settle(), [None]);
    for (node, paid) in [("by-amount", 1_000), ("by-age", 999), ("rewards", 2_000_000)] {
        assert_eq!(fixture.wallet(node).unwrap().paid_total, paid, "{node}");
    }
}

#[test]
fn what_a_runner_with_a_wrong_clock_has_credited_becomes_due_by_age_in_time() {
    let fixture = EngineFixture::with_network(&[NodeSpec::payable("a")], |args| args.max_pending_age = 3_600);
    fixture.grant("a", 5);
    let ahead = fixture.engine_with_clock(365 * 24 * 3_600_000);
    loop {
        match block_on(ahead.advance(TRIGGER)).unwrap() {
            Progress::Finished { failure, .. } => break assert_eq!(failure, None),
            Progress::Continue { after_ms } => fixture.advance_time(after_ms),
            _ => {}
        }
    }
    assert_eq!(fixture.wallet("a").unwrap().credited_total, 5);
    fixture.advance_time(3_600_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 5);
}
