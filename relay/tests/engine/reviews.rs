//! Nodes that the chain has credited without a reward in the ledger, for example with a stolen settler key.

use settlement::client::{BatchHeader, RegisterNodeArgs, credit_ix, node_wallet_address, register_node_ix};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::database::{Database, DatabaseError, Row, Statement};
use williw_relay::engine::{Engine, EngineError, Excess, HOLD_RETRY_MS, Progress, Resolution, ReviewError, Reviewed};
use williw_relay::ledger::{Actor, reviews};
use williw_relay::types::RewardStatus;

use crate::support::{CrashPoint, CrashTiming, EngineFixture, NodeSpec, TRIGGER, block_on, node_id};

/// What the ledger shows for a node that the chain has credited in excess.
const MISMATCH: &str = "chain_above_ledger";

/// The node `a`, paid 1,500,000 lamports and then credited `excess` lamports with the settler's key. It has earned
/// `pending` since.
fn fixture(excess: u64, pending: &[u64]) -> EngineFixture {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
    fixture.grant("a", 1_500_000);
    assert_eq!(fixture.settle(), [None]);
    if excess > 0 {
        fixture.credit_outside_the_engine(&[("a", 1_500_000 + excess)]);
    }
    fixture.chain.produce_block();
    for amount in pending {
        fixture.grant("a", *amount);
    }
    fixture
}

fn examine(fixture: &EngineFixture, node: &str, resolution: Resolution) -> Result<Excess, ReviewError> {
    let reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    block_on(reviewer.examine(&node_id(node), resolution))
}

fn resolve(fixture: &EngineFixture, node: &str, resolution: Resolution) -> Result<u64, ReviewError> {
    let reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    let resolved = block_on(reviewer.resolve(&Actor::command_line(), &node_id(node), resolution));
    resolved.map(|excess| excess.excess_lamports.get())
}

fn pay_on_top(fixture: &EngineFixture, node: &str) -> Result<u64, ReviewError> {
    resolve(fixture, node, Resolution::PayOnTop)
}

fn accept_chain(fixture: &EngineFixture, node: &str) -> Result<u64, ReviewError> {
    resolve(fixture, node, Resolution::AcceptChain)
}

/// Resolves the node `a` in a process that crashes at `point`.
fn resolve_with_crash(fixture: &EngineFixture, resolution: Resolution, point: &CrashPoint) -> Result<(), ReviewError> {
    let reviewer = fixture.reviewer(point.database(&fixture.database), point.chain(&fixture.chain));
    block_on(reviewer.resolve(&Actor::command_line(), &node_id("a"), resolution)).map(drop)
}

/// Settles, and asserts that node `a` was credited and paid exactly `total`, and that every sum in the ledger says so.
fn assert_settled_at(fixture: &EngineFixture, total: u64) {
    assert_eq!(fixture.settle(), [None]);
    let wallet = fixture.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (total, total));
    assert_eq!(fixture.treasury_state().credited_total, total);
    let balance = fixture.balance("a");
    assert_eq!((balance.earned_lamports.get(), balance.credited_lamports.get()), (total, total));
    assert_eq!((balance.over_credited_lamports.get(), balance.hold_reason), (0, None));
    assert_eq!(fixture.reward_sum("a"), total);
    assert_eq!(fixture.reward_count(RewardStatus::Pending), 0);
    assert_eq!(block_on(reviews::list(&fixture.database)).unwrap(), []);
}

#[test]
fn a_node_credited_one_lamport_by_a_thief_goes_on_once_somebody_has_decided() {
    let fixture = fixture(1, &[2_000_000, 10]);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.hold_reasons(), [None, Some(MISMATCH.to_owned()), Some(MISMATCH.to_owned())]);
    let listed = block_on(reviews::list(&fixture.database)).unwrap();
    let listed: Vec<_> = listed.iter().map(|node| (node.node_id.as_str(), node.credited_lamports.get())).collect();
    assert_eq!(listed, [("a", 1_500_001)]);

    assert_eq!(examine(&fixture, "a", Resolution::PayOnTop).unwrap().excess_lamports.get(), 1);
    assert_eq!(fixture.correction_count(), 0, "showing it writes nothing");
    assert_eq!(pay_on_top(&fixture, "a"), Ok(1));
    assert_eq!(fixture.correction_count(), 1);
    assert_eq!(fixture.audit_entries("review.pay_on_top"), 1);
    assert_settled_at(&fixture, 1_500_001 + 2_000_010);

    let refused = pay_on_top(&fixture, "a").unwrap_err();
    assert!(matches!(refused, ReviewError::NothingToResolve { .. }), "{refused:?}");
    assert_eq!((fixture.correction_count(), fixture.audit_entries("review.pay_on_top")), (1, 1));
}

#[test]
fn a_second_resolution_is_refused_before_the_next_settlement_too() {
    let fixture = fixture(7, &[2_000_000]);
    assert_eq!(pay_on_top(&fixture, "a"), Ok(7));
    let refused = pay_on_top(&fixture, "a").unwrap_err();
    assert!(matches!(refused, ReviewError::NothingToResolve { .. }), "{refused:?}");
    assert_settled_at(&fixture, 1_500_007 + 2_000_000);
}

#[test]
fn a_mismatch_opens_no_further_settlements() {
    // The thief credits enough that a payout is due.
    let fixture = fixture(3_000_000, &[9_000_000]);
    assert_eq!(fixture.settle(), [None], "one settlement, and no further one without work");
    assert_eq!(fixture.settle(), []);
    assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some(MISMATCH));
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_500_000);

    assert_eq!(pay_on_top(&fixture, "a"), Ok(3_000_000));
    assert_settled_at(&fixture, 13_500_000);
}

#[test]
fn running_totals_move_without_a_collision() {
    // Every reward takes the total that the next one had.
    let fixture = fixture(1_000_000, &[2_000_000, 1_000_000, 1_000_000, 1_000_000]);
    assert_eq!(fixture.settle(), [None]);
    let amounts = fixture.amounts("a");
    assert_eq!(pay_on_top(&fixture, "a"), Ok(1_000_000));
    assert_settled_at(&fixture, 7_500_000);
    assert_eq!(fixture.amounts("a"), amounts, "only a correction was added");
}

#[test]
fn rewards_that_the_accepted_total_covers_are_not_paid_again() {
    // The chain's total covers the first reward and ends within the second one. No settlement has seen that yet.
    let fixture = fixture(5, &[2, 2_000_000]);
    let excess = examine(&fixture, "a", Resolution::AcceptChain).unwrap();
    assert_eq!((excess.counted_as_credited_lamports.get(), excess.paid_again_lamports.get()), (5, 0));
    assert_eq!(accept_chain(&fixture, "a"), Ok(0));
    assert_eq!((fixture.correction_count(), fixture.audit_entries("review.accept")), (0, 1));
    assert_settled_at(&fixture, 1_500_000 + 2 + 2_000_000);
}

#[test]
fn an_accepted_total_above_all_rewards_leaves_a_correction_for_the_rest() {
    let fixture = fixture(3_000_000, &[2_000_000]);
    assert_eq!(accept_chain(&fixture, "a"), Ok(1_000_000));
    fixture.grant("a", 4_000_000);
    assert_settled_at(&fixture, 8_500_000);
}

#[test]
fn a_total_that_equals_that_of_a_reward_can_be_resolved_both_ways() {
    for (resolution, correction, total) in
        [(Resolution::AcceptChain, 0, 3_500_010), (Resolution::PayOnTop, 2_000_000, 5_500_010)]
    {
        let fixture = fixture(2_000_000, &[2_000_000, 10]);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(resolve(&fixture, "a", resolution), Ok(correction));
        fixture.advance_time(HOLD_RETRY_MS as u64);
        fixture.settle();
        assert_eq!(fixture.wallet("a").unwrap().credited_total, total);
        assert_eq!(fixture.reward_count(RewardStatus::Pending), 0);
    }
}

#[test]
fn what_would_be_paid_twice_is_said_before() {
    let fixture = fixture(2_000_003, &[2_000_000, 10]);
    let excess = examine(&fixture, "a", Resolution::PayOnTop).unwrap();
    assert_eq!((excess.counted_as_credited_lamports.get(), excess.paid_again_lamports.get()), (0, 2_000_003));
    assert_eq!(excess.signed_lamports.get(), 1_500_000);
    assert_eq!(fixture.correction_count(), 0);
}

#[test]
fn a_correction_warns_of_rewards_that_are_imported_later() {
    // The chain has credited two rewards, of which the ledger has only the first one again.
    let fixture = fixture(3_000_000, &[2_000_000]);
    let warned = examine(&fixture, "a", Resolution::AcceptChain).unwrap();
    assert!(warned.warning().unwrap().contains("imported later are paid again"), "{warned:?}");
    assert_eq!(accept_chain(&fixture, "a"), Ok(1_000_000));
    fixture.grant("a", 1_000_000);
    // It is indeed paid again, and the correction counts as well.
    assert_settled_at(&fixture, 5_500_000);

    let complete = self::fixture(3_000_000, &[2_000_000, 1_000_000]);
    assert_eq!(examine(&complete, "a", Resolution::AcceptChain).unwrap().warning(), None);
    assert!(examine(&complete, "a", Resolution::PayOnTop).unwrap().warning().is_some());
}

#[test]
fn rewards_that_the_ledger_has_signed_for_count_as_credited_with_either_resolution() {
    for (resolution, total) in [(Resolution::AcceptChain, 3_500_000), (Resolution::PayOnTop, 3_500_007)] {
        let fixture = fixture(0, &[2_000_000]);
        fixture.sign_for("a", 3_500_000);
        fixture.credit_outside_the_engine(&[("a", 3_500_007)]);
        fixture.chain.produce_block();
        fixture.grant("a", 7);
        let excess = examine(&fixture, "a", resolution).unwrap();
        assert_eq!(excess.signed_unconfirmed_lamports.get(), 2_000_000);
        resolve(&fixture, "a", resolution).unwrap();
        assert_eq!(fixture.reward_count(RewardStatus::Pending), usize::from(resolution == Resolution::PayOnTop));
        fixture.settle();
        assert_eq!(fixture.wallet("a").unwrap().credited_total, total + 7);
    }
}

#[test]
fn a_reward_that_is_credited_in_part_is_no_disagreement_and_keeps_its_part() {
    let nodes = [NodeSpec::payable("a")];
    for (resolution, total) in [(Resolution::AcceptChain, 4_000_000), (Resolution::PayOnTop, 4_000_007)] {
        let fixture = EngineFixture::with_network(&nodes, |args| args.per_node_cap = 1_500_000);
        fixture.grant("a", 4_000_000);
        // One settlement credits the first part.
        let engine = fixture.engine(&fixture.database, &fixture.chain);
        loop {
            match block_on(engine.advance(TRIGGER)).unwrap() {
                Progress::Finished { failure, .. } => break assert_eq!(failure, None),
                Progress::Continue { after_ms } => fixture.advance_time(after_ms),
                _ => {}
            }
        }
        assert_eq!(fixture.wallet("a").unwrap().credited_total, 1_500_000);
        let refused = resolve(&fixture, "a", resolution).unwrap_err();
        assert!(matches!(refused, ReviewError::NothingToResolve { .. }), "{refused:?}");

        fixture.credit_outside_the_engine(&[("a", 1_500_007)]);
        fixture.chain.produce_block();
        resolve(&fixture, "a", resolution).unwrap();
        fixture.advance_time(HOLD_RETRY_MS as u64);
        fixture.settle();
        assert_eq!(fixture.wallet("a").unwrap().credited_total, total, "{resolution}");
        assert_eq!(fixture.reward_count(RewardStatus::Pending), 0);
    }
}

#[test]
fn an_excess_without_pending_rewards_can_be_resolved() {
    let fixture = fixture(4, &[]);
    assert_eq!(pay_on_top(&fixture, "a"), Ok(4));
    fixture.grant("a", 2_000_000);
    assert_settled_at(&fixture, 3_500_004);
}

#[test]
fn totals_that_agree_are_refused() {
    for pending in [&[][..], &[2_000_000]] {
        let fixture = fixture(0, pending);
        let refused = pay_on_top(&fixture, "a").unwrap_err();
        assert!(matches!(refused, ReviewError::NothingToResolve { .. }), "{refused:?}");
        assert_eq!(fixture.correction_count(), 0);
    }
}

#[test]
fn a_total_below_the_ledgers_is_refused() {
    // The second reward is credited but, below the threshold, not paid.
    let fixture = fixture(0, &[10]);
    assert_eq!(fixture.settle(), [None]);
    fixture.set_credited_total("a", 1_500_003);
    let refused = pay_on_top(&fixture, "a").unwrap_err();
    assert!(matches!(refused, ReviewError::ChainBelowLedger { .. }), "{refused:?}");
    assert_eq!(fixture.correction_count(), 0);
}

#[test]
fn missing_rewards_are_refused() {
    let fixture = fixture(7, &[2_000_000, 5, 10]);
    fixture.delete_reward_of("a", 5);
    let refused = pay_on_top(&fixture, "a").unwrap_err();
    assert_eq!(refused, ReviewError::Gap(node_id("a")));
    assert_eq!(fixture.correction_count(), 0);
}

#[test]
fn a_node_that_does_not_exist_or_has_no_wallet_is_named() {
    let fixture = fixture(1, &[]);
    let unknown = pay_on_top(&fixture, "ghost").unwrap_err();
    assert_eq!(unknown.to_string(), "node ghost is not registered in this ledger: check the node id");
    assert_eq!(pay_on_top(&fixture, "b").unwrap_err(), ReviewError::NoWallet(node_id("b")));
}

#[test]
fn the_total_of_a_wallet_with_another_owner_is_not_the_nodes() {
    let fixture = fixture(0, &[]);
    let (settler, thief, id) = (fixture.settler.pubkey(), Pubkey::new_unique(), node_id("b").on_chain());
    let args = RegisterNodeArgs { node_id: id, owner: thief, destination: None, threshold: None };
    fixture.execute_as(&fixture.settler, register_node_ix(settler, settler, fixture.network, args));
    let foreign = node_wallet_address(&fixture.network, &id, &thief);
    let header = BatchHeader { batch_id: 99, records_root: [0; 32] };
    fixture.execute_as(&fixture.settler, credit_ix(settler, fixture.network, header, &[(foreign, 2_000_000)]));
    assert_eq!(pay_on_top(&fixture, "b").unwrap_err(), ReviewError::NoWallet(node_id("b")));
    assert_eq!(fixture.correction_count(), 0);
}

#[test]
fn nothing_is_resolved_while_a_runner_settles_or_a_batch_is_open() {
    let fixture = fixture(0, &[2_000_000]);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    let busy = pay_on_top(&fixture, "a").unwrap_err();
    assert!(matches!(busy, ReviewError::Busy { .. }), "{busy:?}");

    block_on(Engine::stop(&engine)).unwrap();
    assert_eq!(pay_on_top(&fixture, "a").unwrap_err(), ReviewError::BatchOpen(node_id("a")));
    assert_eq!(fixture.correction_count(), 0);
}

#[test]
fn a_ledger_of_another_cluster_or_without_a_settlement_is_refused() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    let rejected = |error| match error {
        ReviewError::Engine(EngineError::Rejected(reason)) => reason,
        other => panic!("{other:?}"),
    };
    let reason = rejected(pay_on_top(&fixture, "a").unwrap_err());
    assert!(reason.contains("nothing has been settled"), "{reason}");
    fixture.bind("genesis_hash", "another");
    let reason = rejected(pay_on_top(&fixture, "a").unwrap_err());
    assert!(reason.contains("genesis_hash another"), "{reason}");
}

#[test]
fn a_resolution_that_is_interrupted_anywhere_is_written_once() {
    // The accepted total covers the pending reward, and three lamports that no reward explains.
    for (resolution, action, excess, correction, total) in [
        (Resolution::PayOnTop, "review.pay_on_top", 1, 1, 3_500_001),
        (Resolution::AcceptChain, "review.accept", 2_000_003, 3, 3_500_003),
    ] {
        let new = || fixture(excess, &[2_000_000]);
        let never = CrashPoint::never();
        resolve_with_crash(&new(), resolution, &never).unwrap();
        assert!(never.calls() > 0);
        for at in 0..never.calls() {
            for timing in [CrashTiming::BeforeEffect, CrashTiming::AfterEffect] {
                let context = format!("{resolution}: crash at call {at} of {}, {timing:?}", never.calls());
                let fixture = new();
                resolve_with_crash(&fixture, resolution, &CrashPoint::new(at, timing)).unwrap_err();
                fixture.advance_time(HOLD_RETRY_MS as u64);
                match resolve(&fixture, "a", resolution) {
                    Ok(written) if written == correction => {}
                    Err(ReviewError::NothingToResolve { .. }) => {}
                    other => panic!("{context}: {other:?}"),
                }
                assert_eq!((fixture.correction_count(), fixture.audit_entries(action)), (1, 1), "{context}");
                assert_eq!(fixture.amounts("a"), [1_500_000, 2_000_000], "{context}");
                fixture.grant("a", 4_000_000);
                assert_settled_at(&fixture, total + 4_000_000);
            }
        }
    }
}

#[test]
fn a_settlement_that_was_interrupted_continues_after_a_resolution() {
    let fixture = fixture(1, &[2_000_000]);
    fixture.grant("b", 3_000_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    block_on(engine.advance(TRIGGER)).unwrap();
    block_on(engine.stop()).unwrap();
    assert_eq!(pay_on_top(&fixture, "a"), Ok(1));
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 3_500_001);
    assert_eq!(fixture.wallet("b").unwrap().paid_total, 3_000_000);
}

/// The ledger of a network whose node `b` earns something right before a correction is first written.
struct Granting<'a> {
    fixture: &'a EngineFixture,
    has_granted: std::cell::Cell<bool>,
}

impl Database for Granting<'_> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let corrects = statements.iter().any(|statement| statement.sql().contains("INSERT INTO audit_log"));
        if corrects && !self.has_granted.replace(true) {
            self.fixture.grant("b", 7);
        }
        self.fixture.database.batch(statements).await
    }
}

#[test]
fn many_nodes_are_resolved_at_once_and_none_keeps_the_others_from_it() {
    let fixture = fixture(5, &[2_000_000]);
    fixture.grant("b", 1_500_000);
    assert_eq!(fixture.settle(), [None]);
    fixture.credit_outside_the_engine(&[("b", 1_500_009)]);
    fixture.chain.produce_block();
    fixture.register(&NodeSpec::payable("none"));
    let nodes = ["a", "b", "none", "unknown"].map(node_id);
    let outcomes = |reviewed: Vec<Reviewed>| {
        let outcome = |reviewed: Reviewed| reviewed.map(|excess| excess.excess_lamports.get());
        reviewed.into_iter().map(outcome).collect::<Vec<_>>()
    };

    let reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    let shown = outcomes(block_on(reviewer.examine_all(&nodes, Resolution::PayOnTop)).unwrap());
    assert_eq!(shown[..2], [Ok(5), Ok(9)]);
    assert!(matches!(&shown[2], Err(ReviewError::NoWallet(node)) if *node == nodes[2]), "{shown:?}");
    assert!(matches!(&shown[3], Err(ReviewError::UnknownNode(node)) if *node == nodes[3]), "{shown:?}");
    assert_eq!(fixture.correction_count(), 0, "showing it writes nothing");

    let granting = Granting { fixture: &fixture, has_granted: false.into() };
    let reviewer = fixture.reviewer(&granting, &fixture.chain);
    let resolved = outcomes(block_on(reviewer.resolve_all(&Actor::operator(), &nodes, Resolution::PayOnTop)).unwrap());
    assert_eq!(resolved[0], Ok(5));
    assert_eq!(resolved[1], Err(ReviewError::Changed(node_id("b"))), "its rewards are not those that were compared");
    assert_eq!((fixture.correction_count(), fixture.audit_entries("review.pay_on_top")), (1, 1));

    let again = outcomes(block_on(reviewer.resolve_all(&Actor::operator(), &nodes, Resolution::PayOnTop)).unwrap());
    assert!(matches!(&again[0], Err(ReviewError::NothingToResolve { .. })), "{again:?}");
    assert_eq!(again[1], Ok(9));
    assert_eq!(fixture.settle(), [None]);
    let credited = |node| fixture.wallet(node).unwrap().credited_total;
    assert_eq!((credited("a"), credited("b")), (1_500_005 + 2_000_000, 1_500_009 + 7));
}
