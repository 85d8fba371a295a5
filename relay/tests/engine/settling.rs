//! Settlements without faults.

use std::collections::BTreeSet;

use settlement::client::{
    BatchHeader, RegisterNodeArgs, close_node_ix, credit_ix, node_wallet_address, register_node_ix, reopen_node_ix,
    set_destination_ix,
};
use settlement::events::BatchSettled;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::chain::Chain as _;
use williw_relay::engine::{BatchState, HOLD_RETRY_MS, Resolution};
use williw_relay::ledger::Actor;
use williw_relay::transaction::{BatchKind, Format};
use williw_relay::types::{Lamports, RewardStatus};

use crate::support::{EngineFixture, NodeSpec, block_on, node_id};

#[test]
fn rewards_above_the_threshold_are_credited_and_paid_to_the_lamport() {
    let node = NodeSpec::payable("a");
    let fixture = EngineFixture::new(std::slice::from_ref(&node));
    fixture.grant("a", 700_000);
    fixture.grant("a", 300_001);
    assert_eq!(fixture.settle(), [None]);

    let wallet = fixture.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (1_000_001, 1_000_001));
    assert_eq!(fixture.balance_of(&node.address.unwrap()), node.funds + 1_000_001);
    let balance = fixture.balance("a");
    assert_eq!(balance.total_rewards_distributed_lamports.get(), 1_000_001);
    assert_eq!(balance.pending_rewards_lamports.get(), 0);
    assert_eq!(balance.unsettled_lamports.get(), 0);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 2);
    let signatures: BTreeSet<_> = fixture.rewards().into_iter().map(|reward| reward.signature).collect();
    assert_eq!(signatures.len(), 1, "one transaction credited both rewards");
    assert!(signatures.iter().all(Option::is_some), "{signatures:?}");
}

#[test]
fn rewards_below_the_threshold_are_credited_and_paid_once_they_reach_it() {
    let node = NodeSpec::payable("a");
    let fixture = EngineFixture::new(std::slice::from_ref(&node));
    fixture.grant("a", 600_000);
    fixture.settle();
    let wallet = fixture.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (600_000, 0));

    fixture.grant("a", 400_000);
    fixture.settle();
    let wallet = fixture.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (1_000_000, 1_000_000));
}

#[test]
fn an_amount_below_the_threshold_is_paid_after_the_maximum_pending_age() {
    let fixture = EngineFixture::with_network(&[NodeSpec::payable("a")], |args| args.max_pending_age = 3_600);
    fixture.grant("a", 5);
    fixture.settle();
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 0);
    assert_eq!(fixture.settle(), []);

    fixture.advance_time(3_600_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 5);
}

#[test]
fn nothing_is_sent_or_written_when_there_is_nothing_to_settle() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 2_000_000);
    fixture.settle();
    let (sends, landed) = (fixture.chain.sends.get(), fixture.chain.landed().len());
    let settlements = fixture.settlements();
    assert_eq!(fixture.settle(), []);
    assert_eq!((fixture.chain.sends.get(), fixture.chain.landed().len()), (sends, landed));
    assert_eq!(fixture.settlements(), settlements);
}

#[test]
fn many_nodes_are_paid_once_each_in_several_transactions() {
    let nodes: Vec<NodeSpec> = (0..75).map(|index| NodeSpec::payable(&format!("node-{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for (index, node) in nodes.iter().enumerate() {
        fixture.grant(&node.name, if index % 3 == 0 { 10 } else { 1_500_000 + index as u64 });
    }
    assert_eq!(fixture.settle(), [None]);
    for (index, node) in nodes.iter().enumerate() {
        let wallet = fixture.wallet(&node.name).unwrap();
        let (earned, paid) =
            if index % 3 == 0 { (10, 0) } else { (1_500_000 + index as u64, 1_500_000 + index as u64) };
        assert_eq!((wallet.credited_total, wallet.paid_total), (earned, paid), "{}", node.name);
    }
    let payments = fixture.batches().into_iter().filter(|batch| batch.kind != BatchKind::Register);
    // 25 credits in one transaction, 50 payouts in two.
    assert_eq!(payments.filter(|batch| batch.state == BatchState::Confirmed).count(), 3);
    assert_eq!(fixture.treasury_state().batch_sequence, 3);
}

#[test]
fn a_cluster_without_v1_support_is_settled_with_v0() {
    let nodes: Vec<NodeSpec> = (0..30).map(|index| NodeSpec::payable(&format!("node-{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    fixture.chain.rejects_v1.set(true);
    for node in &nodes {
        fixture.grant(&node.name, 1_000_000);
    }
    assert_eq!(fixture.settle(), [None]);
    assert!(nodes.iter().all(|node| fixture.wallet(&node.name).unwrap().paid_total == 1_000_000));
    let batches = fixture.batches();
    assert!(!batches.is_empty() && batches.iter().all(|batch| batch.format == Format::V0), "{batches:?}");
}

#[test]
fn a_node_without_an_address_is_held_and_paid_once_it_has_registered_one() {
    let fixture = EngineFixture::new(&[NodeSpec::without_address("late"), NodeSpec::payable("other")]);
    fixture.grant("late", 3_000_000);
    fixture.grant("other", 3_000_000);
    fixture.settle();
    assert_eq!(fixture.wallet("other").unwrap().paid_total, 3_000_000);
    assert!(fixture.wallet("late").is_none());
    assert_eq!(fixture.hold_reasons(), [Some("no_address".to_owned()), None]);

    fixture.register(&NodeSpec::payable("late"));
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("late").unwrap().paid_total, 3_000_000);
}

#[test]
fn a_closed_node_is_held_and_paid_only_the_difference_once_it_is_reopened() {
    let node = NodeSpec::payable("a");
    let address = node.address.unwrap();
    let fixture = EngineFixture::new(std::slice::from_ref(&node));
    fixture.grant("a", 3_000_000);
    fixture.settle();
    let wallet = fixture.wallet("a").unwrap();
    fixture.execute_as_admin(close_node_ix(fixture.admin.pubkey(), fixture.network, wallet.node_id, wallet.owner));

    fixture.chain.produce_block();
    fixture.advance_time(HOLD_RETRY_MS as u64);
    fixture.grant("a", 2_000_000);
    fixture.settle();
    assert_eq!(fixture.reward_count(RewardStatus::Pending), 1);
    assert_eq!(fixture.hold_reasons(), [None, Some("node_closed".to_owned())]);
    assert_eq!(fixture.balance_of(&address), node.funds + 3_000_000);

    let args = RegisterNodeArgs { node_id: wallet.node_id, owner: address, destination: None, threshold: None };
    let admin = fixture.admin.pubkey();
    fixture.execute_as_admin(reopen_node_ix(admin, admin, fixture.network, args));
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    let wallet = fixture.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (5_000_000, 5_000_000));
    assert_eq!(fixture.balance_of(&address), node.funds + 5_000_000);
}

/// What the ledger shows for a node whose destination its owner has not confirmed.
const UNCONFIRMED: &str = "destination_unconfirmed: the owner must set the destination with set_destination";

/// A fixture with the node `a`, which the admin has registered with a destination that is not its owner's address.
/// Returns the owner's key and the destination.
fn node_with_foreign_destination() -> (EngineFixture, Keypair, Pubkey) {
    let (owner, destination) = (Keypair::new(), Pubkey::new_unique());
    let fixture = EngineFixture::new(&[
        NodeSpec { address: Some(owner.pubkey()), ..NodeSpec::payable("a") },
        NodeSpec::payable("other"),
    ]);
    let (admin, id) = (fixture.admin.pubkey(), node_id("a").on_chain());
    let args = RegisterNodeArgs { node_id: id, owner: owner.pubkey(), destination: Some(destination), threshold: None };
    fixture.execute_as_admin(register_node_ix(admin, admin, fixture.network, args));
    fixture.chain.produce_block();
    (fixture, owner, destination)
}

#[test]
fn a_wallet_with_a_foreign_destination_is_held_and_paid_once_the_owner_sets_it() {
    for owner_keeps_it in [true, false] {
        let (fixture, owner, foreign) = node_with_foreign_destination();
        fixture.grant("a", 3_000_000);
        fixture.grant("other", 3_000_000);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(fixture.wallet("other").unwrap().paid_total, 3_000_000);
        assert_eq!(fixture.wallet("a").unwrap().credited_total, 0);
        assert_eq!(fixture.hold_reasons(), [Some(UNCONFIRMED.to_owned()), None]);
        assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some(UNCONFIRMED));
        fixture.advance_time(HOLD_RETRY_MS as u64);
        fixture.settle();
        assert_eq!(fixture.balance_of(&foreign), 0);

        let destination = if owner_keeps_it { foreign } else { owner.pubkey() };
        let set = set_destination_ix(owner.pubkey(), fixture.network, node_id("a").on_chain(), destination);
        fixture.execute_as(&owner, set);
        // It was held for twice as long as before the first retry.
        fixture.advance_time(3 * HOLD_RETRY_MS as u64);
        let before = fixture.balance_of(&destination);
        assert_eq!(fixture.settle(), [None]);
        assert_eq!(fixture.wallet("a").unwrap().paid_total, 3_000_000);
        assert_eq!(fixture.balance_of(&destination), before + 3_000_000);
        assert_eq!(fixture.balance_of(&foreign), if owner_keeps_it { 3_000_000 } else { 0 });
        assert_eq!((fixture.hold_reasons(), fixture.balance("a").hold_reason), (vec![None, None], None));
    }
}

#[test]
fn a_wallet_with_a_foreign_owner_never_receives_the_nodes_rewards_and_delays_them_only_until_somebody_decides() {
    // A thief with the settler's key registers the node with an owner of its own and credits it.
    let node = NodeSpec::payable("a");
    let fixture = EngineFixture::new(std::slice::from_ref(&node));
    let (settler, thief, id) = (fixture.settler.pubkey(), Pubkey::new_unique(), node_id("a").on_chain());
    let args = RegisterNodeArgs { node_id: id, owner: thief, destination: None, threshold: None };
    fixture.execute_as(&fixture.settler, register_node_ix(settler, settler, fixture.network, args));
    let foreign = node_wallet_address(&fixture.network, &id, &thief);
    let header = BatchHeader { batch_id: 99, records_root: [0; 32] };
    fixture.execute_as(&fixture.settler, credit_ix(settler, fixture.network, header, &[(foreign, 2_000_000)]));
    fixture.chain.produce_block();
    fixture.grant("a", 3_000_000);
    fixture.settle();
    // It could be the node's own, at an address that the ledger has lost.
    assert_eq!(fixture.hold_reasons(), [Some("unknown_credits".to_owned())]);
    let reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    let stolen = Lamports::new(2_000_000).unwrap();
    block_on(reviewer.accept_unknown(&Actor::command_line(), stolen)).unwrap();
    assert_eq!(fixture.settle(), [None]);
    let wallet = fixture.wallet("a").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (3_000_000, 3_000_000));
    assert_eq!(fixture.balance_of(&node.address.unwrap()), node.funds + 3_000_000);
    assert_eq!(fixture.balance_of(&thief), 0, "the relay pays no wallet of another owner");
}

#[test]
fn a_due_payout_to_a_foreign_destination_is_held_until_the_owner_sets_it() {
    let (fixture, owner, foreign) = node_with_foreign_destination();
    // The chain has credited the node for a ledger that was lost, and the operator accepts it.
    fixture.credit_outside_the_engine(&[("a", 3_000_000)]);
    fixture.chain.produce_block();
    fixture.grant("other", 1);
    assert_eq!(fixture.settle(), [None]);
    fixture.grant("a", 1);
    assert_eq!(fixture.settle(), [None]);
    let reviewer = fixture.reviewer(&fixture.database, &fixture.chain);
    block_on(reviewer.resolve(&Actor::command_line(), &node_id("a"), Resolution::AcceptChain)).unwrap();
    assert_eq!(fixture.settle(), [None], "one settlement, and no further one without work");
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 0);
    assert_eq!(fixture.balance("a").hold_reason.as_deref(), Some(UNCONFIRMED));
    assert_eq!(fixture.settle(), []);

    let set = set_destination_ix(owner.pubkey(), fixture.network, node_id("a").on_chain(), foreign);
    fixture.execute_as(&owner, set);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.balance_of(&foreign), 3_000_000);
    assert_eq!(fixture.balance("a").hold_reason, None);
}

#[test]
fn rewards_are_settled_in_the_order_in_which_they_were_earned() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("first"), NodeSpec::payable("second")]);
    // Sequences with one and two digits: sorted as text, 10 would come before 9.
    for _ in 0..8 {
        fixture.grant("first", 1_000_000);
    }
    for _ in 0..4 {
        fixture.grant("second", 1_000_000);
    }
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("first").unwrap().paid_total, 8_000_000);
    assert_eq!(fixture.wallet("second").unwrap().paid_total, 4_000_000);
    assert!(fixture.rewards().iter().all(|reward| reward.status == RewardStatus::Confirmed));
}

#[test]
fn a_payout_that_would_not_make_its_destination_rent_exempt_is_credited_and_paid_later() {
    let node = NodeSpec::unfunded("poor");
    let fixture = EngineFixture::with_network(std::slice::from_ref(&node), |args| args.default_threshold = 100);
    fixture.grant("poor", 1_000);
    assert_eq!(fixture.settle(), [None], "one settlement, and no further one without work");
    let wallet = fixture.wallet("poor").unwrap();
    assert_eq!((wallet.credited_total, wallet.paid_total), (1_000, 0));
    assert_eq!(fixture.balance("poor").hold_reason.as_deref(), Some("destination_not_rent_exempt"));
    assert_eq!(fixture.settle(), []);

    fixture.grant("poor", 1_000_000);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("poor").unwrap().paid_total, 1_001_000);
    assert_eq!(fixture.balance_of(&node.address.unwrap()), 1_001_000);
    assert_eq!(fixture.balance("poor").hold_reason, None);
}

#[test]
fn the_event_of_a_batch_carries_its_records_root() {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a"), NodeSpec::payable("b"), NodeSpec::payable("c")]);
    for node in ["a", "b", "c", "a"] {
        fixture.grant(node, 2_000_000);
    }
    fixture.settle();
    let [batch] = fixture.batches_of_kind(BatchKind::Settle).try_into().expect("one settle batch");
    let signature = batch.signature.unwrap().parse().unwrap();
    let executed = block_on(fixture.chain.transaction(&signature)).unwrap().expect("the transaction was executed");
    let [event] = BatchSettled::from_logs(&executed.log_messages).try_into().expect("one BatchSettled event");
    assert_eq!(batch.records_root, hex::encode(event.records_root));
    assert_ne!(event.records_root, [0; 32]);
    assert_eq!(fixture.batch_record_count(), 4);
}
