//! Instructions that no client builds: data and accounts of any length and number, and totals at
//! the end of the integers. An error or a skip, never a panic, and nothing moves.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{payout_ix, settle_ix, withdraw_ix};
use settlement::error::SettlementError;
use settlement::events::PaidOut;
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, SkipReason};
use settlement::state::{NodeWallet, Treasury};
use solana_account::Account;
use solana_instruction::Instruction;
use solana_instruction::error::InstructionError;
use solana_signer::Signer;
use solana_transaction::TransactionError;

use crate::common::{
    Node, Outcome, Part, SOL, START, Subject, World, assert_refused, every, header, program_accounts, reasons,
};

/// Bytes of an instruction's data that tell which one it is.
const DISCRIMINATOR: usize = 8;
/// Where a batch's data counts its targets.
const COUNT_AT: usize = 48;
/// Where they begin.
const TARGETS_AT: usize = 52;

/// Whether the hot path runs it.
fn is_batch(subject: &Subject) -> bool {
    matches!(subject.name, "credit" | "settle" | "payout")
}

/// Those with targets. What is wrong with a payout's shape is in its own module.
fn with_targets() -> Vec<Subject> {
    every().into_iter().filter(|subject| matches!(subject.name, "credit" | "settle")).collect()
}

fn one(name: &str) -> Subject {
    every().into_iter().find(|subject| subject.name == name).expect("an instruction of this name")
}

/// The code that the instruction was refused by.
#[track_caller]
fn code(outcome: Outcome) -> u32 {
    let failed = outcome.expect_err("refused");
    match failed.err {
        TransactionError::InstructionError(0, InstructionError::Custom(code)) => code,
        other => panic!("{other:?}\n{}", failed.meta.pretty_logs()),
    }
}

#[test]
fn data_that_ends_early_is_refused_wherever_it_ends() {
    for mut subject in every() {
        let before = program_accounts(&subject.world);
        for len in 0..subject.ix.data.len() {
            let mut cut = subject.ix.clone();
            cut.data.truncate(len);
            let expected = if len < DISCRIMINATOR {
                ErrorCode::InstructionFallbackNotFound
            } else {
                ErrorCode::InstructionDidNotDeserialize
            };
            assert_eq!(code(subject.send(cut)), u32::from(expected), "{} of {len} bytes", subject.name);
        }
        assert!(program_accounts(&subject.world) == before, "{}", subject.name);
    }
}

#[test]
fn an_instruction_that_there_is_not_is_refused() {
    let mut subject = one("pause");
    for data in [vec![0; 8], vec![255; 8], vec![255; 500]] {
        let unknown = Instruction { data, ..subject.ix.clone() };
        assert_refused(subject.send(unknown), ErrorCode::InstructionFallbackNotFound);
    }
}

#[test]
fn an_argument_that_is_neither_there_nor_left_out_is_refused() {
    let option_at = [("update_network", 8), ("withdraw", 8), ("register_node", 72), ("reopen_node", 72)];
    for mut subject in every() {
        let Some((name, at)) = option_at.into_iter().find(|(name, _)| *name == subject.name) else { continue };
        let mut bad = subject.ix.clone();
        assert!(bad.data[at] < 2, "{name}");
        bad.data[at] = 2;
        assert_refused(subject.send(bad), ErrorCode::InstructionDidNotDeserialize);
    }
}

#[test]
fn too_few_accounts_are_refused_however_few() {
    for mut subject in every() {
        let before = program_accounts(&subject.world);
        for count in 0..subject.ix.accounts.len() {
            let mut few = subject.ix.clone();
            few.accounts.truncate(count);
            let is_entry = |part: &Part| matches!(part, Part::EntryWallet | Part::EntryDestination);
            let entries = subject.parts[..count].iter().filter(|part| is_entry(part)).count();
            let has_named = is_batch(&subject) && subject.parts[count..].iter().all(is_entry);
            let expected: u32 = match (has_named, entries) {
                (true, 0) if subject.name == "payout" => SettlementError::EmptyBatch.into(),
                (true, _) => SettlementError::AccountCountMismatch.into(),
                (false, _) => ErrorCode::AccountNotEnoughKeys.into(),
            };
            assert_eq!(code(subject.send(few)), expected, "{} with {count} accounts", subject.name);
        }
        assert!(program_accounts(&subject.world) == before, "{}", subject.name);
    }
}

#[test]
fn a_batch_with_any_other_number_of_accounts_is_refused() {
    for mut subject in with_targets() {
        let before = program_accounts(&subject.world);
        let right = subject.ix.accounts.len();
        for count in [right + 1, right + 2, 63, 64, 65, 71, 72, 73, 74, 128, 254, 255] {
            let mut crowd = subject.ix.clone();
            let last = crowd.accounts[right - 1].clone();
            crowd.accounts.resize(count, last);
            assert_refused(subject.world.send_batch(crowd), SettlementError::AccountCountMismatch);
        }
        assert!(program_accounts(&subject.world) == before, "{}", subject.name);
    }
}

#[test]
fn a_batch_whose_data_counts_wrong_is_refused() {
    for mut subject in with_targets() {
        let most = if subject.name == "credit" { MAX_CREDIT_ENTRIES } else { MAX_SETTLE_ENTRIES };
        let one = subject.ix.data.clone();
        let with = |count: u32, targets: usize| {
            let mut data = one[..TARGETS_AT].to_vec();
            data[COUNT_AT..].copy_from_slice(&count.to_le_bytes());
            data.resize(TARGETS_AT + 8 * targets, 0);
            data
        };
        let broken = u32::from(ErrorCode::InstructionDidNotDeserialize);
        let many = u32::from(SettlementError::TooManyEntries);
        let cases = [
            (with(0, 0), u32::from(SettlementError::EmptyBatch)),
            (with(0, 1), u32::from(SettlementError::EmptyBatch)),
            (with(2, 1), broken),
            (with(1, 2), broken),
            (with(most as u32, most - 1), broken),
            (with(most as u32, most), u32::from(SettlementError::AccountCountMismatch)),
            (with(most as u32 + 1, most + 1), many),
            (with(255, 255), many),
            (with(u32::MAX, 1), many),
            // Any number of bytes that make no target.
            ([&one[..], &[0]].concat(), broken),
            ([&one[..], &[0; 7]].concat(), broken),
        ];
        for (data, expected) in cases {
            let bad = Instruction { data, ..subject.ix.clone() };
            assert_eq!(code(subject.world.send_batch(bad)), expected, "{}", subject.name);
        }
    }
}

#[test]
fn a_treasury_of_another_length_is_refused() {
    for mut subject in every() {
        let treasury = subject.world.treasury;
        if !subject.ix.accounts.iter().any(|meta| meta.pubkey == treasury) {
            continue;
        }
        let genuine = subject.world.svm.get_account(&treasury).expect("a treasury");
        let mut cases = vec![
            (0, ErrorCode::AccountDiscriminatorNotFound),
            (7, ErrorCode::AccountDiscriminatorNotFound),
            (8, ErrorCode::AccountDidNotDeserialize),
            (Treasury::SIZE - 1, ErrorCode::AccountDidNotDeserialize),
        ];
        if is_batch(&subject) {
            // Anchor takes longer accounts for what they begin with. None is ever written.
            cases.push((Treasury::SIZE + 1, ErrorCode::AccountDidNotDeserialize));
            cases.push((Treasury::SIZE + 8, ErrorCode::AccountDidNotDeserialize));
        }
        for (len, expected) in cases {
            let mut data = genuine.data.clone();
            data.resize(len, 0);
            subject.world.put(&treasury, Account { data, ..genuine.clone() });
            let ix = subject.ix.clone();
            assert_eq!(code(subject.send(ix)), u32::from(expected), "{} with {len} bytes", subject.name);
        }
    }
}

/// Sizes of data around those that the program and the runtime's padding look at.
const SIZES: [usize; 14] = [0, 1, 7, 8, 9, 165, 239, 240, 241, 383, 384, 1_000, 10_240, 100_000];

/// An account of a stranger's with so much data.
fn sized(world: &mut World, len: usize) -> Pubkey {
    let address = Pubkey::new_unique();
    let lamports = world.rent(len);
    let owner = Pubkey::new_unique();
    world.put(&address, Account { lamports, data: vec![7; len], owner, ..Account::default() });
    address
}

#[test]
fn destinations_of_any_size_are_paid_and_shift_nobody_behind_them() {
    for pays_out in [false, true] {
        let mut world = World::new();
        let mut destinations: Vec<_> = SIZES.map(|len| sized(&mut world, len)).to_vec();
        // Some twice, which the runtime passes as a mark of one byte.
        destinations.extend([destinations[3], destinations[13], destinations[0]]);
        let nodes: Vec<_> = destinations
            .iter()
            .enumerate()
            .map(|(i, to)| world.node_with(&format!("node-{i}"), |args| args.destination = Some(*to)))
            .collect();
        let before: Vec<_> = destinations.iter().map(|to| world.lamports(to)).collect();
        let amount = |i: usize| SOL + i as u64;
        if pays_out {
            let entries: Vec<_> = nodes.iter().enumerate().map(|(i, node)| (node.wallet, amount(i))).collect();
            world.credit(&entries);
            let pairs: Vec<_> = nodes.iter().map(|node| (node.wallet, node.destination)).collect();
            let ix = payout_ix(world.network, &pairs);
            let meta = world.send_batch(ix).expect("paid out");
            assert_eq!(world.event(&meta, PaidOut::decode_cpi).skips, 0);
        } else {
            let entries: Vec<_> = nodes.iter().enumerate().map(|(i, node)| node.entry(amount(i))).collect();
            let batch = world.settle(&entries);
            assert_eq!((batch.event.credit_skips, batch.event.payout_skips), (0, 0));
        }
        for (i, node) in nodes.iter().enumerate() {
            let wallet = world.wallet_state(node);
            assert_eq!((wallet.credited_total, wallet.paid_total), (amount(i), amount(i)));
            let got: u64 = (0..nodes.len()).filter(|j| destinations[*j] == destinations[i]).map(amount).sum();
            assert_eq!(world.lamports(&destinations[i]), before[i] + got);
        }
    }
}

#[test]
fn strangers_accounts_of_any_size_shift_no_wallet_behind_them() {
    let mut world = World::new();
    let nodes = world.nodes(SIZES.len() + 1);
    let mut entries = vec![(nodes[0].wallet, SOL)];
    let mut bad = vec![];
    for (i, len) in SIZES.into_iter().enumerate() {
        let stranger = sized(&mut world, len);
        bad.push(entries.len());
        entries.push((stranger, SOL));
        if i % 3 == 0 {
            // And once more, as a mark of one byte.
            bad.push(entries.len());
            entries.push((stranger, SOL));
        }
        entries.push((nodes[i + 1].wallet, SOL + i as u64));
    }
    let batch = world.credit(&entries);
    let invalid = Some(SkipReason::InvalidWallet);
    assert_eq!(reasons(&batch.event), bad.into_iter().map(|entry| (entry, invalid, None)).collect::<Vec<_>>());
    for (i, node) in nodes.iter().enumerate() {
        let expected = SOL + i.saturating_sub(1) as u64;
        assert_eq!(world.wallet_state(node).credited_total, expected);
        assert_eq!(world.wallet_lamports(node), expected);
    }
}

/// The hot path knows a batch by what its accounts look like, before it knows which one it is.
#[test]
fn a_batch_that_looks_like_another_instructions_is_what_it_says() {
    // A credit whose every other entry is nothing yet, like a settle's destinations.
    let mut world = World::new();
    let nodes = world.nodes(2);
    let nothing = Pubkey::new_unique();
    let batch = world.credit(&[
        (nodes[0].wallet, SOL),
        (nothing, SOL),
        (nodes[1].wallet, 2 * SOL),
        (Pubkey::new_unique(), SOL),
    ]);
    let invalid = Some(SkipReason::InvalidWallet);
    assert_eq!(reasons(&batch.event), [(1, invalid, None), (3, invalid, None)]);
    assert_eq!((batch.event.credited, world.lamports(&nothing)), (3 * SOL, 0));

    // A settle whose every destination has a wallet's length, like a credit's wallets.
    let destinations = [sized(&mut world, NodeWallet::SIZE), sized(&mut world, NodeWallet::SIZE)];
    let kept = world.rent(NodeWallet::SIZE);
    let nodes: Vec<_> =
        destinations.iter().map(|to| world.node_with(&to.to_string(), |args| args.destination = Some(*to))).collect();
    for (count, total) in [(1, SOL), (2, 2 * SOL)] {
        let entries: Vec<_> = nodes[..count].iter().map(|node| node.entry(total)).collect();
        let batch = world.settle(&entries);
        assert_eq!((batch.event.credit_skips, batch.event.payout_skips), (0, 0));
        for node in &nodes[..count] {
            assert_eq!(world.lamports(&node.destination), kept + total);
        }
    }

    // A wallet without a destination behind pairs, and a payout's accounts for a settle.
    let settle = settle_ix(world.settler.pubkey(), world.network, header(2), &[nodes[0].entry(0), nodes[1].entry(0)]);
    let mut odd = settle.clone();
    odd.accounts.pop();
    assert_refused(world.send_batch(odd), SettlementError::AccountCountMismatch);
    let mut without_settler = settle;
    without_settler.accounts.remove(0);
    assert_refused(world.send_batch(without_settler), ErrorCode::AccountNotSigner);
}

/// A network that lets anything be credited, with a node that has 2 SOL pending.
fn wide() -> (World, Node) {
    let mut world = World::with(|args| {
        args.per_node_cap = u64::MAX;
        args.per_batch_cap = u64::MAX;
        args.window_limit = u64::MAX;
        args.window_seconds = u64::MAX;
        args.max_pending_age = u64::MAX;
    });
    let node = world.node("node");
    world.credit(&[(node.wallet, 2 * SOL)]);
    (world, node)
}

#[test]
fn a_node_can_earn_up_to_the_last_base_unit_and_is_then_done() {
    let (mut world, node) = wide();
    world.edit(&node.wallet, |wallet: &mut NodeWallet| {
        wallet.credited_total = u64::MAX - SOL;
        wallet.paid_total = u64::MAX - SOL;
        wallet.oldest_unpaid_at = 0;
    });
    let batch = world.settle(&[node.entry(u64::MAX)]);
    assert_eq!((batch.event.credited, batch.event.paid), (SOL, SOL));
    let wallet = world.wallet_state(&node);
    assert_eq!((wallet.credited_total, wallet.paid_total), (u64::MAX, u64::MAX));
    let batch = world.settle(&[node.entry(u64::MAX)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::NothingToCredit), None)]);
}

#[test]
fn a_treasury_at_the_end_of_its_numbers_is_refused_and_moves_nothing() {
    let no_batch_left: fn(&mut Treasury) = |treasury| treasury.batch_sequence = u64::MAX;
    let all_paid: fn(&mut Treasury) = |treasury| {
        treasury.credited_total = u64::MAX;
        treasury.paid_total = u64::MAX;
    };
    let cases = [
        ("credit", no_batch_left),
        ("settle", no_batch_left),
        ("settle", all_paid),
        ("payout", all_paid),
        ("withdraw", all_paid),
    ];
    for (name, change) in cases {
        let mut subject = one(name);
        let treasury = subject.world.treasury;
        subject.world.edit(&treasury, change);
        let before = program_accounts(&subject.world);
        let ix = subject.ix.clone();
        assert_refused(subject.send(ix), SettlementError::Overflow);
        assert!(program_accounts(&subject.world) == before, "{name}");
    }
    // A payout and a withdrawal are no batches of the relay's.
    for name in ["payout", "withdraw"] {
        let mut subject = one(name);
        let treasury = subject.world.treasury;
        subject.world.edit(&treasury, no_batch_left);
        let ix = subject.ix.clone();
        subject.send(ix).expect("paid");
    }
}

#[test]
fn a_treasury_below_its_rent_skips_credits_and_pays_out_what_is_pending() {
    let (mut world, node) = wide();
    world.give(&node.wallet, SOL);
    world.set_surplus(0);
    world.raise_rent(2);
    let batch = world.settle(&[node.entry(3 * SOL)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);
    assert_eq!((batch.event.paid, world.lamports(&node.destination)), (2 * SOL, 2 * SOL));

    let (mut world, node) = wide();
    world.give(&node.wallet, SOL);
    world.set_surplus(0);
    world.raise_rent(2);
    let ix = payout_ix(world.network, &[(node.wallet, node.destination)]);
    let meta = world.send(&[ix], &[]).expect("paid out");
    assert_eq!(world.event(&meta, PaidOut::decode_cpi).paid, 2 * SOL);
}

#[test]
fn clocks_at_the_end_of_time_age_and_empty_nothing_that_is_not_there() {
    for now in [i64::MIN, -1, 0, i64::MAX] {
        let (mut world, node) = wide();
        world.set_time(now);
        let batch = world.credit(&[(node.wallet, 3 * SOL)]);
        assert_eq!(batch.event.credited, SOL, "{now}");
        let ix = withdraw_ix(node.owner.pubkey(), world.network, node.id, node.destination, None);
        world.send(&[ix], &[&node.owner]).expect("withdrawn");
        world.set_time(START);
        let batch = world.settle(&[node.entry(5 * SOL)]);
        assert_eq!(batch.event.paid, 2 * SOL, "{now}");
    }
}
