//! Compares the pure rules with naive formulas in wider integers, for every combination of small numbers
//! and of numbers at the limits of the integer types.
//!
//! This replaces proofs with Kani, whose compiler is not on crates.io but is downloaded from elsewhere
//! during the setup of `kani-verifier`. Within the domain of each test, the check is exhaustive.

#![allow(clippy::indexing_slicing, reason = "a test that encounters something unexpected fails by panicking")]

use anchor_lang::prelude::Pubkey;
use settlement::events::BatchSettled;
use settlement::rules::credit::{Budget, Credit, CreditedWallet, Limits};
use settlement::rules::name::parse_name;
use settlement::rules::parameters::{Parameters, ParametersError, node_threshold};
use settlement::rules::pause::{Hold, MAX_PAUSE_SECONDS};
use settlement::rules::payout::{self, AccountBalance, Destination};
use settlement::rules::surplus::{liabilities, surplus};
use settlement::rules::token_layout::{MintError, TokenAccount, check_mint};
use settlement::rules::token_payout::{self, PayingTreasury, TokenAccountFlags, TokenDestination};
use settlement::rules::window::Window;
use settlement::rules::withdrawal::{self, WithdrawalError};
use settlement::rules::{
    Entry, SkipReason, SkipSet, UnknownSkipReason, destination_rent_exempt, rent_floor, rent_minimum,
};
use settlement::state::NodeWallet;

const MAX: u64 = u64::MAX;

/// Values at the limits of the integer types, and at the limits of the rules' fast paths.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    3,
    (1 << 27) - 1,
    1 << 27,
    (1 << 31) - 1,
    1 << 31,
    1 << 32,
    (1 << 36) - 1,
    1 << 36,
    (1 << 63) - 1,
    1 << 63,
    (1 << 63) + 1,
    MAX - 1,
    MAX,
];
/// A subset of [`EDGES`], for tests that combine many numbers.
const FEW_EDGES: [u64; 6] = [0, 1, 2, (1 << 63) - 1, 1 << 63, MAX];
const BOOLS: [bool; 2] = [false, true];

fn wide(number: u64) -> u128 {
    number.into()
}

/// The specified outcome of an entry, after `credited` base units of its batch.
fn expected_credit(limits: Limits, credited: u128, wallet: CreditedWallet, target: u64) -> Result<Credit, SkipReason> {
    let delta = wide(target).saturating_sub(wallet.credited_total.into());
    let (sum, lamports) = (credited + delta, wide(wallet.lamports) + delta);
    let checks = [
        (delta == 0, SkipReason::NothingToCredit),
        (delta > limits.per_node_cap.into(), SkipReason::PerNodeCap),
        (sum > limits.per_batch_cap.into(), SkipReason::PerBatchCap),
        (sum > limits.window_left.into(), SkipReason::WindowLimit),
        (sum > limits.treasury_left.into(), SkipReason::TreasuryShort),
        (sum > limits.total_left.into(), SkipReason::Overflow),
        (lamports > MAX.into(), SkipReason::Overflow),
    ];
    match checks.into_iter().find(|(failed, _)| *failed) {
        Some((_, reason)) => Err(reason),
        None => Ok(Credit { delta: delta as u64, lamports: lamports as u64 }),
    }
}

/// Checks two consecutive entries of a batch.
fn check_credits(limits: Limits, entries: [(CreditedWallet, u64); 2]) {
    let mut budget = Budget::new(limits);
    let mut credited = 0u128;
    for (wallet, target) in entries {
        let expected = expected_credit(limits, credited, wallet, target);
        // The fast variants are for lamports that exist: those of two accounts don't exceed 2^64 - 1 in sum.
        let exists = wide(wallet.lamports) + wide(target).saturating_sub(wallet.credited_total.into()) <= MAX.into();
        let fast = exists.then(|| budget.try_fast(wallet, target));
        let before = budget;
        assert_eq!(budget.credit(wallet, target), expected, "{limits:?} {entries:?}");
        match expected {
            Ok(credit) => {
                credited += wide(credit.delta);
                assert_eq!(fast, Some(Some(credit)), "{limits:?} {entries:?}");
                let mut taken = before;
                taken.take(credit);
                assert_eq!(taken, budget);
            }
            Err(_) => assert_eq!((fast.flatten(), budget), (None, before), "{limits:?} {entries:?}"),
        }
        assert_eq!(wide(budget.credited()), credited);
    }
}

#[test]
fn credits_are_the_difference_within_every_limit_for_all_small_numbers() {
    for [node, batch, window, treasury, total] in all::<5, _>(&[0, 1, 2, 3]) {
        for [lamports, credited, target] in all::<3, _>(&[0, 1, 2, 3]) {
            let limits = Limits {
                per_node_cap: node,
                per_batch_cap: batch,
                window_left: window,
                treasury_left: treasury,
                total_left: total,
            };
            let wallet = CreditedWallet { credited_total: credited, lamports };
            check_credits(limits, [(wallet, target), (CreditedWallet { credited_total: 1, lamports: 2 }, 3)]);
        }
    }
}

#[test]
fn credits_are_the_difference_within_every_limit_at_the_edges_of_the_integers() {
    for [batch, window, treasury, total] in all::<4, _>(&[1, 1 << 63, MAX]) {
        for [node, lamports, credited, target] in all::<4, _>(&FEW_EDGES) {
            let limits = Limits {
                per_node_cap: node,
                per_batch_cap: batch,
                window_left: window,
                treasury_left: treasury,
                total_left: total,
            };
            let wallet = CreditedWallet { credited_total: credited, lamports };
            check_credits(limits, [(wallet, target), (CreditedWallet { credited_total: 0, lamports: 0 }, MAX)]);
        }
    }
}

#[test]
fn a_window_drains_at_its_rate_and_never_twice_for_the_same_time() {
    let times = [i64::MIN, i64::MIN + 1, -1, 0, 1, 2, 59, 1 << 31, i64::MAX - 1, i64::MAX];
    for [limit, seconds, used] in all::<3, _>(&EDGES) {
        for updated_at in times {
            for now in times {
                let window = Window { limit, seconds, used, updated_at };
                let after = window.at(now);
                let elapsed = (i128::from(now) - i128::from(updated_at)).max(0) as u128;
                let drained = (elapsed * wide(limit)).checked_div(seconds.into()).unwrap_or(0);
                let left = wide(used).saturating_sub(drained);
                assert_eq!((after.limit, after.seconds), (limit, seconds));
                assert_eq!(wide(after.left()), wide(limit).saturating_sub(after.used.into()));
                let is_carried_over = elapsed == 0 || drained == 0 && used > 0;
                assert_eq!(wide(after.used), left, "{window:?} at {now}");
                assert_eq!(after.updated_at, if is_carried_over { updated_at } else { now }, "{window:?} at {now}");
                assert_eq!(after.at(now), after, "repeated at the same time: {window:?} at {now}");
            }
        }
    }
}

#[test]
fn no_sequence_of_batches_credits_more_than_the_window_allows_for_its_time() {
    // (elapsed seconds, requested amount: nothing, one unit, or everything that is left)
    let batches: Vec<(i64, u8)> =
        (-1..=2).flat_map(|elapsed| (0..3).map(move |requested| (elapsed, requested))).collect();
    for [limit, seconds] in all::<2, _>(&[1, 2, 3, 4]) {
        for sequence in sequences(&batches, 4) {
            let mut window = Window { limit, seconds, used: 0, updated_at: 0 };
            let (mut now, mut latest) = (0, 0);
            let mut credits: Vec<(i64, u64)> = vec![];
            for (elapsed, requested) in sequence {
                now += elapsed;
                // If the clock goes back, the same time does not count twice.
                latest = now.max(latest);
                window = window.at(now);
                let credited = [0, 1, window.left()][usize::from(requested)].min(window.left());
                window.used += credited;
                credits.push((latest, credited));
            }
            for (i, (first, _)) in credits.iter().enumerate() {
                let mut sum = 0;
                for (last, credited) in &credits[i..] {
                    sum += credited;
                    let bound = limit * seconds + limit * (last - first) as u64;
                    assert!(sum * seconds <= bound, "limit {limit} in {seconds} s: {credits:?}");
                }
            }
        }
    }
}

#[test]
fn a_payout_is_due_by_amount_or_age_and_never_for_a_zero_amount() {
    let times = [i64::MIN, -1, 0, 1, 2, 86_400, i64::MAX];
    for [pending, threshold, max_age] in all::<3, _>(&EDGES) {
        for oldest in times {
            for now in times {
                let age = (i128::from(now) - i128::from(oldest)).max(0) as u128;
                let expected = pending > 0 && (pending >= threshold || age >= max_age.into());
                assert_eq!(payout::is_due(pending, threshold, oldest, now, max_age), expected);
            }
        }
    }
}

#[test]
fn the_pending_age_starts_with_the_first_pending_credit_and_ends_with_full_payment() {
    for [credited, paid] in all::<2, _>(&EDGES) {
        assert_eq!(payout::waits_from_now(credited, paid), credited == paid);
        assert_eq!(payout::oldest_unpaid_after_payout(credited, 7), if credited == 0 { 0 } else { 7 });
    }
}

#[test]
fn lamports_are_paid_only_to_valid_destinations_and_never_out_of_what_must_stay() {
    for [amount, wallet_lamports, floor, destination_lamports, empty_minimum] in all::<5, _>(&FEW_EDGES) {
        let wallet = AccountBalance { lamports: wallet_lamports, floor };
        // An account that exists may receive anything; a new one needs the minimum.
        let is_exempt = destination_lamports != 0 || amount >= empty_minimum;
        assert_eq!(destination_rent_exempt(destination_lamports, amount, empty_minimum), is_exempt);
        let is_impossible = wide(destination_lamports) + wide(amount) > MAX.into();
        let is_short = wide(wallet_lamports) < wide(amount) + wide(floor);

        // The fast variant is for lamports that exist: those of two accounts don't exceed 2^64 - 1 in sum.
        if wallet_lamports.checked_add(destination_lamports).is_some() {
            let fast = payout::try_fast(amount, wallet, destination_lamports, empty_minimum);
            let is_fast = is_exempt && !is_short;
            assert_eq!(fast, is_fast.then(|| (wallet_lamports - amount, destination_lamports + amount)));
        }

        for [is_named, is_writable, is_executable, is_program_account, is_reserved] in all::<5, _>(&BOOLS) {
            let to = Destination {
                is_named,
                is_writable,
                is_executable,
                is_program_account,
                is_reserved,
                lamports: destination_lamports,
                empty_minimum,
            };
            let checks = [
                (!is_named, SkipReason::DestinationMismatch),
                (is_program_account, SkipReason::DestinationIsProgramAccount),
                (is_reserved, SkipReason::DestinationReserved),
                (is_executable, SkipReason::DestinationExecutable),
                (!is_writable, SkipReason::DestinationNotWritable),
                (!is_exempt || is_impossible, SkipReason::DestinationNotRentExempt),
                (is_short, SkipReason::WalletShort),
            ];
            assert_eq!(payout::check(amount, wallet, to), first_failure(checks));
        }
    }
}

/// Whether the runtime accepts that an existing account's balance changes (SIMD-0392).
fn runtime_accepts(before: u64, after: u64, minimum: u64) -> bool {
    after >= minimum || after >= before
}

#[test]
fn the_rent_floor_is_the_least_balance_that_the_runtime_accepts() {
    for [before, minimum, after] in all::<3, _>(&EDGES) {
        assert_eq!(after >= rent_floor(before, minimum), runtime_accepts(before, after, minimum));
    }
}

#[test]
fn if_every_instruction_keeps_the_rent_floor_so_does_the_transaction() {
    for minimum in 0..=4 {
        for balances in sequences(&[0, 1, 2, 3, 4, 5], 4) {
            let keeps_floor = |pair: &[u64]| pair[1] >= rent_floor(pair[0], minimum);
            if balances.windows(2).all(keeps_floor) {
                assert!(runtime_accepts(balances[0], balances[3], minimum), "{balances:?}");
            }
        }
    }
}

/// What happens within one second, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Nothing,
    Pause,
    Unpause,
    UnpauseAndPause,
}

#[test]
fn no_sequence_of_pauses_holds_withdrawals_for_longer_than_the_maximum_or_again_before_as_much_time() {
    const SECONDS: usize = 8;
    let events = [Event::Nothing, Event::Pause, Event::Unpause, Event::UnpauseAndPause];
    for max_seconds in 1..=3 {
        for sequence in sequences(&events, SECONDS) {
            let start = 1_000_000;
            let (mut until, mut is_paused) = (0, false);
            // Whether withdrawals are held in each second, and the naive model of it: the second in which the latest
            // hold began.
            let mut held: Vec<bool> = vec![];
            let mut hold_began: Option<usize> = None;
            for (second, event) in sequence.iter().enumerate() {
                let now = start + second as i64;
                if matches!(event, Event::Unpause | Event::UnpauseAndPause) {
                    is_paused = false;
                }
                if matches!(event, Event::Pause | Event::UnpauseAndPause) && !is_paused {
                    until = Hold { until, max_seconds: max_seconds as u64 }.until_after_pause(now);
                    is_paused = true;
                    if hold_began.is_none_or(|began| second >= began + 2 * max_seconds) {
                        hold_began = Some(second);
                    }
                }
                let is_open = !is_paused || Hold { until, max_seconds: max_seconds as u64 }.is_over(now);
                let expected = is_paused && hold_began.is_some_and(|began| second < began + max_seconds);
                assert_eq!(is_open, !expected, "second {second} of {sequence:?}, at most {max_seconds} s");
                held.push(!is_open);
            }
            // The promise, without the model: never held for longer than the maximum, and of any period of twice its
            // length that begins with a hold, the second half is open.
            for (second, _) in held.iter().enumerate().filter(|(_, is_held)| **is_held) {
                let run = held[second..].iter().take_while(|is_held| **is_held).count();
                assert!(run <= max_seconds, "held for {run} s in {sequence:?}");
            }
            for window in held.windows(2 * max_seconds) {
                let count = window.iter().filter(|is_held| **is_held).count();
                assert!(count <= max_seconds, "held for {count} s of {} s in {sequence:?}", window.len());
            }
        }
    }
}

#[test]
fn holds_match_naive_arithmetic_at_the_edges_of_the_integers() {
    let times = [i64::MIN, i64::MIN + 1, -1, 0, 1, 2, 1 << 31, i64::MAX - 1, i64::MAX];
    for max_seconds in EDGES {
        for until in times {
            for now in times {
                let hold = Hold { until, max_seconds };
                assert_eq!(hold.is_over(now), now >= until);
                let end = |from: i64| (i128::from(from) + i128::from(max_seconds)).min(i64::MAX.into());
                let expected = if i128::from(now) < end(until) { until.into() } else { end(now) };
                assert_eq!(i128::from(hold.until_after_pause(now)), expected, "{hold:?} at {now}");
            }
        }
    }
}

#[test]
fn tokens_are_paid_only_to_accounts_that_can_receive_them() {
    for [amount, treasury_amount] in all::<2, _>(&EDGES) {
        for facts in all::<9, _>(&BOOLS) {
            let [
                is_named,
                is_treasury_vault,
                is_writable,
                is_token_account,
                has_expected_mint,
                has_expected_owner,
                is_frozen,
                needs_memo,
                treasury_frozen,
            ] = facts;
            let to = TokenDestination {
                is_named,
                is_treasury_vault,
                is_writable,
                is_token_account,
                has_expected_mint,
                has_expected_owner,
                is_frozen,
                needs_memo,
            };
            let checks = [
                (!is_named, SkipReason::DestinationMismatch),
                (!is_token_account, SkipReason::TokenAccountInvalid),
                (!has_expected_mint, SkipReason::TokenAccountWrongMint),
                (is_treasury_vault, SkipReason::DestinationIsProgramAccount),
                (!has_expected_owner, SkipReason::TokenAccountWrongOwner),
                (is_frozen, SkipReason::TokenAccountFrozen),
                (needs_memo, SkipReason::TokenAccountNeedsMemo),
                (!is_writable, SkipReason::DestinationNotWritable),
                (treasury_frozen, SkipReason::TreasuryFrozen),
                (treasury_amount < amount, SkipReason::TreasuryTokensShort),
            ];
            let from = PayingTreasury { is_frozen: treasury_frozen, amount: treasury_amount };
            assert_eq!(token_payout::check(amount, from, to), first_failure(checks));
        }
    }
}

#[test]
fn a_token_account_is_described_by_what_was_parsed_from_it() {
    for facts in all::<8, _>(&BOOLS) {
        let [is_found, is_frozen, needs_memo, is_writable, is_treasury_vault, is_named, mint_matches, owner_matches] =
            facts;
        let found = TokenAccount { mint: [3; 32], owner: [4; 32], amount: 5, is_frozen, needs_memo };
        let to = TokenDestination::describe(
            is_found.then_some(found),
            TokenAccountFlags { is_writable, is_treasury_vault, is_named },
            |mint| *mint == [3; 32] && mint_matches,
            |owner| *owner == [4; 32] && owner_matches,
        );
        let expected = TokenDestination {
            is_named,
            is_treasury_vault,
            is_writable,
            is_token_account: is_found,
            has_expected_mint: is_found && mint_matches,
            has_expected_owner: is_found && owner_matches,
            is_frozen: is_found && is_frozen,
            needs_memo: is_found && needs_memo,
        };
        assert_eq!(to, expected);
    }
}

#[test]
fn only_a_default_token_account_must_belong_to_the_nodes_owner() {
    for destination_source in 0..=255 {
        for is_owners in BOOLS {
            let owner = Pubkey::new_from_array([7; 32]);
            let wallet = NodeWallet { owner, destination_source, ..bytemuck::Zeroable::zeroed() };
            let holder = if is_owners { [7; 32] } else { [8; 32] };
            assert_eq!(wallet.pays_to_token_owner(&holder), is_owners || destination_source != 0);
            // Unknown sources are not confirmed, and neither is the admin's choice.
            assert_eq!(wallet.is_destination_confirmed(), destination_source <= 1);
        }
    }
}

fn first_failure<const N: usize>(checks: [(bool, SkipReason); N]) -> Result<(), SkipReason> {
    checks.into_iter().find(|(failed, _)| *failed).map_or(Ok(()), |(_, reason)| Err(reason))
}

#[test]
fn every_set_of_skips_round_trips_entry_by_entry() {
    // The outcome of an entry: bit 0, not credited; bit 1, not paid.
    for outcomes in sequences(&[0u8, 1, 2, 3], 8) {
        // At the start of a batch, and at the end of the longest batch.
        for first in [0, 22] {
            let reason = |i: usize| SkipReason::ALL[i % SkipReason::ALL.len()];
            let mut skips = SkipSet::NONE;
            for (i, outcome) in outcomes.iter().enumerate() {
                if outcome & 1 != 0 {
                    skips.skip_credit(Entry::at(first + i), reason(i));
                }
                if outcome & 2 != 0 {
                    skips.skip_payout(Entry::at(first + i), reason(i + 9));
                }
            }
            let event = event_of(&skips);
            for i in 0..64usize {
                let outcome = i.checked_sub(first).and_then(|i| outcomes.get(i).copied()).unwrap_or(0);
                let reason = |shift| reason(i - first + shift);
                assert_eq!(event.credit_skip_reason(i), (outcome & 1 != 0).then(|| reason(0)));
                assert_eq!(event.payout_skip_reason(i), (outcome & 2 != 0).then(|| reason(9)));
            }
        }
    }
}

#[test]
fn a_set_of_skips_is_limited_to_a_batch_and_every_bit_has_a_reason() {
    for count in 0..=70 {
        let mut skips = SkipSet::NONE;
        for i in 0..count {
            skips.skip_credit(Entry::at(i), SkipReason::InvalidWallet);
            skips.skip_payout(Entry::at(i), SkipReason::NotDue);
        }
        let ones = |n: usize| (1u64 << n) - 1;
        assert_eq!((skips.credit(), skips.payout()), (ones(count.min(60)), ones(count.min(30))));
        assert_eq!(skips.credit_reasons(), vec![u8::from(SkipReason::InvalidWallet); count.min(60)]);
        assert_eq!(skips.payout_reasons(), vec![u8::from(SkipReason::NotDue); count.min(30)]);
    }
}

#[test]
fn a_skip_reason_is_displayed_as_its_stable_name_and_an_unknown_one_as_its_number() {
    for reason in SkipReason::ALL {
        assert_eq!(reason.to_string(), reason.as_str());
    }
    assert_eq!(UnknownSkipReason(99).to_string(), "unknown skip reason 99");
}

fn event_of(skips: &SkipSet) -> BatchSettled {
    BatchSettled {
        network: Default::default(),
        batch_id: 0,
        sequence: 0,
        records_root: [0; 32],
        n: 0,
        credited: 0,
        paid: 0,
        credit_skips: skips.credit(),
        payout_skips: skips.payout(),
        reasons: [skips.credit_reasons(), skips.payout_reasons()].concat(),
    }
}

#[test]
fn surplus_withdrawals_thresholds_and_rent_match_naive_arithmetic() {
    for [a, b] in all::<2, _>(&EDGES) {
        assert_eq!(surplus(a, b), a - a.min(b));
        assert_eq!(liabilities(a, b), (b <= a).then(|| a - b));
        let rent = wide(a).saturating_mul(wide(b) + 128);
        assert_eq!(rent_minimum(a, b).map(wide), (wide(b) + 128 <= MAX.into() && rent <= MAX.into()).then_some(rent));
        assert_eq!(node_threshold(Some(a), b), (a >= b).then_some(a));
        assert_eq!(node_threshold(None, b), Some(b));
        let expected = match (a, b) {
            (_, 0) => Err(WithdrawalError::ZeroAmount),
            (0, _) => Err(WithdrawalError::NothingPending),
            (pending, requested) if requested > pending => Err(WithdrawalError::AbovePending),
            (_, requested) => Ok(requested),
        };
        assert_eq!(withdrawal::amount(a, Some(b)), expected);
        assert_eq!(withdrawal::amount(a, None), if a == 0 { Err(WithdrawalError::NothingPending) } else { Ok(a) });
    }
}

#[test]
fn parameters_are_rejected_only_for_a_zero_or_a_pause_that_is_too_long() {
    for numbers in all::<6, _>(&[0, 1, 7, MAX]) {
        for max_pause_seconds in [0, 1, 7, 30 * 24 * 60 * 60, 30 * 24 * 60 * 60 + 1, MAX] {
            let [default_threshold, per_node_cap, per_batch_cap, window_limit, window_seconds, max_pending_age] =
                numbers;
            let parameters = Parameters {
                default_threshold,
                per_node_cap,
                per_batch_cap,
                window_limit,
                window_seconds,
                max_pending_age,
                max_pause_seconds,
            };
            let limits = [per_node_cap, per_batch_cap, window_limit, window_seconds];
            let is_pause_valid = (1..=MAX_PAUSE_SECONDS).contains(&max_pause_seconds);
            let checks = [
                (limits.contains(&0), ParametersError::ZeroLimit),
                (default_threshold == 0, ParametersError::ZeroThreshold),
                (max_pending_age == 0, ParametersError::ZeroPendingAge),
                (!is_pause_valid, ParametersError::MaxPause),
            ];
            let expected = checks.into_iter().find(|(failed, _)| *failed).map_or(Ok(()), |(_, error)| Err(error));
            assert_eq!(parameters.check(), expected);
        }
    }
}

#[test]
fn names_are_valid_characters_padded_with_zeros() {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    for first in 0..=255 {
        for second in 0..=255 {
            for last in [0, b'a', b'A'] {
                let mut id = [0; 32];
                (id[0], id[1], id[31]) = (first, second, last);
                let expected = match (is_allowed(first), second) {
                    (true, 0) if last == 0 => Some(&id[..1]),
                    (true, second) if is_allowed(second) && last == 0 => Some(&id[..2]),
                    _ => None,
                };
                assert_eq!(parse_name(&id), expected);
            }
            // No padding.
            let mut id = [b'x'; 32];
            (id[0], id[31]) = (first, second);
            let expected = match second {
                0 if is_allowed(first) => Some(&id[..31]),
                _ if is_allowed(first) && is_allowed(second) => Some(&id[..]),
                _ => None,
            };
            assert_eq!(parse_name(&id), expected);
        }
    }
}

/// Parses the extensions of a mint or token account according to the specified layout, up to the first
/// that is truncated. Also returns whether there is a truncated one.
fn extensions(mut bytes: &[u8]) -> (Vec<(u16, &[u8])>, bool) {
    let mut found = vec![];
    loop {
        match bytes {
            [] | [_] | [0, 0, ..] => return (found, false),
            [_, _] | [_, _, _] => return (found, true),
            [kind_low, kind_high, len_low, len_high, rest @ ..] => {
                let len = usize::from(*len_low) + 256 * usize::from(*len_high);
                if rest.len() < len {
                    return (found, true);
                }
                found.push((u16::from(*kind_low) + 256 * u16::from(*kind_high), &rest[..len]));
                bytes = &rest[len..];
            }
        }
    }
}

/// Why a network cannot pay in a mint with this extension, if it cannot.
fn extension_refusal(kind: u16) -> Option<MintError> {
    match kind {
        1 | 18..=23 => None,
        3 => Some(MintError::MintCloseAuthority),
        4 | 16 | 24 => Some(MintError::Confidential),
        6 => Some(MintError::DefaultAccountState),
        9 => Some(MintError::NonTransferable),
        10 => Some(MintError::InterestBearing),
        12 => Some(MintError::PermanentDelegate),
        14 => Some(MintError::TransferHook),
        25 => Some(MintError::ScaledUiAmount),
        26 => Some(MintError::Pausable),
        _ => Some(MintError::UnknownExtension),
    }
}

fn check_extended(kind: u8, tail: &[u8]) {
    let mut mint = vec![0; 165];
    (mint[44], mint[45]) = (9, 1);
    mint.push(kind);
    mint.extend(tail);
    let (found, is_truncated) = extensions(tail);
    let expected = match found.iter().find_map(|(kind, _)| extension_refusal(*kind)) {
        _ if kind != 1 => Err(MintError::NotAMint),
        Some(refused) => Err(refused),
        None if is_truncated => Err(MintError::NotAMint),
        None => Ok(9),
    };
    assert_eq!(check_mint(&mint), expected, "type {kind}, {tail:?}");

    let mut account = [[3; 32], [4; 32]].concat();
    account.extend(5u64.to_le_bytes());
    account.resize(165, 0);
    account[108] = 1;
    account.push(kind);
    account.extend(tail);
    // If the extension has no value, the account is assumed to require a memo.
    let needs_memo = found.iter().any(|(kind, value)| *kind == 8 && value.first() != Some(&0));
    let expected = (kind == 2 && (needs_memo || !is_truncated)).then_some(TokenAccount {
        mint: [3; 32],
        owner: [4; 32],
        amount: 5,
        is_frozen: false,
        needs_memo,
    });
    assert_eq!(TokenAccount::parse(&account), expected, "type {kind}, {tail:?}");
}

#[test]
fn every_short_list_of_extensions_is_parsed_according_to_its_layout() {
    for kind in [1, 2] {
        for len in 0..=6 {
            for tail in sequences(&[0u8, 1, 2, 3, 8, 9, 18, 255], len) {
                check_extended(kind, &tail);
            }
        }
    }
    for kind in 0..=255 {
        check_extended(kind, &[]);
    }
}

#[test]
fn every_extension_is_recognized_by_its_number_at_any_position() {
    for number in 0..=u16::MAX {
        let [low, high] = number.to_le_bytes();
        check_extended(1, &[low, high, 0, 0]);
        check_extended(1, &[18, 0, 2, 0, 7, 7, low, high, 1, 0, 0]);
        check_extended(2, &[low, high, 1, 0, 1]);
        check_extended(2, &[7, 0, 0, 0, low, high, 1, 0, 0, 2, 0, 0]);
    }
}

#[test]
fn only_data_with_the_length_of_a_mint_or_token_account_is_accepted() {
    for len in 0..=700 {
        for fill in [0, 1, 2] {
            let data = vec![fill; len];
            let extended = len > 165 && len != 355;
            let is_mint = fill == 1 && (len == 82 || extended);
            // After byte 165, the fill bytes form a list of extensions.
            let (found, is_truncated) = extensions(data.get(166..).unwrap_or_default());
            let expected = match found.first().and_then(|(kind, _)| extension_refusal(*kind)) {
                _ if !is_mint => Err(MintError::NotAMint),
                Some(refused) => Err(refused),
                None if is_truncated => Err(MintError::NotAMint),
                None => Ok(fill),
            };
            assert_eq!(check_mint(&data), expected, "{len} bytes of {fill}");
            let is_account = len == 165 && fill != 0 || extended && fill == 2 && !is_truncated;
            let account = TokenAccount::parse(&data);
            assert_eq!(account.is_some(), is_account, "{len} bytes of {fill}");
            assert!(account.is_none_or(|account| account.is_frozen == (fill == 2)));
        }
    }
}

/// Every array of `N` of the values.
fn all<const N: usize, T: Copy>(values: &[T]) -> impl Iterator<Item = [T; N]> + use<'_, N, T> {
    let count = values.len().pow(N as u32);
    (0..count).map(move |mut number| {
        core::array::from_fn(|_| {
            let value = values[number % values.len()];
            number /= values.len();
            value
        })
    })
}

/// Every sequence of `len` of the values.
fn sequences<T: Copy>(values: &[T], len: usize) -> impl Iterator<Item = Vec<T>> + use<'_, T> {
    (0..values.len().pow(len as u32)).map(move |mut number| {
        let next = |_| {
            let value = values[number % values.len()];
            number /= values.len();
            value
        };
        (0..len).map(next).collect()
    })
}
