//! Metrics agree with the ledger and with the chain, whatever a settlement does.

use williw_relay::database::{Database as _, Row, Statement};
use williw_relay::engine::AttemptState;
use williw_relay::metrics::{ChainReading, LedgerReading, Readings};

use crate::support::{CrashPoint, CrashTiming, EngineFixture, NodeSpec, TRIGGER, block_on};

impl EngineFixture {
    fn metrics(&self) -> LedgerReading {
        block_on(LedgerReading::read(&self.database)).expect("the ledger is readable")
    }

    fn chain_metrics(&self) -> ChainReading {
        use solana_signer::Signer as _;
        block_on(ChainReading::read(&self.chain, &self.network, &self.settler.pubkey())).expect("the chain is readable")
    }

    /// Asserts that what triggers have counted is what is there.
    fn assert_counted(&self) {
        const REWARDS: &str = "SELECT CAST(COUNT(*) AS TEXT) AS count, CAST(COALESCE(SUM(amount_lamports), 0) AS TEXT) AS sum \
            FROM rewards WHERE status <> 'confirmed'";
        const SETTLEMENTS: &str = "SELECT CAST(SUM(state = 'done') AS TEXT) AS done, CAST(SUM(state = 'failed') AS TEXT) AS failed, \
            CAST(SUM(fees_lamports) AS TEXT) AS fees FROM settlements";
        let one = |sql| -> Row { block_on(self.database.query(Statement::new(sql))).expect("readable").remove(0) };
        let (rewards, settlements) = (one(REWARDS), one(SETTLEMENTS));
        let metrics = self.metrics();
        assert_eq!(metrics.pending_rewards, rewards.get::<u64>("count").unwrap());
        assert_eq!(metrics.pending_base_units, rewards.get::<u128>("sum").unwrap());
        assert_eq!(metrics.settlements_done, settlements.optional::<u64>("done").unwrap().unwrap_or(0));
        assert_eq!(metrics.settlements_failed, settlements.optional::<u64>("failed").unwrap().unwrap_or(0));
        assert_eq!(metrics.fees_lamports, settlements.optional::<u64>("fees").unwrap().unwrap_or(0));
        self.assert_holds_counted();
    }

    /// Asserts that as many nodes are counted as held as there are.
    pub(crate) fn assert_holds_counted(&self) {
        const HELD: &str = "SELECT CAST((SELECT COUNT(*) FROM payables WHERE hold_reason IS NOT NULL) \
            + (SELECT COUNT(*) FROM wallets WHERE hold_reason IS NOT NULL) AS TEXT) AS held";
        let rows = block_on(self.database.query(Statement::new(HELD))).expect("readable");
        let held: u64 = rows[0].get("held").unwrap();
        assert_eq!(self.metrics().held.iter().map(|held| held.nodes).sum::<u64>(), held);
    }
}

#[test]
fn metrics_count_what_the_ledger_holds_at_every_moment_of_a_settlement() {
    let fixture = EngineFixture::new(&[
        NodeSpec::payable("a"),
        NodeSpec::payable("b"),
        NodeSpec::without_address("c"),
        NodeSpec::without_address("d"),
    ]);
    for node in ["a", "b", "c", "d"] {
        fixture.grant_many(node, 3, 2_345_678_901);
    }
    fixture.assert_counted();
    assert_eq!(fixture.metrics().pending_base_units, 12 * 2_345_678_901);
    let granted = fixture.metrics().unpaid_since_ms;
    assert!(granted.is_some() && fixture.metrics().payable_since_ms == granted);

    let engine = fixture.engine(&fixture.database, &fixture.chain);
    let mut seen_in_flight = false;
    for _ in 0..200 {
        let progress = block_on(engine.advance(TRIGGER)).unwrap();
        fixture.assert_counted();
        let metrics = fixture.metrics();
        let has_sent = fixture.has_attempt_in(AttemptState::Sent);
        assert_eq!(
            metrics.oldest_sent_ms().is_some(),
            fixture.attempts().iter().any(|attempt| {
                matches!(attempt.state, AttemptState::Signed | AttemptState::Sent | AttemptState::Landed)
            })
        );
        seen_in_flight |= has_sent && metrics.settlement_since_ms.is_some();
        match progress {
            williw_relay::engine::Progress::Continue { after_ms } => fixture.advance_time(after_ms),
            williw_relay::engine::Progress::Idle => break,
            _ => {}
        }
    }
    assert!(seen_in_flight);
    let metrics = fixture.metrics();
    assert_eq!((metrics.pending_rewards, metrics.settlements_done), (6, 1));
    assert_eq!(metrics.held.len(), 1);
    assert_eq!((&*metrics.held[0].reason, metrics.held[0].nodes), ("no_address", 2));
    assert_eq!((metrics.unpaid_since_ms, metrics.payable_since_ms), (granted, None), "what is left is held");
    assert_eq!((metrics.settlement_since_ms, metrics.in_flight.len()), (None, 0));
    assert!(metrics.fees_lamports >= 10_000);

    let chain = fixture.chain_metrics();
    assert_eq!(chain.paid_base_units, 6 * 2_345_678_901);
    assert_eq!(chain.credited_base_units, 6 * 2_345_678_901);
    assert_eq!(chain.treasury_base_units, 100_000_000_000 - 6 * 2_345_678_901);
    let page = Readings { ledger: Some(&metrics), chain: Some(&chain), rpc: None, now_ms: 0 }.to_text();
    assert!(page.contains("williw_held_nodes{kind=\"rewards\",reason=\"no_address\"} 2\n"), "{page}");
}

#[test]
fn metrics_are_exact_after_crashes_and_failures() {
    let new = || {
        let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::without_address("b")]);
        fixture.grant("a", 1_999_999_999);
        fixture.grant("b", 1);
        fixture
    };
    let never = CrashPoint::never();
    new().settle_with_crash(&never).unwrap();
    let both = |at| [CrashTiming::BeforeEffect, CrashTiming::AfterEffect].map(|timing| CrashPoint::new(at, timing));
    for point in (0..never.calls()).flat_map(both) {
        let fixture = new();
        // The loss of the last answers may not be noticed.
        let _ = fixture.settle_with_crash(&point);
        fixture.assert_counted();
        fixture.advance_time(60_000);
        fixture.settle();
        fixture.pause();
        fixture.grant("a", 5);
        fixture.settle();
        fixture.assert_counted();
        assert_eq!(fixture.metrics().settlements_failed, 1, "{point:?}");
        assert!(fixture.chain_metrics().is_paused);
    }
}

#[test]
fn the_sum_of_the_largest_rewards_of_many_nodes_is_exact() {
    let fixture = EngineFixture::new(&[NodeSpec::without_address("a"), NodeSpec::without_address("b")]);
    for node in ["a", "b"] {
        fixture.grant(node, i64::MAX.unsigned_abs());
    }
    assert_eq!(fixture.metrics().pending_base_units, 2 * u128::from(i64::MAX.unsigned_abs()));
}
