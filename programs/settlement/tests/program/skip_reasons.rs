//! The skip reasons of a network that pays in SOL. Each is tested in batches with one bad entry among
//! good ones, in the first, a middle and the last position.

use anchor_lang::prelude::Pubkey;
use settlement::client::{SettleEntry, credit_ix, event_authority, payout_ix, settle_ix};
use settlement::events::{BatchSettled, PaidOut};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, SkipReason};
use settlement::state::{NodeWallet, Treasury};
use solana_instruction::Instruction;
use solana_sdk_ids::{incinerator, system_program, sysvar};
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, header};

/// The instructions that can skip entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BatchKind {
    Credit,
    Settle,
    Payout,
}

/// An entry of any of these instructions.
#[derive(Clone, Copy, Debug)]
struct Entry {
    wallet: Pubkey,
    destination: Pubkey,
    target: u64,
    is_destination_writable: bool,
}

impl Entry {
    fn of(node: &Node, target: u64) -> Self {
        Self { wallet: node.wallet, destination: node.destination, target, is_destination_writable: true }
    }
}

/// A skip reason, and how to produce it for a node that has earned nothing yet.
struct Case {
    why: SkipReason,
    prepare: fn(&mut ProgramFixture, &Node) -> Entry,
}

/// The number of good entries in addition to the bad one.
const GOOD_ENTRIES: usize = 4;
/// The lamports that each good entry credits or pays.
const EARNED: u64 = SOL;
/// The pending lamports of a node whose payout is skipped.
const PENDING: u64 = 2 * SOL;

/// The reasons to skip a credit.
const CREDITS: [Case; 7] = [
    Case {
        why: SkipReason::NothingToCredit,
        prepare: |fixture, node| {
            fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| {
                wallet.credited_total = SOL;
                wallet.paid_total = SOL;
            });
            Entry::of(node, SOL)
        },
    },
    Case {
        why: SkipReason::PerNodeCap,
        prepare: |fixture, node| above_limit(fixture, node, 5 * SOL, |treasury| treasury.per_node_cap = 5 * SOL),
    },
    Case {
        why: SkipReason::PerBatchCap,
        prepare: |fixture, node| above_limit(fixture, node, 10 * SOL, |treasury| treasury.per_batch_cap = 10 * SOL),
    },
    Case {
        why: SkipReason::WindowLimit,
        prepare: |fixture, node| above_limit(fixture, node, 20 * SOL, |treasury| treasury.window_limit = 20 * SOL),
    },
    Case {
        why: SkipReason::InvalidWallet,
        prepare: |_, node| Entry { wallet: Pubkey::new_unique(), ..Entry::of(node, SOL) },
    },
    Case {
        why: SkipReason::TreasuryShort,
        prepare: |fixture, node| {
            fixture.set_surplus(30 * SOL);
            Entry::of(node, 30 * SOL + 1)
        },
    },
    Case {
        why: SkipReason::Overflow,
        prepare: |fixture, node| {
            above_limit(fixture, node, 40 * SOL, |treasury| treasury.credited_total = u64::MAX - 40 * SOL)
        },
    },
];

/// The reasons to skip a due payout.
const PAYOUTS: [Case; 14] = [
    Case {
        why: SkipReason::DestinationMismatch,
        prepare: |fixture, node| Entry { destination: Pubkey::new_unique(), ..due_entry(fixture, node, PENDING) },
    },
    Case {
        why: SkipReason::DestinationMismatch,
        prepare: |fixture, node| Entry { destination: fixture.treasury, ..due_entry(fixture, node, PENDING) },
    },
    Case {
        why: SkipReason::DestinationNotRentExempt,
        prepare: |fixture, node| {
            fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.threshold = 1);
            // A settle credits one more lamport.
            let missing_two = fixture.rent(0) - 2;
            due_entry(fixture, node, missing_two)
        },
    },
    Case {
        why: SkipReason::DestinationExecutable,
        prepare: |fixture, node| {
            let program = fixture.deploy_program();
            due_entry_to(fixture, node, program)
        },
    },
    Case {
        why: SkipReason::DestinationExecutable,
        prepare: |fixture, node| due_entry_to(fixture, node, settlement::ID),
    },
    Case {
        why: SkipReason::DestinationReserved,
        prepare: |fixture, node| due_entry_to(fixture, node, system_program::ID),
    },
    Case {
        why: SkipReason::DestinationReserved,
        prepare: |fixture, node| due_entry_to(fixture, node, sysvar::clock::ID),
    },
    Case {
        why: SkipReason::DestinationNotWritable,
        prepare: |fixture, node| Entry { is_destination_writable: false, ..due_entry(fixture, node, PENDING) },
    },
    Case {
        why: SkipReason::DestinationIsProgramAccount,
        prepare: |fixture, node| due_entry_to(fixture, node, fixture.treasury),
    },
    Case {
        why: SkipReason::DestinationIsProgramAccount,
        prepare: |fixture, node| due_entry_to(fixture, node, fixture.network),
    },
    Case {
        why: SkipReason::DestinationIsProgramAccount,
        prepare: |fixture, node| due_entry_to(fixture, node, node.wallet),
    },
    Case {
        why: SkipReason::DestinationIsProgramAccount,
        prepare: |fixture, node| {
            let other = fixture.register_node("other").wallet;
            due_entry_to(fixture, node, other)
        },
    },
    Case {
        why: SkipReason::WalletShort,
        prepare: |fixture, node| {
            let entry = due_entry(fixture, node, PENDING);
            fixture.take_lamports(&node.wallet, 1);
            entry
        },
    },
    Case {
        why: SkipReason::WalletShort,
        prepare: |fixture, node| {
            let entry = due_entry(fixture, node, PENDING);
            fixture.take_lamports(&node.wallet, PENDING / 2);
            entry
        },
    },
];

/// Reserved addresses that the system program owns. No instruction stores them as a destination (tests of those
/// instructions check it), so that the fast path does not compare them. Here the accounts are read-only, which makes an
/// entry irregular.
const RESERVED: [Case; 2] = [
    Case {
        why: SkipReason::DestinationReserved,
        prepare: |fixture, node| due_entry_to_read_only(fixture, node, incinerator::ID),
    },
    Case {
        why: SkipReason::DestinationReserved,
        prepare: |fixture, node| due_entry_to_read_only(fixture, node, event_authority()),
    },
];

/// The reasons that only a `payout` can have.
const NOT_PAID: [Case; 3] = [
    Case { why: SkipReason::NotDue, prepare: |_, node| Entry::of(node, 0) },
    Case { why: SkipReason::NotDue, prepare: |fixture, node| due_entry(fixture, node, SOL - 1) },
    Case {
        why: SkipReason::InvalidWallet,
        prepare: |_, node| Entry { wallet: Pubkey::new_unique(), ..Entry::of(node, 0) },
    },
];

/// Sets a limit, and returns an entry that is one lamport above it.
fn above_limit(fixture: &mut ProgramFixture, node: &Node, limit: u64, set: fn(&mut Treasury)) -> Entry {
    let treasury = fixture.treasury;
    fixture.edit_account(&treasury, set);
    Entry::of(node, limit + 1)
}

/// Credits this much to the node, and returns an entry that credits one more lamport in a `settle`.
fn due_entry(fixture: &mut ProgramFixture, node: &Node, lamports: u64) -> Entry {
    fixture.credit(&[(node.wallet, lamports)]);
    Entry::of(node, lamports + 1)
}

/// Like [`due_entry`], with another destination, which the wallet account names.
fn due_entry_to(fixture: &mut ProgramFixture, node: &Node, destination: Pubkey) -> Entry {
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.destination = destination);
    Entry { destination, ..due_entry(fixture, node, PENDING) }
}

/// Like [`due_entry_to`], with a read-only destination.
fn due_entry_to_read_only(fixture: &mut ProgramFixture, node: &Node, destination: Pubkey) -> Entry {
    Entry { is_destination_writable: false, ..due_entry_to(fixture, node, destination) }
}

fn ix(fixture: &ProgramFixture, kind: BatchKind, entries: &[Entry]) -> Instruction {
    let settler = fixture.settler.pubkey();
    let (mut ix, named, width) = match kind {
        BatchKind::Credit => {
            let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
            (credit_ix(settler, fixture.network, header(2), &pairs), 3, 1)
        }
        BatchKind::Settle => {
            let of = |entry: &Entry| SettleEntry {
                wallet: entry.wallet,
                destination: entry.destination,
                target: entry.target,
            };
            let entries: Vec<_> = entries.iter().map(of).collect();
            (settle_ix(settler, fixture.network, header(2), &entries), 3, 2)
        }
        BatchKind::Payout => {
            let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.destination)).collect();
            (payout_ix(fixture.network, &pairs), 4, 2)
        }
    };
    if width == 2 {
        for (place, entry) in entries.iter().enumerate() {
            ix.accounts[named + 2 * place + 1].is_writable = entry.is_destination_writable;
        }
    }
    ix
}

/// The content of a batch's event.
#[derive(Debug, PartialEq, Eq)]
struct EventSummary {
    credit_skips: u64,
    payout_skips: u64,
    reasons: Vec<u8>,
    credited: u64,
    paid: u64,
}

#[track_caller]
fn send(fixture: &mut ProgramFixture, kind: BatchKind, entries: &[Entry]) -> EventSummary {
    let ix = ix(fixture, kind, entries);
    let meta =
        fixture.send_batch(ix).unwrap_or_else(|failed| panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()));
    if kind == BatchKind::Payout {
        let PaidOut { network, n, paid, skips, reasons } = fixture.event(&meta, PaidOut::decode_cpi);
        assert_eq!((network, n as usize), (fixture.network, entries.len()));
        EventSummary { credit_skips: 0, payout_skips: skips, reasons, credited: 0, paid }
    } else {
        let event = fixture.batch_event(&meta);
        assert_eq!((event.network, event.n as usize), (fixture.network, entries.len()));
        let BatchSettled { credit_skips, payout_skips, reasons, credited, paid, .. } = event;
        EventSummary { credit_skips, payout_skips, reasons, credited, paid }
    }
}

/// Sends the batch and checks that the bad entry, and no other, was skipped for its reason.
fn assert_only_bad_entry_skipped(kind: BatchKind, case: &Case, good: usize, place: usize) {
    let what = format!("{kind:?} {:?} at position {place}", case.why);
    let mut fixture = ProgramFixture::new();
    let good = fixture.register_nodes(good);
    let bad = fixture.register_node("bad");
    if kind == BatchKind::Payout {
        let credits: Vec<_> = good.iter().map(|node| (node.wallet, EARNED)).collect();
        fixture.credit(&credits);
    }
    let entry = (case.prepare)(&mut fixture, &bad);
    let mut entries: Vec<_> = good.iter().map(|node| Entry::of(node, EARNED)).collect();
    entries.insert(place, entry);
    let before = fixture.svm.get_account(&bad.wallet);
    let pending = fixture.wallet_state(&bad).pending();
    let destination_before = fixture.lamports(&entry.destination);

    let summary = send(&mut fixture, kind, &entries);

    let is_payout = u8::from(case.why) > 16 || kind == BatchKind::Payout;
    let bit = 1 << place;
    // In a settle, an entry whose payout is skipped still credits one lamport.
    let also_credited = u64::from(is_payout && kind == BatchKind::Settle);
    let sum = good.len() as u64 * EARNED;
    assert_eq!(
        summary,
        EventSummary {
            credit_skips: if is_payout { 0 } else { bit },
            payout_skips: if is_payout { bit } else { 0 },
            reasons: vec![case.why.into()],
            credited: if kind == BatchKind::Payout { 0 } else { sum + also_credited },
            paid: if kind == BatchKind::Credit { 0 } else { sum },
        },
        "{what}"
    );
    for node in &good {
        let wallet = fixture.wallet_state(node);
        let paid = if kind == BatchKind::Credit { 0 } else { EARNED };
        assert_eq!((wallet.credited_total, wallet.paid_total), (EARNED, paid), "{what}");
        assert_eq!(fixture.lamports(&node.destination), paid, "{what}");
        assert_eq!(fixture.wallet_lamports(node), EARNED - paid, "{what}");
    }
    if also_credited == 0 {
        assert_eq!(fixture.svm.get_account(&bad.wallet), before, "{what}");
    }
    assert_eq!(fixture.wallet_state(&bad).pending(), pending + also_credited, "{what}");
    // The treasury's balance changes by the good entries' credits.
    if entry.destination != fixture.treasury && entry.destination != bad.wallet {
        assert_eq!(fixture.lamports(&entry.destination), destination_before, "{what}");
    }
}

fn assert_only_bad_entries_skipped(kind: BatchKind, cases: &[Case]) {
    for case in cases {
        for place in [0, GOOD_ENTRIES / 2, GOOD_ENTRIES] {
            assert_only_bad_entry_skipped(kind, case, GOOD_ENTRIES, place);
        }
    }
}

#[test]
fn only_a_bad_credit_is_skipped_at_any_position() {
    assert_only_bad_entries_skipped(BatchKind::Credit, &CREDITS);
}

#[test]
fn only_a_bad_credit_of_a_settle_is_skipped_at_any_position() {
    assert_only_bad_entries_skipped(BatchKind::Settle, &CREDITS);
}

#[test]
fn only_a_bad_payout_of_a_settle_is_skipped_at_any_position() {
    assert_only_bad_entries_skipped(BatchKind::Settle, &PAYOUTS);
    assert_only_bad_entries_skipped(BatchKind::Settle, &RESERVED);
}

#[test]
fn only_a_bad_payout_is_skipped_at_any_position() {
    assert_only_bad_entries_skipped(BatchKind::Payout, &PAYOUTS);
    assert_only_bad_entries_skipped(BatchKind::Payout, &RESERVED);
    assert_only_bad_entries_skipped(BatchKind::Payout, &NOT_PAID);
}

#[test]
fn only_the_bad_entry_of_a_full_batch_is_skipped() {
    let [cap, elsewhere] = [&CREDITS[1], &PAYOUTS[0]];
    assert_eq!((cap.why, elsewhere.why), (SkipReason::PerNodeCap, SkipReason::DestinationMismatch));
    let largest = [
        (BatchKind::Credit, cap, MAX_CREDIT_ENTRIES),
        (BatchKind::Settle, cap, MAX_SETTLE_ENTRIES),
        (BatchKind::Settle, elsewhere, MAX_SETTLE_ENTRIES),
        // The fee payer takes a lock.
        (BatchKind::Payout, elsewhere, MAX_SETTLE_ENTRIES - 1),
    ];
    for (kind, case, entries) in largest {
        for place in [0, entries / 2, entries - 1] {
            assert_only_bad_entry_skipped(kind, case, entries - 1, place);
        }
    }
}

#[test]
fn only_the_second_entry_of_a_wallet_is_skipped_at_any_position() {
    let duplicate = u8::from(SkipReason::DuplicateWallet);
    for kind in [BatchKind::Credit, BatchKind::Settle, BatchKind::Payout] {
        for (first, second) in [(0, 1), (0, GOOD_ENTRIES), (1, 3), (GOOD_ENTRIES - 1, GOOD_ENTRIES)] {
            let mut fixture = ProgramFixture::new();
            let good = fixture.register_nodes(GOOD_ENTRIES);
            if kind == BatchKind::Payout {
                let credits: Vec<_> = good.iter().map(|node| (node.wallet, EARNED)).collect();
                fixture.credit(&credits);
            }
            let mut entries: Vec<_> = good.iter().map(|node| Entry::of(node, EARNED)).collect();
            entries.insert(second, Entry { target: 2 * EARNED, ..entries[first] });
            let summary = send(&mut fixture, kind, &entries);
            let sum = GOOD_ENTRIES as u64 * EARNED;
            let bit = 1 << second;
            let expected = match kind {
                BatchKind::Credit => EventSummary {
                    credit_skips: bit,
                    payout_skips: 0,
                    reasons: vec![duplicate],
                    credited: sum,
                    paid: 0,
                },
                BatchKind::Settle => EventSummary {
                    credit_skips: bit,
                    payout_skips: 0,
                    reasons: vec![duplicate],
                    credited: sum,
                    paid: sum,
                },
                // Nothing is due after the first payment.
                BatchKind::Payout => {
                    let not_due = vec![SkipReason::NotDue.into()];
                    EventSummary { credit_skips: 0, payout_skips: bit, reasons: not_due, credited: 0, paid: sum }
                }
            };
            assert_eq!(summary, expected, "{kind:?} {first} {second}");
        }
    }
}

#[test]
fn every_skip_reason_of_a_sol_network_is_tested() {
    let cases = CREDITS.iter().chain(&PAYOUTS).chain(&NOT_PAID).map(|case| case.why);
    let tried: Vec<_> = cases.chain([SkipReason::DuplicateWallet]).collect();
    // Reasons from 25 on are about tokens.
    for reason in SkipReason::ALL.into_iter().filter(|reason| u8::from(*reason) < 25) {
        assert!(tried.contains(&reason), "{reason:?}");
    }
}
