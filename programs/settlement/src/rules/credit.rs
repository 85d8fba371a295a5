//! How much an entry of a batch credits, and how much the batch may credit after it.

use super::SkipReason;
use crate::unlikely::unlikely;

/// The limits of a batch, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum that one entry may credit.
    pub per_node_cap: u64,
    /// Maximum that this batch may credit.
    pub per_batch_cap: u64,
    /// Remaining capacity of the outflow window.
    pub window_left: u64,
    /// What the treasury can give without touching its rent or what it owes.
    pub treasury_left: u64,
    /// What can be credited before the treasury's credited total exceeds 2^64 - 1.
    pub total_left: u64,
}

/// The limits of a batch and what is left of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    limits: Limits,
    /// The smallest of the limits that all entries share.
    shared: u64,
    /// What is left of `shared`.
    left: u64,
}

/// The properties of a wallet account that a credit depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditedWallet {
    /// Base units ever credited.
    pub credited_total: u64,
    /// Lamports that the account holds; 0 if credits move no lamports.
    pub lamports: u64,
}

/// A credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Base units credited.
    pub delta: u64,
    /// Lamports that the wallet account holds afterwards, if credits move lamports.
    pub lamports: u64,
}

impl Budget {
    /// The budget of a batch that has not credited anything yet.
    #[inline(always)]
    pub fn new(limits: Limits) -> Self {
        let Limits { per_batch_cap, window_left, treasury_left, total_left, .. } = limits;
        let shared = per_batch_cap.min(window_left).min(treasury_left).min(total_left);
        Self { limits, shared, left: shared }
    }

    /// Base units credited so far.
    pub fn credited(&self) -> u64 {
        self.shared.saturating_sub(self.left)
    }

    /// The credit by which the wallet reaches `target`, which the caller must [take](Self::take) from
    /// the budget. `None` if only [`credit`](Self::credit) can decide. Cheaper on-chain than that: it
    /// makes one comparison per limit and needs no overflow checks. Succeeds for nearly every entry.
    ///
    /// The wallet's lamports and the treasury's must not exceed 2^64 - 1 in sum, which the lamports of two
    /// accounts never do.
    #[inline(always)]
    pub fn try_fast(&self, wallet: CreditedWallet, target: u64) -> Option<Credit> {
        let delta = target.wrapping_sub(wallet.credited_total);
        if unlikely(target <= wallet.credited_total)
            || unlikely(delta > self.limits.per_node_cap)
            || unlikely(delta > self.left)
        {
            return None;
        }
        debug_assert!(wallet.lamports.checked_add(delta).is_some(), "the lamports of two accounts exceed 2^64 - 1");
        Some(Credit { delta, lamports: wallet.lamports.wrapping_add(delta) })
    }

    /// Takes a credit from the budget that was returned for it as it is now, and is therefore within it.
    #[inline(always)]
    pub fn take(&mut self, credit: Credit) {
        debug_assert!(credit.delta <= self.left, "the credit exceeds the budget");
        self.left = self.left.wrapping_sub(credit.delta);
    }

    /// Takes the credit by which the wallet reaches `target` from the budget and returns it. If the
    /// entry must be skipped, returns the reason and leaves the budget unchanged.
    pub fn credit(&mut self, wallet: CreditedWallet, target: u64) -> Result<Credit, SkipReason> {
        let delta = match target.checked_sub(wallet.credited_total) {
            None | Some(0) => return Err(SkipReason::NothingToCredit),
            Some(delta) => delta,
        };
        if delta > self.limits.per_node_cap {
            return Err(SkipReason::PerNodeCap);
        }
        let left = self.left.checked_sub(delta).ok_or_else(|| self.exceeded(delta))?;
        let lamports = wallet.lamports.checked_add(delta).ok_or(SkipReason::Overflow)?;
        self.left = left;
        Ok(Credit { delta, lamports })
    }

    /// The first of the shared limits, from the narrowest scope to the widest, that `delta` exceeds.
    fn exceeded(&self, delta: u64) -> SkipReason {
        let reasons = [
            (self.limits.per_batch_cap, SkipReason::PerBatchCap),
            (self.limits.window_left, SkipReason::WindowLimit),
            (self.limits.treasury_left, SkipReason::TreasuryShort),
        ];
        let credited = self.credited().checked_add(delta);
        reasons
            .into_iter()
            .find(|(limit, _)| credited.is_none_or(|credited| credited > *limit))
            .map_or(SkipReason::Overflow, |(_, reason)| reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALLET: CreditedWallet = CreditedWallet { credited_total: 100, lamports: 1_000 };
    const LIMITS: Limits =
        Limits { per_node_cap: 50, per_batch_cap: 60, window_left: 70, treasury_left: 80, total_left: 90 };
    const WIDE: Limits = Limits {
        per_node_cap: u64::MAX,
        per_batch_cap: u64::MAX,
        window_left: u64::MAX,
        treasury_left: u64::MAX,
        total_left: u64::MAX,
    };

    fn credited(budget: &mut Budget, wallet: CreditedWallet, target: u64) -> Result<u64, SkipReason> {
        let mut fast_budget = *budget;
        let fast = fast_budget.try_fast(wallet, target);
        let credit = budget.credit(wallet, target);
        if let Some(fast) = fast {
            fast_budget.take(fast);
            assert_eq!((Ok(fast), fast_budget), (credit, *budget), "the fast path gives the same result");
        }
        let credit = credit?;
        assert_eq!(credit.lamports, wallet.lamports + credit.delta);
        Ok(credit.delta)
    }

    fn rejected(limits: Limits, wallet: CreditedWallet, target: u64) -> SkipReason {
        let before = Budget::new(limits);
        let mut after = before;
        let reason = after.credit(wallet, target).expect_err("a rejected entry");
        assert_eq!(after, before, "a rejected entry leaves the budget unchanged");
        reason
    }

    #[test]
    fn the_difference_to_the_total_is_credited_and_reduces_the_budget_of_later_entries() {
        let mut budget = Budget::new(LIMITS);
        assert_eq!(credited(&mut budget, WALLET, 150), Ok(50));
        assert_eq!(budget.credited(), 50);
        assert_eq!(credited(&mut budget, WALLET, 111), Err(SkipReason::PerBatchCap));
        assert_eq!(credited(&mut budget, WALLET, 110), Ok(10));
        assert_eq!(budget.credited(), 60);
    }

    #[test]
    fn a_resent_or_lower_total_credits_nothing() {
        for target in [100, 99, 0] {
            assert_eq!(rejected(LIMITS, WALLET, target), SkipReason::NothingToCredit);
        }
    }

    #[test]
    fn each_limit_rejects_with_its_own_reason_and_allows_its_last_unit() {
        let cases = [
            (Limits { per_node_cap: 50, ..WIDE }, SkipReason::PerNodeCap),
            (Limits { per_batch_cap: 50, ..WIDE }, SkipReason::PerBatchCap),
            (Limits { window_left: 50, ..WIDE }, SkipReason::WindowLimit),
            (Limits { treasury_left: 50, ..WIDE }, SkipReason::TreasuryShort),
            (Limits { total_left: 50, ..WIDE }, SkipReason::Overflow),
        ];
        for (limits, reason) in cases {
            assert_eq!(rejected(limits, WALLET, 151), reason);
            assert_eq!(credited(&mut Budget::new(limits), WALLET, 150), Ok(50));
        }
    }

    #[test]
    fn the_largest_totals_neither_wrap_nor_panic() {
        let new = CreditedWallet { credited_total: 0, lamports: 0 };
        let mut budget = Budget::new(WIDE);
        assert_eq!(credited(&mut budget, new, u64::MAX), Ok(u64::MAX));
        assert_eq!(credited(&mut budget, new, 1), Err(SkipReason::PerBatchCap));
        let rich = CreditedWallet { credited_total: 0, lamports: 1 };
        assert_eq!(rejected(WIDE, rich, u64::MAX), SkipReason::Overflow);
    }
}
