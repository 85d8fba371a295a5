//! The verdict on an attempt, derived from what the chain shows. Nothing is written or sent here.

use crate::chain::{SignatureStatus, TransactionError};

use super::store::batches::Entry;
use super::store::wallets::WalletTotals;

/// The outcome of an attempt whose signature is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is in a finalized block and succeeded.
    Finalized { slot: u64 },
    /// It is in a finalized block and failed. A failed transaction is not a payment.
    Reverted { slot: u64, error: TransactionError },
    /// It is in a block that a fork can still undo.
    Landed { slot: u64 },
    /// It has not landed, and its blockhash is still valid.
    Pending,
    /// It has no status, its blockhash has expired at finalized commitment, and no wallet has changed: it can never
    /// land.
    Expired,
    /// It has no status and its blockhash has expired, but every wallet has reached its target: the intended effect is
    /// on the chain.
    EffectObserved,
    /// It has no status and its blockhash has expired, but some wallets have changed, by this attempt or by another
    /// transaction. Such a batch must not be signed again.
    Unknown,
}

/// What the wallets of a batch show, compared with their totals when the batch was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalletEvidence {
    /// No wallet has changed.
    Unchanged,
    /// Every wallet has reached its target, or exists if the batch registers it.
    TargetsReached,
    /// Some wallets have changed, but not all have reached their targets.
    Inconclusive,
}

/// How long an attempt's blockhash is valid, and how far the chain has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockhashValidity {
    /// The last block height at which a transaction with this blockhash can land.
    pub(super) last_valid_block_height: u64,
    pub(super) finalized_block_height: u64,
}

impl BlockhashValidity {
    /// Whether no transaction with this blockhash can still land, on any fork.
    fn has_expired(self) -> bool {
        self.finalized_block_height > self.last_valid_block_height
    }
}

/// Returns the verdict that follows from a signature's status alone.
///
/// Returns `None` if there is no status and the blockhash has expired. The caller must then search the transaction
/// history, read the wallets again, and call [`from_wallets`].
pub(super) fn from_status(status: Option<&SignatureStatus>, blockhash: BlockhashValidity) -> Option<Verdict> {
    match status {
        Some(SignatureStatus { slot, finalized: true, error: None }) => Some(Verdict::Finalized { slot: *slot }),
        Some(SignatureStatus { slot, finalized: true, error: Some(error) }) => {
            Some(Verdict::Reverted { slot: *slot, error: error.clone() })
        }
        Some(SignatureStatus { slot, finalized: false, .. }) => Some(Verdict::Landed { slot: *slot }),
        None if blockhash.has_expired() => None,
        None => Some(Verdict::Pending),
    }
}

/// Returns the verdict on an attempt that has no status in the history and whose blockhash has expired.
pub(super) fn from_wallets(evidence: WalletEvidence) -> Verdict {
    match evidence {
        WalletEvidence::Unchanged => Verdict::Expired,
        WalletEvidence::TargetsReached => Verdict::EffectObserved,
        WalletEvidence::Inconclusive => Verdict::Unknown,
    }
}

/// Compares the current totals of a credit or settle batch's wallets with its entries. `now` has one element per entry,
/// `None` where no wallet exists.
pub(super) fn payment_evidence(entries: &[Entry], now: &[Option<WalletTotals>]) -> WalletEvidence {
    let mut pairs = entries.iter().zip(now);
    if pairs.clone().all(|(entry, now)| *now == Some(entry.before)) {
        WalletEvidence::Unchanged
    } else if pairs.all(|(entry, now)| now.is_some_and(|totals| totals.credited >= entry.target)) {
        WalletEvidence::TargetsReached
    } else {
        WalletEvidence::Inconclusive
    }
}

/// Judges a register batch by which of its wallets exist.
pub(super) fn registration_evidence(now: &[Option<WalletTotals>]) -> WalletEvidence {
    if now.iter().all(Option::is_none) {
        WalletEvidence::Unchanged
    } else if now.iter().all(Option::is_some) {
        WalletEvidence::TargetsReached
    } else {
        WalletEvidence::Inconclusive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(finalized: bool, error: Option<&str>) -> SignatureStatus {
        let error = error.map(|text| TransactionError { text: text.to_owned(), custom_code: None });
        SignatureStatus { slot: 7, finalized, error }
    }

    fn blockhash_valid_to_100(finalized_block_height: u64) -> BlockhashValidity {
        BlockhashValidity { last_valid_block_height: 100, finalized_block_height }
    }

    fn totals(credited: u64, paid: u64) -> Option<WalletTotals> {
        Some(WalletTotals { credited, paid })
    }

    fn entry(credited_before: u64, target: u64) -> Entry {
        Entry {
            node_id: "node".parse().unwrap(),
            wallet: Default::default(),
            owner: Default::default(),
            destination: Default::default(),
            before: WalletTotals { credited: credited_before, paid: 0 },
            target,
        }
    }

    #[test]
    fn a_reverted_transaction_is_not_a_payment() {
        let verdict = from_status(Some(&status(true, Some("InstructionError"))), blockhash_valid_to_100(0));
        assert!(matches!(verdict, Some(Verdict::Reverted { slot: 7, .. })));
    }

    #[test]
    fn a_failure_that_a_fork_can_undo_is_not_a_final_verdict() {
        let verdict = from_status(Some(&status(false, Some("any"))), blockhash_valid_to_100(0));
        assert_eq!(verdict, Some(Verdict::Landed { slot: 7 }));
    }

    #[test]
    fn no_attempt_expires_while_its_blockhash_is_valid_at_finalized_commitment() {
        assert_eq!(from_status(None, blockhash_valid_to_100(100)), Some(Verdict::Pending));
        assert_eq!(from_status(None, blockhash_valid_to_100(101)), None);
    }

    #[test]
    fn an_attempt_expires_only_if_no_wallet_has_changed() {
        let entries = [entry(5, 9), entry(0, 3)];
        let verdict = |now: [Option<WalletTotals>; 2]| from_wallets(payment_evidence(&entries, &now));
        assert_eq!(verdict([totals(5, 0), totals(0, 0)]), Verdict::Expired);
        assert_eq!(verdict([totals(9, 0), totals(3, 3)]), Verdict::EffectObserved);
        assert_eq!(verdict([totals(9, 0), totals(0, 0)]), Verdict::Unknown);
        assert_eq!(verdict([totals(5, 1), totals(0, 0)]), Verdict::Unknown);
        assert_eq!(verdict([totals(5, 0), None]), Verdict::Unknown);
    }

    #[test]
    fn the_paid_total_distinguishes_a_payout_without_credit_from_no_effect() {
        let due = [entry(9, 9)];
        assert_eq!(from_wallets(payment_evidence(&due, &[totals(9, 0)])), Verdict::Expired);
        assert_eq!(from_wallets(payment_evidence(&due, &[totals(9, 9)])), Verdict::EffectObserved);
    }

    #[test]
    fn a_registration_is_judged_by_which_wallets_exist() {
        assert_eq!(from_wallets(registration_evidence(&[None, None])), Verdict::Expired);
        assert_eq!(from_wallets(registration_evidence(&[totals(0, 0), totals(0, 0)])), Verdict::EffectObserved);
        assert_eq!(from_wallets(registration_evidence(&[totals(0, 0), None])), Verdict::Unknown);
    }
}
