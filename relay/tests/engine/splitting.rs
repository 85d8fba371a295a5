//! Batches that fail as a whole because of one entry.

use settlement::client::{RegisterNodeArgs, register_node_ix};
use solana_signer::Signer as _;
use williw_relay::engine::Trigger;

use crate::support::{NodeSpec, Scenario, block_on};

const TRIGGER: Trigger<'static> = Trigger { name: "test", retry_held: false };

#[test]
fn a_batch_that_fails_as_a_whole_is_halved_until_the_bad_entry_is_alone() {
    let nodes: Vec<NodeSpec> = (0..7).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let scenario = Scenario::new(&nodes);
    for node in &nodes {
        scenario.reward(&node.name, 1_000_000);
    }
    let engine = scenario.engine(&scenario.database, &scenario.chain);
    while scenario.count("SELECT CAST(COUNT(*) AS TEXT) AS value FROM batches") == 0 {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    // Somebody else with the key opens one of the wallets first: the planned batch would fail as a whole now.
    let node_id = nodes[2].name.parse::<williw_relay::types::NodeId>().unwrap().on_chain();
    let args = RegisterNodeArgs { node_id, owner: nodes[2].address.unwrap(), destination: None, threshold: None };
    let settler = scenario.settler.pubkey();
    scenario.by(&scenario.settler, register_node_ix(settler, settler, scenario.network, args));

    assert_eq!(scenario.run_engine(&engine).unwrap(), [None]);
    let batches =
        "SELECT state || ' ' || entry_count AS value FROM batches WHERE kind = 'register' ORDER BY batches.id";
    let batches: Vec<String> = scenario.column(batches).into_iter().flatten().collect();
    assert_eq!(batches, ["split 7", "split 3", "confirmed 4", "confirmed 1", "split 2", "confirmed 1", "failed 1"]);
    for node in &nodes {
        let wallet = scenario.wallet(&node.name).unwrap();
        assert_eq!((wallet.credited_total, wallet.paid_total), (1_000_000, 1_000_000), "{}", node.name);
    }
    assert!(scenario.chain.landed().iter().all(|(_, succeeded)| *succeeded), "what would fail was not sent");
}

#[test]
fn a_batch_refused_for_a_reason_that_concerns_all_of_it_is_not_halved_but_stops_with_the_reason() {
    let scenario = Scenario::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
    for node in ["a", "b"] {
        scenario.reward(node, 1_000_000);
    }
    let engine = scenario.engine(&scenario.database, &scenario.chain);
    let paying = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM batches WHERE kind = 'settle'";
    while scenario.count(paying) == 0 {
        if let williw_relay::engine::Progress::Continue { after_ms: 1.. } = block_on(engine.advance(TRIGGER)).unwrap() {
            scenario.pass(800);
        }
    }
    scenario.pause();
    let finished = scenario.run_engine(&engine).unwrap();
    assert!(finished[0].as_ref().is_some_and(|reason| reason.contains("paused")), "{finished:?}");
    assert_eq!(scenario.column("SELECT state AS value FROM batches WHERE kind = 'settle'").len(), 1);

    scenario.unpause();
    scenario.pass(williw_relay::engine::HOLD_RETRY_MS as u64);
    assert_eq!(scenario.settle(), [None]);
    assert_eq!(scenario.treasury_state().paid_total, 2_000_000);
    assert_eq!(scenario.count("SELECT CAST(COUNT(*) AS TEXT) AS value FROM rewards WHERE status = 'confirmed'"), 2);
}
