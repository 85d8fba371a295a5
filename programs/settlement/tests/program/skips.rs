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

use crate::common::{Node, SOL, World, header};

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
    prepare: fn(&mut World, &Node) -> Entry,
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
        prepare: |world, node| {
            world.edit(&node.wallet, |wallet: &mut NodeWallet| {
                wallet.credited_total = SOL;
                wallet.paid_total = SOL;
            });
            Entry::of(node, SOL)
        },
    },
    Case {
        why: SkipReason::PerNodeCap,
        prepare: |world, node| above(world, node, 5 * SOL, |treasury| treasury.per_node_cap = 5 * SOL),
    },
    Case {
        why: SkipReason::PerBatchCap,
        prepare: |world, node| above(world, node, 10 * SOL, |treasury| treasury.per_batch_cap = 10 * SOL),
    },
    Case {
        why: SkipReason::WindowLimit,
        prepare: |world, node| above(world, node, 20 * SOL, |treasury| treasury.window_limit = 20 * SOL),
    },
    Case {
        why: SkipReason::InvalidWallet,
        prepare: |_, node| Entry { wallet: Pubkey::new_unique(), ..Entry::of(node, SOL) },
    },
    Case {
        why: SkipReason::TreasuryShort,
        prepare: |world, node| {
            world.set_surplus(30 * SOL);
            Entry::of(node, 30 * SOL + 1)
        },
    },
    Case {
        why: SkipReason::Overflow,
        prepare: |world, node| above(world, node, 40 * SOL, |treasury| treasury.credited_total = u64::MAX - 40 * SOL),
    },
    Case {
        why: SkipReason::WalletNotRentExempt,
        prepare: |world, node| {
            short(world, node, 10);
            Entry::of(node, 9)
        },
    },
];

/// Reasons not to pay what is due.
const PAYOUTS: [Case; 16] = [
    Case {
        why: SkipReason::DestinationMismatch,
        prepare: |world, node| Entry { destination: Pubkey::new_unique(), ..due(world, node, PENDING) },
    },
    Case {
        why: SkipReason::DestinationMismatch,
        prepare: |world, node| Entry { destination: world.treasury, ..due(world, node, PENDING) },
    },
    Case {
        why: SkipReason::DestinationNotRentExempt,
        prepare: |world, node| {
            world.edit(&node.wallet, |wallet: &mut NodeWallet| wallet.threshold = 1);
            // A settle credits a lamport more.
            let missing_two = world.rent(0) - 2;
            due(world, node, missing_two)
        },
    },
    Case {
        why: SkipReason::DestinationExecutable,
        prepare: |world, node| {
            let program = world.program();
            to(world, node, program)
        },
    },
    Case { why: SkipReason::DestinationExecutable, prepare: |world, node| to(world, node, settlement::ID) },
    Case { why: SkipReason::DestinationReserved, prepare: |world, node| to(world, node, system_program::ID) },
    Case { why: SkipReason::DestinationReserved, prepare: |world, node| to(world, node, sysvar::clock::ID) },
    Case { why: SkipReason::DestinationReserved, prepare: |world, node| to(world, node, incinerator::ID) },
    Case { why: SkipReason::DestinationReserved, prepare: |world, node| to(world, node, event_authority()) },
    Case {
        why: SkipReason::DestinationNotWritable,
        prepare: |world, node| Entry { is_destination_writable: false, ..due(world, node, PENDING) },
    },
    Case { why: SkipReason::DestinationIsProgramAccount, prepare: |world, node| to(world, node, world.treasury) },
    Case { why: SkipReason::DestinationIsProgramAccount, prepare: |world, node| to(world, node, world.network) },
    Case { why: SkipReason::DestinationIsProgramAccount, prepare: |world, node| to(world, node, node.wallet) },
    Case {
        why: SkipReason::DestinationIsProgramAccount,
        prepare: |world, node| {
            let other = world.node("other").wallet;
            to(world, node, other)
        },
    },
    Case {
        why: SkipReason::WalletShort,
        prepare: |world, node| {
            let entry = due(world, node, PENDING);
            short(world, node, 1);
            entry
        },
    },
    Case {
        why: SkipReason::WalletShort,
        prepare: |world, node| {
            let entry = due(world, node, PENDING);
            short(world, node, PENDING / 2);
            entry
        },
    },
];

/// Reasons that only a `payout` has for not paying.
const NOT_PAID: [Case; 3] = [
    Case { why: SkipReason::NotDue, prepare: |_, node| Entry::of(node, 0) },
    Case { why: SkipReason::NotDue, prepare: |world, node| due(world, node, SOL - 1) },
    Case {
        why: SkipReason::InvalidWallet,
        prepare: |_, node| Entry { wallet: Pubkey::new_unique(), ..Entry::of(node, 0) },
    },
];

/// An entry a lamport above a limit.
fn above(world: &mut World, node: &Node, limit: u64, set: fn(&mut Treasury)) -> Entry {
    let treasury = world.treasury;
    world.edit(&treasury, set);
    Entry::of(node, limit + 1)
}

/// Has this much pending, and an entry that credits a lamport more where an entry credits.
fn due(world: &mut World, node: &Node, lamports: u64) -> Entry {
    world.credit(&[(node.wallet, lamports)]);
    Entry::of(node, lamports + 1)
}

/// The same, with another destination, which the wallet account names.
fn to(world: &mut World, node: &Node, destination: Pubkey) -> Entry {
    world.edit(&node.wallet, |wallet: &mut NodeWallet| wallet.destination = destination);
    Entry { destination, ..due(world, node, PENDING) }
}

/// Takes lamports of the wallet account's, as if its rent had risen by them.
fn short(world: &mut World, node: &Node, lamports: u64) {
    let mut account = world.svm.get_account(&node.wallet).expect("a wallet");
    account.lamports -= lamports;
    world.put(&node.wallet, account);
}

fn ix(world: &World, kind: Kind, entries: &[Entry]) -> Instruction {
    let settler = world.settler.pubkey();
    let (mut ix, named, width) = match kind {
        Kind::Credit => {
            let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
            (credit_ix(settler, world.network, header(2), &pairs), 4, 1)
        }
        Kind::Settle => {
            let of = |entry: &Entry| SettleEntry {
                wallet: entry.wallet,
                destination: entry.destination,
                target: entry.target,
            };
            let entries: Vec<_> = entries.iter().map(of).collect();
            (settle_ix(settler, world.network, header(2), &entries), 4, 2)
        }
        Kind::Payout => {
            let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.destination)).collect();
            (payout_ix(world.network, &pairs), 3, 2)
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
fn send(world: &mut World, kind: Kind, entries: &[Entry]) -> Told {
    let ix = ix(world, kind, entries);
    let meta = world.send_batch(ix).unwrap_or_else(|failed| panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()));
    if kind == Kind::Payout {
        let PaidOut { network, n, paid, skips, reasons } = world.event(&meta, PaidOut::decode_cpi);
        assert_eq!((network, n as usize), (world.network, entries.len()));
        Told { credit_skips: 0, payout_skips: skips, reasons, credited: 0, paid }
    } else {
        let event = world.event(&meta, BatchSettled::decode_cpi);
        assert_eq!((event.network, event.n as usize), (world.network, entries.len()));
        let BatchSettled { credit_skips, payout_skips, reasons, credited, paid, .. } = event;
        Told { credit_skips, payout_skips, reasons, credited, paid }
    }
}

/// Sends the batch and checks that the one bad entry was left out by its reason and every other one
/// was not.
fn try_case(kind: Kind, case: &Case, good: usize, place: usize) {
    let what = format!("{kind:?} {:?} in place {place}", case.why);
    let mut world = World::new();
    let good = world.nodes(good);
    let bad = world.node("bad");
    if kind == Kind::Payout {
        let credits: Vec<_> = good.iter().map(|node| (node.wallet, EARNED)).collect();
        world.credit(&credits);
    }
    let entry = (case.prepare)(&mut world, &bad);
    let mut entries: Vec<_> = good.iter().map(|node| Entry::of(node, EARNED)).collect();
    entries.insert(place, entry);
    let before = world.svm.get_account(&bad.wallet);
    let pending = world.wallet_state(&bad).pending();
    let lamports_there = world.lamports(&entry.destination);

    let told = send(&mut world, kind, &entries);

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
        let wallet = world.wallet_state(node);
        let paid = if kind == Kind::Credit { 0 } else { EARNED };
        assert_eq!((wallet.credited_total, wallet.paid_total), (EARNED, paid), "{what}");
        assert_eq!(world.lamports(&node.destination), paid, "{what}");
        assert_eq!(world.wallet_lamports(node), EARNED - paid, "{what}");
    }
    if also_credited == 0 {
        assert_eq!(world.svm.get_account(&bad.wallet), before, "{what}");
    }
    assert_eq!(world.wallet_state(&bad).pending(), pending + also_credited, "{what}");
    // The good ones' credits leave the treasury.
    if entry.destination != world.treasury && entry.destination != bad.wallet {
        assert_eq!(world.lamports(&entry.destination), lamports_there, "{what}");
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
fn a_bad_credit_is_left_out_wherever_it_stands_and_no_other() {
    try_cases(Kind::Credit, &CREDITS);
}

#[test]
fn a_bad_credit_of_a_settle_is_left_out_wherever_it_stands_and_no_other() {
    try_cases(Kind::Settle, &CREDITS);
}

#[test]
fn a_bad_payout_of_a_settle_is_left_out_wherever_it_stands_and_no_other() {
    try_cases(Kind::Settle, &PAYOUTS);
}

#[test]
fn a_bad_payout_is_left_out_wherever_it_stands_and_no_other() {
    try_cases(Kind::Payout, &PAYOUTS);
    try_cases(Kind::Payout, &NOT_PAID);
}

#[test]
fn in_the_fullest_batch_too() {
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
fn the_second_entry_of_a_wallet_is_left_out_wherever_it_stands_and_no_other() {
    let duplicate = u8::from(SkipReason::DuplicateWallet);
    for kind in [Kind::Credit, Kind::Settle, Kind::Payout] {
        for (first, second) in [(0, 1), (0, GOOD), (1, 3), (GOOD - 1, GOOD)] {
            let mut world = World::new();
            let good = world.nodes(GOOD);
            if kind == Kind::Payout {
                let credits: Vec<_> = good.iter().map(|node| (node.wallet, EARNED)).collect();
                world.credit(&credits);
            }
            let mut entries: Vec<_> = good.iter().map(|node| Entry::of(node, EARNED)).collect();
            entries.insert(second, Entry { target: 2 * EARNED, ..entries[first] });
            let told = send(&mut world, kind, &entries);
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
fn every_reason_of_a_network_that_pays_in_sol_is_tried() {
    let cases = CREDITS.iter().chain(&PAYOUTS).chain(&NOT_PAID).map(|case| case.why);
    let tried: Vec<_> = cases.chain([SkipReason::DuplicateWallet]).collect();
    // The ones from 25 on are about tokens.
    for reason in SkipReason::ALL.into_iter().filter(|reason| u8::from(*reason) < 25) {
        assert!(tried.contains(&reason), "{reason:?}");
    }
}
