//! The reasons to leave an entry of a batch out, in a network that pays in SOL: each in a batch in
//! which it is the only bad entry among good ones, in the first place, in the middle and in the last.

use anchor_lang::prelude::Pubkey;
use settlement::client::{SettleEntry, credit_ix, event_authority, payout_ix, settle_ix};
use settlement::events::{BatchSettled, PaidOut};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, SkipReason};
use settlement::state::{NodeWallet, Treasury};
use solana_instruction::Instruction;
use solana_sdk_ids::{incinerator, system_program, sysvar};
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, header};

/// The instructions that skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Credit,
    Settle,
    Payout,
}

/// An entry of any of them.
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

/// A reason, and how a node that has earned nothing yet comes to have it.
struct Case {
    why: SkipReason,
    prepare: fn(&mut ProgramFixture, &Node) -> Entry,
}

/// Good entries beside the bad one.
const GOOD: usize = 4;
/// What each good entry credits or pays.
const EARNED: u64 = SOL;
/// What a node has pending whose payout is bad.
const PENDING: u64 = 2 * SOL;

/// Reasons not to credit.
const CREDITS: [Case; 8] = [
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
        prepare: |fixture, node| above(fixture, node, 5 * SOL, |treasury| treasury.per_node_cap = 5 * SOL),
    },
    Case {
        why: SkipReason::PerBatchCap,
        prepare: |fixture, node| above(fixture, node, 10 * SOL, |treasury| treasury.per_batch_cap = 10 * SOL),
    },
    Case {
        why: SkipReason::WindowLimit,
        prepare: |fixture, node| above(fixture, node, 20 * SOL, |treasury| treasury.window_limit = 20 * SOL),
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
            above(fixture, node, 40 * SOL, |treasury| treasury.credited_total = u64::MAX - 40 * SOL)
        },
    },
    Case {
        why: SkipReason::WalletNotRentExempt,
        prepare: |fixture, node| {
            short(fixture, node, 10);
            Entry::of(node, 9)
        },
    },
];

/// Reasons not to pay what is due.
const PAYOUTS: [Case; 16] = [
    Case {
        why: SkipReason::DestinationMismatch,
        prepare: |fixture, node| Entry { destination: Pubkey::new_unique(), ..due(fixture, node, PENDING) },
    },
    Case {
        why: SkipReason::DestinationMismatch,
        prepare: |fixture, node| Entry { destination: fixture.treasury, ..due(fixture, node, PENDING) },
    },
    Case {
        why: SkipReason::DestinationNotRentExempt,
        prepare: |fixture, node| {
            fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.threshold = 1);
            // A settle credits a lamport more.
            let missing_two = fixture.rent(0) - 2;
            due(fixture, node, missing_two)
        },
    },
    Case {
        why: SkipReason::DestinationExecutable,
        prepare: |fixture, node| {
            let program = fixture.deploy_program();
            to(fixture, node, program)
        },
    },
    Case { why: SkipReason::DestinationExecutable, prepare: |fixture, node| to(fixture, node, settlement::ID) },
    Case { why: SkipReason::DestinationReserved, prepare: |fixture, node| to(fixture, node, system_program::ID) },
    Case { why: SkipReason::DestinationReserved, prepare: |fixture, node| to(fixture, node, sysvar::clock::ID) },
    Case { why: SkipReason::DestinationReserved, prepare: |fixture, node| to(fixture, node, incinerator::ID) },
    Case { why: SkipReason::DestinationReserved, prepare: |fixture, node| to(fixture, node, event_authority()) },
    Case {
        why: SkipReason::DestinationNotWritable,
        prepare: |fixture, node| Entry { is_destination_writable: false, ..due(fixture, node, PENDING) },
    },
    Case { why: SkipReason::DestinationIsProgramAccount, prepare: |fixture, node| to(fixture, node, fixture.treasury) },
    Case { why: SkipReason::DestinationIsProgramAccount, prepare: |fixture, node| to(fixture, node, fixture.network) },
    Case { why: SkipReason::DestinationIsProgramAccount, prepare: |fixture, node| to(fixture, node, node.wallet) },
    Case {
        why: SkipReason::DestinationIsProgramAccount,
        prepare: |fixture, node| {
            let other = fixture.register_node("other").wallet;
            to(fixture, node, other)
        },
    },
    Case {
        why: SkipReason::WalletShort,
        prepare: |fixture, node| {
            let entry = due(fixture, node, PENDING);
            short(fixture, node, 1);
            entry
        },
    },
    Case {
        why: SkipReason::WalletShort,
        prepare: |fixture, node| {
            let entry = due(fixture, node, PENDING);
            short(fixture, node, PENDING / 2);
            entry
        },
    },
];

/// Reasons that only a `payout` has for not paying.
const NOT_PAID: [Case; 3] = [
    Case { why: SkipReason::NotDue, prepare: |_, node| Entry::of(node, 0) },
    Case { why: SkipReason::NotDue, prepare: |fixture, node| due(fixture, node, SOL - 1) },
    Case {
        why: SkipReason::InvalidWallet,
        prepare: |_, node| Entry { wallet: Pubkey::new_unique(), ..Entry::of(node, 0) },
    },
];

/// An entry a lamport above a limit.
fn above(fixture: &mut ProgramFixture, node: &Node, limit: u64, set: fn(&mut Treasury)) -> Entry {
    let treasury = fixture.treasury;
    fixture.edit_account(&treasury, set);
    Entry::of(node, limit + 1)
}

/// Has this much pending, and an entry that credits a lamport more where an entry credits.
fn due(fixture: &mut ProgramFixture, node: &Node, lamports: u64) -> Entry {
    fixture.credit(&[(node.wallet, lamports)]);
    Entry::of(node, lamports + 1)
}

/// The same, with another destination, which the wallet account names.
fn to(fixture: &mut ProgramFixture, node: &Node, destination: Pubkey) -> Entry {
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.destination = destination);
    Entry { destination, ..due(fixture, node, PENDING) }
}

/// Takes lamports of the wallet account's, as if its rent had risen by them.
fn short(fixture: &mut ProgramFixture, node: &Node, lamports: u64) {
    let mut account = fixture.svm.get_account(&node.wallet).expect("a wallet");
    account.lamports -= lamports;
    fixture.set_account(&node.wallet, account);
}

fn ix(fixture: &ProgramFixture, kind: Kind, entries: &[Entry]) -> Instruction {
    let settler = fixture.settler.pubkey();
    let (mut ix, named, width) = match kind {
        Kind::Credit => {
            let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
            (credit_ix(settler, fixture.network, header(2), &pairs), 4, 1)
        }
        Kind::Settle => {
            let of = |entry: &Entry| SettleEntry {
                wallet: entry.wallet,
                destination: entry.destination,
                target: entry.target,
            };
            let entries: Vec<_> = entries.iter().map(of).collect();
            (settle_ix(settler, fixture.network, header(2), &entries), 4, 2)
        }
        Kind::Payout => {
            let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.destination)).collect();
            (payout_ix(fixture.network, &pairs), 3, 2)
        }
    };
    if width == 2 {
        for (place, entry) in entries.iter().enumerate() {
            ix.accounts[named + 2 * place + 1].is_writable = entry.is_destination_writable;
        }
    }
    ix
}

/// What a batch told: not credited and not paid as bits, the reasons, and the amounts.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    credit_skips: u64,
    payout_skips: u64,
    reasons: Vec<u8>,
    credited: u64,
    paid: u64,
}

#[track_caller]
fn send(fixture: &mut ProgramFixture, kind: Kind, entries: &[Entry]) -> Told {
    let ix = ix(fixture, kind, entries);
    let meta =
        fixture.send_batch(ix).unwrap_or_else(|failed| panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()));
    if kind == Kind::Payout {
        let PaidOut { network, n, paid, skips, reasons } = fixture.event(&meta, PaidOut::decode_cpi);
        assert_eq!((network, n as usize), (fixture.network, entries.len()));
        Told { credit_skips: 0, payout_skips: skips, reasons, credited: 0, paid }
    } else {
        let event = fixture.event(&meta, BatchSettled::decode_cpi);
        assert_eq!((event.network, event.n as usize), (fixture.network, entries.len()));
        let BatchSettled { credit_skips, payout_skips, reasons, credited, paid, .. } = event;
        Told { credit_skips, payout_skips, reasons, credited, paid }
    }
}

/// Sends the batch and checks that the one bad entry was left out by its reason and every other one
/// was not.
fn try_case(kind: Kind, case: &Case, good: usize, place: usize) {
    let what = format!("{kind:?} {:?} in place {place}", case.why);
    let mut fixture = ProgramFixture::new();
    let good = fixture.register_nodes(good);
    let bad = fixture.register_node("bad");
    if kind == Kind::Payout {
        let credits: Vec<_> = good.iter().map(|node| (node.wallet, EARNED)).collect();
        fixture.credit(&credits);
    }
    let entry = (case.prepare)(&mut fixture, &bad);
    let mut entries: Vec<_> = good.iter().map(|node| Entry::of(node, EARNED)).collect();
    entries.insert(place, entry);
    let before = fixture.svm.get_account(&bad.wallet);
    let pending = fixture.wallet_state(&bad).pending();
    let lamports_there = fixture.lamports(&entry.destination);

    let told = send(&mut fixture, kind, &entries);

    let is_payout = u8::from(case.why) > 16 || kind == Kind::Payout;
    let bit = 1 << place;
    // In a settle, an entry whose payout is bad is good for a credit of a lamport.
    let also_credited = u64::from(is_payout && kind == Kind::Settle);
    let sum = good.len() as u64 * EARNED;
    assert_eq!(
        told,
        Told {
            credit_skips: if is_payout { 0 } else { bit },
            payout_skips: if is_payout { bit } else { 0 },
            reasons: vec![case.why.into()],
            credited: if kind == Kind::Payout { 0 } else { sum + also_credited },
            paid: if kind == Kind::Credit { 0 } else { sum },
        },
        "{what}"
    );
    for node in &good {
        let wallet = fixture.wallet_state(node);
        let paid = if kind == Kind::Credit { 0 } else { EARNED };
        assert_eq!((wallet.credited_total, wallet.paid_total), (EARNED, paid), "{what}");
        assert_eq!(fixture.lamports(&node.destination), paid, "{what}");
        assert_eq!(fixture.wallet_lamports(node), EARNED - paid, "{what}");
    }
    if also_credited == 0 {
        assert_eq!(fixture.svm.get_account(&bad.wallet), before, "{what}");
    }
    assert_eq!(fixture.wallet_state(&bad).pending(), pending + also_credited, "{what}");
    // The good ones' credits leave the treasury.
    if entry.destination != fixture.treasury && entry.destination != bad.wallet {
        assert_eq!(fixture.lamports(&entry.destination), lamports_there, "{what}");
    }
}

fn try_cases(kind: Kind, cases: &[Case]) {
    for case in cases {
        for place in [0, GOOD / 2, GOOD] {
            try_case(kind, case, GOOD, place);
        }
    }
}

#[test]
fn only_a_bad_credit_is_skipped_at_any_position() {
    try_cases(Kind::Credit, &CREDITS);
}

#[test]
fn only_a_bad_credit_of_a_settle_is_skipped_at_any_position() {
    try_cases(Kind::Settle, &CREDITS);
}

#[test]
fn only_a_bad_payout_of_a_settle_is_skipped_at_any_position() {
    try_cases(Kind::Settle, &PAYOUTS);
}

#[test]
fn only_a_bad_payout_is_skipped_at_any_position() {
    try_cases(Kind::Payout, &PAYOUTS);
    try_cases(Kind::Payout, &NOT_PAID);
}

#[test]
fn only_the_bad_entry_of_a_full_batch_is_skipped() {
    let [cap, elsewhere] = [&CREDITS[1], &PAYOUTS[0]];
    assert_eq!((cap.why, elsewhere.why), (SkipReason::PerNodeCap, SkipReason::DestinationMismatch));
    let fullest = [
        (Kind::Credit, cap, MAX_CREDIT_ENTRIES),
        (Kind::Settle, cap, MAX_SETTLE_ENTRIES),
        (Kind::Settle, elsewhere, MAX_SETTLE_ENTRIES),
        (Kind::Payout, elsewhere, MAX_SETTLE_ENTRIES),
    ];
    for (kind, case, entries) in fullest {
        for place in [0, entries / 2, entries - 1] {
            try_case(kind, case, entries - 1, place);
        }
    }
}

#[test]
fn only_the_second_entry_of_a_wallet_is_skipped_at_any_position() {
    let duplicate = u8::from(SkipReason::DuplicateWallet);
    for kind in [Kind::Credit, Kind::Settle, Kind::Payout] {
        for (first, second) in [(0, 1), (0, GOOD), (1, 3), (GOOD - 1, GOOD)] {
            let mut fixture = ProgramFixture::new();
            let good = fixture.register_nodes(GOOD);
            if kind == Kind::Payout {
                let credits: Vec<_> = good.iter().map(|node| (node.wallet, EARNED)).collect();
                fixture.credit(&credits);
            }
            let mut entries: Vec<_> = good.iter().map(|node| Entry::of(node, EARNED)).collect();
            entries.insert(second, Entry { target: 2 * EARNED, ..entries[first] });
            let told = send(&mut fixture, kind, &entries);
            let sum = GOOD as u64 * EARNED;
            let bit = 1 << second;
            let expected = match kind {
                Kind::Credit => {
                    Told { credit_skips: bit, payout_skips: 0, reasons: vec![duplicate], credited: sum, paid: 0 }
                }
                Kind::Settle => {
                    Told { credit_skips: bit, payout_skips: 0, reasons: vec![duplicate], credited: sum, paid: sum }
                }
                // Once paid, nothing is due any more.
                Kind::Payout => {
                    let not_due = vec![SkipReason::NotDue.into()];
                    Told { credit_skips: 0, payout_skips: bit, reasons: not_due, credited: 0, paid: sum }
                }
            };
            assert_eq!(told, expected, "{kind:?} {first} {second}");
        }
    }
}

#[test]
fn every_skip_reason_of_a_sol_network_is_tested() {
    let cases = CREDITS.iter().chain(&PAYOUTS).chain(&NOT_PAID).map(|case| case.why);
    let tried: Vec<_> = cases.chain([SkipReason::DuplicateWallet]).collect();
    // The ones from 25 on are about tokens.
    for reason in SkipReason::ALL.into_iter().filter(|reason| u8::from(*reason) < 25) {
        assert!(tried.contains(&reason), "{reason:?}");
    }
}
