//! Leases and clocks: who may settle, whatever the clocks say and however slow the RPC node is.

use williw_relay::chain::ChainError;
use williw_relay::engine::{HOLD_RETRY_MS, Progress};
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
