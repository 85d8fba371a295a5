//! Batches that fail as a whole because of one entry.

use settlement::client::{RegisterNodeArgs, register_node_ix};
use solana_signer::Signer as _;
use williw_relay::engine::{BatchState, HOLD_RETRY_MS, Progress};
use williw_relay::transaction::BatchKind;
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on, node_id};

#[test]
fn a_batch_that_fails_as_a_whole_is_halved_until_the_failing_entry_is_alone() {
    let nodes: Vec<NodeSpec> = (0..7).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 1_000_000);
    }
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while fixture.batches().is_empty() {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    // Another transaction with the settler's key creates one of the wallets, so the planned batch would fail as a whole.
    let args = RegisterNodeArgs {
        node_id: node_id(&nodes[2].name).on_chain(),
        owner: nodes[2].address.unwrap(),
        destination: None,
        threshold: None,
    };
    let settler = fixture.settler.pubkey();
    fixture.execute_as(&fixture.settler, register_node_ix(settler, settler, fixture.network, args));

    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    let batches: Vec<_> = fixture
        .batches_of_kind(BatchKind::Register)
        .into_iter()
        .map(|batch| (batch.state, batch.entry_count))
        .collect();
    let expected = [
        (BatchState::Split, 7),
        (BatchState::Split, 3),
        (BatchState::Confirmed, 4),
        (BatchState::Confirmed, 1),
        (BatchState::Split, 2),
        (BatchState::Confirmed, 1),
        (BatchState::Failed, 1),
    ];
    assert_eq!(batches, expected);
    for node in &nodes {
        let wallet = fixture.wallet(&node.name).unwrap();
        assert_eq!((wallet.credited_total, wallet.paid_total), (1_000_000, 1_000_000), "{}", node.name);
    }
    assert!(fixture.chain.landed().iter().all(|(_, succeeded)| *succeeded), "no failing transaction was sent");
}

#[test]
fn a_batch_that_fails_for_a_batch_wide_reason_is_not_split_and_fails_the_settlement() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
    for node in ["a", "b"] {
        fixture.grant(node, 1_000_000);
    }
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while fixture.batches_of_kind(BatchKind::Settle).is_empty() {
        if let Progress::Continue { after_ms: 1.. } = block_on(engine.advance(TRIGGER)).unwrap() {
            fixture.advance_time(800);
        }
    }
    fixture.pause();
    let finished = fixture.settle_with(&engine).unwrap();
    assert!(finished[0].as_ref().is_some_and(|reason| reason.contains("paused")), "{finished:?}");
    assert_eq!(fixture.batches_of_kind(BatchKind::Settle).len(), 1);

    fixture.unpause();
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.treasury_state().paid_total, 2_000_000);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2);
}
