//! Caps, the outflow window and the treasury's funds: whatever exceeds them is held with a reason, everything else is
//! paid.

use std::collections::BTreeSet;

use williw_relay::engine::{HOLD_RETRY_MS, Progress, Trigger};
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

fn nodes(count: usize) -> Vec<NodeSpec> {
    (0..count).map(|index| NodeSpec::payable(&format!("n{index}"))).collect()
}

#[test]
fn a_reward_above_a_cap_is_credited_in_parts_and_delays_no_later_one() {
    for (per_node_cap, per_batch_cap) in [(1_500_000, u64::MAX), (u64::MAX, 1_500_000)] {
        let fixture = EngineFixture::with_network(&[NodeSpec::payable("a"), NodeSpec::payable("b")], |args| {
            args.per_node_cap = per_node_cap;
            args.per_batch_cap = per_batch_cap;
        });
        for amount in [1_000_000, 2_000_000, 1] {
            fixture.grant("a", amount);
        }
        fixture.grant("b", 1);
        assert_eq!(fixture.settle(), [None, None, None], "1.5 million, 1.5 million, and the rest");
        assert_eq!(fixture.wallet("a").unwrap().credited_total, 3_000_001);
        assert_eq!(fixture.wallet("b").unwrap().credited_total, 1);
        let rewards = fixture.rewards();
        assert!(rewards.iter().all(|reward| reward.status == RewardStatus::Confirmed), "{rewards:?}");
        // The last part of the second reward and the third one were credited by different transactions.
        let of_a = rewards.iter().filter(|reward| reward.node == "a");
        let signatures: BTreeSet<_> = of_a.map(|reward| reward.signature.clone().unwrap()).collect();
        assert_eq!(signatures.len(), 3, "{rewards:?}");
    }
}

#[test]
fn a_reward_above_the_whole_window_is_credited_in_parts() {
    let fixture = EngineFixture::with_network(&nodes(1), |args| {
        args.window_limit = 2_000_000;
        args.window_seconds = 600;
    });
    fixture.grant("n0", 5_000_000);
    for credited in [2_000_000, 4_000_000, 5_000_000] {
        fixture.settle();
        if let Some(pending) = fixture.pending_rewards().first() {
            assert_eq!(pending.credited_lamports.get(), credited, "the row says how much is on the chain so far");
        }
        assert_eq!(fixture.treasury_state().credited_total, credited);
        fixture.advance_time(HOLD_RETRY_MS as u64);
    }
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 1);
}

#[test]
fn a_node_with_many_held_rewards_starves_no_other() {
    let fixture = EngineFixture::new(&[NodeSpec::without_address("held"), NodeSpec::payable("other")]);
    for _ in 0..21 {
        fixture.grant_many("held", 1_000, 1);
    }
    fixture.grant("other", 2_000_000);
    fixture.settle();
    assert_eq!(fixture.wallet("other").unwrap().paid_total, 2_000_000);
}

#[test]
fn a_node_with_more_rewards_than_fit_in_one_settlement_is_credited_in_several() {
    let fixture = EngineFixture::new(&nodes(2));
    for _ in 0..11 {
        fixture.grant_many("n0", 1_000, 1);
    }
    fixture.grant("n1", 5);
    assert_eq!(fixture.settle(), [None, None]);
    assert_eq!(fixture.wallet("n0").unwrap().credited_total, 11_000);
    assert_eq!(fixture.wallet("n1").unwrap().credited_total, 5);
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
fn a_treasury_short_of_funds_pays_what_it_holds_in_order_and_the_rest_once_it_is_funded() {
    let fixture = EngineFixture::new(&nodes(3));
    let treasury_funds = 100_000_000_000;
    fixture.grant("n0", treasury_funds - 1_500_000);
    fixture.grant("n1", 2_000_000);
    fixture.grant("n2", 1_000_000);
    fixture.settle();
    assert_eq!(fixture.treasury_state().credited_total, treasury_funds);
    let short = Some("treasury_short".to_owned());
    assert_eq!(fixture.hold_reasons(), [None, short.clone(), short]);
    assert_eq!(fixture.wallet("n1").unwrap().credited_total, 1_500_000);

    fixture.fund(1_500_000);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    fixture.settle();
    assert_eq!(fixture.treasury_state().credited_total, treasury_funds + 1_500_000);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 3);
}

#[test]
fn rewards_that_are_credited_in_parts_are_not_looked_up_again_and_again() {
    let nodes = nodes(5);
    let fixture = EngineFixture::with_network(&nodes, |args| args.per_node_cap = 1_000_000);
    for node in &nodes {
        fixture.grant(&node.name, 3_000_000);
    }
    assert_eq!(fixture.settle(), [None, None, None]);
    let finalized = fixture.chain.landed().len() as u64;
    assert_eq!(fixture.chain.lookups.get(), finalized, "each transaction is looked up once, when its batch is closed");
}

#[test]
fn what_drains_from_the_window_is_not_spent_in_trickles() {
    let fixture = EngineFixture::with_network(&nodes(2), |args| {
        args.per_node_cap = 1_500_000;
        args.window_limit = 2_000_000;
        args.window_seconds = 600;
    });
    fixture.grant("n0", 9_000_000);
    fixture.grant("n1", 1_000_000);
    assert_eq!(fixture.settle(), [None, None]);
    let credited = fixture.treasury_state().credited_total;
    assert!((2_000_000..2_100_000).contains(&credited), "what the window allowed in these seconds: {credited}");
    assert_eq!(fixture.hold_reasons(), [Some("window_limit".to_owned()), Some("window_limit".to_owned())]);
    for _ in 0..10 {
        fixture.advance_time(20_000);
        assert_eq!(fixture.settle(), [], "held until it is tried again");
    }
    // Both are tried again together, so that the node with the larger debt does not take everything.
    for _ in 0..8 {
        fixture.advance_time(HOLD_RETRY_MS as u64);
        fixture.settle();
    }
    assert_eq!(fixture.treasury_state().credited_total, 10_000_000);
}

#[test]
fn a_plan_with_more_batches_than_one_write_may_have_is_made_in_pieces() {
    let nodes = nodes(100);
    let fixture = EngineFixture::with_network(&nodes, |args| args.per_batch_cap = 1_000_000);
    for node in &nodes {
        fixture.grant(&node.name, 1_000_000);
    }
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.treasury_state().paid_total, 100 * 1_000_000);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 100);
}

#[test]
fn a_settlement_has_no_more_nodes_than_it_may_and_some_of_every_kind() {
    let nodes: Vec<NodeSpec> = ["age", "amount", "new"]
        .into_iter()
        .flat_map(|kind| (0..12).map(move |index| NodeSpec::payable(&format!("{kind}-{index:02}"))))
        .chain((0..12).map(|index| NodeSpec::without_address(&format!("held-{index:02}"))))
        .collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 1);
    }
    assert_eq!(fixture.settle(), [None]);
    for node in &nodes {
        match node.name.split_once('-').unwrap().0 {
            "new" => fixture.grant(&node.name, 1),
            "held" => {}
            kind => fixture.make_due(&node.name, kind == "age"),
        }
    }
    let everything = Trigger { retry_held: true, ..TRIGGER };
    for (max_nodes, new) in [(14, 8), (16, 10), (4, 1), (1, 1)] {
        let engine = fixture.engine_with(&fixture.database, &fixture.chain, |config| config.max_nodes = max_nodes);
        assert_eq!(block_on(engine.advance(everything)), Ok(Progress::Opened));
        let chosen = fixture.chosen_nodes();
        let count = |kind: &str| chosen.iter().filter(|node| node.starts_with(kind)).count();
        let others = (max_nodes / 7).max(1);
        assert_eq!(
            (count("new"), count("held"), count("amount"), count("age")),
            (new, others, others, others),
            "at most {max_nodes}: {chosen:?}"
        );
        fixture.abandon_settlement();
        block_on(engine.stop()).unwrap();
    }
}
