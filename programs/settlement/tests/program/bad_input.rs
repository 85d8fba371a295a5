//! Malformed instructions: data and accounts of unexpected lengths and counts, and totals at the
//! limits of their types. Each results in an error or a skip, never in a panic, and moves nothing.

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
    AccountKind, InstructionCase, Node, ProgramFixture, SOL, START, TransactionOutcome, all_instructions,
    assert_refused, header, program_accounts, skip_reasons,
};

/// The length of an instruction's discriminator in bytes.
const DISCRIMINATOR_LEN: usize = 8;
/// The offset of the number of targets in a batch's data.
const COUNT_AT: usize = 48;
/// The offset of the targets in a batch's data.
const TARGETS_AT: usize = 52;

/// Whether the instruction takes the fast path.
fn is_batch(case: &InstructionCase) -> bool {
    matches!(case.name, "credit" | "settle" | "payout")
}

/// The batches with targets. Malformed payouts are tested in `payout`.
fn batches_with_targets() -> Vec<InstructionCase> {
    all_instructions().into_iter().filter(|case| matches!(case.name, "credit" | "settle")).collect()
}

/// The case of one instruction.
fn case_of(name: &str) -> InstructionCase {
    all_instructions().into_iter().find(|case| case.name == name).expect("an instruction with this name")
}

/// The error code that the instruction was refused with.
#[track_caller]
fn error_code(outcome: TransactionOutcome) -> u32 {
    let failed = outcome.expect_err("the instruction should have been refused");
    match failed.err {
        TransactionError::InstructionError(0, InstructionError::Custom(code)) => code,
        other => panic!("{other:?}\n{}", failed.meta.pretty_logs()),
    }
}

#[test]
fn truncated_data_is_refused_at_every_length() {
    for mut case in all_instructions() {
        let before = program_accounts(&case.fixture);
        for len in 0..case.ix.data.len() {
            let mut cut = case.ix.clone();
            cut.data.truncate(len);
            let expected = if len < DISCRIMINATOR_LEN {
                ErrorCode::InstructionFallbackNotFound
            } else {
                ErrorCode::InstructionDidNotDeserialize
            };
            assert_eq!(error_code(case.send(cut)), u32::from(expected), "{} with {len} bytes of data", case.name);
        }
        assert!(program_accounts(&case.fixture) == before, "{}", case.name);
    }
}

#[test]
fn an_unknown_instruction_is_refused() {
    let mut case = case_of("pause");
    for data in [vec![0; 8], vec![255; 8], vec![255; 500]] {
        let unknown = Instruction { data, ..case.ix.clone() };
        assert_refused(case.send(unknown), ErrorCode::InstructionFallbackNotFound);
    }
}

#[test]
fn an_invalid_option_tag_is_refused() {
    let option_at = [("update_network", 8), ("withdraw", 40), ("register_node", 72), ("reopen_node", 72)];
    for mut case in all_instructions() {
        let Some((name, at)) = option_at.into_iter().find(|(name, _)| *name == case.name) else { continue };
        let mut bad = case.ix.clone();
        assert!(bad.data[at] < 2, "{name}");
        bad.data[at] = 2;
        assert_refused(case.send(bad), ErrorCode::InstructionDidNotDeserialize);
    }
}

#[test]
fn missing_accounts_are_refused_at_every_count() {
    for mut case in all_instructions() {
        let before = program_accounts(&case.fixture);
        for count in 0..case.ix.accounts.len() {
            let mut few = case.ix.clone();
            few.accounts.truncate(count);
            let is_entry =
                |kind: &AccountKind| matches!(kind, AccountKind::EntryWallet | AccountKind::EntryDestination);
            let entries = case.kinds[..count].iter().filter(|kind| is_entry(kind)).count();
            let has_named_accounts = is_batch(&case) && case.kinds[count..].iter().all(is_entry);
            let expected: u32 = match (has_named_accounts, entries) {
                (true, 0) if case.name == "payout" => SettlementError::EmptyBatch.into(),
                (true, _) => SettlementError::AccountCountMismatch.into(),
                (false, _) if case.kinds[count..] == [AccountKind::ListedWallet] => {
                    SettlementError::NothingToRecover.into()
                }
                (false, _) => ErrorCode::AccountNotEnoughKeys.into(),
            };
            assert_eq!(error_code(case.send(few)), expected, "{} with {count} accounts", case.name);
        }
        assert!(program_accounts(&case.fixture) == before, "{}", case.name);
    }
}

#[test]
fn a_batch_with_surplus_accounts_is_refused() {
    for mut case in batches_with_targets() {
        let before = program_accounts(&case.fixture);
        let right = case.ix.accounts.len();
        for count in [right + 1, right + 2, 63, 64, 65, 71, 72, 73, 74, 128, 254, 255] {
            let mut surplus = case.ix.clone();
            let last = surplus.accounts[right - 1].clone();
            surplus.accounts.resize(count, last);
            assert_refused(case.fixture.send_batch(surplus), SettlementError::AccountCountMismatch);
        }
        assert!(program_accounts(&case.fixture) == before, "{}", case.name);
    }
}

#[test]
fn a_batch_whose_entry_count_does_not_match_its_data_is_refused() {
    for mut case in batches_with_targets() {
        let most = if case.name == "credit" { MAX_CREDIT_ENTRIES } else { MAX_SETTLE_ENTRIES };
        let one = case.ix.data.clone();
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
            // Trailing bytes that are not a whole target.
            ([&one[..], &[0]].concat(), broken),
            ([&one[..], &[0; 7]].concat(), broken),
        ];
        for (data, expected) in cases {
            let bad = Instruction { data, ..case.ix.clone() };
            assert_eq!(error_code(case.fixture.send_batch(bad)), expected, "{}", case.name);
        }
    }
}

#[test]
fn a_treasury_of_the_wrong_size_is_refused() {
    for mut case in all_instructions() {
        let treasury = case.fixture.treasury;
        if !case.kinds.contains(&AccountKind::Treasury) || case.kinds[2] == AccountKind::NewAccount {
            continue;
        }
        let genuine = case.fixture.svm.get_account(&treasury).expect("the treasury exists");
        let mut cases = vec![
            (0, ErrorCode::AccountDiscriminatorNotFound),
            (7, ErrorCode::AccountDiscriminatorNotFound),
            (8, ErrorCode::AccountDidNotDeserialize),
            (Treasury::SIZE - 1, ErrorCode::AccountDidNotDeserialize),
        ];
        if is_batch(&case) {
            // Anchor accepts longer accounts. The program never creates one.
            cases.push((Treasury::SIZE + 1, ErrorCode::AccountDidNotDeserialize));
            cases.push((Treasury::SIZE + 8, ErrorCode::AccountDidNotDeserialize));
        }
        for (len, expected) in cases {
            let mut data = genuine.data.clone();
            data.resize(len, 0);
            case.fixture.set_account(&treasury, Account { data, ..genuine.clone() });
            let ix = case.ix.clone();
            assert_eq!(error_code(case.send(ix)), u32::from(expected), "{} with {len} bytes", case.name);
        }
    }
}

/// Data sizes around those that matter to the program and to the runtime's padding.
const SIZES: [usize; 14] = [0, 1, 7, 8, 9, 165, 199, 200, 201, 383, 384, 1_000, 10_240, 100_000];

/// Creates an account of another program with `len` bytes of data.
fn create_account_of_size(fixture: &mut ProgramFixture, len: usize) -> Pubkey {
    let address = Pubkey::new_unique();
    let lamports = fixture.rent(len);
    let owner = Pubkey::new_unique();
    fixture.set_account(&address, Account { lamports, data: vec![7; len], owner, ..Account::default() });
    address
}

#[test]
fn destinations_of_any_size_are_paid_and_do_not_affect_later_entries() {
    for instruction in ["settle", "payout"] {
        let mut fixture = ProgramFixture::new();
        let mut destinations: Vec<_> = SIZES.map(|len| create_account_of_size(&mut fixture, len)).to_vec();
        // Some occur twice, which the runtime serializes as a one-byte reference.
        destinations.extend([destinations[3], destinations[13], destinations[0]]);
        let nodes: Vec<_> = destinations
            .iter()
            .enumerate()
            .map(|(i, to)| fixture.register_node_with(&format!("node-{i}"), |args| args.destination = Some(*to)))
            .collect();
        let before: Vec<_> = destinations.iter().map(|to| fixture.lamports(to)).collect();
        let amount = |i: usize| SOL + i as u64;
        if instruction == "payout" {
            let entries: Vec<_> = nodes.iter().enumerate().map(|(i, node)| (node.wallet, amount(i))).collect();
            fixture.credit(&entries);
            let pairs: Vec<_> = nodes.iter().map(|node| (node.wallet, node.destination)).collect();
            let ix = payout_ix(fixture.network, &pairs);
            let meta = fixture.send_batch(ix).expect("the payout succeeds");
            assert_eq!(fixture.event(&meta, PaidOut::decode_cpi).skips, 0);
        } else {
            let entries: Vec<_> = nodes.iter().enumerate().map(|(i, node)| node.entry(amount(i))).collect();
            let batch = fixture.settle(&entries);
            assert_eq!((batch.event.credit_skips, batch.event.payout_skips), (0, 0));
        }
        for (i, node) in nodes.iter().enumerate() {
            let wallet = fixture.wallet_state(node);
            assert_eq!((wallet.credited_total, wallet.paid_total), (amount(i), amount(i)));
            let got: u64 = (0..nodes.len()).filter(|j| destinations[*j] == destinations[i]).map(amount).sum();
            assert_eq!(fixture.lamports(&destinations[i]), before[i] + got);
        }
    }
}

#[test]
fn foreign_accounts_of_any_size_are_skipped_and_do_not_affect_later_entries() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(SIZES.len() + 1);
    let mut entries = vec![(nodes[0].wallet, SOL)];
    let mut bad = vec![];
    for (i, len) in SIZES.into_iter().enumerate() {
        let foreign = create_account_of_size(&mut fixture, len);
        bad.push(entries.len());
        entries.push((foreign, SOL));
        if i % 3 == 0 {
            // Once more, serialized as a one-byte reference.
            bad.push(entries.len());
            entries.push((foreign, SOL));
        }
        entries.push((nodes[i + 1].wallet, SOL + i as u64));
    }
    let batch = fixture.credit(&entries);
    let invalid = Some(SkipReason::InvalidWallet);
    assert_eq!(skip_reasons(&batch.event), bad.into_iter().map(|entry| (entry, invalid, None)).collect::<Vec<_>>());
    for (i, node) in nodes.iter().enumerate() {
        let expected = SOL + i.saturating_sub(1) as u64;
        assert_eq!(fixture.wallet_state(node).credited_total, expected);
        assert_eq!(fixture.wallet_lamports(node), expected);
    }
}

/// The fast path guesses the layout of a batch from its accounts before it reads the discriminator.
#[test]
fn a_batch_whose_accounts_resemble_another_instructions_is_still_applied_correctly() {
    // A credit in which every other account does not exist yet, like a settle's destinations.
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(2);
    let nothing = Pubkey::new_unique();
    let batch = fixture.credit(&[
        (nodes[0].wallet, SOL),
        (nothing, SOL),
        (nodes[1].wallet, 2 * SOL),
        (Pubkey::new_unique(), SOL),
    ]);
    let invalid = Some(SkipReason::InvalidWallet);
    assert_eq!(skip_reasons(&batch.event), [(1, invalid, None), (3, invalid, None)]);
    assert_eq!((batch.event.credited, fixture.lamports(&nothing)), (3 * SOL, 0));

    // A settle whose destinations all have the size of a wallet, like a credit's entries.
    let destinations = [
        create_account_of_size(&mut fixture, NodeWallet::SIZE),
        create_account_of_size(&mut fixture, NodeWallet::SIZE),
    ];
    let kept = fixture.rent(NodeWallet::SIZE);
    let nodes: Vec<_> = destinations
        .iter()
        .map(|to| fixture.register_node_with(&to.to_string(), |args| args.destination = Some(*to)))
        .collect();
    for (count, total) in [(1, SOL), (2, 2 * SOL)] {
        let entries: Vec<_> = nodes[..count].iter().map(|node| node.entry(total)).collect();
        let batch = fixture.settle(&entries);
        assert_eq!((batch.event.credit_skips, batch.event.payout_skips), (0, 0));
        for node in &nodes[..count] {
            assert_eq!(fixture.lamports(&node.destination), kept + total);
        }
    }

    // A settle that ends with a wallet without its destination, and one with a payout's accounts.
    let settle =
        settle_ix(fixture.settler.pubkey(), fixture.network, header(2), &[nodes[0].entry(0), nodes[1].entry(0)]);
    let mut odd = settle.clone();
    odd.accounts.pop();
    assert_refused(fixture.send_batch(odd), SettlementError::AccountCountMismatch);
    let mut without_settler = settle;
    without_settler.accounts.remove(0);
    assert_refused(fixture.send_batch(without_settler), ErrorCode::AccountNotSigner);
}

/// A network without effective limits, with a node that has 2 SOL pending.
fn unlimited_network() -> (ProgramFixture, Node) {
    let mut fixture = ProgramFixture::with_args(|args| {
        args.per_node_cap = u64::MAX;
        args.per_batch_cap = u64::MAX;
        args.window_limit = u64::MAX;
        args.window_seconds = u64::MAX;
        args.max_pending_age = u64::MAX;
    });
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    (fixture, node)
}

#[test]
fn a_node_can_earn_up_to_u64_max_and_no_more() {
    let (mut fixture, node) = unlimited_network();
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| {
        wallet.credited_total = u64::MAX - SOL;
        wallet.paid_total = u64::MAX - SOL;
        wallet.oldest_unpaid_at = 0;
    });
    let batch = fixture.settle(&[node.entry(u64::MAX)]);
    assert_eq!((batch.event.credited, batch.event.paid), (SOL, SOL));
    let wallet = fixture.wallet_state(&node);
    assert_eq!((wallet.credited_total, wallet.paid_total), (u64::MAX, u64::MAX));
    let batch = fixture.settle(&[node.entry(u64::MAX)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::NothingToCredit), None)]);
}

#[test]
fn treasury_totals_that_would_overflow_are_refused_and_change_nothing() {
    let at_last_sequence: fn(&mut Treasury) = |treasury| treasury.batch_sequence = u64::MAX;
    let at_last_total: fn(&mut Treasury) = |treasury| {
        treasury.credited_total = u64::MAX;
        treasury.paid_total = u64::MAX;
    };
    let cases = [
        ("credit", at_last_sequence),
        ("settle", at_last_sequence),
        ("settle", at_last_total),
        ("payout", at_last_total),
        ("withdraw", at_last_total),
        ("set_aside", at_last_total),
    ];
    for (name, change) in cases {
        let mut case = case_of(name);
        let treasury = case.fixture.treasury;
        case.fixture.edit_account(&treasury, change);
        let before = program_accounts(&case.fixture);
        let ix = case.ix.clone();
        assert_refused(case.send(ix), SettlementError::Overflow);
        assert!(program_accounts(&case.fixture) == before, "{name}");
    }
    // Payouts and withdrawals do not use the batch sequence.
    for name in ["payout", "withdraw"] {
        let mut case = case_of(name);
        let treasury = case.fixture.treasury;
        case.fixture.edit_account(&treasury, at_last_sequence);
        let ix = case.ix.clone();
        case.send(ix).expect("the payment succeeds");
    }
}

#[test]
fn a_treasury_below_its_rent_skips_credits_but_pays_pending_amounts() {
    let (mut fixture, node) = unlimited_network();
    fixture.airdrop(&node.wallet, SOL);
    fixture.set_surplus(0);
    fixture.raise_rent(2);
    let batch = fixture.settle(&[node.entry(3 * SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);
    assert_eq!((batch.event.paid, fixture.lamports(&node.destination)), (2 * SOL, 2 * SOL));

    let (mut fixture, node) = unlimited_network();
    fixture.airdrop(&node.wallet, SOL);
    fixture.set_surplus(0);
    fixture.raise_rent(2);
    let ix = payout_ix(fixture.network, &[(node.wallet, node.destination)]);
    let meta = fixture.send(&[ix], &[]).expect("the payout succeeds");
    assert_eq!(fixture.event(&meta, PaidOut::decode_cpi).paid, 2 * SOL);
}

#[test]
fn extreme_clock_values_do_not_break_windows_or_ages() {
    for now in [i64::MIN, -1, 0, i64::MAX] {
        let (mut fixture, node) = unlimited_network();
        fixture.set_time(now);
        let batch = fixture.credit(&[(node.wallet, 3 * SOL)]);
        assert_eq!(batch.event.credited, SOL, "{now}");
        let ix = withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, None);
        fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
        fixture.set_time(START);
        let batch = fixture.settle(&[node.entry(5 * SOL)]);
        assert_eq!(batch.event.paid, 2 * SOL, "{now}");
    }
}
