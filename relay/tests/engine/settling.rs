//! What a settlement does when all goes well.

use settlement::client::{RegisterNodeArgs, close_node_ix, reopen_node_ix};
use solana_signer::Signer;

use crate::support::{NodeSpec, Scenario};

#[test]
fn rewards_past_the_threshold_are_credited_and_paid_to_the_lamport() {
    let node = NodeSpec::payable("a");
    let scenario = Scenario::new(std::slice::from_ref(&node));
    scenario.reward("a", 700_000);
    scenario.reward("a", 300_001);
    assert_eq!(scenario.settle(), [None]);

    let wallet = scenario.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (1_000_001, 1_000_001));
    assert_eq!(scenario.balance_of(&node.address.unwrap()), node.funds + 1_000_001);
    let balance = scenario.balance("a");
    assert_eq!(balance.total_rewards_distributed_lamports.get(), 1_000_001);
    assert_eq!(balance.pending_rewards_lamports.get(), 0);
    assert_eq!(balance.unsettled_lamports.get(), 0);
    assert_eq!(scenario.count("SELECT CAST(COUNT(*) AS TEXT) AS value FROM rewards WHERE status = 'confirmed'"), 2);
    let signatures = scenario.column("SELECT DISTINCT transaction_signature AS value FROM rewards");
    assert_eq!(signatures.len(), 1);
    assert!(signatures[0].is_some());
}

#[test]
fn rewards_below_the_threshold_are_credited_and_held_until_they_reach_it() {
    let node = NodeSpec::payable("a");
    let scenario = Scenario::new(std::slice::from_ref(&node));
    scenario.reward("a", 600_000);
    scenario.settle();
    let wallet = scenario.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (600_000, 0));

    scenario.reward("a", 400_000);
    scenario.settle();
    let wallet = scenario.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (1_000_000, 1_000_000));
}

#[test]
fn a_small_amount_that_has_waited_long_enough_is_paid_without_a_new_reward() {
    let scenario = Scenario::with(&[NodeSpec::payable("a")], |args| args.max_pending_age = 3_600);
    scenario.reward("a", 5);
    scenario.settle();
    assert_eq!(scenario.wallet("a").unwrap().paid_total, 0);
    assert_eq!(scenario.settle(), []);

    scenario.pass(3_600_000);
    assert_eq!(scenario.settle(), [None]);
    assert_eq!(scenario.wallet("a").unwrap().paid_total, 5);
}

#[test]
fn a_settlement_with_nothing_to_do_sends_and_writes_nothing() {
    let scenario = Scenario::new(&[NodeSpec::payable("a")]);
    scenario.reward("a", 2_000_000);
    scenario.settle();
    let (sends, landed) = (scenario.chain.sends.get(), scenario.chain.landed().len());
    let settlements = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM settlements";
    let before = scenario.count(settlements);
    assert_eq!(scenario.settle(), []);
    assert_eq!((scenario.chain.sends.get(), scenario.chain.landed().len()), (sends, landed));
    assert_eq!(scenario.count(settlements), before);
}

#[test]
fn many_nodes_take_several_transactions_and_each_is_paid_once() {
    let nodes: Vec<NodeSpec> = (0..75).map(|index| NodeSpec::payable(&format!("node-{index}"))).collect();
    let scenario = Scenario::new(&nodes);
    for (index, node) in nodes.iter().enumerate() {
        scenario.reward(&node.name, if index % 3 == 0 { 10 } else { 1_500_000 + index as u64 });
    }
    assert_eq!(scenario.settle(), [None]);
    for (index, node) in nodes.iter().enumerate() {
        let wallet = scenario.wallet(&node.name).unwrap();
        let (earned, paid) =
            if index % 3 == 0 { (10, 0) } else { (1_500_000 + index as u64, 1_500_000 + index as u64) };
        assert_eq!((wallet.credited_total, wallet.paid_total), (earned, paid), "{}", node.name);
    }
    let batches =
        "SELECT CAST(COUNT(*) AS TEXT) AS value FROM batches WHERE kind <> 'register' AND state = 'confirmed'";
    // 25 credits in one transaction, 50 payouts in two.
    assert_eq!(scenario.count(batches), 3);
    assert_eq!(scenario.treasury_state().batch_sequence, 3);
}

#[test]
fn a_cluster_without_v1_is_settled_with_v0() {
    let nodes: Vec<NodeSpec> = (0..30).map(|index| NodeSpec::payable(&format!("node-{index}"))).collect();
    let scenario = Scenario::new(&nodes);
    scenario.chain.refuses_v1.set(true);
    for node in &nodes {
        scenario.reward(&node.name, 1_000_000);
    }
    assert_eq!(scenario.settle(), [None]);
    assert!(nodes.iter().all(|node| scenario.wallet(&node.name).unwrap().paid_total == 1_000_000));
    assert_eq!(scenario.column("SELECT DISTINCT format AS value FROM batches"), [Some("v0".to_owned())]);
}

#[test]
fn a_node_without_an_address_waits_and_is_paid_when_it_names_one() {
    let scenario = Scenario::new(&[NodeSpec::without_address("late"), NodeSpec::payable("other")]);
    scenario.reward("late", 3_000_000);
    scenario.reward("other", 3_000_000);
    scenario.settle();
    assert_eq!(scenario.wallet("other").unwrap().paid_total, 3_000_000);
    assert!(scenario.wallet("late").is_none());
    let reason = "SELECT hold_reason AS value FROM rewards WHERE node_id = 'late'";
    assert_eq!(scenario.column(reason), [Some("no_address".to_owned())]);

    scenario.register(&NodeSpec::payable("late"));
    scenario.pass(williw_relay::engine::HOLD_RETRY_MS as u64);
    assert_eq!(scenario.settle(), [None]);
    assert_eq!(scenario.wallet("late").unwrap().paid_total, 3_000_000);
}

#[test]
fn a_closed_node_waits_and_one_that_is_opened_again_is_paid_the_difference_alone() {
    let node = NodeSpec::payable("a");
    let address = node.address.unwrap();
    let scenario = Scenario::new(std::slice::from_ref(&node));
    scenario.reward("a", 3_000_000);
    scenario.settle();
    let wallet = scenario.wallet("a").unwrap();
    scenario.by_admin(close_node_ix(scenario.admin.pubkey(), scenario.network, wallet.node_id, wallet.rent_payer));

    scenario.chain.produce_block();
    scenario.pass(williw_relay::engine::HOLD_RETRY_MS as u64);
    scenario.reward("a", 2_000_000);
    scenario.settle();
    let reason = "SELECT hold_reason AS value FROM rewards WHERE status = 'pending'";
    assert_eq!(scenario.column(reason), [Some("node_closed".to_owned())]);
    assert_eq!(scenario.balance_of(&address), node.funds + 3_000_000);

    let args = RegisterNodeArgs { node_id: wallet.node_id, owner: address, destination: None, threshold: None };
    let admin = scenario.admin.pubkey();
    scenario.by_admin(reopen_node_ix(admin, admin, scenario.network, args));
    scenario.pass(williw_relay::engine::HOLD_RETRY_MS as u64);
    assert_eq!(scenario.settle(), [None]);
    let wallet = scenario.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (5_000_000, 5_000_000));
    assert_eq!(scenario.balance_of(&address), node.funds + 5_000_000);
}

#[test]
fn rewards_are_taken_in_the_order_that_they_were_earned_in() {
    let scenario = Scenario::new(&[NodeSpec::payable("first"), NodeSpec::payable("second")]);
    // Sequences of one and of two digits: as text, 10 would come before 9.
    for _ in 0..8 {
        scenario.reward("first", 1_000_000);
    }
    for _ in 0..4 {
        scenario.reward("second", 1_000_000);
    }
    assert_eq!(scenario.settle(), [None]);
    assert_eq!(scenario.wallet("first").unwrap().paid_total, 8_000_000);
    assert_eq!(scenario.wallet("second").unwrap().paid_total, 4_000_000);
    assert_eq!(scenario.count("SELECT CAST(COUNT(*) AS TEXT) AS value FROM rewards WHERE status <> 'confirmed'"), 0);
}

#[test]
fn a_destination_that_cannot_be_left_rent_exempt_is_credited_and_paid_once_it_can() {
    let node = NodeSpec::unfunded("poor");
    let scenario = Scenario::with(std::slice::from_ref(&node), |args| args.default_threshold = 100);
    scenario.reward("poor", 1_000);
    assert_eq!(scenario.settle(), [None], "one settlement, and none after it for nothing");
    let wallet = scenario.wallet("poor").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (1_000, 0));
    assert_eq!(scenario.balance("poor").hold_reason.as_deref(), Some("destination_not_rent_exempt"));
    assert_eq!(scenario.settle(), []);

    scenario.reward("poor", 1_000_000);
    assert_eq!(scenario.settle(), [None]);
    assert_eq!(scenario.wallet("poor").unwrap().paid_total, 1_001_000);
    assert_eq!(scenario.balance_of(&node.address.unwrap()), 1_001_000);
    assert_eq!(scenario.balance("poor").hold_reason, None);
}

#[test]
fn every_record_of_a_batch_is_provable_against_the_root_in_its_event() {
    let scenario = Scenario::new(&[NodeSpec::payable("a"), NodeSpec::payable("b"), NodeSpec::payable("c")]);
    for node in ["a", "b", "c", "a"] {
        scenario.reward(node, 2_000_000);
    }
    scenario.settle();
    let stored = scenario.column("SELECT records_root AS value FROM batches WHERE kind = 'settle'");
    let signature = scenario.column("SELECT signature AS value FROM batches WHERE kind = 'settle'");
    let signature = signature[0].clone().unwrap().parse().unwrap();
    use williw_relay::chain::Chain as _;
    let executed = crate::support::block_on(scenario.chain.transaction(&signature)).unwrap().expect("it was executed");
    let event = executed
        .inner_instruction_data
        .iter()
        .find_map(|data| settlement::events::BatchSettled::decode_cpi(data))
        .expect("the batch's event");
    let root: String = event.records_root.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(stored, [Some(root)]);
    assert_ne!(event.records_root, [0; 32]);
    let records = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM batch_records";
    assert_eq!(scenario.count(records), 4);
}
