//! Comparing the ledger's books with the chain's.

use super::hold::HoldReason;
use super::store::rewards::Books;

impl Books {
    /// Whether a total that the chain has credited confirms a reward that is not confirmed yet.
    pub(super) fn confirms_more(self, credited: u64) -> bool {
        self.check(credited).is_ok() && self.next.is_some_and(|next| credited >= next)
    }

    /// Checks a total that the finalized chain has credited.
    ///
    /// # Errors
    /// Why the books disagree: then no reward may be confirmed by that total, because it may stand for other rewards than
    /// those of this ledger.
    pub(super) fn check(self, credited: u64) -> Result<(), HoldReason> {
        if credited > self.signed {
            Err(HoldReason::ChainAboveLedger)
        } else if credited < self.confirmed {
            Err(HoldReason::ChainBelowLedger)
        } else {
            Ok(())
        }
    }

    /// Whether the first reward that a credited total does not cover is in a batch although no batch is open that can have it:
    /// nothing will ever return it to pending.
    pub(super) fn is_stranded(self, credited: u64) -> bool {
        self.next_is_batched && self.next.is_some_and(|next| credited < next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_may_have_credited_what_was_signed_and_must_have_credited_what_was_confirmed() {
        let books = Books { confirmed: 5, next: Some(8), next_is_batched: false, signed: 9 };
        for credited in 5..=9 {
            assert_eq!(books.check(credited), Ok(()), "{credited}");
        }
        assert_eq!(books.check(4), Err(HoldReason::ChainBelowLedger));
        assert_eq!(books.check(10), Err(HoldReason::ChainAboveLedger));
        let confirming: Vec<u64> = (0..12).filter(|credited| books.confirms_more(*credited)).collect();
        assert_eq!(confirming, [8, 9], "a part of a reward confirms nothing");
    }

    #[test]
    fn a_reward_in_a_batch_is_stranded_unless_the_chain_has_credited_it() {
        let books = Books { confirmed: 5, next: Some(8), next_is_batched: true, signed: 9 };
        assert_eq!([5, 7, 8, 9].map(|credited| books.is_stranded(credited)), [true, true, false, false]);
        assert!(!Books { next_is_batched: false, ..books }.is_stranded(5));
    }
}
