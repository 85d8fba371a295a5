//! Caps, windows and empty treasuries: what cannot be credited now waits with its reason, and nothing else does.

use crate::support::{NodeSpec, Scenario};

fn hold_of(scenario: &Scenario) -> Vec<Option<String>> {
    scenario.column("SELECT hold_reason AS value FROM rewards ORDER BY sequence")
}

#[test]
fn a_reward_above_the_nodes_cap_waits_and_the_smaller_ones_before_it_are_paid() {
    let scenario = Scenario::with(&[NodeSpec::payable("a")], |args| args.per_node_cap = 1_500_000);
    for amount in [1_000_000, 2_000_000, 1] {
        scenario.reward("a", amount);
    }
    scenario.settle();
    assert_eq!(scenario.wallet("a").unwrap().credited_total, 1_000_000);
    let cap = Some("per_node_cap".to_owned());
    assert_eq!(hold_of(&scenario), [None, cap.clone(), cap]);
}

#[test]
fn a_batch_never_credits_more_than_its_cap_so_that_it_takes_more_batches() {
    let nodes: Vec<NodeSpec> = (0..6).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let scenario = Scenario::with(&nodes, |args| args.per_batch_cap = 2_500_000);
    for node in &nodes {
        scenario.reward(&node.name, 1_000_000);
    }
    assert_eq!(scenario.settle(), [None]);
    assert!(nodes.iter().all(|node| scenario.wallet(&node.name).unwrap().paid_total == 1_000_000));
    assert_eq!(scenario.treasury_state().batch_sequence, 3);
}

#[test]
fn the_outflow_window_delays_what_is_above_it() {
    let nodes: Vec<NodeSpec> = (0..3).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let scenario = Scenario::with(&nodes, |args| {
        args.window_limit = 2_000_000;
        args.window_seconds = 600;
    });
    for node in &nodes {
        scenario.reward(&node.name, 1_000_000);
    }
    scenario.settle();
    assert_eq!(scenario.treasury_state().paid_total, 2_000_000);
    assert_eq!(hold_of(&scenario), [None, None, Some("window_limit".to_owned())]);

    scenario.pass(williw_relay::engine::HOLD_RETRY_MS as u64);
    scenario.settle();
    assert_eq!(scenario.treasury_state().paid_total, 3_000_000);
}

#[test]
fn a_treasury_without_enough_funds_pays_whole_rewards_in_order_and_the_rest_when_it_is_funded() {
    let nodes: Vec<NodeSpec> = (0..3).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let scenario = Scenario::new(&nodes);
    let held = 100_000_000_000;
    scenario.reward("n0", held - 1_000_000);
    scenario.reward("n1", 1_000_000);
    scenario.reward("n2", 1_000_000);
    scenario.settle();
    assert_eq!(scenario.treasury_state().paid_total, held);
    assert_eq!(hold_of(&scenario), [None, None, Some("treasury_short".to_owned())]);

    scenario.fund(1_000_000);
    scenario.pass(williw_relay::engine::HOLD_RETRY_MS as u64);
    scenario.settle();
    assert_eq!(scenario.treasury_state().paid_total, held + 1_000_000);
}
