//! `credit` in a network that pays in SOL: amounts, limits, and accounts that are not its wallets.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{BatchHeader, credit_ix, event_authority, node_wallet_address, treasury_address};
use settlement::error::SettlementError;
use settlement::events::BatchSettled;
use settlement::rules::{MAX_CREDIT_ENTRIES, SkipReason};
use settlement::state::{NodeWallet, Treasury};
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_sdk_ids::{system_program, sysvar};
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, START, assert_refused, skip_reasons};

fn ix(fixture: &ProgramFixture, entries: &[(Pubkey, u64)]) -> Instruction {
    let header = BatchHeader { batch_id: 42, records_root: [9; 32] };
    credit_ix(fixture.settler.pubkey(), fixture.network, header, entries)
}

fn credited(fixture: &ProgramFixture, node: &Node) -> u64 {
    let wallet = fixture.wallet_state(node);
    assert_eq!(wallet.pending(), fixture.wallet_lamports(node));
    wallet.credited_total
}

#[test]
fn credits_move_into_the_nodes_own_account() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(2);
    let batch = ix(&fixture, &[(nodes[0].wallet, 3 * SOL), (nodes[1].wallet, SOL)]);
    let batch = fixture.apply_batch(batch);

    assert_eq!(
        batch.event,
        BatchSettled {
            network: fixture.network,
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
    assert_eq!(fixture.surplus(), 96 * SOL);
    let treasury = fixture.treasury_state();
    assert_eq!(treasury.credited_total, 4 * SOL);
    assert_eq!(treasury.window_used, 4 * SOL);
    assert_eq!((treasury.paid_total, treasury.batch_sequence), (0, 1));
    assert_eq!(credited(&fixture, &nodes[0]), 3 * SOL);
    let wallet = fixture.wallet_state(&nodes[1]);
    assert_eq!((wallet.credited_total, wallet.paid_total, wallet.last_sequence), (SOL, 0, 1));
    assert_eq!(wallet.oldest_unpaid_at, START);
}

#[test]
fn a_resent_batch_pays_nothing() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(3);
    let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, SOL)).collect();
    fixture.credit(&entries);
    let before = fixture.surplus();
    let again = fixture.credit(&entries);
    assert_eq!(again.event.credited, 0);
    assert_eq!(again.event.credit_skips, 0b111);
    assert_eq!(again.event.credit_skip_reason(2), Some(SkipReason::NothingToCredit));
    assert_eq!(fixture.surplus(), before);
}

#[test]
fn a_batch_that_arrives_late_pays_nothing() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 5 * SOL)]);
    let late = fixture.credit(&[(node.wallet, 2 * SOL)]);
    assert_eq!(skip_reasons(&late.event), [(0, Some(SkipReason::NothingToCredit), None)]);
    assert_eq!(credited(&fixture, &node), 5 * SOL);
    // The pending age counts from the first credit.
    fixture.set_time(START + 10);
    fixture.credit(&[(node.wallet, 6 * SOL)]);
    assert_eq!(credited(&fixture, &node), 6 * SOL);
    assert_eq!(fixture.wallet_state(&node).oldest_unpaid_at, START);
}

/// Accounts that are not wallets of the fixture's network, each for a different reason.
fn impostors(fixture: &mut ProgramFixture, node: &Node) -> Vec<Pubkey> {
    let genuine = fixture.svm.get_account(&node.wallet).expect("the wallet exists");
    let mut place = |change: &dyn Fn(&mut Account)| {
        let mut account = genuine.clone();
        change(&mut account);
        let address = Pubkey::new_unique();
        fixture.set_account(&address, account);
        address
    };
    let foreign = place(&|account| account.owner = Pubkey::new_unique());
    // Not a wallet with another discriminator: nobody can write one. Anyone can create an account of zeros.
    let blank = place(&|account| account.data.fill(0));
    let short = place(&|account| account.data.truncate(NodeWallet::SIZE - 1));
    let long = place(&|account| account.data.push(0));
    let empty = place(&|account| account.data.clear());
    let newer = place(&|account| account.data[8] = 2);
    let unset = place(&|account| account.data[8] = 0);
    let overpaid = place(&|account| account.data[8 + core::mem::offset_of!(NodeWallet, paid_total)] = 1);

    let args = fixture.network_args("other");
    fixture.create_network(args).expect("the network is created");
    let own = fixture.network;
    fixture.network = fixture.network_address("other");
    let other_network = fixture.register_node("elsewhere").wallet;
    let other_treasury = treasury_address(&fixture.network);
    fixture.network = own;

    vec![
        foreign,
        blank,
        short,
        long,
        empty,
        newer,
        unset,
        overpaid,
        other_network,
        other_treasury,
        node_wallet_address(&own, &[0; 32], &Pubkey::new_unique()),
        fixture.treasury,
        own,
        fixture.settler.pubkey(),
        event_authority(),
        settlement::ID,
        sysvar::clock::ID,
        system_program::ID,
    ]
}

#[test]
fn one_bad_entry_never_fails_the_batch_at_any_position() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(3);
    let impostors = impostors(&mut fixture, &nodes[0]);
    let mut total = 0;
    for impostor in impostors {
        for bad in 0..4 {
            total += SOL / 1_000;
            let mut entries: Vec<_> = nodes.iter().map(|node| (node.wallet, total)).collect();
            entries.insert(bad, (impostor, total));
            let before = fixture.svm.get_account(&impostor);
            let funds = fixture.surplus();

            let batch = ix(&fixture, &entries);
            let batch = fixture.apply_batch(batch);

            assert_eq!(skip_reasons(&batch.event), [(bad, Some(SkipReason::InvalidWallet), None)], "{impostor}");
            assert_eq!(batch.event.credited, 3 * SOL / 1_000);
            assert_eq!(fixture.surplus(), funds - 3 * SOL / 1_000);
            for node in &nodes {
                assert_eq!(credited(&fixture, node), total);
            }
            if impostor != fixture.treasury && impostor != fixture.settler.pubkey() {
                assert_eq!(fixture.svm.get_account(&impostor), before, "{impostor}");
            }
        }
    }
}

#[test]
fn a_read_only_wallet_is_skipped() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(2);
    let mut batch = ix(&fixture, &[(nodes[0].wallet, SOL), (nodes[1].wallet, SOL)]);
    batch.accounts[3].is_writable = false;
    let batch = fixture.apply_batch(batch);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::InvalidWallet), None)]);
    assert_eq!(credited(&fixture, &nodes[0]), 0);
    assert_eq!(credited(&fixture, &nodes[1]), SOL);
}

#[test]
fn a_wallet_named_twice_is_credited_once() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(2);
    let batch = fixture.credit(&[
        (nodes[0].wallet, SOL),
        (nodes[1].wallet, SOL),
        (nodes[0].wallet, 3 * SOL),
        (nodes[0].wallet, SOL),
    ]);
    let duplicate = Some(SkipReason::DuplicateWallet);
    assert_eq!(skip_reasons(&batch.event), [(2, duplicate, None), (3, duplicate, None)]);
    assert_eq!(batch.event.credited, 2 * SOL);
    assert_eq!(credited(&fixture, &nodes[0]), SOL);
    // It can be credited again in the next batch.
    fixture.credit(&[(nodes[0].wallet, 3 * SOL)]);
    assert_eq!(credited(&fixture, &nodes[0]), 3 * SOL);
}

#[test]
fn an_entry_above_the_node_cap_is_skipped_and_does_not_use_the_window() {
    let mut fixture = ProgramFixture::with_args(|args| args.per_node_cap = SOL);
    let nodes = fixture.register_nodes(2);
    let batch = fixture.credit(&[(nodes[0].wallet, SOL + 1), (nodes[1].wallet, SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::PerNodeCap), None)]);
    assert_eq!(fixture.treasury_state().window_used, SOL);
    // The cap limits the difference, not the total.
    fixture.credit(&[(nodes[1].wallet, 2 * SOL)]);
    assert_eq!(credited(&fixture, &nodes[1]), 2 * SOL);
}

#[test]
fn an_entry_above_the_batch_cap_leaves_room_for_smaller_ones() {
    let mut fixture = ProgramFixture::with_args(|args| args.per_batch_cap = 3 * SOL);
    let nodes = fixture.register_nodes(3);
    let batch = fixture.credit(&[(nodes[0].wallet, 2 * SOL), (nodes[1].wallet, 2 * SOL), (nodes[2].wallet, SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(1, Some(SkipReason::PerBatchCap), None)]);
    assert_eq!(batch.event.credited, 3 * SOL);
    // The cap applies to each batch separately.
    fixture.credit(&[(nodes[1].wallet, 2 * SOL)]);
    assert_eq!(credited(&fixture, &nodes[1]), 2 * SOL);
}

#[test]
fn a_stolen_settler_key_cannot_credit_more_than_the_window() {
    let mut fixture = ProgramFixture::with_args(|args| {
        args.window_limit = 3 * SOL;
        args.window_seconds = 300;
    });
    let node = fixture.register_node("thief");
    let mut target = 0;
    let mut taken = 0;
    for _ in 0..10 {
        target += SOL;
        taken += fixture.credit(&[(node.wallet, target)]).event.credited;
    }
    assert_eq!(taken, 3 * SOL);
    let refused = fixture.credit(&[(node.wallet, 3 * SOL + 1)]);
    assert_eq!(skip_reasons(&refused.event), [(0, Some(SkipReason::WindowLimit), None)]);

    // One second drains 1/300 of the window.
    fixture.set_time(START + 1);
    let refused = fixture.credit(&[(node.wallet, 3 * SOL + SOL / 100 + 1)]);
    assert_eq!(refused.event.credited, 0);
    let batch = fixture.credit(&[(node.wallet, 3 * SOL + SOL / 100)]);
    assert_eq!(batch.event.credited, SOL / 100);

    // A clock that goes back and forth drains nothing twice.
    for now in [START - 1_000, START + 1, i64::MIN, START + 1] {
        fixture.set_time(now);
        let refused = fixture.credit(&[(node.wallet, 4 * SOL)]);
        assert_eq!(refused.event.credited, 0);
    }
    fixture.set_time(START + 301);
    fixture.credit(&[(node.wallet, 6 * SOL + SOL / 100)]);
    assert_eq!(credited(&fixture, &node), 6 * SOL + SOL / 100);
}

#[test]
fn the_treasury_keeps_exactly_its_rent() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(3);
    fixture.set_surplus(0);
    let entries: Vec<_> = nodes.iter().map(|node| (node.wallet, 5)).collect();
    let empty = fixture.credit(&entries);
    assert_eq!(empty.event.credit_skip_reason(1), Some(SkipReason::TreasuryShort));
    assert_eq!((empty.event.credited, fixture.surplus()), (0, 0));

    // Entries that the remaining funds cover are credited.
    fixture.set_surplus(9);
    let batch = fixture.credit(&[(nodes[0].wallet, 5), (nodes[1].wallet, 5), (nodes[2].wallet, 4)]);
    assert_eq!(skip_reasons(&batch.event), [(1, Some(SkipReason::TreasuryShort), None)]);
    assert_eq!(fixture.surplus(), 0);
}

#[test]
fn the_largest_totals_neither_overflow_nor_fail_the_batch() {
    let mut fixture = ProgramFixture::with_args(|args| {
        args.per_node_cap = u64::MAX;
        args.per_batch_cap = u64::MAX;
        args.window_limit = u64::MAX;
    });
    let nodes = fixture.register_nodes(2);
    let batch = fixture.credit(&[(nodes[0].wallet, u64::MAX), (nodes[1].wallet, SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);

    let treasury = fixture.treasury;
    fixture.edit_account(&treasury, |t: &mut Treasury| {
        t.credited_total = u64::MAX - SOL;
    });
    let batch = fixture.credit(&[(nodes[1].wallet, 2 * SOL + 1), (nodes[0].wallet, SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::Overflow), None)]);
    assert_eq!(fixture.treasury_state().credited_total, u64::MAX);

    let near = nodes[0].wallet;
    fixture.edit_account(&near, |wallet: &mut NodeWallet| {
        wallet.credited_total = u64::MAX;
        wallet.paid_total = u64::MAX;
    });
    let batch = fixture.credit(&[(near, u64::MAX)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::NothingToCredit), None)]);
}

#[test]
fn every_entry_of_a_full_batch_has_its_own_skip_bit() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(MAX_CREDIT_ENTRIES);
    let odd: Vec<_> =
        nodes.iter().enumerate().map(|(i, node)| (node.wallet, if i % 2 == 1 { SOL } else { 0 })).collect();
    let batch = fixture.credit(&odd);
    let even_bits = (0..60).step_by(2).fold(0u64, |bits, i| bits | 1 << i);
    assert_eq!(batch.event.n, 60);
    assert_eq!(batch.event.credit_skips, even_bits);
    assert_eq!(batch.event.reasons, vec![1; 30]);

    let batch = fixture.credit(&odd);
    assert_eq!(batch.event.credit_skips, (1 << 60) - 1);
    assert_eq!(batch.event.credit_skip_reason(59), Some(SkipReason::NothingToCredit));
    assert_eq!(batch.event.credit_skip_reason(60), None);
}

#[test]
fn a_malformed_batch_is_refused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");

    let empty = ix(&fixture, &[]);
    assert_refused(fixture.send_batch(empty), SettlementError::EmptyBatch);

    let too_many = ix(&fixture, &[(node.wallet, SOL); MAX_CREDIT_ENTRIES + 1]);
    assert_refused(fixture.send_batch(too_many), SettlementError::TooManyEntries);

    let mut missing = ix(&fixture, &[(node.wallet, SOL), (node.wallet, SOL)]);
    missing.accounts.pop();
    assert_refused(fixture.send_batch(missing), SettlementError::AccountCountMismatch);

    let mut surplus = ix(&fixture, &[(node.wallet, SOL)]);
    surplus.accounts.push(surplus.accounts[3].clone());
    assert_refused(fixture.send_batch(surplus), SettlementError::AccountCountMismatch);

    let mut truncated = ix(&fixture, &[(node.wallet, SOL)]);
    truncated.data.pop();
    assert_refused(fixture.send_batch(truncated), ErrorCode::InstructionDidNotDeserialize);

    let mut huge_count = ix(&fixture, &[(node.wallet, SOL)]);
    huge_count.data[48..52].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_refused(fixture.send_batch(huge_count), SettlementError::TooManyEntries);

    let mut zero_count = ix(&fixture, &[(node.wallet, SOL)]);
    zero_count.data[48] = 0;
    assert_refused(fixture.send_batch(zero_count), SettlementError::EmptyBatch);

    let mut wrong_count = ix(&fixture, &[(node.wallet, SOL)]);
    wrong_count.data[48] = 2;
    assert_refused(fixture.send_batch(wrong_count), ErrorCode::InstructionDidNotDeserialize);

    let mut trailing = ix(&fixture, &[(node.wallet, SOL)]);
    trailing.data.push(0);
    assert_refused(fixture.send_batch(trailing), ErrorCode::InstructionDidNotDeserialize);
    assert_eq!(credited(&fixture, &node), 0);
}

#[test]
fn the_settler_of_another_network_cannot_credit() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let thief = Keypair::new();
    let mut args = fixture.network_args("thief");
    args.settler = thief.pubkey();
    fixture.create_network(args).expect("the network is created");
    let own = fixture.network_address("thief");
    let header = BatchHeader { batch_id: 1, records_root: [0; 32] };

    // With this network's treasury:
    let mut batch = credit_ix(thief.pubkey(), own, header, &[(node.wallet, SOL)]);
    batch.accounts[2].pubkey = fixture.treasury;
    assert_refused(fixture.send(std::slice::from_ref(&batch), &[&thief]), SettlementError::NetworkMismatch);
    batch.accounts[1].pubkey = fixture.network;
    assert_refused(fixture.send(&[batch], &[&thief]), SettlementError::Unauthorized);
    // With the thief's own treasury, for which this network's wallet is not valid:
    let batch = credit_ix(thief.pubkey(), own, header, &[(node.wallet, SOL)]);
    let meta = fixture.send(&[batch], &[&thief]).expect("the batch is applied");
    let event = fixture.batch_event(&meta);
    assert_eq!(skip_reasons(&event), [(0, Some(SkipReason::InvalidWallet), None)]);
}

#[test]
fn a_look_alike_treasury_is_refused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let genuine = fixture.svm.get_account(&fixture.treasury).expect("the treasury exists");

    let fake = Pubkey::new_unique();
    let mut account = genuine.clone();
    account.owner = Pubkey::new_unique();
    fixture.set_account(&fake, account);
    let mut batch = ix(&fixture, &[(node.wallet, SOL)]);
    batch.accounts[2].pubkey = fake;
    assert_refused(fixture.send_batch(batch), ErrorCode::AccountOwnedByWrongProgram);

    for other_type in [fixture.network, node.wallet] {
        let mut batch = ix(&fixture, &[(node.wallet, SOL)]);
        batch.accounts[2].pubkey = other_type;
        assert_refused(fixture.send_batch(batch), ErrorCode::AccountDiscriminatorMismatch);
    }

    let mut batch = ix(&fixture, &[(node.wallet, SOL)]);
    batch.accounts[2].is_writable = false;
    assert_refused(fixture.send_batch(batch), ErrorCode::ConstraintMut);
}

#[test]
fn a_treasury_with_an_unknown_version_or_asset_is_refused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let treasury = fixture.treasury;
    fixture.edit_account(&treasury, |t: &mut Treasury| t.version = Treasury::VERSION + 1);
    let batch = ix(&fixture, &[(node.wallet, SOL)]);
    assert_refused(fixture.send_batch(batch.clone()), SettlementError::UnknownVersion);
    fixture.edit_account(&treasury, |t: &mut Treasury| {
        t.version = Treasury::VERSION;
        t.asset_kind = 3;
    });
    assert_refused(fixture.send_batch(batch.clone()), SettlementError::UnsupportedAsset);
    // Any value other than 0 means paused.
    fixture.edit_account(&treasury, |t: &mut Treasury| t.paused = 255);
    assert_refused(fixture.send_batch(batch), SettlementError::Paused);
}

#[test]
fn lamports_sent_to_a_wallet_by_strangers_change_nothing() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.airdrop(&node.wallet, 5 * SOL);
    let batch = fixture.credit(&[(node.wallet, SOL)]);
    assert_eq!(batch.event.credited, SOL);
    assert_eq!(fixture.wallet_state(&node).pending(), SOL);
    assert_eq!(fixture.wallet_lamports(&node), 6 * SOL);
}
