//! Owners who change their accounts between the simulation of a batch and its landing, and destinations with much data.

use settlement::client::{close_node_ix, set_destination_ix};
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::engine::{AttemptState, BatchState, HOLD_RETRY_MS};
use williw_relay::transaction::BatchKind;
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, node_id};

/// The maximum size of an account.
const MAX_SPACE: usize = 10 * 1024 * 1024;

/// `count` nodes, each of which has earned 2,000,000 lamports, with their owners' keys.
fn fixture(count: usize) -> (EngineFixture, Vec<Keypair>) {
    let owners: Vec<Keypair> = (0..count).map(|_| Keypair::new()).collect();
    let nodes: Vec<NodeSpec> = owners
        .iter()
        .enumerate()
        .map(|(index, owner)| NodeSpec { address: Some(owner.pubkey()), ..NodeSpec::payable(&name(index)) })
        .collect();
    let fixture = EngineFixture::new(&nodes);
    for index in 0..count {
        fixture.grant(&name(index), 2_000_000);
    }
    (fixture, owners)
}

fn name(index: usize) -> String {
    format!("node-{index}")
}

/// The System program's `Allocate`, which an owner can call for their own address.
fn allocate(owner: &Keypair, space: u64) -> Instruction {
    let data = [8_u32.to_le_bytes().as_slice(), &space.to_le_bytes()].concat();
    let accounts = vec![AccountMeta::new(owner.pubkey(), true)];
    Instruction { program_id: solana_sdk_ids::system_program::ID, accounts, data }
}

/// The states and sizes of the settle batches.
fn settle_batches(fixture: &EngineFixture) -> Vec<(BatchState, u64)> {
    let batches = fixture.batches_of_kind(BatchKind::Settle);
    batches.into_iter().map(|batch| (batch.state, batch.entry_count)).collect()
}

/// Settles in one full batch, and has `change` change accounts after its simulation. The batch lands in its first
/// attempt nevertheless.
fn assert_lands_despite(change: impl FnOnce(&EngineFixture, &[Keypair])) -> (EngineFixture, Vec<Keypair>) {
    let (fixture, owners) = fixture(30);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    change(&fixture, &owners);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(settle_batches(&fixture), [(BatchState::Confirmed, 30)]);
    assert_eq!(fixture.latest_batch().attempt_states(), [AttemptState::Finalized]);
    (fixture, owners)
}

#[test]
fn a_batch_lands_although_owners_allocate_data_at_their_destinations_after_the_simulation() {
    let (fixture, owners) = assert_lands_despite(|fixture, owners| {
        for owner in owners {
            fixture.execute_as(owner, allocate(owner, 1));
        }
    });
    for index in 0..owners.len() {
        assert_eq!(fixture.wallet(&name(index)).unwrap().paid_total, 2_000_000);
    }
}

#[test]
fn a_batch_lands_although_owners_choose_one_shared_destination_after_the_simulation() {
    let shared = Pubkey::new_unique();
    let (fixture, owners) = assert_lands_despite(|fixture, owners| {
        for (index, owner) in owners.iter().enumerate().take(29) {
            let id = node_id(&name(index)).on_chain();
            fixture.execute_as(owner, set_destination_ix(owner.pubkey(), fixture.network, id, shared));
        }
    });
    assert_eq!(fixture.wallet(&name(29)).unwrap().paid_total, 2_000_000);
    // The others were credited, and are paid to the new destination by the next settlement.
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.balance_of(&shared), 29 * 2_000_000);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), owners.len());
}

#[test]
fn a_batch_lands_although_nodes_are_closed_after_the_simulation() {
    let (fixture, owners) = assert_lands_despite(|fixture, _| {
        for index in 0..29 {
            let wallet = fixture.wallet(&name(index)).unwrap();
            let close = close_node_ix(fixture.admin.pubkey(), fixture.network, wallet.node_id, wallet.owner);
            fixture.execute_as_admin(close);
        }
    });
    assert_eq!(fixture.wallet(&name(29)).unwrap().paid_total, 2_000_000);
    assert_eq!(fixture.reward_count(RewardStatus::Pending), owners.len() - 1);
}

#[test]
fn a_batch_lands_although_a_destination_grows_to_the_maximum_after_the_simulation() {
    let (fixture, owners) = assert_lands_despite(|fixture, owners| {
        fixture.set_space(&owners[0].pubkey(), MAX_SPACE);
    });
    for index in 0..owners.len() {
        assert_eq!(fixture.wallet(&name(index)).unwrap().paid_total, 2_000_000);
    }
}

#[test]
fn a_batch_that_cannot_be_loaded_when_it_lands_is_halved_and_paid() {
    let (fixture, owners) = fixture(7);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    for owner in &owners {
        fixture.set_space(&owner.pubkey(), MAX_SPACE);
    }
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(
        settle_batches(&fixture),
        [(BatchState::Split, 7), (BatchState::Confirmed, 3), (BatchState::Confirmed, 4)]
    );
    let whole = &fixture.batches_of_kind(BatchKind::Settle)[0];
    assert_eq!(whole.attempt_states(), [AttemptState::Failed], "it is not retried as a whole");
    for index in 0..owners.len() {
        let wallet = fixture.wallet(&name(index)).unwrap();
        assert_eq!((wallet.credited_total, wallet.paid_total), (2_000_000, 2_000_000), "{index}");
    }
}

#[test]
fn a_batch_that_reverts_is_halved_until_the_failing_entry_is_alone() {
    let (fixture, owners) = fixture(7);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    fixture.chain.reverts.set(Some(fixture.wallet_address(&name(2))));
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    let expected = [
        (BatchState::Split, 7),
        (BatchState::Split, 3),
        (BatchState::Confirmed, 4),
        (BatchState::Confirmed, 1),
        (BatchState::Split, 2),
    ];
    let batches = settle_batches(&fixture);
    assert_eq!(batches[..5], expected);
    assert_eq!(batches.len(), 7);
    for batch in fixture.batches_of_kind(BatchKind::Settle) {
        assert_eq!(batch.attempts.len(), 1, "{batch:?} was retried");
    }
    assert_eq!(fixture.treasury_state().paid_total, 6 * 2_000_000);
    assert_eq!(fixture.reward_count(RewardStatus::Pending), 1);
    assert!(fixture.hold_reasons().iter().flatten().all(|reason| reason.starts_with("evicted")));

    fixture.chain.reverts.set(None);
    fixture.advance_time(HOLD_RETRY_MS as u64);
    assert_eq!(fixture.settle(), [None]);
    for index in 0..owners.len() {
        assert_eq!(fixture.wallet(&name(index)).unwrap().paid_total, 2_000_000);
    }
}

#[test]
fn destinations_with_much_data_are_planned_into_batches_that_can_be_loaded() {
    let (fixture, owners) = fixture(7);
    for owner in &owners {
        fixture.set_space(&owner.pubkey(), MAX_SPACE);
    }
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(settle_batches(&fixture), [(BatchState::Confirmed, 5), (BatchState::Confirmed, 2)]);
    assert!(fixture.chain.landed().iter().all(|(_, succeeded)| *succeeded), "no failing transaction was sent");
    assert_eq!(fixture.treasury_state().paid_total, 7 * 2_000_000);
}

#[test]
fn a_destination_that_cannot_be_loaded_prevents_no_other_payout() {
    let (fixture, owners) = fixture(3);
    fixture.chain.unloadable.set(Some(owners[1].pubkey()));
    assert_eq!(fixture.settle(), [None]);
    for (index, paid) in [2_000_000, 0, 2_000_000].into_iter().enumerate() {
        assert_eq!(fixture.wallet(&name(index)).unwrap().paid_total, paid, "{index}");
    }
    assert_eq!(fixture.reward_count(RewardStatus::Pending), 1);
}
