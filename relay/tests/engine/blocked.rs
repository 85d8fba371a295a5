//! While nothing can be settled, waiting leaves no trace in the ledger.

use std::cell::Cell;

use settlement::client::{accept_admin_ix, propose_admin_ix};
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use williw_relay::chain::ChainError;
use williw_relay::engine::{EngineConfig, Progress};
use williw_relay::transaction::BatchKind;
use williw_relay::types::RewardStatus;

use crate::support::{Around, EngineFixture, NodeSpec, Surrounded, TRIGGER, block_on};

fn with_a_paused_network() -> EngineFixture {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    fixture.pause();
    fixture
}

#[test]
fn a_network_that_stays_paused_ends_one_settlement_however_long_a_relay_watches() {
    let fixture = with_a_paused_network();
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    let reason = fixture.settle_with(&engine).unwrap().pop().flatten().expect("the settlement fails");
    for _ in 0..20 {
        fixture.advance_time(60_000);
        let progress = block_on(engine.advance(TRIGGER)).unwrap();
        assert_eq!(progress, Progress::Blocked { settlement_id: 1, reason: reason.clone() });
    }
    // Not even another process opens one.
    assert_eq!(fixture.settle(), [Some(reason)]);
    assert_eq!(fixture.settlements().len(), 1);
    assert_eq!(fixture.chain.sends.get(), 0, "nothing was sent");

    fixture.unpause();
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
}

#[test]
fn a_blocked_relay_holds_no_lease() {
    let fixture = with_a_paused_network();
    let (one, other) =
        (fixture.engine(&fixture.database, &fixture.chain), fixture.engine(&fixture.database, &fixture.chain));
    fixture.settle_with(&one).unwrap();
    for engine in [&one, &other, &one] {
        let progress = block_on(engine.advance(TRIGGER)).unwrap();
        assert!(matches!(progress, Progress::Blocked { .. }), "{progress:?}");
    }
}

#[test]
fn another_reason_is_recorded_by_another_settlement() {
    let fixture = with_a_paused_network();
    fixture.settle();
    let next = Keypair::new();
    fixture.chain.svm.borrow_mut().airdrop(&next.pubkey(), 1_000_000_000).unwrap();
    fixture.execute_as_admin(propose_admin_ix(fixture.admin.pubkey(), fixture.network, next.pubkey()));
    fixture.execute_as(&next, accept_admin_ix(next.pubkey(), fixture.network));
    for _ in 0..3 {
        let reason = fixture.settle().pop().flatten().expect("nothing can be settled");
        assert!(reason.contains("NETWORK_ADMIN"), "{reason}");
    }
    assert_eq!(fixture.settlements().len(), 2);
}

#[test]
fn a_network_that_is_paused_during_a_settlement_ends_it_and_at_most_one_more() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    fixture.pause();
    for _ in 0..5 {
        assert!(fixture.settle_with(&engine).unwrap().pop().flatten().is_some(), "the settlement fails");
        fixture.advance_time(60_000);
    }
    assert!(fixture.settlements().len() <= 2, "{:?}", fixture.settlements());
    fixture.unpause();
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
}

/// Settles until nothing can be paid for, waits for long, and settles again once that has changed.
fn assert_waits_without_a_trace(
    fixture: &EngineFixture,
    change: impl FnOnce(&mut EngineConfig),
    expected: &str,
    mend: impl FnOnce(&mut EngineConfig),
) {
    let engine = fixture.engine_with(&fixture.database, &fixture.chain, change);
    let reason = fixture.settle_with(&engine).unwrap().pop().flatten().expect("the settlement fails");
    assert!(reason.contains(expected), "{reason}");
    let settlements = fixture.settlements().len();
    for _ in 0..20 {
        fixture.advance_time(60_000);
        let progress = block_on(engine.advance(TRIGGER)).unwrap();
        assert!(matches!(&progress, Progress::Blocked { reason: still, .. } if *still == reason), "{progress:?}");
    }
    assert_eq!(fixture.settlements().len(), settlements, "each wait has left a settlement");
    let engine = fixture.engine_with(&fixture.database, &fixture.chain, mend);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_001);
}

/// A node whose wallet account exists, and which has a reward to be paid.
fn with_a_wallet_account() -> EngineFixture {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1);
    assert_eq!(fixture.settle(), [None]);
    fixture.grant("a", 1_000_000);
    fixture
}

#[test]
fn a_settler_who_can_pay_for_no_transaction_ends_one_settlement_however_long_a_relay_watches() {
    let fixture = with_a_wallet_account();
    let minimum = fixture.chain.svm.borrow().minimum_balance_for_rent_exemption(0);
    let settler = fixture.settler.pubkey();
    fixture.set_balance(&settler, minimum + 4_999);
    let mend = |_: &mut EngineConfig| fixture.set_balance(&settler, 1_000_000_000);
    assert_waits_without_a_trace(&fixture, |_| {}, "no transaction can be paid for: payer_short", mend);
}

#[test]
fn a_limit_that_covers_no_transaction_ends_one_settlement_however_long_a_relay_watches() {
    let limit = |config: &mut EngineConfig| config.max_fees_lamports = Some(4_999);
    assert_waits_without_a_trace(&with_a_wallet_account(), limit, "no transaction can be paid for: fee_limit", |_| {});
}

/// No transaction is accepted.
#[derive(Default)]
struct Refusing {
    sends: Cell<u64>,
    accepts: Cell<bool>,
}

impl Around for &Refusing {
    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        if name != "send" || self.accepts.get() {
            return call.await;
        }
        self.sends.set(self.sends.get() + 1);
        Err(ChainError::Unreachable(format!("timeout of request {}", self.sends.get())))
    }
}

#[test]
fn transactions_that_are_not_accepted_for_hours_leave_a_few_lines_and_not_one_each() {
    let nodes: Vec<NodeSpec> = (0..12).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let fixture = EngineFixture::with_network(&nodes, |args| args.per_batch_cap = 1_000_000);
    for node in &nodes {
        fixture.grant(&node.name, 1_000_000);
    }
    let refusing = Refusing::default();
    let engine = fixture.engine(&fixture.database, Surrounded { chain: &fixture.chain, around: &refusing });
    // The cluster stands still, so that no blockhash expires.
    let mut hours = 0;
    while hours < 2 * 3_600_000 {
        if let Progress::Continue { after_ms: 1.. } = block_on(engine.advance(TRIGGER)).unwrap() {
            fixture.advance_clock(20_000);
            hours += 20_000;
        }
    }
    let settlement = fixture.settlements().pop().expect("a settlement");
    let lines: Vec<_> =
        settlement.steps.iter().filter(|step| step.message.contains("not known to have arrived")).collect();
    assert!(refusing.sends.get() > 100, "{}", refusing.sends.get());
    assert!((1..=9).contains(&lines.len()), "{lines:?}");
    refusing.accepts.set(true);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 12);
}

#[test]
fn errors_that_alternate_are_logged_once_each() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    let alternating = FailingReads::new(|count| match count % 2 {
        0 => ChainError::Unreachable("reset".to_owned()),
        _ => ChainError::Behind { slot: 1, min_slot: count },
    });
    let engine = fixture.engine(&fixture.database, Surrounded { chain: &fixture.chain, around: &alternating });
    assert_eq!(block_on(engine.advance(TRIGGER)), Ok(Progress::Opened));
    for _ in 0..20 {
        assert!(block_on(engine.advance(TRIGGER)).is_err());
        fixture.advance_time(1_000);
    }
    let settlement = fixture.settlements().pop().expect("a settlement");
    assert_eq!(settlement.steps.iter().filter(|step| step.level == "warn").count(), 2, "{:?}", settlement.steps);
}

#[test]
fn a_program_that_rejects_every_simulation_ends_one_settlement_however_long_a_relay_watches() {
    let fixture = with_a_wallet_account();
    // Anchor's ConstraintSeeds, as another version of the program could return it.
    fixture.chain.rejects_with.set(Some(2_006));
    let expected = "the settlement program rejects the batch";
    assert_waits_without_a_trace(&fixture, |_| {}, expected, |_| fixture.chain.rejects_with.set(None));
    assert_eq!(fixture.batches_of_kind(BatchKind::Settle).len(), 2, "no batch was left by waiting");
}

#[test]
fn a_program_that_rejects_simulations_with_another_error_is_recorded_by_another_settlement() {
    let fixture = with_a_wallet_account();
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    for (code, settlements) in [(2_006, 2), (2_006, 2), (2_003, 3), (2_003, 3)] {
        fixture.chain.rejects_with.set(Some(code));
        let reason = fixture.settle_with(&engine).unwrap().pop().flatten().expect("the settlement fails");
        assert!(reason.contains(&code.to_string()), "{reason}");
        assert_eq!(fixture.settlements().len(), settlements, "{code}");
        fixture.advance_time(60_000);
    }
    assert_eq!(fixture.chain.sends.get(), 2, "those of the first settlement");
}

/// Every read of accounts fails, with an error that depends on how many there were.
struct FailingReads {
    count: Cell<u64>,
    error: fn(u64) -> ChainError,
}

impl FailingReads {
    fn new(error: fn(u64) -> ChainError) -> Self {
        Self { count: Cell::new(0), error }
    }
}

impl Around for &FailingReads {
    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        if name != "accounts" {
            return call.await;
        }
        self.count.set(self.count.get() + 1);
        Err((self.error)(self.count.get()))
    }
}

#[test]
fn an_error_that_names_other_numbers_at_every_retry_is_logged_once() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    // It lags and is a slot further in every answer.
    let lagging = FailingReads::new(|count| ChainError::Behind { slot: count, min_slot: 1_000 + count });
    let engine = fixture.engine(&fixture.database, Surrounded { chain: &fixture.chain, around: &lagging });
    assert_eq!(block_on(engine.advance(TRIGGER)), Ok(Progress::Opened));
    for _ in 0..20 {
        assert!(block_on(engine.advance(TRIGGER)).is_err());
        fixture.advance_time(1_000);
    }
    let settlement = fixture.settlements().pop().expect("a settlement");
    let warnings: Vec<_> = settlement.steps.iter().filter(|step| step.message.contains("behind slot")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(lagging.count.get() > 10, "it was asked again and again");

    block_on(engine.stop()).unwrap();
    assert_eq!(fixture.settle(), [None]);
}
