//! When a node's pending amount is due, and whether it can be paid in lamports.
//! [`token_payout`](super::token_payout) is the counterpart for tokens.

use super::SkipReason;
use crate::unlikely::unlikely;

/// Whether `pending` base units are due: they have reached the threshold, or the oldest of them have
/// waited for `max_pending_age` seconds. Times are in Unix seconds; if the clock has gone backwards, the
/// age is 0.
#[inline(always)]
pub fn is_due(pending: u64, threshold: u64, oldest_unpaid_at: i64, now: i64, max_pending_age: u64) -> bool {
    if pending == 0 {
        return false;
    }
    let age = if now > oldest_unpaid_at { now.abs_diff(oldest_unpaid_at) } else { 0 };
    pending >= threshold || age >= max_pending_age
}

/// Whether a credit is the oldest unpaid one, because nothing was pending before. The wallet's
/// `oldest_unpaid_at` is then set to the time of the credit.
#[inline(always)]
pub fn waits_from_now(credited_before: u64, paid: u64) -> bool {
    credited_before == paid
}

/// A wallet's `oldest_unpaid_at` after a payout: 0 if nothing remains pending.
#[inline(always)]
pub fn oldest_unpaid_after_payout(pending_after: u64, oldest_unpaid_at: i64) -> i64 {
    if pending_after == 0 { 0 } else { oldest_unpaid_at }
}

/// Whether an account with `lamports` has at least its `rent_minimum` after receiving `amount`. Otherwise
/// the runtime would fail the whole transaction.
#[inline(always)]
pub fn destination_rent_exempt(lamports: u64, amount: u64, rent_minimum: u64) -> bool {
    lamports.checked_add(amount).is_some_and(|after| after >= rent_minimum)
}

/// The properties of a destination account that a payout depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// It is the destination set in the wallet account.
    pub is_named: bool,
    /// It is writable in this transaction.
    pub is_writable: bool,
    /// It is a program.
    pub is_executable: bool,
    /// It is owned by this program.
    pub is_program_account: bool,
    /// It is reserved by the system or by this program.
    pub is_reserved: bool,
    /// Its balance in lamports.
    pub lamports: u64,
    /// Its rent-exempt minimum in lamports.
    pub rent_minimum: u64,
}

/// The balance of an account, and how much of it must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountBalance {
    /// Its balance in lamports.
    pub lamports: u64,
    /// Its rent-exempt minimum in lamports.
    pub rent_minimum: u64,
}

/// Checks that `amount` lamports can be paid from the wallet account to the destination.
#[inline(always)]
pub fn check(amount: u64, wallet: AccountBalance, to: Destination) -> Result<(), SkipReason> {
    let skip_if = |condition: bool, reason| if condition { Err(reason) } else { Ok(()) };
    skip_if(!to.is_named, SkipReason::DestinationMismatch)?;
    skip_if(to.is_program_account, SkipReason::DestinationIsProgramAccount)?;
    skip_if(to.is_reserved, SkipReason::DestinationReserved)?;
    skip_if(to.is_executable, SkipReason::DestinationExecutable)?;
    skip_if(!to.is_writable, SkipReason::DestinationNotWritable)?;
    skip_if(!destination_rent_exempt(to.lamports, amount, to.rent_minimum), SkipReason::DestinationNotRentExempt)?;
    let left = wallet.lamports.checked_sub(amount);
    skip_if(left.is_none_or(|left| left < wallet.rent_minimum), SkipReason::WalletShort)
}

/// The balances of the wallet account and of the destination after a payout. `None` if only [`check`] can
/// decide. The caller must have made all other checks of [`check`] than those of balances. Cheaper
/// on-chain than that, because it needs no overflow checks.
///
/// The lamports of both accounts must not exceed 2^64 - 1 in sum, which those of two accounts never do.
#[inline(always)]
pub fn try_fast(amount: u64, wallet: AccountBalance, destination: AccountBalance) -> Option<(u64, u64)> {
    let left = wallet.lamports.wrapping_sub(amount);
    let arrived = destination.lamports.wrapping_add(amount);
    let is_rejected = unlikely(wallet.lamports < amount)
        || unlikely(left < wallet.rent_minimum)
        || unlikely(arrived < destination.rent_minimum);
    if is_rejected {
        return None;
    }
    debug_assert!(destination.lamports.checked_add(amount).is_some(), "the lamports of two accounts exceed 2^64 - 1");
    Some((left, arrived))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn a_pending_amount_is_due_from_the_threshold_on() {
        assert!(!is_due(99, 100, 1_000, 1_000, DAY));
        assert!(is_due(100, 100, 1_000, 1_000, DAY));
        assert!(is_due(u64::MAX, 100, 1_000, 1_000, DAY));
    }

    #[test]
    fn a_pending_amount_is_due_when_its_oldest_part_has_waited_long_enough() {
        assert!(!is_due(1, 100, 1_000, 1_000 + 86_399, DAY));
        assert!(is_due(1, 100, 1_000, 1_000 + 86_400, DAY));
        assert!(!is_due(1, 100, 0, i64::MAX, u64::MAX));
        assert!(is_due(1, 100, i64::MIN, i64::MAX, u64::MAX));
    }

    #[test]
    fn nothing_pending_is_never_due() {
        assert!(!is_due(0, 0, 0, i64::MAX, 0));
    }

    #[test]
    fn a_clock_that_goes_backwards_makes_nothing_due() {
        assert!(!is_due(1, 100, 1_000, 0, 1));
        assert!(!is_due(1, 100, i64::MAX, i64::MIN, 1));
    }

    #[test]
    fn the_wait_starts_with_the_first_unpaid_credit_and_ends_with_the_last_payout() {
        assert!(waits_from_now(7, 7));
        assert!(!waits_from_now(8, 7));
        assert_eq!(oldest_unpaid_after_payout(1, 50), 50);
        assert_eq!(oldest_unpaid_after_payout(0, 50), 0);
    }

    const WALLET: AccountBalance = AccountBalance { lamports: 1_100, rent_minimum: 1_000 };
    const DESTINATION: Destination = Destination {
        is_named: true,
        is_writable: true,
        is_executable: false,
        is_program_account: false,
        is_reserved: false,
        lamports: 800,
        rent_minimum: 890,
    };

    #[test]
    fn a_valid_destination_is_paid_up_to_the_last_lamport() {
        assert_eq!(check(100, WALLET, DESTINATION), Ok(()));
        assert_eq!(check(90, WALLET, DESTINATION), Ok(()));
    }

    #[test]
    fn a_destination_that_would_stay_below_its_rent_minimum_is_rejected() {
        assert_eq!(check(89, WALLET, DESTINATION), Err(SkipReason::DestinationNotRentExempt));
        assert!(!destination_rent_exempt(u64::MAX, 1, 0));
    }

    #[test]
    fn a_wallet_keeps_its_rent() {
        assert_eq!(check(101, WALLET, DESTINATION), Err(SkipReason::WalletShort));
        assert_eq!(check(u64::MAX - 800, WALLET, DESTINATION), Err(SkipReason::WalletShort));
    }

    #[test]
    fn the_fast_path_allows_what_the_full_check_allows() {
        for amount in [0, 1, 89, 90, 100, 101, 1_100, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            let to = AccountBalance { lamports: DESTINATION.lamports, rent_minimum: DESTINATION.rent_minimum };
            let allowed = check(amount, WALLET, DESTINATION).is_ok();
            let after = try_fast(amount, WALLET, to);
            assert_eq!(after, allowed.then(|| (WALLET.lamports - amount, to.lamports + amount)), "{amount}");
        }
    }

    #[test]
    fn each_invalid_destination_is_rejected_with_its_own_reason() {
        let cases = [
            (Destination { is_named: false, ..DESTINATION }, SkipReason::DestinationMismatch),
            (Destination { is_writable: false, ..DESTINATION }, SkipReason::DestinationNotWritable),
            (Destination { is_executable: true, ..DESTINATION }, SkipReason::DestinationExecutable),
            (Destination { is_program_account: true, ..DESTINATION }, SkipReason::DestinationIsProgramAccount),
            (Destination { is_reserved: true, ..DESTINATION }, SkipReason::DestinationReserved),
        ];
        for (destination, reason) in cases {
            assert_eq!(check(100, WALLET, destination), Err(reason));
        }
    }
}
