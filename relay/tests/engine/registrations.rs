//! Wallet accounts are created only for nodes that can be credited, and what stops that is no fault of theirs.

use solana_signer::Signer as _;
use williw_relay::engine::{BatchState, HOLD_RETRY_MS};
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

const REWARD: u64 = 1_000_000;

/// What the treasury of a new network can credit.
const TREASURY_FUNDS: u64 = 100_000_000_000;

fn new_nodes(count: usize) -> Vec<NodeSpec> {
    (0..count).map(|index| NodeSpec::payable(&format!("n{index}"))).collect()
}

fn has_wallet(fixture: &EngineFixture, nodes: &[NodeSpec]) -> Vec<bool> {
    nodes.iter().map(|node| fixture.wallet(&node.name).is_some()).collect()
}

#[test]
fn a_pause_while_wallet_accounts_are_created_is_blamed_on_no_node() {
    let nodes = new_nodes(7);
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, REWARD);
    }
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while fixture.batches().is_empty() {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    fixture.pause();
    let reason = fixture.settle_with(&engine).unwrap().pop().flatten().expect("the settlement fails");
    assert!(reason.contains("the network is paused"), "{reason}");
    let batches: Vec<_> = fixture.batches().into_iter().map(|batch| (batch.state, batch.entry_count)).collect();
    assert_eq!(batches, [(BatchState::Failed, 7)], "it is not split");
    assert!(fixture.hold_reasons().iter().all(Option::is_none), "{:?}", fixture.hold_reasons());

    fixture.unpause();
    assert_eq!(fixture.settle(), [None], "they are tried again at once");
    assert_eq!(fixture.treasury_state().paid_total, 7 * REWARD);
}

#[test]
fn no_rent_is_paid_for_nodes_that_an_empty_treasury_cannot_credit() {
    let mut nodes = new_nodes(3);
    let fixture = EngineFixture::new(&nodes);
    fixture.register(&NodeSpec::payable("first"));
    fixture.grant("first", TREASURY_FUNDS);
    assert_eq!(fixture.settle(), [None]);
    for node in &nodes {
        fixture.grant(&node.name, REWARD);
    }
    let settler = fixture.settler.pubkey();
    let (lamports, sends) = (fixture.balance_of(&settler), fixture.chain.sends.get());
    assert_eq!(fixture.settle(), [None]);
    assert_eq!((fixture.balance_of(&settler), fixture.chain.sends.get()), (lamports, sends), "nothing was sent");
    let short = Some("treasury_short".to_owned());
    assert_eq!(fixture.hold_reasons()[1..], [short.clone(), short.clone(), short.clone()]);
    assert_eq!(fixture.settle(), [], "they wait until they are tried again");

    // What comes in suffices for one and a half of them: the oldest ones.
    fixture.fund(REWARD * 3 / 2);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(has_wallet(&fixture, &nodes), [true, true, false]);
    assert_eq!(fixture.hold_reasons()[1..], [None, short.clone(), short]);

    fixture.fund(10 * REWARD);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 4);
    nodes.push(NodeSpec::payable("later"));
    fixture.register(&nodes[3]);
    fixture.grant("later", REWARD);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(has_wallet(&fixture, &nodes), [true; 4]);
}

#[test]
fn no_rent_is_paid_for_nodes_that_the_outflow_window_does_not_let_be_credited() {
    let nodes = new_nodes(3);
    let fixture = EngineFixture::with_network(&nodes, |args| {
        args.window_limit = 2 * REWARD;
        args.window_seconds = 600;
    });
    for node in &nodes {
        fixture.grant(&node.name, REWARD);
    }
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(has_wallet(&fixture, &nodes), [true, true, false]);
    assert_eq!(fixture.hold_reasons(), [None, None, Some("window_limit".to_owned())]);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 3);
}

#[test]
fn no_rent_is_paid_for_a_node_while_older_rewards_take_all_that_the_treasury_has() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("known"), NodeSpec::payable("new")]);
    fixture.grant("known", 1);
    assert_eq!(fixture.settle(), [None]);
    fixture.grant("known", TREASURY_FUNDS);
    fixture.grant("new", REWARD);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.treasury_state().credited_total, TREASURY_FUNDS);
    assert!(fixture.wallet("new").is_none());
    assert_eq!(fixture.balance("new").hold_reason.as_deref(), Some("treasury_short"));
}

#[test]
fn a_node_that_cannot_be_credited_itself_keeps_no_other_one_without_its_wallet_account() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("damaged"), NodeSpec::payable("new")]);
    fixture.grant("damaged", 1);
    assert_eq!(fixture.settle(), [None]);
    fixture.grant("damaged", 5);
    fixture.grant("damaged", TREASURY_FUNDS);
    fixture.delete_reward_of("damaged", 5);
    fixture.grant("new", REWARD);
    for _ in 0..2 {
        assert_eq!(fixture.settle(), [None]);
        fixture.advance_time(HOLD_RETRY_MS as u64);
    }
    assert_eq!(fixture.balance("damaged").hold_reason.as_deref(), Some("total_mismatch"));
    assert_eq!(fixture.wallet("new").map(|wallet| wallet.paid_total), Some(REWARD));
}

#[test]
fn a_reward_above_the_caps_has_its_wallet_account_created() {
    let nodes = new_nodes(2);
    let fixture = EngineFixture::with_network(&nodes, |args| {
        (args.per_node_cap, args.per_batch_cap) = (REWARD, REWARD);
    });
    for node in &nodes {
        fixture.grant(&node.name, 2 * REWARD);
    }
    assert_eq!(fixture.settle(), [None, None]);
    assert_eq!(fixture.treasury_state().paid_total, 4 * REWARD);
}
