//! Batches whose events are missing, because the RPC node has not kept the log or the cluster has truncated it.

use settlement::client::set_destination_ix;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::engine::{BatchState, HOLD_RETRY_MS, Progress};
use williw_relay::transaction::BatchKind;
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, KeptLogs, NodeSpec, TRIGGER, block_on, node_id};

/// Settles three nodes in one batch, the last of which the program credits but does not pay, because its owner changes
/// the destination after the simulation. Returns the fixture and the new destination.
fn settled_with(kept: KeptLogs) -> (EngineFixture, Pubkey) {
    let owner = Keypair::new();
    let fixture = EngineFixture::new(&[
        NodeSpec::payable("a"),
        NodeSpec::payable("b"),
        NodeSpec { address: Some(owner.pubkey()), ..NodeSpec::payable("c") },
    ]);
    for (node, amount) in [("a", 2_000_000), ("b", 3_000_000), ("c", 4_000_000)] {
        fixture.grant(node, amount);
    }
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    let destination = Pubkey::new_unique();
    let id = node_id("c").on_chain();
    fixture.execute_as(&owner, set_destination_ix(owner.pubkey(), fixture.network, id, destination));
    fixture.chain.kept_logs.set(kept);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    (fixture, destination)
}

#[test]
fn a_settlement_loses_nothing_without_the_logs_of_its_transactions() {
    for (kept, reason) in [
        (KeptLogs::Complete, "destination_mismatch"),
        (KeptLogs::Truncated, "skipped (reason unknown"),
        (KeptLogs::Nothing, "skipped (reason unknown"),
    ] {
        let (fixture, destination) = settled_with(kept);
        let [batch] = fixture.batches_of_kind(BatchKind::Settle).try_into().expect("one settle batch");
        assert_eq!((batch.state, batch.attempts.len()), (BatchState::Confirmed, 1), "{kept:?}");
        assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 3, "{kept:?}");
        let settlement = fixture.settlements().pop().expect("a settlement");
        let sums = (settlement.credited_lamports.get(), settlement.paid_lamports.get());
        assert_eq!(sums, (9_000_000, 5_000_000), "{kept:?}");
        for (node, credited, paid) in [("a", 2_000_000, 2_000_000), ("b", 3_000_000, 3_000_000), ("c", 4_000_000, 0)] {
            let balance = fixture.balance(node);
            let totals = (balance.credited_lamports.get(), balance.total_rewards_distributed_lamports.get());
            assert_eq!(totals, (credited, paid), "{kept:?} {node}");
            assert!(balance.last_signature.is_some(), "{kept:?} {node}");
        }
        let hold = fixture.balance("c").hold_reason.expect("the skipped payout is held");
        assert!(hold.starts_with(reason), "{kept:?}: {hold}");
        // Whoever looks for the transactions of these rewards is told.
        let told = fixture.log().iter().any(|line| line.contains("their rewards name no transaction"));
        let named = fixture.rewards().iter().filter(|reward| reward.signature.is_some()).count();
        assert_eq!((told, named), if kept == KeptLogs::Complete { (false, 3) } else { (true, 0) }, "{kept:?}");

        fixture.advance_time(HOLD_RETRY_MS as u64);
        assert_eq!(fixture.settle(), [None], "{kept:?}");
        assert_eq!(fixture.balance_of(&destination), 4_000_000, "{kept:?}");
        assert_eq!(fixture.treasury_state().paid_total, 9_000_000, "{kept:?}");
    }
}

#[test]
fn a_reward_that_was_not_credited_returns_to_pending_without_the_log_of_the_transaction() {
    for kept in [KeptLogs::Complete, KeptLogs::Truncated, KeptLogs::Nothing] {
        let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b")]);
        for node in ["a", "b"] {
            fixture.grant(node, 1);
        }
        fixture.settle();
        for node in ["a", "b"] {
            fixture.grant(node, 600_000);
        }
        let engine = fixture.engine(&fixture.database, &fixture.chain);
        fixture.advance_until_simulated(&engine);
        fixture.update_network(|args| args.per_node_cap = Some(599_999));
        fixture.chain.kept_logs.set(kept);
        assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
        assert_eq!(fixture.reward_count(RewardStatus::Pending), 2, "{kept:?}");
        assert_eq!(fixture.treasury_state().credited_total, 2, "{kept:?}");
        fixture.update_network(|args| args.per_node_cap = Some(u64::MAX));
        fixture.advance_time(HOLD_RETRY_MS as u64);
        assert_eq!(fixture.settle(), [None], "{kept:?}");
        assert_eq!(fixture.treasury_state().credited_total, 1_200_002, "{kept:?}");
        assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 4, "{kept:?}");
    }
}

#[test]
fn the_log_of_a_transaction_stands_if_the_wallet_account_can_no_longer_be_read() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1);
    fixture.settle();
    fixture.grant("a", 2_000_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    let sends = fixture.chain.sends.get();
    while fixture.chain.sends.get() == sends {
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    fixture.chain.finalize();
    // Another version of the program has written it anew since.
    let address = fixture.wallet_address("a");
    fixture.set_space(&address, 1_000);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    let rewards = fixture.rewards();
    assert!(rewards.iter().all(|reward| reward.status == RewardStatus::Confirmed), "{rewards:?}");
    assert!(rewards.iter().all(|reward| reward.signature.is_some()), "{rewards:?}");
}

#[test]
fn a_batch_stays_open_while_its_transaction_cannot_be_looked_up() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1);
    fixture.settle();
    fixture.grant("a", 2_000_000);
    fixture.chain.lookups_fail.set(true);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    let mut failures = 0;
    for _ in 0..60 {
        match block_on(engine.advance(TRIGGER)) {
            Ok(Progress::Continue { after_ms: 0 } | Progress::Opened) => {}
            Ok(_) => fixture.advance_time(800),
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                failures += 1;
                fixture.advance_time(800);
            }
        }
    }
    assert!(failures > 5, "{failures}");
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 1);
    fixture.chain.lookups_fail.set(false);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert!(fixture.rewards()[1].signature.is_some(), "the reward names its transaction");
    assert_eq!(fixture.latest_batch().attempts.len(), 1);
}
