//! The properties that must hold for every input.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use anchor_lang::{Discriminator, InstructionData};
use settlement::client::event_authority;
use settlement::events::{BatchSettled, PaidOut};
use settlement::state::{AssetKind, NodeWallet, Treasury};
use solana_sdk_ids::{incinerator, native_loader, sysvar};

use super::Outcome;
use super::case::{Case, look_alike_program};
use super::host::Called;
use super::layout::Account;

/// Checks what must hold regardless of the outcome: nothing is written that the runtime would not let the
/// program write, and no lamports are taken from other programs' accounts.
///
/// Returns whether the runtime would fail the instruction for a change of an account whose owner only resembles
/// this program, which is the one exception.
pub(crate) fn always(case: &Case, after: &[Account], calls: &[Called]) -> bool {
    let mut is_failed_by_runtime = false;
    let transferred = !calls.iter().all(|call| matches!(call, Called::Emitted(_)));
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
}

/// Checks what must hold after an instruction that succeeded.
pub(crate) fn success(case: &Case, after: &[Account], calls: &[Called]) -> Outcome {
    if calls.is_empty() {
        // The program's self-call, which carries an event.
        assert_eq!(after, case.accounts, "the self-call changed something");
        return Outcome::NothingMoved;
    }
    let is_payout = case.data == settlement::instruction::Payout {}.data();
    let treasury_at = if is_payout { case.list[0] } else { case.list[1] };
    let (old, new) = (treasury(&case.accounts[treasury_at]), treasury(&after[treasury_at]));
    let asset = AssetKind::from_byte(old.asset_kind).expect("a known asset");

    assert_eq!(
        (old.version, old.paused),
        (Treasury::VERSION, 0),
        "the network is paused, or its treasury has another layout version"
    );
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
    check_event(calls, &old, &moved, is_payout);
    if !is_payout {
        check_entries(case, after, calls, asset);
    }
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
    let elapsed = (i128::from(case.now) - i128::from(old.window_updated_at)).max(0) as u128;
    let drained = elapsed.saturating_mul(old.window_limit.into()).checked_div(old.window_seconds.into()).unwrap_or(0);
    let used = u128::from(old.window_used).saturating_sub(drained) + moved.credited;
    assert_eq!(u128::from(new.window_used), used, "the outflow window is wrong");
    assert!(moved.credited == 0 || used <= old.window_limit.into(), "the outflow window was exceeded");
}

fn check_lamports(case: &Case, after: &[Account], old: &Treasury, treasury_at: usize, moved: &Moved) {
    let sum = |accounts: &[Account]| accounts.iter().map(|account| u128::from(account.lamports)).sum::<u128>();
    assert_eq!(sum(after), sum(&case.accounts), "the sum of lamports changed");
    let minimum = |bytes: usize| u128::from(case.lamports_per_byte) * (128 + bytes as u128);
    for (index, (account, now)) in case.accounts.iter().zip(after).enumerate() {
        let (had, has) = (u128::from(account.lamports), u128::from(now.lamports));
        if index == treasury_at {
            assert_eq!(had - has, moved.credited, "the treasury's lamports did not decrease by the credited sum");
            assert!(moved.credited == 0 || has >= minimum(Treasury::SIZE), "the treasury is below its rent");
        } else if account.owner == settlement::ID && account.data != now.data {
            let total = |account: &Account, field: usize| {
                u128::from(u64::from_le_bytes(account.data[8 + field..][..8].try_into().expect("8 bytes")))
            };
            let change = |field| total(now, field) - total(account, field);
            let credited = change(core::mem::offset_of!(NodeWallet, credited_total));
            let paid = change(core::mem::offset_of!(NodeWallet, paid_total));
            assert_eq!(has + paid, had + credited, "a wallet's lamports and totals changed by different amounts");
            assert!(had == has || has >= minimum(NodeWallet::SIZE), "a wallet is below its rent");
        } else {
            let owed = moved.owed.get(&account.key).copied().unwrap_or(0);
            assert_eq!(has - had, owed, "an account's lamports did not increase by what was paid to it");
            assert!(owed == 0 || has >= minimum(account.data.len()), "a destination is below its rent");
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
            let account = case.accounts.iter().find(|account| account.key == *to).expect("an account of the input");
            let owner = Pubkey::new_from_array(account.data[32..64].try_into().expect("32 bytes"));
            *received.entry(owner).or_default() += u128::from(*amount);
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

fn check_event(calls: &[Called], old: &Treasury, moved: &Moved, is_payout: bool) {
    let [before @ .., Called::Emitted(event)] = calls else { panic!("the event is not the last call") };
    assert!(before.iter().all(|call| matches!(call, Called::Transferred { .. })), "more than one event was emitted");
    let well_formed = |n: u8, skips: u64| n >= 64 || skips >> n == 0;
    if is_payout {
        let paid_out = PaidOut::decode_cpi(event).expect("a `PaidOut`");
        assert_eq!((paid_out.network, u128::from(paid_out.paid)), (old.network, moved.paid));
        assert!(well_formed(paid_out.n, paid_out.skips));
        assert_eq!(paid_out.reasons.len(), paid_out.skips.count_ones() as usize);
        assert!((0..paid_out.n.into()).all(|i| (paid_out.skips >> i & 1 == 1) == paid_out.skip_reason(i).is_some()));
    } else {
        let settled = BatchSettled::decode_cpi(event).expect("a `BatchSettled`");
        assert_eq!((settled.network, settled.sequence), (old.network, old.batch_sequence + 1));
        assert_eq!((u128::from(settled.credited), u128::from(settled.paid)), (moved.credited, moved.paid));
        assert!(well_formed(settled.n, settled.credit_skips | settled.payout_skips));
        let (credits, payouts) = (settled.credit_skips.count_ones(), settled.payout_skips.count_ones());
        assert_eq!(settled.reasons.len(), (credits + payouts) as usize);
        for i in 0..usize::from(settled.n) {
            let of_credits = settled.credit_skip_reason(i).map(|reason| u8::from(reason) < 16);
            let of_payouts = settled.payout_skip_reason(i).map(|reason| u8::from(reason) > 16);
            assert_eq!(of_credits, (settled.credit_skips >> i & 1 == 1).then_some(true));
            assert_eq!(of_payouts, (settled.payout_skips >> i & 1 == 1).then_some(true));
        }
    }
}

/// Checks that each entry whose wallet is in no other entry was credited, unless the event has a skip for it.
fn check_entries(case: &Case, after: &[Account], calls: &[Called], asset: AssetKind) {
    let settled = calls.iter().find_map(|call| match call {
        Called::Emitted(event) => BatchSettled::decode_cpi(event),
        Called::Transferred { .. } => None,
    });
    let skips = settled.expect("a `BatchSettled`").credit_skips;
    let (named, each) = match (is_settle(&case.data), asset) {
        (false, _) => (4, 1),
        (true, AssetKind::Sol) => (4, 2),
        (true, _) => (7, 2),
    };
    let wallets: Vec<usize> = case.list[named..].iter().copied().step_by(each).collect();
    let at = 8 + core::mem::offset_of!(NodeWallet, credited_total);
    for (i, &wallet) in wallets.iter().enumerate() {
        if wallets.iter().filter(|other| **other == wallet).count() == 1 {
            let total = |accounts: &[Account]| accounts[wallet].data.get(at..at + 8).map(<[u8]>::to_vec);
            let is_credited = wallet != case.list[1] && total(after) != total(&case.accounts);
            assert_eq!(is_credited, skips >> i & 1 == 0, "entry {i}");
        }
    }
}
