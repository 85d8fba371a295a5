//! Whether a node's pending tokens can go to a token account of its destination.
//!
//! A transfer that the token program refuses would fail the whole batch, so every reason it could
//! have is looked for first.

use super::SkipReason;
use super::token_layout::TokenAccount;

/// What of a token account decides about a payout to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenDestination {
    /// It is the treasury's own token account.
    pub is_treasury_vault: bool,
    /// It is writable in this transaction.
    pub is_writable: bool,
    /// It is an initialized token account of the network's token program.
    pub is_token_account: bool,
    /// It holds the network's mint.
    pub has_expected_mint: bool,
    /// Its owner is the destination named in the wallet account.
    pub has_expected_owner: bool,
    /// Its mint's freeze authority froze it.
    pub is_frozen: bool,
    /// It refuses transfers that come without a memo.
    pub needs_memo: bool,
}

impl TokenDestination {
    /// Describes an account. `found` is what was parsed from it if the network's token program owns
    /// it. `owner` is the address that should own the tokens; `None` allows any.
    pub fn describe(
        found: Option<TokenAccount>,
        is_writable: bool,
        is_treasury_vault: bool,
        mint: &[u8; 32],
        owner: Option<&[u8; 32]>,
    ) -> Self {
        Self {
            is_treasury_vault,
            is_writable,
            is_token_account: found.is_some(),
            has_expected_mint: found.is_some_and(|found| found.mint == *mint),
            has_expected_owner: found.is_some_and(|found| owner.is_none_or(|owner| found.owner == *owner)),
            is_frozen: found.is_some_and(|found| found.is_frozen),
            needs_memo: found.is_some_and(|found| found.needs_memo),
        }
    }
}

/// What of the treasury's token account decides about a payout from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayingTreasury {
    /// Its mint's freeze authority froze it.
    pub is_frozen: bool,
    /// Base units in it.
    pub amount: u64,
}

/// Whether `amount` base units can go from the treasury to the token account.
pub fn check(amount: u64, from: PayingTreasury, to: TokenDestination) -> Result<(), SkipReason> {
    let refuse = |refused: bool, reason| if refused { Err(reason) } else { Ok(()) };
    refuse(!to.is_token_account, SkipReason::TokenAccountInvalid)?;
    refuse(!to.has_expected_mint, SkipReason::TokenAccountWrongMint)?;
    refuse(to.is_treasury_vault, SkipReason::DestinationIsProgramAccount)?;
    refuse(!to.has_expected_owner, SkipReason::TokenAccountWrongOwner)?;
    refuse(to.is_frozen, SkipReason::TokenAccountFrozen)?;
    refuse(to.needs_memo, SkipReason::TokenAccountNeedsMemo)?;
    refuse(!to.is_writable, SkipReason::DestinationNotWritable)?;
    refuse(from.is_frozen, SkipReason::TreasuryFrozen)?;
    refuse(from.amount < amount, SkipReason::TreasuryTokensShort)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: PayingTreasury = PayingTreasury { is_frozen: false, amount: 100 };
    const TO: TokenDestination = TokenDestination {
        is_treasury_vault: false,
        is_writable: true,
        is_token_account: true,
        has_expected_mint: true,
        has_expected_owner: true,
        is_frozen: false,
        needs_memo: false,
    };

    #[test]
    fn a_sound_token_account_is_paid_to_the_last_unit() {
        assert_eq!(check(100, FROM, TO), Ok(()));
        assert_eq!(check(101, FROM, TO), Err(SkipReason::TreasuryTokensShort));
    }

    #[test]
    fn each_bad_token_account_is_refused_by_its_own_name() {
        let cases = [
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
