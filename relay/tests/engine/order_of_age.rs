//! Whoever has waited longest is served first, also over many settlements.

use williw_relay::engine::HOLD_RETRY_MS;

use crate::support::{EngineFixture, NodeSpec};

const REWARD: u64 = 1_000_000;

/// What the treasury of a new network can credit.
const TREASURY_FUNDS: u64 = 100_000_000_000;

/// A network that has credited everything that its treasury holds.
fn without_funds(nodes: &[&str]) -> EngineFixture {
    let mut specs: Vec<NodeSpec> = nodes.iter().map(|node| NodeSpec::payable(node)).collect();
    specs.push(NodeSpec::payable("first"));
    let fixture = EngineFixture::new(&specs);
    fixture.grant("first", TREASURY_FUNDS);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.treasury_state().credited_total, TREASURY_FUNDS);
    fixture
}

#[test]
fn a_treasury_that_is_always_short_credits_the_oldest_rewards_first() {
    let fixture = without_funds(&["old", "busy"]);
    fixture.grant_many("old", 3, REWARD);
    fixture.settle();
    assert_eq!(fixture.balance("old").hold_reason.as_deref(), Some("treasury_short"));
    for round in 1..=3 {
        fixture.advance_time(HOLD_RETRY_MS as u64);
        // What comes in suffices for one of them, and the other one was never held before.
        fixture.fund(REWARD);
        fixture.grant("busy", REWARD);
        fixture.settle();
        assert_eq!(fixture.wallet("old").map(|wallet| wallet.credited_total), Some(round * REWARD), "round {round}");
        assert_eq!(fixture.wallet("busy").map_or(0, |wallet| wallet.credited_total), 0, "round {round}");
    }
    fixture.fund(3 * REWARD);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    fixture.settle();
    assert_eq!(fixture.wallet("busy").unwrap().credited_total, 3 * REWARD);
}
