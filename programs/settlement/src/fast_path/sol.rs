//! Payouts in lamports, from wallet accounts.

use super::batch_error::BatchError;
use super::host::Host;
use super::input::{Account, EntryShape};
use super::keys::{PROGRAM, SYSTEM, differ, key, same, wallet_destination};
use super::named_accounts::NamedAccounts;
use super::payout_method::{DuePayout, PayoutMethod, SolAsset, mark_paid};
use crate::destination::{DestinationAccount, DestinationMatch, KnownAddress, describe};
use crate::error::SettlementError;
use crate::reserved::ids;
use crate::rules::payout::{self as rule, AccountBalance};
use crate::rules::{SkipReason, rent_floor, rent_minimum};
use crate::state::NodeWallet;
use crate::unlikely::unlikely;

/// Payouts in lamports.
pub(super) struct SolPayouts {
    /// Rent-exempt minimum of a wallet account.
    wallet_minimum: u64,
    /// Rent-exempt minimum of an account without data, which a payout to a new account needs.
    empty_minimum: u64,
}

impl SolPayouts {
    #[inline(always)]
    pub(super) fn new(lamports_per_byte: u64) -> Result<Self, BatchError> {
        let minimum = |len: u64| rent_minimum(lamports_per_byte, len).ok_or(SettlementError::Overflow);
        Ok(Self { wallet_minimum: minimum(NodeWallet::SIZE as u64)?, empty_minimum: minimum(0)? })
    }
}

// The first word of the system program's address distinguishes it from the owners whose accounts are not paid.
const _: () = {
    assert!(SYSTEM[0] != PROGRAM[0]);
    assert!(SYSTEM[0] != key(ids::sysvar::ID.as_array())[0]);
    assert!(SYSTEM[0] != key(ids::native_loader::ID.as_array())[0]);
};

impl DestinationAccount for Account<'_> {
    #[inline(always)]
    fn has_address(&self, address: &KnownAddress) -> bool {
        same(self.key(), &address.words)
    }

    #[inline(always)]
    fn is_owned_by(&self, program: &KnownAddress) -> bool {
        same(self.owner(), &program.words)
    }

    #[inline(always)]
    fn is_writable(&self) -> bool {
        (*self).is_writable()
    }

    #[inline(always)]
    fn is_executable(&self) -> bool {
        (*self).is_executable()
    }

    #[inline(always)]
    fn lamports(&self) -> u64 {
        (*self).lamports()
    }
}

impl<'a> PayoutMethod<'a> for SolPayouts {
    type Asset = SolAsset;

    fn pay(&mut self, payout: DuePayout<'a>, wallet: &mut NodeWallet) -> Result<(), SkipReason> {
        let DuePayout { amount, wallet_lamports, balance_before, wallet_account, destination } = payout;
        let destination_match = DestinationMatch::from_equality(same(destination.key(), wallet_destination(wallet)));
        let to = describe(&destination, destination_match, self.empty_minimum);
        let floor = rent_floor(balance_before, self.wallet_minimum);
        rule::check(amount, AccountBalance { lamports: wallet_lamports, floor }, to)?;
        mark_paid(wallet);
        // The rule has checked that neither overflows and that the accounts are different ones.
        wallet_account.set_lamports(wallet_lamports.saturating_sub(amount));
        destination.set_lamports(to.lamports.saturating_add(amount));
        Ok(())
    }

    #[inline(always)]
    fn try_pay_fast(&mut self, payout: DuePayout<'a>, wallet: &NodeWallet, shape: EntryShape) -> bool {
        let DuePayout { amount, wallet_lamports, wallet_account, destination, .. } = payout;
        // A regular destination is writable and not a program. It is neither the incinerator nor the event authority,
        // because no instruction stores a reserved address as a destination.
        if shape == EntryShape::Unknown
            && (unlikely(!destination.is_writable()) || unlikely(destination.is_executable()))
        {
            return false;
        }
        // The first word of the owner distinguishes the system program from the three owners whose accounts
        // the rules reject, as asserted below. Whoever else it may be, the rules accept the account.
        if differ(destination.key(), wallet_destination(wallet)) || unlikely(destination.owner()[0] != SYSTEM[0]) {
            return false;
        }
        // A wallet that is below its minimum may keep less: `pay` decides.
        let from = AccountBalance { lamports: wallet_lamports, floor: self.wallet_minimum };
        let Some((left, arrived)) = rule::try_fast(amount, from, destination.lamports(), self.empty_minimum) else {
            return false;
        };
        wallet_account.set_lamports(left);
        destination.set_lamports(arrived);
        true
    }

    #[inline(always)]
    fn finish<H: Host>(self, _: &H, _: &mut NamedAccounts) -> Result<(), BatchError> {
        Ok(())
    }
}
