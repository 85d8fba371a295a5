//! Transaction formats: what was planned in a format that is refused by now.

use williw_relay::chain::ChainError;
use williw_relay::engine::{AttemptState, BatchState, EngineError, FormatChoice, Progress};
use williw_relay::transaction::{BatchKind, Format};
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on};

/// A network whose nodes each have a reward that is due for payment.
fn with_rewards(count: usize) -> EngineFixture {
    let nodes: Vec<NodeSpec> = (0..count).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 2_000_000);
    }
    fixture
}

/// The kind, format, state and size of every batch.
fn batches(fixture: &EngineFixture) -> Vec<(BatchKind, Format, BatchState, u64)> {
    let all = fixture.batches().into_iter();
    all.map(|batch| (batch.kind, batch.format, batch.state, batch.entry_count)).collect()
}

#[test]
fn batches_in_a_format_that_the_next_rpc_node_refuses_are_planned_again_in_the_other_one() {
    let fixture = with_rewards(20);
    for kind in [BatchKind::Register, BatchKind::Settle] {
        // The relay has just planned these batches when it fails over to another node.
        fixture.chain.rejects_v1.set(false);
        let engine = fixture.engine(&fixture.database, &fixture.chain);
        while fixture.batches_of_kind(kind).iter().all(|batch| batch.state != BatchState::Planned) {
            match block_on(engine.advance(TRIGGER)).unwrap() {
                Progress::Continue { after_ms } => fixture.advance_time(after_ms),
                Progress::Opened => {}
                other => panic!("the settlement ends early: {other:?}"),
            }
        }
        fixture.chain.rejects_v1.set(true);
        if kind == BatchKind::Settle {
            assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
        } else {
            while !fixture.batches().iter().any(|batch| batch.state == BatchState::Confirmed) {
                match block_on(engine.advance(TRIGGER)).unwrap() {
                    Progress::Continue { after_ms } => fixture.advance_time(after_ms),
                    other => panic!("the settlement ends early: {other:?}"),
                }
            }
        }
        block_on(engine.stop()).unwrap();
    }
    for kind in [BatchKind::Register, BatchKind::Settle] {
        let of_kind: Vec<_> = batches(&fixture).into_iter().filter(|batch| batch.0 == kind).collect();
        let (split, replaced): (Vec<_>, Vec<_>) =
            of_kind.iter().copied().partition(|batch| batch.2 == BatchState::Split);
        assert!(!split.is_empty() && split.iter().all(|batch| batch.1 == Format::V1), "{of_kind:?}");
        let of_v0 = replaced.iter().filter(|batch| batch.1 == Format::V0);
        assert_eq!(
            of_v0.map(|batch| batch.3).sum::<u64>(),
            split.iter().map(|batch| batch.3).sum::<u64>(),
            "{of_kind:?}"
        );
        assert!(replaced.iter().all(|batch| batch.2 == BatchState::Confirmed), "{of_kind:?}");
    }
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 20);
    assert_eq!(fixture.treasury_state().paid_total, 20 * 2_000_000);
}

#[test]
fn a_batch_whose_attempt_may_still_land_is_planned_in_another_format_only_once_it_is_dead() {
    let fixture = with_rewards(2);
    assert_eq!(fixture.settle(), [None]);
    for node in ["n0", "n1"] {
        fixture.grant(node, 3_000_000);
    }
    fixture.chain.drop_sends.set(1_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    while !fixture.has_attempt_in(AttemptState::Sent) {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    let sent = fixture.batches().len();
    fixture.chain.rejects_v1.set(true);
    while fixture.latest_batch().attempt_states() == [AttemptState::Sent] {
        assert_eq!(fixture.batches().len(), sent, "nothing replaces it while it may land");
        block_on(engine.advance(TRIGGER)).unwrap();
        fixture.advance_time(400);
    }
    fixture.chain.drop_sends.set(0);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    let batches = fixture.batches();
    assert_eq!((batches[sent - 1].state, batches[sent - 1].format), (BatchState::Split, Format::V1));
    assert_eq!((batches[sent].state, batches[sent].format), (BatchState::Confirmed, Format::V0));
    assert_eq!(fixture.treasury_state().paid_total, 2 * 5_000_000);
}

#[test]
fn a_format_that_the_operator_has_chosen_is_not_replaced() {
    let fixture = with_rewards(1);
    fixture.chain.rejects_v1.set(true);
    let v1 = FormatChoice::Only(Format::V1);
    let engine = fixture.engine_with(&fixture.database, &fixture.chain, |config| config.format = v1);
    let error = fixture.settle_with(&engine).unwrap_err();
    assert_eq!(error, EngineError::Chain(ChainError::UnsupportedVersion));
    assert_eq!(fixture.chain.sends.get(), 0);
}
