//! Caps, the outflow window and the treasury's funds: whatever exceeds them is held with a reason, everything else is
//! paid.

use williw_relay::engine::HOLD_RETRY_MS;

use crate::support::{EngineFixture, NodeSpec};

fn nodes(count: usize) -> Vec<NodeSpec> {
    (0..count).map(|index| NodeSpec::payable(&format!("n{index}"))).collect()
}

#[test]
fn a_reward_above_the_per_node_cap_is_held_and_smaller_ones_before_it_are_paid() {
    let fixture = EngineFixture::with_network(&[NodeSpec::payable("a")], |args| args.per_node_cap = 1_500_000);
    for amount in [1_000_000, 2_000_000, 1] {
        fixture.grant("a", amount);
    }
    fixture.settle();
    assert_eq!(fixture.wallet("a").unwrap().credited_total, 1_000_000);
    let cap = Some("per_node_cap".to_owned());
    assert_eq!(fixture.hold_reasons(), [None, cap.clone(), cap]);
}

#[test]
fn rewards_above_the_per_batch_cap_are_split_into_more_batches() {
    let nodes = nodes(6);
    let fixture = EngineFixture::with_network(&nodes, |args| args.per_batch_cap = 2_500_000);
    for node in &nodes {
        fixture.grant(&node.name, 1_000_000);
    }
    assert_eq!(fixture.settle(), [None]);
    assert!(nodes.iter().all(|node| fixture.wallet(&node.name).unwrap().paid_total == 1_000_000));
    assert_eq!(fixture.treasury_state().batch_sequence, 3);
}

#[test]
fn rewards_above_the_outflow_window_are_held_until_the_window_allows_them() {
    let nodes = nodes(3);
    let fixture = EngineFixture::with_network(&nodes, |args| {
        args.window_limit = 2_000_000;
        args.window_seconds = 600;
    });
    for node in &nodes {
        fixture.grant(&node.name, 1_000_000);
    }
    fixture.settle();
    assert_eq!(fixture.treasury_state().paid_total, 2_000_000);
    assert_eq!(fixture.hold_reasons(), [None, None, Some("window_limit".to_owned())]);

    fixture.advance_time(HOLD_RETRY_MS as u64);
    fixture.settle();
    assert_eq!(fixture.treasury_state().paid_total, 3_000_000);
}

#[test]
fn a_treasury_short_of_funds_pays_whole_rewards_in_order_and_the_rest_once_it_is_funded() {
    let fixture = EngineFixture::new(&nodes(3));
    let treasury_funds = 100_000_000_000;
    fixture.grant("n0", treasury_funds - 1_000_000);
    fixture.grant("n1", 1_000_000);
    fixture.grant("n2", 1_000_000);
    fixture.settle();
    assert_eq!(fixture.treasury_state().paid_total, treasury_funds);
    assert_eq!(fixture.hold_reasons(), [None, None, Some("treasury_short".to_owned())]);

    fixture.fund(1_000_000);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    fixture.settle();
    assert_eq!(fixture.treasury_state().paid_total, treasury_funds + 1_000_000);
}
