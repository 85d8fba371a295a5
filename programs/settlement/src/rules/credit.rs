//! What one entry of a batch credits, and what the batch may still credit after it.

use super::SkipReason;

/// What a batch may credit: limits at its start, drawn down entry by entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Base units one entry may credit.
    pub per_node_cap: u64,
    /// Base units left for this batch.
    pub batch_left: u64,
    /// Base units left in the outflow window.
    pub window_left: u64,
    /// Base units the treasury can give, its rent kept back.
    pub treasury_left: u64,
    /// Base units until the treasury's credited total would pass 2^64 - 1.
    pub total_left: u64,
    /// Lamports a wallet account has to hold after a credit.
    pub wallet_rent_minimum: u64,
}

/// What of a wallet account decides about a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditedWallet {
    /// Base units ever credited.
    pub credited_total: u64,
    /// Lamports the account holds.
    pub lamports: u64,
}

impl Budget {
    /// Base units to credit so that the wallet reaches `target`, taken off the budget; or why
    /// not, and then the budget stays as it is.
    pub fn credit(&mut self, wallet: CreditedWallet, target: u64) -> Result<u64, SkipReason> {
        let delta = match target.checked_sub(wallet.credited_total) {
            None | Some(0) => return Err(SkipReason::NothingToCredit),
            Some(delta) => delta,
        };
        if delta > self.per_node_cap {
            return Err(SkipReason::PerNodeCap);
        }
        let left = |have: u64, reason| have.checked_sub(delta).ok_or(reason);
        let batch_left = left(self.batch_left, SkipReason::PerBatchCap)?;
        let window_left = left(self.window_left, SkipReason::WindowLimit)?;
        let treasury_left = left(self.treasury_left, SkipReason::TreasuryShort)?;
        let total_left = left(self.total_left, SkipReason::Overflow)?;
        match wallet.lamports.checked_add(delta) {
            None => return Err(SkipReason::Overflow),
            Some(lamports) if lamports < self.wallet_rent_minimum => {
                return Err(SkipReason::WalletNotRentExempt);
            }
            Some(_) => {}
        }
        *self = Self { batch_left, window_left, treasury_left, total_left, ..*self };
        Ok(delta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALLET: CreditedWallet = CreditedWallet { credited_total: 100, lamports: 1_000 };
    const BUDGET: Budget = Budget {
        per_node_cap: 50,
        batch_left: 60,
        window_left: 70,
        treasury_left: 80,
        total_left: 90,
        wallet_rent_minimum: 1_000,
    };

    fn refused(budget: Budget, wallet: CreditedWallet, target: u64) -> SkipReason {
        let mut after = budget;
        let reason = after.credit(wallet, target).expect_err("refused");
        assert_eq!(after, budget, "a refused entry takes nothing off the budget");
        reason
    }

    #[test]
    fn the_difference_to_the_total_is_credited_and_taken_off_every_limit() {
        let mut budget = BUDGET;
        assert_eq!(budget.credit(WALLET, 150), Ok(50));
        assert_eq!(budget, Budget { batch_left: 10, window_left: 20, treasury_left: 30, total_left: 40, ..BUDGET });
    }

    #[test]
    fn a_resent_or_lower_total_credits_nothing() {
        for target in [100, 99, 0] {
            assert_eq!(refused(BUDGET, WALLET, target), SkipReason::NothingToCredit);
        }
    }

    #[test]
    fn each_limit_refuses_by_its_own_name_and_allows_its_last_unit() {
        let wide = Budget {
            per_node_cap: u64::MAX,
            batch_left: u64::MAX,
            window_left: u64::MAX,
            treasury_left: u64::MAX,
            total_left: u64::MAX,
            wallet_rent_minimum: 0,
        };
        let cases = [
            (Budget { per_node_cap: 50, ..wide }, SkipReason::PerNodeCap),
            (Budget { batch_left: 50, ..wide }, SkipReason::PerBatchCap),
            (Budget { window_left: 50, ..wide }, SkipReason::WindowLimit),
            (Budget { treasury_left: 50, ..wide }, SkipReason::TreasuryShort),
            (Budget { total_left: 50, ..wide }, SkipReason::Overflow),
        ];
        for (budget, reason) in cases {
            assert_eq!(refused(budget, WALLET, 151), reason);
            assert_eq!({ budget }.credit(WALLET, 150), Ok(50));
        }
    }

    #[test]
    fn a_wallet_below_rent_is_credited_only_when_that_lifts_it_above() {
        let wallet = CreditedWallet { lamports: 960, ..WALLET };
        assert_eq!(refused(BUDGET, wallet, 139), SkipReason::WalletNotRentExempt);
        assert_eq!({ BUDGET }.credit(wallet, 140), Ok(40));
    }

    #[test]
    fn the_largest_totals_neither_wrap_nor_panic() {
        let wide = Budget {
            per_node_cap: u64::MAX,
            batch_left: u64::MAX,
            window_left: u64::MAX,
            treasury_left: u64::MAX,
            total_left: u64::MAX,
            wallet_rent_minimum: 0,
        };
        let new = CreditedWallet { credited_total: 0, lamports: 0 };
        assert_eq!({ wide }.credit(new, u64::MAX), Ok(u64::MAX));
        let rich = CreditedWallet { credited_total: 0, lamports: 1 };
        assert_eq!(refused(wide, rich, u64::MAX), SkipReason::Overflow);
    }
}
