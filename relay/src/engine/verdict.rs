//! What became of an attempt: decided from what the chain says, without writing or sending anything.

use crate::chain::{SignatureStatus, TransactionError};

use super::store::batches::Entry;

/// The fate of an attempt whose signature is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is in a rooted block and succeeded.
    Finalized {
        /// The slot.
        slot: u64,
    },
    /// It is in a rooted block and failed: a failed transaction is not a payment.
    Reverted {
        /// The slot.
        slot: u64,
        /// Why.
        error: TransactionError,
    },
    /// It is in a block that can still be undone.
    Landed {
        /// The slot.
        slot: u64,
    },
    /// It is nowhere yet and can still land.
    Live,
    /// It is nowhere, its blockhash is dead in the rooted chain, and the wallets are as before: it can never land.
    Dead,
    /// It is nowhere and its blockhash is dead, but every wallet has reached its target: its effect is there.
    Fulfilled,
    /// It is nowhere and its blockhash is dead, but some wallets have changed: it may or may not have been this
    /// attempt. Never a reason to sign again.
    Unknown,
}

/// What the wallets of a batch show, compared with when it was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Totals {
    /// None has changed.
    Unchanged,
    /// Each has reached its target (or is open, where the batch opens it).
    Reached,
    /// Anything else.
    Mixed,
}

/// The verdict that a signature's status alone allows; `None` when the blockhash is dead and there is no status: then
/// [`of_the_missing`] decides, after history was searched and the wallets were read again.
pub(super) fn of_status(
    status: Option<&SignatureStatus>,
    finalized_height: u64,
    last_valid_block_height: u64,
) -> Option<Verdict> {
    match status {
        Some(SignatureStatus { slot, finalized: true, error: None }) => Some(Verdict::Finalized { slot: *slot }),
        Some(SignatureStatus { slot, finalized: true, error: Some(error) }) => {
            Some(Verdict::Reverted { slot: *slot, error: error.clone() })
        }
        Some(SignatureStatus { slot, finalized: false, .. }) => Some(Verdict::Landed { slot: *slot }),
        None if finalized_height <= last_valid_block_height => Some(Verdict::Live),
        None => None,
    }
}

/// The verdict on an attempt that no history knows and that can no longer land.
pub(super) fn of_the_missing(totals: Totals) -> Verdict {
    match totals {
        Totals::Unchanged => Verdict::Dead,
        Totals::Reached => Verdict::Fulfilled,
        Totals::Mixed => Verdict::Unknown,
    }
}

/// What `now` (credited and paid total of each wallet; `None` where there is no wallet) shows of a batch that credits.
pub(super) fn totals(entries: &[Entry], now: &[Option<(u64, u64)>]) -> Totals {
    let mut pairs = entries.iter().zip(now);
    if pairs.clone().all(|(entry, now)| *now == Some((entry.credited_before, entry.paid_before))) {
        Totals::Unchanged
    } else if pairs.all(|(entry, now)| now.is_some_and(|(credited, _)| credited >= entry.target)) {
        Totals::Reached
    } else {
        Totals::Mixed
    }
}

/// What `now` shows of a batch that opens wallets.
pub(super) fn registrations(now: &[Option<(u64, u64)>]) -> Totals {
    if now.iter().all(Option::is_none) {
        Totals::Unchanged
    } else if now.iter().all(Option::is_some) {
        Totals::Reached
    } else {
        Totals::Mixed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(finalized: bool, error: Option<&str>) -> SignatureStatus {
        let error = error.map(|text| TransactionError { text: text.to_owned(), custom_code: None });
        SignatureStatus { slot: 7, finalized, error }
    }

    fn entry(credited_before: u64, target: u64) -> Entry {
        Entry {
            node_id: "node".parse().unwrap(),
            wallet: Default::default(),
            owner: Default::default(),
            destination: Default::default(),
            credited_before,
            paid_before: 0,
            target,
        }
    }

    #[test]
    fn a_reverted_transaction_is_not_a_payment() {
        let verdict = of_status(Some(&status(true, Some("InstructionError"))), 0, 100);
        assert!(matches!(verdict, Some(Verdict::Reverted { slot: 7, .. })));
    }

    #[test]
    fn a_failure_that_a_fork_can_undo_decides_nothing() {
        assert_eq!(of_status(Some(&status(false, Some("any"))), 0, 100), Some(Verdict::Landed { slot: 7 }));
    }

    #[test]
    fn nothing_is_dead_while_its_blockhash_lives_in_the_rooted_chain() {
        assert_eq!(of_status(None, 100, 100), Some(Verdict::Live));
        assert_eq!(of_status(None, 101, 100), None);
    }

    #[test]
    fn an_attempt_is_dead_only_when_no_wallet_has_changed() {
        let entries = [entry(5, 9), entry(0, 3)];
        assert_eq!(of_the_missing(totals(&entries, &[Some((5, 0)), Some((0, 0))])), Verdict::Dead);
        assert_eq!(of_the_missing(totals(&entries, &[Some((9, 0)), Some((3, 3))])), Verdict::Fulfilled);
        assert_eq!(of_the_missing(totals(&entries, &[Some((9, 0)), Some((0, 0))])), Verdict::Unknown);
        assert_eq!(of_the_missing(totals(&entries, &[Some((5, 1)), Some((0, 0))])), Verdict::Unknown);
        assert_eq!(of_the_missing(totals(&entries, &[Some((5, 0)), None])), Verdict::Unknown);
    }

    #[test]
    fn a_payout_alone_is_told_from_no_effect_by_the_paid_total() {
        let due = [entry(9, 9)];
        assert_eq!(of_the_missing(totals(&due, &[Some((9, 0))])), Verdict::Dead);
        assert_eq!(of_the_missing(totals(&due, &[Some((9, 9))])), Verdict::Fulfilled);
    }

    #[test]
    fn opening_wallets_is_judged_by_their_presence() {
        assert_eq!(of_the_missing(registrations(&[None, None])), Verdict::Dead);
        assert_eq!(of_the_missing(registrations(&[Some((0, 0)), Some((0, 0))])), Verdict::Fulfilled);
        assert_eq!(of_the_missing(registrations(&[Some((0, 0)), None])), Verdict::Unknown);
    }
}
