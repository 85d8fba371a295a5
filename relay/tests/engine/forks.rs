//! Transactions that get lost, land late, or land and are undone.

use crate::support::{NodeSpec, Scenario};

fn rewarded() -> (Scenario, NodeSpec) {
    let node = NodeSpec::payable("a");
    let scenario = Scenario::new(std::slice::from_ref(&node));
    scenario.reward("a", 100);
    scenario.settle();
    scenario.reward("a", 2_000_000);
    (scenario, node)
}

fn assert_paid_once(scenario: &Scenario, node: &NodeSpec) {
    assert_eq!(scenario.wallet("a").unwrap().paid_total, 2_000_100);
    assert_eq!(scenario.balance_of(&node.address.unwrap()), node.funds + 2_000_100);
    assert_eq!(scenario.count("SELECT CAST(COUNT(*) AS TEXT) AS value FROM rewards WHERE status = 'confirmed'"), 2);
}

#[test]
fn a_lost_transaction_is_sent_again_with_the_same_bytes_while_it_lives() {
    let (scenario, node) = rewarded();
    let attempts = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM attempts";
    let before = scenario.count(attempts);
    scenario.chain.lose_sends.set(2);
    assert_eq!(scenario.settle(), [None]);
    assert_paid_once(&scenario, &node);
    assert_eq!(scenario.count(attempts), before + 1, "the same attempt landed");
}

#[test]
fn a_lost_answer_keeps_no_batch_waiting_and_leads_to_no_second_attempt() {
    let nodes: Vec<NodeSpec> = (0..45).map(|index| NodeSpec::payable(&format!("node-{index}"))).collect();
    let scenario = Scenario::new(&nodes);
    for node in 0..45 {
        scenario.reward(&format!("node-{node}"), 2_000_000);
    }
    scenario.chain.lose_answers.set(true);
    assert_eq!(scenario.settle(), [None]);
    for node in &nodes {
        assert_eq!(scenario.balance_of(&node.address.unwrap()), node.funds + 2_000_000);
    }
    let batches = scenario.count("SELECT CAST(COUNT(*) AS TEXT) AS value FROM batches");
    assert!(batches > 3, "{batches}");
    assert_eq!(scenario.count("SELECT CAST(COUNT(*) AS TEXT) AS value FROM attempts"), batches);
}

#[test]
fn a_transaction_that_can_never_land_is_signed_anew_only_after_its_blockhash_died() {
    let (scenario, node) = rewarded();
    scenario.chain.lose_sends.set(6);
    assert_eq!(scenario.settle(), [None]);
    assert_paid_once(&scenario, &node);
    let states = "SELECT state AS value FROM attempts WHERE batch_id = (SELECT MAX(id) FROM batches) ORDER BY number";
    assert_eq!(scenario.column(states), [Some("expired".to_owned()), Some("finalized".to_owned())]);
}

#[test]
fn a_transaction_that_a_fork_undid_lands_again_and_pays_once() {
    let (scenario, node) = rewarded();
    let engine = scenario.engine(&scenario.database, &scenario.chain);
    let trigger = williw_relay::engine::Trigger { name: "test", retry_held: false };
    let landed = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM attempts WHERE state = 'landed'";
    let mut checkpoint = None;
    while scenario.count(landed) == 0 {
        match crate::support::block_on(engine.advance(trigger)).unwrap() {
            williw_relay::engine::Progress::Opened | williw_relay::engine::Progress::Continue { after_ms: 0 } => {}
            _ => {
                checkpoint.get_or_insert_with(|| scenario.chain.checkpoint());
                scenario.pass(800);
            }
        }
    }
    scenario.chain.fork_to(checkpoint.expect("a block was awaited"));
    assert_eq!(scenario.wallet("a").unwrap().paid_total, 0, "the fork undid the payout");
    scenario.run_engine(&engine).unwrap();
    assert_paid_once(&scenario, &node);
}
