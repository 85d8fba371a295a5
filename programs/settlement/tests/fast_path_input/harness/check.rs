//! The properties that must hold for every input.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use anchor_lang::{AnchorDeserialize, Discriminator, InstructionData};
use settlement::client::event_authority;
use settlement::events::{BatchSettled, PaidOut};
use settlement::rules::SkipReason;
use settlement::state::{AssetKind, DestinationSource, NodeWallet, Treasury};
use sha2::{Digest, Sha256};
use solana_sdk_ids::{incinerator, native_loader, sysvar};

use super::Outcome;
use super::case::{Case, look_alike_program};
use super::host::Called;
use super::layout::Account;
use super::model::{Instruction, minimum, window_used};

/// Checks what must hold regardless of the outcome: nothing is written that the runtime would not let the
/// program write, and no lamports are taken from other programs' accounts.
///
/// Returns whether the runtime would fail the instruction for a change of an account whose owner only resembles
/// this program, which is the one exception.
pub(crate) fn always(case: &Case, after: &[Account], calls: &[Called]) -> bool {
    let mut is_failed_by_runtime = false;
    let transferred = calls.iter().any(|call| matches!(call, Called::Transferred { .. }));
    for (before, after) in case.accounts.iter().zip(after) {
        let is_ours = before.owner == settlement::ID;
        let is_tokens = transferred && before.owner == case.accounts[Case::TOKEN_PROGRAM].key;
        assert!(before.is_writable || before == after, "a read-only account was written");
        if before.owner == look_alike_program() {
            let is_taken = after.lamports < before.lamports;
            is_failed_by_runtime |= before.data != after.data || is_taken;
            assert!(!is_taken || before.data != after.data, "lamports were taken without a change of the data");
            continue;
        }
        assert!(is_ours || is_tokens || before.data == after.data, "another program's account was written");
        assert!(is_ours || after.lamports >= before.lamports, "lamports were taken from another program's account");
    }
    is_failed_by_runtime
}

/// The base units that an instruction moved.
#[derive(Default)]
struct Moved {
    credited: u128,
    paid: u128,
    /// Base units paid, by destination.
    owed: BTreeMap<Pubkey, u128>,
    /// Owners of the nodes whose default destinations were paid, by destination.
    default_owners: BTreeMap<Pubkey, Pubkey>,
}

/// Checks what must hold after an instruction that succeeded.
pub(crate) fn success(case: &Case, after: &[Account], calls: &[Called]) -> Outcome {
    if calls.is_empty() {
        // The program's self-call, which carries an event.
        assert_eq!(after, case.accounts, "the self-call changed something");
        return Outcome::NothingMoved;
    }
    let is_payout = case.data == settlement::instruction::Payout {}.data();
    let (network_at, treasury_at) = if is_payout { (case.list[0], case.list[1]) } else { (case.list[1], case.list[2]) };
    let (old, new) = (treasury(&case.accounts[treasury_at]), treasury(&after[treasury_at]));
    let asset = AssetKind::from_byte(old.asset_kind).expect("a known asset");

    assert_eq!(
        (old.version, old.paused),
        (Treasury::VERSION, 0),
        "the network is paused, or its treasury has another layout version"
    );
    assert_eq!(case.accounts[network_at].key, old.network, "the treasury belongs to another network");
    if !is_payout {
        let settler = &case.accounts[case.list[0]];
        assert!(settler.is_signer && settler.key == old.settler, "the settler did not sign");
    }
    let moved = wallets(case, after, &old, treasury_at);
    check_treasury(case, &old, &new, &moved, is_payout);
    match asset {
        AssetKind::Sol => check_lamports(case, after, &old, treasury_at, &moved),
        _ => check_tokens(case, after, &new, calls, &moved, is_payout || is_settle(&case.data)),
    }
    let event = check_event(calls, &old, &moved, is_payout);
    check_history(&old, &new, &event);
    check_entries(&instruction(case, old, treasury_at, asset), after, &event, &moved);
    if moved.credited + moved.paid == 0 { Outcome::NothingMoved } else { Outcome::Moved }
}

fn is_settle(data: &[u8]) -> bool {
    data.starts_with(settlement::instruction::Settle::DISCRIMINATOR)
}

fn treasury(account: &Account) -> Treasury {
    assert_eq!(account.owner, settlement::ID, "the treasury belongs to another program");
    let fields = account.data.strip_prefix(Treasury::DISCRIMINATOR).expect("a treasury");
    bytemuck::pod_read_unaligned(fields)
}

/// Compares the wallets before and after. No other account of the program may change.
fn wallets(case: &Case, after: &[Account], treasury: &Treasury, treasury_at: usize) -> Moved {
    let mut moved = Moved::default();
    for (index, (account, now)) in case.accounts.iter().zip(after).enumerate() {
        if index == treasury_at || account.data == now.data || account.owner != settlement::ID {
            continue;
        }
        let read = |account: &Account| -> NodeWallet {
            let fields = account.data.strip_prefix(NodeWallet::DISCRIMINATOR).expect("only wallets are written");
            bytemuck::pod_read_unaligned(fields)
        };
        let (old, new) = (read(account), read(now));
        assert_eq!(
            (old.version, old.network),
            (NodeWallet::VERSION, treasury.network),
            "the wallet belongs to another network"
        );
        let rest = NodeWallet {
            credited_total: old.credited_total,
            paid_total: old.paid_total,
            oldest_unpaid_at: old.oldest_unpaid_at,
            last_sequence: old.last_sequence,
            ..new
        };
        assert_eq!(rest, old, "a field changed that a batch must not change");
        assert!(new.credited_total >= old.credited_total && new.paid_total >= old.paid_total, "a total decreased");
        assert!(new.paid_total <= new.credited_total, "more was paid than credited");
        let (credited, paid) = (new.credited_total - old.credited_total, new.paid_total - old.paid_total);
        assert!(credited <= treasury.per_node_cap, "per_node_cap was exceeded");
        moved.credited += u128::from(credited);
        moved.paid += u128::from(paid);
        if paid > 0 {
            // Everything that was pending before the batch, or after it.
            assert!([old.credited_total, new.credited_total].contains(&new.paid_total), "only a part was paid");
            *moved.owed.entry(new.destination).or_default() += u128::from(paid);
            if new.destination_source == u8::from(DestinationSource::Default) {
                moved.default_owners.insert(new.destination, new.owner);
            }
        }
    }
    moved
}

fn check_treasury(case: &Case, old: &Treasury, new: &Treasury, moved: &Moved, is_payout: bool) {
    let rest = Treasury {
        window_used: old.window_used,
        window_updated_at: old.window_updated_at,
        credited_total: old.credited_total,
        paid_total: old.paid_total,
        batch_sequence: old.batch_sequence,
        token_balance: old.token_balance,
        history_hash: old.history_hash,
        history_count: old.history_count,
        ..*new
    };
    assert_eq!(rest, *old, "a field changed that a batch must not change");
    assert_eq!(u128::from(new.credited_total), u128::from(old.credited_total) + moved.credited);
    assert_eq!(u128::from(new.paid_total), u128::from(old.paid_total) + moved.paid);
    if is_payout {
        assert_eq!(moved.credited, 0, "a payout credited something");
        assert_eq!((new.batch_sequence, new.window_used), (old.batch_sequence, old.window_used));
        return;
    }
    assert_eq!(new.batch_sequence, old.batch_sequence + 1);
    assert!(moved.credited <= old.per_batch_cap.into(), "per_batch_cap was exceeded");
    // The window's content: what has not drained by now, plus what was credited.
    let used = window_used(case, old) + moved.credited;
    assert_eq!(u128::from(new.window_used), used, "the outflow window is wrong");
    assert!(moved.credited == 0 || used <= old.window_limit.into(), "the outflow window was exceeded");
}

fn check_lamports(case: &Case, after: &[Account], old: &Treasury, treasury_at: usize, moved: &Moved) {
    let sum = |accounts: &[Account]| accounts.iter().map(|account| u128::from(account.lamports)).sum::<u128>();
    assert_eq!(sum(after), sum(&case.accounts), "the sum of lamports changed");
    for (index, (account, now)) in case.accounts.iter().zip(after).enumerate() {
        let (had, has) = (u128::from(account.lamports), u128::from(now.lamports));
        // The runtime's rule (SIMD-0392), which would fail the whole transaction. Accounts of this program don't
        // become empty either, because the runtime would delete them.
        let rent = minimum(case, account.data.len());
        let floor = if had == 0 { rent } else { had.min(rent) };
        let is_refused = has < floor && (has > 0 || had > 0);
        assert!(!is_refused, "an account is below its rent, or further below it than before");
        if index == treasury_at {
            assert_eq!(had - has, moved.credited, "the treasury's lamports did not decrease by the credited sum");
            assert!(
                moved.credited == 0 || has >= minimum(case, Treasury::SIZE).max(1),
                "the treasury is below its rent"
            );
        } else if account.owner == settlement::ID && account.data != now.data {
            let total = |account: &Account, field: usize| {
                u128::from(u64::from_le_bytes(account.data[8 + field..][..8].try_into().expect("8 bytes")))
            };
            let change = |field| total(now, field) - total(account, field);
            let credited = change(core::mem::offset_of!(NodeWallet, credited_total));
            let paid = change(core::mem::offset_of!(NodeWallet, paid_total));
            assert_eq!(has + paid, had + credited, "a wallet's lamports and totals changed by different amounts");
        } else {
            let owed = moved.owed.get(&account.key).copied().unwrap_or(0);
            assert_eq!(has - had, owed, "an account's lamports did not increase by what was paid to it");
            let is_reserved = [sysvar::ID, native_loader::ID, settlement::ID].contains(&account.owner)
                || [incinerator::ID, event_authority()].contains(&account.key);
            assert!(owed == 0 || !account.is_executable && !is_reserved, "a program or a reserved account was paid");
        }
    }
    assert_eq!(old.token_balance, treasury(&after[treasury_at]).token_balance.max(old.token_balance));
}

fn check_tokens(case: &Case, after: &[Account], new: &Treasury, calls: &[Called], moved: &Moved, pays: bool) {
    let lamports = |accounts: &[Account]| accounts.iter().map(|account| account.lamports).collect::<Vec<_>>();
    assert_eq!(lamports(after), lamports(&case.accounts), "a batch in tokens moved lamports");
    let mut received: BTreeMap<Pubkey, u128> = BTreeMap::new();
    for call in calls {
        if let Called::Transferred { to, amount } = call {
            *received.entry(*to).or_default() += u128::from(*amount);
            let account = case.accounts.iter().find(|account| account.key == *to).expect("an account of the input");
            if let Some(owner) = moved.default_owners.get(to) {
                assert_eq!(account.data[32..64], *owner.as_array(), "a default destination is no longer the owner's");
            }
        }
    }
    assert_eq!(received, moved.owed, "the transfers differ from what was paid to each destination");
    let held = |accounts: &[Account]| {
        let amount = accounts[Case::VAULT].data.get(64..).and_then(<[u8]>::first_chunk);
        amount.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    assert_eq!(
        u128::from(held(&case.accounts)) - u128::from(held(after)),
        moved.paid,
        "the treasury's token account did not decrease by the paid sum"
    );
    if pays {
        assert_eq!(new.token_balance, held(after), "the treasury's recorded token balance is wrong");
    }
}

/// What an event says about the entries of its instruction.
struct Event {
    /// Discriminator and fields.
    bytes: Vec<u8>,
    n: u8,
    credit_skips: Vec<Option<SkipReason>>,
    payout_skips: Vec<Option<SkipReason>>,
}

fn check_event(calls: &[Called], old: &Treasury, moved: &Moved, is_payout: bool) -> Event {
    let [before @ .., last] = calls else { panic!("there is no event") };
    assert!(
        before.iter().all(|call| matches!(call, Called::Transferred { .. })),
        "more than one event was emitted, or one before a transfer"
    );
    let well_formed = |n: u8, skips: u64| n >= 64 || skips >> n == 0;
    match last {
        Called::Emitted(data) if is_payout => {
            let paid_out = PaidOut::decode_cpi(data).expect("a `PaidOut`");
            assert_eq!((paid_out.network, u128::from(paid_out.paid)), (old.network, moved.paid));
            assert!(well_formed(paid_out.n, paid_out.skips));
            assert_eq!(paid_out.reasons.len(), paid_out.skips.count_ones() as usize);
            let payout_skips: Vec<_> = (0..paid_out.n.into()).map(|i| paid_out.skip_reason(i)).collect();
            assert!(payout_skips.iter().enumerate().all(|(i, skip)| (paid_out.skips >> i & 1 == 1) == skip.is_some()));
            let credit_skips = vec![None; payout_skips.len()];
            Event { bytes: data[8..].to_vec(), n: paid_out.n, credit_skips, payout_skips }
        }
        Called::Logged(data) if !is_payout => {
            let mut fields = data.strip_prefix(BatchSettled::DISCRIMINATOR).expect("a `BatchSettled`");
            let settled = BatchSettled::deserialize(&mut fields).expect("the fields of a `BatchSettled`");
            assert!(fields.is_empty(), "something follows the event");
            assert_eq!((settled.network, settled.sequence), (old.network, old.batch_sequence + 1));
            assert_eq!((u128::from(settled.credited), u128::from(settled.paid)), (moved.credited, moved.paid));
            assert!(well_formed(settled.n, settled.credit_skips | settled.payout_skips));
            let (credits, payouts) = (settled.credit_skips.count_ones(), settled.payout_skips.count_ones());
            assert_eq!(settled.reasons.len(), (credits + payouts) as usize);
            let credit_skips: Vec<_> = (0..settled.n.into()).map(|i| settled.credit_skip_reason(i)).collect();
            let payout_skips: Vec<_> = (0..settled.n.into()).map(|i| settled.payout_skip_reason(i)).collect();
            for i in 0..usize::from(settled.n) {
                let of_credits = credit_skips[i].map(|reason| u8::from(reason) < 16);
                let of_payouts = payout_skips[i].map(|reason| u8::from(reason) > 16);
                assert_eq!(of_credits, (settled.credit_skips >> i & 1 == 1).then_some(true));
                assert_eq!(of_payouts, (settled.payout_skips >> i & 1 == 1).then_some(true));
            }
            Event { bytes: data.clone(), n: settled.n, credit_skips, payout_skips }
        }
        other => panic!("the event was emitted in the wrong way: {other:?}"),
    }
}

/// Checks that the history has the event of every batch, and of every payout that paid something.
fn check_history(old: &Treasury, new: &Treasury, event: &Event) {
    let is_free_payout = event.bytes.starts_with(PaidOut::DISCRIMINATOR) && new.paid_total == old.paid_total;
    let expected = if is_free_payout {
        (old.history_hash, old.history_count)
    } else {
        let hash = Sha256::digest([&old.history_hash[..], &event.bytes].concat());
        (hash.into(), old.history_count + 1)
    };
    assert_eq!((new.history_hash, new.history_count), expected, "the history is wrong");
}

/// Reads an instruction that succeeded.
fn instruction(case: &Case, treasury: Treasury, treasury_at: usize, asset: AssetKind) -> Instruction<'_> {
    let is_payout = case.data == settlement::instruction::Payout {}.data();
    let has_pairs = is_payout || is_settle(&case.data);
    let named = if is_payout { 4 } else { 3 } + if has_pairs && asset != AssetKind::Sol { 3 } else { 0 };
    let listed = &case.list[named..];
    let entries = if has_pairs {
        listed.chunks_exact(2).map(|pair| (pair[0], Some(pair[1]))).collect()
    } else {
        listed.iter().map(|wallet| (*wallet, None)).collect()
    };
    // The batch id, the records root and the number of targets precede the targets.
    let targets = (!is_payout).then(|| {
        let (targets, _) = case.data[52..].as_chunks();
        targets.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()
    });
    Instruction { case, treasury, treasury_at, asset, targets, entries }
}

/// Checks the outcome of each entry: that each wallet which is in no other entry was credited, unless the event has a
/// skip for it; and all amounts and skip reasons if the model applies.
fn check_entries(instruction: &Instruction, after: &[Account], event: &Event, moved: &Moved) {
    let Instruction { case, treasury_at, targets, entries, .. } = instruction;
    assert_eq!(usize::from(event.n), entries.len(), "the event has another number of entries");
    assert!(targets.as_ref().is_none_or(|targets| targets.len() == entries.len()));
    let at = 8 + core::mem::offset_of!(NodeWallet, credited_total);
    for (i, &(wallet, _)) in entries.iter().enumerate() {
        if targets.is_some() && entries.iter().filter(|(other, _)| *other == wallet).count() == 1 {
            let total = |accounts: &[Account]| accounts[wallet].data.get(at..at + 8).map(<[u8]>::to_vec);
            let is_credited = wallet != *treasury_at && total(after) != total(&case.accounts);
            assert_eq!(is_credited, event.credit_skips[i].is_none(), "entry {i}");
        }
    }
    let Some(expected) = instruction.expected() else { return };
    for (i, expected) in expected.iter().enumerate() {
        let skips = (expected.credit.err(), expected.payout.err());
        assert_eq!((event.credit_skips[i], event.payout_skips[i]), skips, "entry {i}");
    }
    let sum = |amounts: &mut dyn Iterator<Item = u128>| amounts.sum::<u128>();
    let credited = sum(&mut expected.iter().flat_map(|expected| expected.credit));
    let paid = sum(&mut expected.iter().flat_map(|expected| expected.payout));
    assert_eq!((moved.credited, moved.paid), (credited, paid), "the sums differ from the model's");
}
