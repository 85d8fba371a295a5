//! Whether a node's pending tokens can be paid to a token account.
//!
//! A transfer that the token program rejects would fail the whole batch, so every reason that it could
//! have is checked first.

use super::SkipReason;
use super::token_layout::TokenAccount;

/// The properties of a token account that a payout to it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenDestination {
    /// It is the destination set in the wallet account.
    pub is_named: bool,
    /// It is the treasury's own token account.
    pub is_treasury_vault: bool,
    /// It is writable in this transaction.
    pub is_writable: bool,
    /// It is an initialized token account of the network's token program.
    pub is_token_account: bool,
    /// Its mint is the network's.
    pub has_expected_mint: bool,
    /// Its owner is one that the destination may have.
    pub has_expected_owner: bool,
    /// It is frozen.
    pub is_frozen: bool,
    /// It requires incoming transfers to have a memo.
    pub needs_memo: bool,
}

/// The properties of a token account that do not depend on its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAccountFlags {
    /// It is writable in this transaction.
    pub is_writable: bool,
    /// It is the treasury's own token account.
    pub is_treasury_vault: bool,
    /// It is the destination set in the wallet account.
    pub is_named: bool,
}

impl TokenDestination {
    /// Whether no payment can go there, whatever its amount and whoever sends the transaction, unless somebody else than
    /// the freeze authority of its mint changes it.
    pub fn is_unpayable(&self) -> bool {
        let can_hold = self.is_token_account && self.has_expected_mint && self.has_expected_owner;
        !can_hold || self.is_treasury_vault || self.needs_memo
    }

    /// Describes an account. `found` is what was parsed from it if the network's token program owns
    /// it. The closures compare its mint with the network's, and its owner with those that the destination may have.
    pub fn describe(
        found: Option<TokenAccount>,
        flags: TokenAccountFlags,
        is_expected_mint: impl FnOnce(&[u8; 32]) -> bool,
        is_expected_owner: impl FnOnce(&[u8; 32]) -> bool,
    ) -> Self {
        Self {
            is_named: flags.is_named,
            is_treasury_vault: flags.is_treasury_vault,
            is_writable: flags.is_writable,
            is_token_account: found.is_some(),
            has_expected_mint: found.is_some_and(|found| is_expected_mint(&found.mint)),
            has_expected_owner: found.is_some_and(|found| is_expected_owner(&found.owner)),
            is_frozen: found.is_some_and(|found| found.is_frozen),
            needs_memo: found.is_some_and(|found| found.needs_memo),
        }
    }
}

/// The properties of the treasury's token account that a payout from it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayingTreasury {
    /// It is frozen.
    pub is_frozen: bool,
    /// Its balance in base units.
    pub amount: u64,
}

/// Checks that `amount` base units can be paid from the treasury to the token account.
pub fn check(amount: u64, from: PayingTreasury, to: TokenDestination) -> Result<(), SkipReason> {
    let skip_if = |condition: bool, reason| if condition { Err(reason) } else { Ok(()) };
    skip_if(!to.is_named, SkipReason::DestinationMismatch)?;
    skip_if(!to.is_token_account, SkipReason::TokenAccountInvalid)?;
    skip_if(!to.has_expected_mint, SkipReason::TokenAccountWrongMint)?;
    skip_if(to.is_treasury_vault, SkipReason::DestinationIsProgramAccount)?;
    skip_if(!to.has_expected_owner, SkipReason::TokenAccountWrongOwner)?;
    skip_if(to.is_frozen, SkipReason::TokenAccountFrozen)?;
    skip_if(to.needs_memo, SkipReason::TokenAccountNeedsMemo)?;
    skip_if(!to.is_writable, SkipReason::DestinationNotWritable)?;
    skip_if(from.is_frozen, SkipReason::TreasuryFrozen)?;
    skip_if(from.amount < amount, SkipReason::TreasuryTokensShort)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: PayingTreasury = PayingTreasury { is_frozen: false, amount: 100 };
    const TO: TokenDestination = TokenDestination {
        is_named: true,
        is_treasury_vault: false,
        is_writable: true,
        is_token_account: true,
        has_expected_mint: true,
        has_expected_owner: true,
        is_frozen: false,
        needs_memo: false,
    };

    #[test]
    fn a_valid_token_account_is_paid_up_to_the_last_unit() {
        assert_eq!(check(100, FROM, TO), Ok(()));
        assert_eq!(check(101, FROM, TO), Err(SkipReason::TreasuryTokensShort));
    }

    #[test]
    fn each_invalid_token_account_is_rejected_with_its_own_reason() {
        let cases = [
            (TokenDestination { is_named: false, ..TO }, SkipReason::DestinationMismatch),
            (TokenDestination { is_token_account: false, ..TO }, SkipReason::TokenAccountInvalid),
            (TokenDestination { has_expected_mint: false, ..TO }, SkipReason::TokenAccountWrongMint),
            (TokenDestination { is_treasury_vault: true, ..TO }, SkipReason::DestinationIsProgramAccount),
            (TokenDestination { has_expected_owner: false, ..TO }, SkipReason::TokenAccountWrongOwner),
            (TokenDestination { is_frozen: true, ..TO }, SkipReason::TokenAccountFrozen),
            (TokenDestination { needs_memo: true, ..TO }, SkipReason::TokenAccountNeedsMemo),
            (TokenDestination { is_writable: false, ..TO }, SkipReason::DestinationNotWritable),
        ];
        for (to, reason) in cases {
            assert_eq!(check(100, FROM, to), Err(reason));
        }
        let frozen = PayingTreasury { is_frozen: true, ..FROM };
        assert_eq!(check(100, frozen, TO), Err(SkipReason::TreasuryFrozen));
    }
}
