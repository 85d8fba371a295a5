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

/// Whether an account with `lamports` may receive `amount`: if it exists, any amount; otherwise at least the rent-exempt
/// minimum of an account without data. The runtime would fail the whole transaction for less.
#[inline(always)]
pub fn destination_rent_exempt(lamports: u64, amount: u64, empty_minimum: u64) -> bool {
    lamports > 0 || amount >= empty_minimum
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
    /// Its balance in lamports; 0 if it doesn't exist.
    pub lamports: u64,
    /// Rent-exempt minimum of an account without data, in lamports.
    pub empty_minimum: u64,
}

impl Destination {
    /// Whether no payment can go there, whatever its amount and whoever sends the transaction.
    pub fn is_unpayable(&self) -> bool {
        self.is_program_account || self.is_reserved || self.is_executable
    }
}

/// The balance of an account, and how much of it must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountBalance {
    /// Its balance in lamports.
    pub lamports: u64,
    /// What must stay, in lamports: see [`rent_floor`](super::rent_floor).
    pub floor: u64,
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
    let is_rent_exempt = destination_rent_exempt(to.lamports, amount, to.empty_minimum);
    skip_if(!is_rent_exempt, SkipReason::DestinationNotRentExempt)?;
    skip_if(to.lamports.checked_add(amount).is_none(), SkipReason::DestinationNotRentExempt)?;
    let left = wallet.lamports.checked_sub(amount);
    skip_if(left.is_none_or(|left| left < wallet.floor), SkipReason::WalletShort)
}

/// The balances of the wallet account and of a destination with `destination` lamports after a payout. `empty_minimum` is
/// the rent-exempt minimum of an account without data. `None` if only [`check`] can decide. The caller must have made all other checks of [`check`] than those of balances. Cheaper
/// on-chain than that, because it needs no overflow checks.
///
/// The lamports of both accounts must not exceed 2^64 - 1 in sum, which those of two accounts never do.
#[inline(always)]
pub fn try_fast(amount: u64, wallet: AccountBalance, destination: u64, empty_minimum: u64) -> Option<(u64, u64)> {
    let left = wallet.lamports.wrapping_sub(amount);
    let is_undecided = unlikely(wallet.lamports < amount)
        || unlikely(left < wallet.floor)
        || (unlikely(destination == 0) && amount < empty_minimum);
    if is_undecided {
        return None;
    }
    debug_assert!(destination.checked_add(amount).is_some(), "the lamports of two accounts exceed 2^64 - 1");
    Some((left, destination.wrapping_add(amount)))
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

    const WALLET: AccountBalance = AccountBalance { lamports: 1_100, floor: 1_000 };
    const DESTINATION: Destination = Destination {
        is_named: true,
        is_writable: true,
        is_executable: false,
        is_program_account: false,
        is_reserved: false,
        lamports: 800,
        empty_minimum: 90,
    };

    #[test]
    fn a_valid_destination_is_paid_up_to_the_last_lamport() {
        assert_eq!(check(100, WALLET, DESTINATION), Ok(()));
        assert_eq!(check(90, WALLET, DESTINATION), Ok(()));
    }

    #[test]
    fn a_destination_that_exists_is_paid_any_amount_and_a_new_one_at_least_its_rent_minimum() {
        for lamports in [1, 89, 800] {
            assert_eq!(check(1, WALLET, Destination { lamports, ..DESTINATION }), Ok(()));
        }
        let new = Destination { lamports: 0, ..DESTINATION };
        assert_eq!(check(89, WALLET, new), Err(SkipReason::DestinationNotRentExempt));
        assert_eq!(check(90, WALLET, new), Ok(()));
    }

    #[test]
    fn a_balance_that_cannot_exist_is_rejected() {
        let full = Destination { lamports: u64::MAX, ..DESTINATION };
        assert_eq!(check(1, WALLET, full), Err(SkipReason::DestinationNotRentExempt));
    }

    #[test]
    fn a_wallet_keeps_its_floor() {
        assert_eq!(check(101, WALLET, DESTINATION), Err(SkipReason::WalletShort));
        assert_eq!(check(u64::MAX - 800, WALLET, DESTINATION), Err(SkipReason::WalletShort));
    }

    #[test]
    fn the_fast_path_allows_what_the_full_check_allows() {
        for amount in [0, 1, 89, 90, 100, 101, 1_100, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            let allowed = check(amount, WALLET, DESTINATION).is_ok();
            let after = try_fast(amount, WALLET, DESTINATION.lamports, DESTINATION.empty_minimum);
            assert_eq!(after, allowed.then(|| (WALLET.lamports - amount, DESTINATION.lamports + amount)), "{amount}");
            let new = Destination { lamports: 0, ..DESTINATION };
            let allowed = check(amount, WALLET, new).is_ok();
            let after = try_fast(amount, WALLET, new.lamports, new.empty_minimum);
            assert_eq!(after, allowed.then(|| (WALLET.lamports - amount, amount)), "{amount}");
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
