//! What one entry of a batch credits, and what the batch may still credit after it.

use super::SkipReason;
use crate::unlikely::unlikely;

/// What a batch may credit at its start. Base units, but for the wallet's rent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What one entry may credit.
    pub per_node_cap: u64,
    /// What this batch may credit.
    pub per_batch_cap: u64,
    /// What is left in the outflow window.
    pub window_left: u64,
    /// What the treasury can give, its rent and what it owes kept back.
    pub treasury_left: u64,
    /// What is left until the treasury's credited total would pass 2^64 - 1.
    pub total_left: u64,
    /// Lamports a wallet account has to hold after a credit. 0 where a credit moves no lamports.
    pub wallet_rent_minimum: u64,
}

/// A batch's limits and what of them is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    limits: Limits,
    /// The least of the limits that all entries draw on together.
    shared: u64,
    /// What is left of it.
    left: u64,
}

/// What of a wallet account decides about a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditedWallet {
    /// Base units ever credited.
    pub credited_total: u64,
    /// Lamports the account holds, where a credit adds to them; else 0.
    pub lamports: u64,
}

/// What a credit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Base units it credits.
    pub delta: u64,
    /// Lamports the account holds after it, where a credit adds to them.
    pub lamports: u64,
}

impl Budget {
    /// A batch that has credited nothing yet.
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

    /// What has to be credited so that the wallet reaches `target`, for nearly every entry, to be
    /// [taken](Self::take) off the budget; `None` where [`credit`](Self::credit) has to look more
    /// closely. Cheaper than that on the chain: one question for each limit, and no sum that could
    /// pass 2^64 - 1.
    #[inline(always)]
    pub fn try_fast(&self, wallet: CreditedWallet, target: u64) -> Option<Credit> {
        let delta = target.wrapping_sub(wallet.credited_total);
        let lamports = wallet.lamports.wrapping_add(delta);
        if unlikely(target <= wallet.credited_total)
            || unlikely((wallet.lamports | delta) >> 63 != 0)
            || unlikely(delta > self.limits.per_node_cap)
            || unlikely(delta > self.left)
            || unlikely(lamports < self.limits.wallet_rent_minimum)
        {
            return None;
        }
        Some(Credit { delta, lamports })
    }

    /// Takes a credit that was found to be [plain](Self::try_fast) off what is left.
    #[inline(always)]
    pub fn take(&mut self, credit: Credit) {
        self.left = self.left.saturating_sub(credit.delta);
    }

    /// What has to be credited so that the wallet reaches `target`, taken off what is left; or why
    /// not, and then the budget stays as it is.
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
        if lamports < self.limits.wallet_rent_minimum {
            return Err(SkipReason::WalletNotRentExempt);
        }
        self.left = left;
        Ok(Credit { delta, lamports })
    }

    /// Which of the shared limits `delta` more would exceed, the narrowest measure first.
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
    const LIMITS: Limits = Limits {
        per_node_cap: 50,
        per_batch_cap: 60,
        window_left: 70,
        treasury_left: 80,
        total_left: 90,
        wallet_rent_minimum: 1_000,
    };
    const WIDE: Limits = Limits {
        per_node_cap: u64::MAX,
        per_batch_cap: u64::MAX,
        window_left: u64::MAX,
        treasury_left: u64::MAX,
        total_left: u64::MAX,
        wallet_rent_minimum: 0,
    };

    fn credited(budget: &mut Budget, wallet: CreditedWallet, target: u64) -> Result<u64, SkipReason> {
        let mut plainly = *budget;
        let plain = plainly.try_fast(wallet, target);
        let credit = budget.credit(wallet, target);
        if let Some(plain) = plain {
            plainly.take(plain);
            assert_eq!((Ok(plain), plainly), (credit, *budget), "what is plain is no different");
        }
        let credit = credit?;
        assert_eq!(credit.lamports, wallet.lamports + credit.delta);
        Ok(credit.delta)
    }

    fn refused(limits: Limits, wallet: CreditedWallet, target: u64) -> SkipReason {
        let before = Budget::new(limits);
        let mut after = before;
        let reason = after.credit(wallet, target).expect_err("refused");
        assert_eq!(after, before, "a refused entry takes nothing off the budget");
        reason
    }

    #[test]
    fn the_difference_to_the_total_is_credited_and_counts_against_every_later_entry() {
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
            assert_eq!(refused(LIMITS, WALLET, target), SkipReason::NothingToCredit);
        }
    }

    #[test]
    fn each_limit_refuses_by_its_own_name_and_allows_its_last_unit() {
        let cases = [
            (Limits { per_node_cap: 50, ..WIDE }, SkipReason::PerNodeCap),
            (Limits { per_batch_cap: 50, ..WIDE }, SkipReason::PerBatchCap),
            (Limits { window_left: 50, ..WIDE }, SkipReason::WindowLimit),
            (Limits { treasury_left: 50, ..WIDE }, SkipReason::TreasuryShort),
            (Limits { total_left: 50, ..WIDE }, SkipReason::Overflow),
        ];
        for (limits, reason) in cases {
            assert_eq!(refused(limits, WALLET, 151), reason);
            assert_eq!(credited(&mut Budget::new(limits), WALLET, 150), Ok(50));
        }
    }

    #[test]
    fn a_wallet_below_rent_is_credited_only_when_that_lifts_it_above() {
        let wallet = CreditedWallet { lamports: 960, ..WALLET };
        assert_eq!(refused(LIMITS, wallet, 139), SkipReason::WalletNotRentExempt);
        assert_eq!(credited(&mut Budget::new(LIMITS), wallet, 140), Ok(40));
    }

    #[test]
    fn the_largest_totals_neither_wrap_nor_panic() {
        let new = CreditedWallet { credited_total: 0, lamports: 0 };
        let mut budget = Budget::new(WIDE);
        assert_eq!(credited(&mut budget, new, u64::MAX), Ok(u64::MAX));
        assert_eq!(credited(&mut budget, new, 1), Err(SkipReason::PerBatchCap));
        let rich = CreditedWallet { credited_total: 0, lamports: 1 };
        assert_eq!(refused(WIDE, rich, u64::MAX), SkipReason::Overflow);
    }
}
