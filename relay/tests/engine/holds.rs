//! How often is tried again what is held.

use williw_relay::clock::Clock as _;
use williw_relay::database::{Database as _, Statement};
use williw_relay::engine::{MAX_HOLD_RETRY_MS, Progress, Trigger};

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

const MINUTE_MS: u64 = 60_000;

/// After how many minutes a settlement tried again, within the next `minutes`.
fn retries(fixture: &EngineFixture, minutes: u64) -> Vec<u64> {
    let start = fixture.clock.now_ms();
    let elapsed_ms = || fixture.clock.now_ms().abs_diff(start);
    let mut retries = Vec::new();
    while elapsed_ms() < minutes * MINUTE_MS {
        fixture.advance_time(5 * MINUTE_MS);
        let settled = fixture.settle();
        assert!(settled.len() <= 1 && settled.iter().all(Option::is_none), "{settled:?}");
        retries.extend((!settled.is_empty()).then(|| elapsed_ms() / MINUTE_MS));
    }
    retries
}

fn execute(fixture: &EngineFixture, sql: &'static str) {
    block_on(fixture.database.query(Statement::new(sql))).expect("the statement is executed");
}

fn without_address() -> EngineFixture {
    let fixture = EngineFixture::new(&[NodeSpec::without_address("a")]);
    fixture.grant("a", 2_000_000);
    assert_eq!(fixture.settle(), [None]);
    fixture
}

#[test]
fn what_only_its_owner_can_change_is_tried_again_the_more_rarely_the_longer_it_lasts() {
    let fixture = without_address();
    let day = MAX_HOLD_RETRY_MS as u64 / MINUTE_MS;
    let doubled = [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560];
    let daily = [2_560 + day, 2_560 + 2 * day];
    assert_eq!(retries(&fixture, 3_000 + 2 * day), [&doubled[..], &daily].concat());
}

#[test]
fn a_payout_that_its_destination_cannot_receive_is_tried_again_the_more_rarely() {
    let fixture = EngineFixture::with_network(&[NodeSpec::unfunded("a")], |args| args.default_threshold = 1_000);
    fixture.grant("a", 1_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some("destination_not_rent_exempt"));
    // It was held some seconds before the settlement ended, so that each wait ends in the next step of five minutes.
    assert_eq!(retries(&fixture, 200), [10, 25, 55, 115]);
    // A further reward changes what is due, and it is looked at again at once.
    fixture.grant("a", 5_000_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 5_001_000);
}

#[test]
fn what_waits_for_funds_or_limits_is_tried_again_every_ten_minutes() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 200_000_000_000);
    fixture.settle();
    fixture.advance_time(15 * MINUTE_MS);
    fixture.settle();
    assert_eq!(fixture.hold_reasons(), [Some("treasury_short".to_owned())]);
    assert_eq!(retries(&fixture, 120).len(), 12);
}

#[test]
fn an_address_that_is_set_is_paid_at_once_however_long_it_was_missing() {
    let fixture = without_address();
    retries(&fixture, 700);
    fixture.register(&NodeSpec::payable("a"));
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 2_000_000);
}

#[test]
fn a_node_that_is_no_longer_suspended_is_paid_at_once_and_another_reason_begins_anew() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    execute(&fixture, "UPDATE nodes SET status = 'suspended'");
    fixture.grant("a", 2_000_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(retries(&fixture, 700), [10, 20, 40, 80, 160, 320, 640]);
    // It is held for another reason at the next try, which is in ten hours.
    execute(&fixture, "UPDATE payables SET hold_reason = 'no_address'");
    assert_eq!(retries(&fixture, 700), [580, 590, 600, 620, 660]);

    execute(&fixture, "UPDATE nodes SET status = 'active'");
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 2_000_000);
}

#[test]
fn who_asks_for_it_has_everything_tried_again_at_once() {
    let fixture = without_address();
    retries(&fixture, 700);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    assert_eq!(block_on(engine.advance(TRIGGER)), Ok(Progress::Idle));
    assert_eq!(block_on(engine.advance(Trigger { retry_held: true, ..TRIGGER })), Ok(Progress::Opened));
}

#[test]
fn what_is_evicted_again_waits_longer_until_it_was_paid() {
    let node = NodeSpec::payable("a");
    let owner = node.address.unwrap();
    let fixture = EngineFixture::new(&[node]);
    let evict = || {
        fixture.chain.unloadable.set(Some(owner));
        fixture.grant("a", 2_000_000);
        fixture.settle();
        assert!(fixture.balance("a").hold_reason.is_some_and(|reason| reason.starts_with("evicted")));
    };
    fixture.grant("a", 1);
    assert_eq!(fixture.settle(), [None], "its wallet account is created");
    for _ in 0..2 {
        evict();
        // The settlement fails, because it has no other batch.
        let start = fixture.clock.now_ms();
        let mut tried = Vec::new();
        while fixture.clock.now_ms().abs_diff(start) < 200 * MINUTE_MS {
            fixture.advance_time(5 * MINUTE_MS);
            if !fixture.settle().is_empty() {
                tried.push(fixture.clock.now_ms().abs_diff(start) / MINUTE_MS);
            }
        }
        assert_eq!(tried, [10, 20, 40, 80, 160]);
        fixture.chain.unloadable.set(None);
        fixture.advance_time(MAX_HOLD_RETRY_MS as u64);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(fixture.balance("a").pending_rewards_lamports.get(), 0);
    }
}
