//! `credit`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    BatchHeader, credit_ix, event_authority, network_address, node_wallet_address, treasury_address,
};
use settlement::error::SettlementError;
use settlement::events::BatchSettled;
use settlement::rules::{MAX_CREDIT_ENTRIES, SkipReason};
use settlement::state::{NodeWallet, Treasury};
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_sdk_ids::{system_program, sysvar};
use solana_signer::Signer;

use crate::common::{Node, SOL, START, World, assert_refused, id, reasons};

fn ix(world: &World, entries: &[(Pubkey, u64)]) -> Instruction {
    let header = BatchHeader { batch_id: 42, records_root: [9; 32] };
    credit_ix(world.settler.pubkey(), world.network, header, entries)
}

fn credited(world: &World, node: &Node) -> u64 {
    let wallet = world.wallet_state(node);
    assert_eq!(wallet.pending(), world.wallet_lamports(node));
    wallet.credited_total
}

#[test]
fn a_total_is_credited_into_the_nodes_own_account() {
    let mut world = World::new();
    let nodes = world.nodes(2);
    let batch = ix(&world, &[(nodes[0].wallet, 3 * SOL), (nodes[1].wallet, SOL)]);
    let batch = world.batch(batch);

    assert_eq!(
        batch.event,
        BatchSettled {
            network: world.network,
            batch_id: 42,
            sequence: 1,
            records_root: [9; 32],
            n: 2,
            credited: 4 * SOL,
            paid: 0,
            credit_skips: 0,
            payout_skips: 0,
            reasons: vec![],
        }
    );
    assert_eq!(world.surplus(), 96 * SOL);
    let treasury = world.treasury_state();
    assert_eq!(treasury.credited_total, 4 * SOL);
    assert_eq!(treasury.window_used, 4 * SOL);
    assert_eq!((treasury.paid_total, treasury.batch_sequence), (0, 1));
    assert_eq!(credited(&world, &nodes[0]), 3 * SOL);
    let wallet = world.wallet_state(&nodes[1]);
    assert_eq!((wallet.credited_total, wallet.paid_total, wallet.last_sequence), (SOL, 0, 1));
    assert_eq!(wallet.oldest_unpaid_at, START);
}

#[test]
fn a_resent_batch_pays_nothing() {
    let mut world = World::new();
    let nodes = world.nodes(3);
    let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, SOL)).collect();
    world.credit(&entries);
    let before = world.surplus();
    let again = world.credit(&entries);
    assert_eq!(again.event.credited, 0);
    assert_eq!(again.event.credit_skips, 0b111);
    assert_eq!(again.event.credit_skip_reason(2), Some(SkipReason::NothingToCredit));
    assert_eq!(world.surplus(), before);
}

#[test]
fn a_batch_that_comes_after_a_later_one_pays_nothing() {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, 5 * SOL)]);
    let late = world.credit(&[(node.wallet, 2 * SOL)]);
    assert_eq!(reasons(&late.event), [(0, Some(SkipReason::NothingToCredit), None)]);
    assert_eq!(credited(&world, &node), 5 * SOL);
    // The wait for a payout started with the first credit.
    world.set_time(START + 10);
    world.credit(&[(node.wallet, 6 * SOL)]);
    assert_eq!(credited(&world, &node), 6 * SOL);
    assert_eq!(world.wallet_state(&node).oldest_unpaid_at, START);
}

/// Accounts that are no wallet of the world's network, each for another reason.
fn impostors(world: &mut World, node: &Node) -> Vec<Pubkey> {
    let genuine = world.svm.get_account(&node.wallet).expect("a wallet");
    let mut place = |change: &dyn Fn(&mut Account)| {
        let mut account = genuine.clone();
        change(&mut account);
        let address = Pubkey::new_unique();
        world.put(&address, account);
        address
    };
    let foreign = place(&|account| account.owner = Pubkey::new_unique());
    let other_type = place(&|account| account.data[0] ^= 1);
    let short = place(&|account| account.data.truncate(239));
    let long = place(&|account| account.data.push(0));
    let empty = place(&|account| account.data.clear());
    let newer = place(&|account| account.data[8] = 2);
    let unset = place(&|account| account.data[8] = 0);
    let overpaid = place(&|account| account.data[8 + 176] = 1);

    let args = world.args("other");
    world.create(args).expect("created");
    let own = world.network;
    world.network = network_address(&id("other"));
    let other_network = world.node("elsewhere").wallet;
    let other_treasury = treasury_address(&world.network);
    world.network = own;

    vec![
        foreign,
        other_type,
        short,
        long,
        empty,
        newer,
        unset,
        overpaid,
        other_network,
        other_treasury,
        node_wallet_address(&own, &[0; 32]),
        world.treasury,
        own,
        world.settler.pubkey(),
        event_authority(),
        settlement::ID,
        sysvar::clock::ID,
        system_program::ID,
    ]
}

#[test]
fn one_bad_entry_never_fails_the_batch_wherever_it_stands() {
    let mut world = World::new();
    let nodes = world.nodes(3);
    let impostors = impostors(&mut world, &nodes[0]);
    let mut total = 0;
    for impostor in impostors {
        for bad in 0..4 {
            total += SOL / 1_000;
            let mut entries: Vec<_> = nodes.iter().map(|node| (node.wallet, total)).collect();
            entries.insert(bad, (impostor, total));
            let before = world.svm.get_account(&impostor);
            let funds = world.surplus();

            let batch = ix(&world, &entries);
            let batch = world.batch(batch);

            assert_eq!(reasons(&batch.event), [(bad, Some(SkipReason::InvalidWallet), None)], "{impostor}");
            assert_eq!(batch.event.credited, 3 * SOL / 1_000);
            assert_eq!(world.surplus(), funds - 3 * SOL / 1_000);
            for node in &nodes {
                assert_eq!(credited(&world, node), total);
            }
            if impostor != world.treasury && impostor != world.settler.pubkey() {
                assert_eq!(world.svm.get_account(&impostor), before, "{impostor}");
            }
        }
    }
}

#[test]
fn a_read_only_wallet_is_skipped() {
    let mut world = World::new();
    let nodes = world.nodes(2);
    let mut batch = ix(&world, &[(nodes[0].wallet, SOL), (nodes[1].wallet, SOL)]);
    batch.accounts[4].is_writable = false;
    let batch = world.batch(batch);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::InvalidWallet), None)]);
    assert_eq!(credited(&world, &nodes[0]), 0);
    assert_eq!(credited(&world, &nodes[1]), SOL);
}

#[test]
fn a_wallet_named_twice_is_credited_once() {
    let mut world = World::new();
    let nodes = world.nodes(2);
    let batch = world.credit(&[
        (nodes[0].wallet, SOL),
        (nodes[1].wallet, SOL),
        (nodes[0].wallet, 3 * SOL),
        (nodes[0].wallet, SOL),
    ]);
    let duplicate = Some(SkipReason::DuplicateWallet);
    assert_eq!(reasons(&batch.event), [(2, duplicate, None), (3, duplicate, None)]);
    assert_eq!(batch.event.credited, 2 * SOL);
    assert_eq!(credited(&world, &nodes[0]), SOL);
    // The next batch is another one.
    world.credit(&[(nodes[0].wallet, 3 * SOL)]);
    assert_eq!(credited(&world, &nodes[0]), 3 * SOL);
}

#[test]
fn an_entry_above_the_nodes_cap_is_skipped_and_counts_for_nothing() {
    let mut world = World::with(|args| args.per_node_cap = SOL);
    let nodes = world.nodes(2);
    let batch = world.credit(&[(nodes[0].wallet, SOL + 1), (nodes[1].wallet, SOL)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::PerNodeCap), None)]);
    assert_eq!(world.treasury_state().window_used, SOL);
    // The cap is on the difference, not on the total.
    world.credit(&[(nodes[1].wallet, 2 * SOL)]);
    assert_eq!(credited(&world, &nodes[1]), 2 * SOL);
}

#[test]
fn the_batchs_cap_leaves_room_for_smaller_entries_behind_a_large_one() {
    let mut world = World::with(|args| args.per_batch_cap = 3 * SOL);
    let nodes = world.nodes(3);
    let batch = world.credit(&[(nodes[0].wallet, 2 * SOL), (nodes[1].wallet, 2 * SOL), (nodes[2].wallet, SOL)]);
    assert_eq!(reasons(&batch.event), [(1, Some(SkipReason::PerBatchCap), None)]);
    assert_eq!(batch.event.credited, 3 * SOL);
    // Each batch has its own.
    world.credit(&[(nodes[1].wallet, 2 * SOL)]);
    assert_eq!(credited(&world, &nodes[1]), 2 * SOL);
}

#[test]
fn a_stolen_settler_key_moves_no_more_than_the_window_holds() {
    let mut world = World::with(|args| {
        args.window_limit = 3 * SOL;
        args.window_seconds = 300;
    });
    let node = world.node("thief");
    let mut target = 0;
    let mut taken = 0;
    for _ in 0..10 {
        target += SOL;
        taken += world.credit(&[(node.wallet, target)]).event.credited;
    }
    assert_eq!(taken, 3 * SOL);
    let refused = world.credit(&[(node.wallet, 3 * SOL + 1)]);
    assert_eq!(reasons(&refused.event), [(0, Some(SkipReason::WindowLimit), None)]);

    // A second of 300 empties a 300th of it.
    world.set_time(START + 1);
    let refused = world.credit(&[(node.wallet, 3 * SOL + SOL / 100 + 1)]);
    assert_eq!(refused.event.credited, 0);
    let batch = world.credit(&[(node.wallet, 3 * SOL + SOL / 100)]);
    assert_eq!(batch.event.credited, SOL / 100);

    // A clock that goes back and forth empties nothing twice.
    for now in [START - 1_000, START + 1, i64::MIN, START + 1] {
        world.set_time(now);
        let refused = world.credit(&[(node.wallet, 4 * SOL)]);
        assert_eq!(refused.event.credited, 0);
    }
    world.set_time(START + 301);
    world.credit(&[(node.wallet, 6 * SOL + SOL / 100)]);
    assert_eq!(credited(&world, &node), 6 * SOL + SOL / 100);
}

#[test]
fn the_treasury_keeps_its_rent_to_the_lamport() {
    let mut world = World::new();
    let nodes = world.nodes(3);
    world.set_surplus(0);
    let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, 5)).collect();
    let empty = world.credit(&entries);
    assert_eq!(empty.event.credit_skip_reason(1), Some(SkipReason::TreasuryShort));
    assert_eq!((empty.event.credited, world.surplus()), (0, 0));

    // What is there goes to whom it suffices for.
    world.set_surplus(9);
    let batch = world.credit(&[(nodes[0].wallet, 5), (nodes[1].wallet, 5), (nodes[2].wallet, 4)]);
    assert_eq!(reasons(&batch.event), [(1, Some(SkipReason::TreasuryShort), None)]);
    assert_eq!(world.surplus(), 0);
}

#[test]
fn the_largest_totals_neither_wrap_nor_fail_the_batch() {
    let mut world = World::with(|args| {
        args.per_node_cap = u64::MAX;
        args.per_batch_cap = u64::MAX;
        args.window_limit = u64::MAX;
    });
    let nodes = world.nodes(2);
    let batch = world.credit(&[(nodes[0].wallet, u64::MAX), (nodes[1].wallet, SOL)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);

    let treasury = world.treasury;
    world.edit(&treasury, |t: &mut Treasury| {
        t.credited_total = u64::MAX - SOL;
    });
    let batch = world.credit(&[(nodes[1].wallet, 2 * SOL + 1), (nodes[0].wallet, SOL)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::Overflow), None)]);
    assert_eq!(world.treasury_state().credited_total, u64::MAX);

    let near = nodes[0].wallet;
    world.edit(&near, |wallet: &mut NodeWallet| {
        wallet.credited_total = u64::MAX;
        wallet.paid_total = u64::MAX;
    });
    let batch = world.credit(&[(near, u64::MAX)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::NothingToCredit), None)]);
}

#[test]
fn every_entry_of_the_fullest_batch_has_its_own_bit() {
    let mut world = World::new();
    let nodes = world.nodes(MAX_CREDIT_ENTRIES);
    let odd: Vec<_> =
        nodes.iter().enumerate().map(|(i, node)| (node.wallet, if i % 2 == 1 { SOL } else { 0 })).collect();
    let batch = world.credit(&odd);
    let even_bits = (0..60).step_by(2).fold(0u64, |bits, i| bits | 1 << i);
    assert_eq!(batch.event.n, 60);
    assert_eq!(batch.event.credit_skips, even_bits);
    assert_eq!(batch.event.reasons, vec![1; 30]);

    let batch = world.credit(&odd);
    assert_eq!(batch.event.credit_skips, (1 << 60) - 1);
    assert_eq!(batch.event.credit_skip_reason(59), Some(SkipReason::NothingToCredit));
    assert_eq!(batch.event.credit_skip_reason(60), None);
}

#[test]
fn a_batch_of_the_wrong_shape_is_an_error() {
    let mut world = World::new();
    let node = world.node("node");

    let empty = ix(&world, &[]);
    assert_refused(world.send_batch(empty), SettlementError::EmptyBatch);

    let crowded = ix(&world, &[(node.wallet, SOL); MAX_CREDIT_ENTRIES + 1]);
    assert_refused(world.send_batch(crowded), SettlementError::TooManyEntries);

    let mut missing = ix(&world, &[(node.wallet, SOL), (node.wallet, SOL)]);
    missing.accounts.pop();
    assert_refused(world.send_batch(missing), SettlementError::AccountCountMismatch);

    let mut spare = ix(&world, &[(node.wallet, SOL)]);
    spare.accounts.push(spare.accounts[4].clone());
    assert_refused(world.send_batch(spare), SettlementError::AccountCountMismatch);

    let mut cut = ix(&world, &[(node.wallet, SOL)]);
    cut.data.pop();
    assert_refused(world.send_batch(cut), ErrorCode::InstructionDidNotDeserialize);

    let mut lying = ix(&world, &[(node.wallet, SOL)]);
    lying.data[48..52].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_refused(world.send_batch(lying), SettlementError::TooManyEntries);

    let mut none = ix(&world, &[(node.wallet, SOL)]);
    none.data[48] = 0;
    assert_refused(world.send_batch(none), SettlementError::EmptyBatch);

    let mut one_more = ix(&world, &[(node.wallet, SOL)]);
    one_more.data[48] = 2;
    assert_refused(world.send_batch(one_more), ErrorCode::InstructionDidNotDeserialize);

    let mut trailing = ix(&world, &[(node.wallet, SOL)]);
    trailing.data.push(0);
    assert_refused(world.send_batch(trailing), ErrorCode::InstructionDidNotDeserialize);
    assert_eq!(credited(&world, &node), 0);
}

#[test]
fn only_the_networks_settler_credits() {
    let mut world = World::new();
    let node = world.node("node");
    for key in [world.admin.insecure_clone(), world.guardian.insecure_clone(), node.owner.insecure_clone()] {
        let mut batch = ix(&world, &[(node.wallet, SOL)]);
        batch.accounts[0].pubkey = key.pubkey();
        assert_refused(world.send(&[batch], &[&key]), SettlementError::Unauthorized);
    }
    let mut batch = ix(&world, &[(node.wallet, SOL)]);
    batch.accounts[0].is_signer = false;
    assert_refused(world.send(&[batch], &[]), ErrorCode::AccountNotSigner);
}

#[test]
fn the_settler_of_another_network_moves_nothing_here() {
    let mut world = World::new();
    let node = world.node("node");
    let thief = Keypair::new();
    let mut args = world.args("thiefs");
    args.settler = thief.pubkey();
    world.create(args).expect("created");
    let own = network_address(&id("thiefs"));
    let header = BatchHeader { batch_id: 1, records_root: [0; 32] };

    // With this network's treasury.
    let mut batch = credit_ix(thief.pubkey(), own, header, &[(node.wallet, SOL)]);
    batch.accounts[1].pubkey = world.treasury;
    assert_refused(world.send(&[batch], &[&thief]), SettlementError::Unauthorized);
    // With the thief's own treasury, this network's wallet is a stranger's.
    let batch = credit_ix(thief.pubkey(), own, header, &[(node.wallet, SOL)]);
    let meta = world.send(&[batch], &[&thief]).expect("a batch of skips");
    let event = world.event(&meta, BatchSettled::decode_cpi);
    assert_eq!(reasons(&event), [(0, Some(SkipReason::InvalidWallet), None)]);
}

#[test]
fn a_look_alike_treasury_is_refused() {
    let mut world = World::new();
    let node = world.node("node");
    let genuine = world.svm.get_account(&world.treasury).expect("a treasury");

    let fake = Pubkey::new_unique();
    let mut account = genuine.clone();
    account.owner = Pubkey::new_unique();
    world.put(&fake, account);
    let mut batch = ix(&world, &[(node.wallet, SOL)]);
    batch.accounts[1].pubkey = fake;
    assert_refused(world.send_batch(batch), ErrorCode::AccountOwnedByWrongProgram);

    for other_type in [world.network, node.wallet] {
        let mut batch = ix(&world, &[(node.wallet, SOL)]);
        batch.accounts[1].pubkey = other_type;
        assert_refused(world.send_batch(batch), ErrorCode::AccountDiscriminatorMismatch);
    }

    let mut batch = ix(&world, &[(node.wallet, SOL)]);
    batch.accounts[1].is_writable = false;
    assert_refused(world.send_batch(batch), ErrorCode::ConstraintMut);
}

#[test]
fn a_treasury_of_a_layout_or_asset_not_known_yet_is_refused() {
    let mut world = World::new();
    let node = world.node("node");
    let treasury = world.treasury;
    world.edit(&treasury, |t: &mut Treasury| t.version = Treasury::VERSION + 1);
    let batch = ix(&world, &[(node.wallet, SOL)]);
    assert_refused(world.send_batch(batch.clone()), SettlementError::UnknownVersion);
    world.edit(&treasury, |t: &mut Treasury| {
        t.version = Treasury::VERSION;
        t.asset_kind = 3;
    });
    assert_refused(world.send_batch(batch.clone()), SettlementError::UnsupportedAsset);
    // Any value but 0 is a pause.
    world.edit(&treasury, |t: &mut Treasury| t.paused = 255);
    assert_refused(world.send_batch(batch), SettlementError::Paused);
}

#[test]
fn after_a_rise_of_rent_a_wallet_below_it_does_not_fail_the_others() {
    let mut world = World::new();
    let nodes = world.nodes(2);
    world.raise_rent(2);
    let missing = world.rent(NodeWallet::SIZE) / 2;
    let batch = world.credit(&[(nodes[0].wallet, missing - 1), (nodes[1].wallet, missing)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::WalletNotRentExempt), None)]);
    assert_eq!(world.wallet_state(&nodes[1]).credited_total, missing);
}

#[test]
fn lamports_that_strangers_sent_to_a_wallet_change_nothing() {
    let mut world = World::new();
    let node = world.node("node");
    world.give(&node.wallet, 5 * SOL);
    let batch = world.credit(&[(node.wallet, SOL)]);
    assert_eq!(batch.event.credited, SOL);
    assert_eq!(world.wallet_state(&node).pending(), SOL);
    assert_eq!(world.wallet_lamports(&node), 6 * SOL);
}
