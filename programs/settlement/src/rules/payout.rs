//! When a node's pending amount is due, and whether its destination can take it in lamports.
//! [`token_payout`](super::token_payout) is its counterpart for tokens.

use super::SkipReason;
use crate::unlikely::unlikely;

/// Whether `pending` is to be paid out: it has reached the threshold, or its oldest part has
/// waited `max_pending_age` seconds. Times are Unix seconds; a clock that went backwards ages
/// nothing.
#[inline(always)]
pub fn is_due(pending: u64, threshold: u64, oldest_unpaid_at: i64, now: i64, max_pending_age: u64) -> bool {
    if pending == 0 {
        return false;
    }
    let age = if now > oldest_unpaid_at { now.abs_diff(oldest_unpaid_at) } else { 0 };
    pending >= threshold || age >= max_pending_age
}

/// Whether a credit begins the wait of a wallet's pending amount: nothing was pending before it.
/// Its `oldest_unpaid_at` is then the credit's time.
#[inline(always)]
pub fn waits_from_now(credited_before: u64, paid: u64) -> bool {
    credited_before == paid
}

/// The wallet's `oldest_unpaid_at` after a payout: 0 when nothing is left pending.
#[inline(always)]
pub fn oldest_unpaid_after_payout(pending_after: u64, oldest_unpaid_at: i64) -> i64 {
    if pending_after == 0 { 0 } else { oldest_unpaid_at }
}

/// Whether an account that holds `lamports` holds its `rent_minimum` once `amount` has come in.
/// The runtime fails the whole transaction otherwise.
#[inline(always)]
pub fn destination_rent_exempt(lamports: u64, amount: u64, rent_minimum: u64) -> bool {
    lamports.checked_add(amount).is_some_and(|after| after >= rent_minimum)
}

/// What of a destination account decides about a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// It is the one named in the wallet account.
    pub is_named: bool,
    /// It is writable in this transaction.
    pub is_writable: bool,
    /// It is a program.
    pub is_executable: bool,
    /// It belongs to this program.
    pub is_program_account: bool,
    /// It is an address of the system, or one the program keeps for itself.
    pub is_reserved: bool,
    /// Lamports it holds.
    pub lamports: u64,
    /// Lamports it has to hold.
    pub rent_minimum: u64,
}

/// What of a wallet account decides about a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayingWallet {
    /// Lamports it holds.
    pub lamports: u64,
    /// Lamports it has to hold.
    pub rent_minimum: u64,
}

/// Whether `amount` lamports can go from the wallet account to the destination.
#[inline(always)]
pub fn check(amount: u64, wallet: PayingWallet, to: Destination) -> Result<(), SkipReason> {
    let refuse = |refused: bool, reason| if refused { Err(reason) } else { Ok(()) };
    refuse(!to.is_named, SkipReason::DestinationMismatch)?;
    refuse(to.is_program_account, SkipReason::DestinationIsProgramAccount)?;
    refuse(to.is_reserved, SkipReason::DestinationReserved)?;
    refuse(to.is_executable, SkipReason::DestinationExecutable)?;
    refuse(!to.is_writable, SkipReason::DestinationNotWritable)?;
    refuse(!destination_rent_exempt(to.lamports, amount, to.rent_minimum), SkipReason::DestinationNotRentExempt)?;
    let left = wallet.lamports.checked_sub(amount);
    refuse(left.is_none_or(|left| left < wallet.rent_minimum), SkipReason::WalletShort)
}

/// The lamports of the wallet account and of the destination after a payout between two accounts
/// that [`check`] has nothing against but perhaps their lamports; `None` where those have to be
/// looked at more closely. Cheaper than that on the chain: no sum in it can pass 2^64 - 1.
#[inline(always)]
pub fn try_fast(amount: u64, wallet: PayingWallet, destination: PayingWallet) -> Option<(u64, u64)> {
    let left = wallet.lamports.wrapping_sub(amount);
    let arrived = destination.lamports.wrapping_add(amount);
    let refused = unlikely((destination.lamports | amount) >> 63 != 0)
        || unlikely(wallet.lamports < amount)
        || unlikely(left < wallet.rent_minimum)
        || unlikely(arrived < destination.rent_minimum);
    if refused { None } else { Some((left, arrived)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn due_from_the_threshold_on() {
        assert!(!is_due(99, 100, 1_000, 1_000, DAY));
        assert!(is_due(100, 100, 1_000, 1_000, DAY));
        assert!(is_due(u64::MAX, 100, 1_000, 1_000, DAY));
    }

    #[test]
    fn due_when_its_oldest_part_has_waited_long_enough() {
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
    fn a_clock_that_goes_backwards_ages_nothing() {
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

    const WALLET: PayingWallet = PayingWallet { lamports: 1_100, rent_minimum: 1_000 };
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
    fn a_plain_destination_is_paid_to_the_lamport() {
        assert_eq!(check(100, WALLET, DESTINATION), Ok(()));
        assert_eq!(check(90, WALLET, DESTINATION), Ok(()));
    }

    #[test]
    fn a_destination_that_would_stay_below_rent_is_refused() {
        assert_eq!(check(89, WALLET, DESTINATION), Err(SkipReason::DestinationNotRentExempt));
        assert!(!destination_rent_exempt(u64::MAX, 1, 0));
    }

    #[test]
    fn a_wallet_gives_no_lamport_of_its_rent() {
        assert_eq!(check(101, WALLET, DESTINATION), Err(SkipReason::WalletShort));
        assert_eq!(check(u64::MAX - 800, WALLET, DESTINATION), Err(SkipReason::WalletShort));
    }

    #[test]
    fn a_plain_payout_is_one_that_the_full_check_allows() {
        for amount in [0, 1, 89, 90, 100, 101, 1_100, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            let to = PayingWallet { lamports: DESTINATION.lamports, rent_minimum: DESTINATION.rent_minimum };
            let allowed = check(amount, WALLET, DESTINATION).is_ok();
            let after = try_fast(amount, WALLET, to);
            assert_eq!(after, allowed.then(|| (WALLET.lamports - amount, to.lamports + amount)), "{amount}");
        }
    }

    #[test]
    fn each_bad_destination_is_refused_by_its_own_name() {
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
