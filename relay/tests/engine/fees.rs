//! Fees: prices that rise until a transaction lands, limits, and a settler who cannot pay for everything.

use settlement::state::NodeWallet;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::chain::ChainError;
use williw_relay::engine::{AttemptState, BatchState, EngineConfig, HOLD_RETRY_MS};
use williw_relay::transaction::BatchKind;
use williw_relay::types::RewardStatus;

use crate::support::{Around, EngineFixture, NodeSpec, Surrounded, TRIGGER, block_on};

/// The fee of a signature, in lamports.
const SIGNATURE_FEE: u64 = 5_000;

fn nodes(count: usize) -> Vec<NodeSpec> {
    (0..count).map(|index| NodeSpec::payable(&format!("n{index}"))).collect()
}

/// Nodes whose wallet accounts exist, and of which each needs a batch of its own.
fn fixture(count: usize) -> EngineFixture {
    let nodes = nodes(count);
    let fixture = EngineFixture::with_network(&nodes, |args| args.per_batch_cap = 1_000_000);
    for node in &nodes {
        fixture.grant(&node.name, 1);
    }
    assert_eq!(fixture.settle(), [None]);
    for node in &nodes {
        fixture.grant(&node.name, 1_000_000);
    }
    fixture
}

/// Settles with a configuration, and returns the failure of each finished settlement.
fn settle_with(fixture: &EngineFixture, change: impl FnOnce(&mut EngineConfig)) -> Vec<Option<String>> {
    let engine = fixture.engine_with(&fixture.database, &fixture.chain, change);
    fixture.settle_with(&engine).expect("the engine does not return an error")
}

fn held(fixture: &EngineFixture, reason: &str) -> usize {
    fixture.hold_reasons().iter().flatten().filter(|held| held.starts_with(reason)).count()
}

fn settler(fixture: &EngineFixture) -> Pubkey {
    fixture.settler.pubkey()
}

/// What must stay in the settler's account, in lamports.
fn minimum(fixture: &EngineFixture) -> u64 {
    fixture.chain.svm.borrow().minimum_balance_for_rent_exemption(0)
}

#[test]
fn the_price_rises_with_every_attempt_that_does_not_land_also_from_zero() {
    for recent in [vec![], vec![0; 20]] {
        let fixture = EngineFixture::new(&nodes(1));
        fixture.grant("n0", 1);
        fixture.settle();
        fixture.chain.recent_fees.replace(recent);
        fixture.grant("n0", 1_000_000);
        let before = fixture.prices().len();
        fixture.chain.drop_sends.set(20);
        assert_eq!(fixture.settle(), [None]);
        let prices = fixture.prices().split_off(before);
        assert_eq!(prices[..3], [0, 10_000, 20_000], "{prices:?}");
        assert!(prices.is_sorted_by(|one, next| one < next), "{prices:?}");
        let states = fixture.latest_batch().attempt_states();
        let (last, others) = states.split_last().unwrap();
        assert_eq!((last, states.len()), (&AttemptState::Finalized, prices.len()));
        assert!(others.iter().all(|state| *state == AttemptState::Expired), "{others:?}");
        assert_eq!(fixture.wallet("n0").unwrap().paid_total, 1_000_001);
    }
}

#[test]
fn the_price_is_that_of_the_wallet_accounts_and_destinations_that_are_written_of_a_bounded_number_of_them() {
    let all = nodes(300);
    let fixture = EngineFixture::new(&all);
    for node in &all {
        fixture.grant(&node.name, 1);
    }
    fixture.settle();
    for contended in [fixture.wallet_address("n0"), all[0].address.unwrap()] {
        fixture.chain.contended.set(Some((contended, 70_000)));
        let before = fixture.prices().len();
        fixture.grant("n0", 1_000_000);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(fixture.prices().split_off(before).iter().max(), Some(&70_000));
    }
    // Who is not paid costs nothing.
    let before = fixture.prices().len();
    fixture.grant("n1", 1_000_000);
    assert_eq!(fixture.settle(), [None]);
    assert!(fixture.prices().split_off(before).iter().all(|price| *price <= 30));
    for node in &all {
        fixture.grant(&node.name, 1_000_000);
    }
    assert_eq!(fixture.settle(), [None]);
    assert!((20..=128).contains(&fixture.chain.most_fee_accounts.get()), "{}", fixture.chain.most_fee_accounts.get());
}

#[test]
fn no_transaction_costs_more_than_the_highest_fee_of_one() {
    let fixture = EngineFixture::new(&nodes(1));
    fixture.chain.recent_fees.replace(vec![u64::MAX]);
    fixture.grant("n0", 1_000_000);
    fixture.chain.drop_sends.set(20);
    assert_eq!(settle_with(&fixture, |config| config.max_priority_fee_lamports = 123), [None]);
    let fees = fixture.attempt_fees();
    for (priority, paid) in &fees {
        assert!((101..=123).contains(priority), "{fees:?}");
        assert!(paid.is_none_or(|paid| paid > SIGNATURE_FEE && paid <= SIGNATURE_FEE + priority), "{fees:?}");
    }
    let paid: Vec<u64> = fees.iter().filter_map(|(_, paid)| *paid).collect();
    assert_eq!(paid.len(), fixture.chain.landed().len());
    assert!(paid.len() < fees.len(), "some expire");
    assert_eq!(paid.iter().sum::<u64>(), fixture.fees());
}

#[test]
fn what_the_limit_on_fees_does_not_cover_is_held_and_the_oldest_rewards_are_paid_first() {
    let fixture = fixture(5);
    let (before, limit) = (fixture.fees(), 3 * SIGNATURE_FEE + 100);
    assert_eq!(settle_with(&fixture, |config| config.max_fees_lamports = Some(limit)), [None]);
    let paid: Vec<u64> = (0..5).map(|index| fixture.wallet(&format!("n{index}")).unwrap().paid_total).collect();
    assert_eq!(paid, [1_000_001, 1_000_001, 1_000_001, 0, 0]);
    assert!(fixture.fees() - before <= limit, "{}", fixture.fees() - before);
    assert_eq!(held(&fixture, "fee_limit"), 2);

    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 10);
}

#[test]
fn no_further_attempt_exceeds_the_limit_on_fees() {
    let fixture = fixture(1);
    fixture.chain.drop_sends.set(20);
    let before = fixture.fees();
    assert_eq!(settle_with(&fixture, |config| config.max_fees_lamports = Some(SIGNATURE_FEE + 1)), [None]);
    assert_eq!(fixture.wallet("n0").unwrap().paid_total, 1_000_001);
    assert!(fixture.prices().last().is_some_and(|price| *price > 0), "its price has risen: {:?}", fixture.prices());
    assert!(fixture.fees() - before <= SIGNATURE_FEE + 1);
}

#[test]
fn a_limit_that_covers_no_transaction_is_reported_before_anything_is_sent() {
    let fixture = fixture(2);
    let sends = fixture.chain.sends.get();
    let failures = settle_with(&fixture, |config| config.max_fees_lamports = Some(SIGNATURE_FEE - 1));
    let [Some(reason)] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(reason.contains("no transaction can be paid for: fee_limit"), "{reason}");
    assert_eq!((fixture.chain.sends.get(), fixture.reward_count(RewardStatus::Pending)), (sends, 2));
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Pending), 0);
}

#[test]
fn what_the_settler_cannot_pay_for_is_held_before_anything_is_sent() {
    let fixture = fixture(5);
    fixture.set_balance(&settler(&fixture), minimum(&fixture) + 2 * SIGNATURE_FEE + 500);
    assert_eq!(fixture.settle(), [None]);
    let paid: Vec<u64> = (0..5).map(|index| fixture.wallet(&format!("n{index}")).unwrap().paid_total).collect();
    assert_eq!(paid, [1_000_001, 1_000_001, 0, 0, 0], "the oldest rewards first");
    assert_eq!(held(&fixture, "payer_short"), 3);
    assert!(fixture.chain.landed().iter().all(|(_, succeeded)| *succeeded), "nothing fails for want of a fee");
    let batches = fixture.batches_of_kind(BatchKind::Settle);
    assert!(batches.iter().all(|batch| batch.state == BatchState::Confirmed), "{batches:?}");

    fixture.set_balance(&settler(&fixture), 1_000_000_000);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 10);
}

#[test]
fn a_settler_who_can_pay_for_nothing_is_reported_before_anything_is_sent() {
    let fixture = fixture(2);
    let sends = fixture.chain.sends.get();
    fixture.set_balance(&settler(&fixture), minimum(&fixture) + SIGNATURE_FEE - 1);
    let failures = fixture.settle();
    let [Some(reason)] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(reason.contains("no transaction can be paid for: payer_short"), "{reason}");
    assert_eq!((fixture.chain.sends.get(), fixture.reward_count(RewardStatus::Pending)), (sends, 2));
}

#[test]
fn wallet_accounts_are_created_as_far_as_the_settler_can_pay_their_rent() {
    let fixture = fixture(1);
    for node in nodes(31).into_iter().skip(1) {
        fixture.register(&node);
        fixture.grant(&node.name, 1_000_000);
    }
    let rent = fixture.chain.svm.borrow().minimum_balance_for_rent_exemption(NodeWallet::SIZE);
    fixture.set_balance(&settler(&fixture), minimum(&fixture) + 25 * (rent + SIGNATURE_FEE) + rent / 2);
    assert_eq!(fixture.settle(), [None]);
    let created = (1..31).filter(|index| fixture.wallet(&format!("n{index}")).is_some()).count();
    assert_eq!((created, held(&fixture, "payer_short")), (25, 5));
    assert!(fixture.wallet("n25").is_some(), "the oldest rewards first");
    assert_eq!(fixture.wallet("n0").unwrap().paid_total, 1_000_001, "who has a wallet account is paid");
    assert!(fixture.chain.landed().iter().all(|(_, succeeded)| *succeeded));
    let log: Vec<String> =
        fixture.settlements().into_iter().flat_map(|settlement| settlement.steps).map(|step| step.message).collect();
    let expected = format!(
        "the settler cannot pay the rent of 5 wallet accounts: send it {} lamports",
        5 * (rent + SIGNATURE_FEE) - rent / 2
    );
    assert!(log.contains(&expected), "{log:?}");

    fixture.set_balance(&settler(&fixture), 1_000_000_000);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Pending), 0);
}

#[test]
fn a_wallet_account_that_the_limit_on_fees_does_not_cover_is_held_for_that() {
    let fixture = EngineFixture::new(&nodes(2));
    fixture.grant("n0", 1_000_000);
    let failures = settle_with(&fixture, |config| config.max_fees_lamports = Some(SIGNATURE_FEE - 1));
    assert!(failures.iter().flatten().all(|reason| reason.contains("fee_limit")), "{failures:?}");
    assert_eq!((fixture.chain.sends.get(), held(&fixture, "fee_limit")), (0, 1), "{:?}", fixture.hold_reasons());

    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("n0").unwrap().paid_total, 1_000_000);
}

#[test]
fn a_planned_payment_that_the_limit_on_fees_covers_no_more_is_held_for_that() {
    let fixture = fixture(2);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while !fixture.has_open_payments_that(<[_]>::is_empty) {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    engine.limit_fees(Some(SIGNATURE_FEE));
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(held(&fixture, "fee_limit"), 1, "{:?}", fixture.hold_reasons());

    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Pending), 0);
}

/// A node without `getRecentPrioritizationFees`.
struct WithoutFees;

impl Around for WithoutFees {
    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        match name {
            "recent_priority_fees" => Err(ChainError::ErrorResponse {
                method: "getRecentPrioritizationFees",
                code: -32601,
                message: "Method not found".to_owned(),
            }),
            _ => call.await,
        }
    }
}

#[test]
fn a_node_that_does_not_know_recent_fees_keeps_nobody_from_being_paid() {
    let fixture = fixture(1);
    let engine = fixture.engine(&fixture.database, Surrounded { chain: &fixture.chain, around: WithoutFees });
    assert_eq!(fixture.settle_with(&engine), Ok(vec![None]));
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2);
}
