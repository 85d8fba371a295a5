//! What paying nodes in lamports and in tokens have in common.

use super::batch_error::BatchError;
use super::host::Host;
use super::input::{Account, EntryShape};
use super::keys::{Key, treasury_network};
use super::named_accounts::NamedAccounts;
use super::wallet::wallet;
use crate::rules::SkipReason;
use crate::rules::payout as rule;
use crate::state::{NodeWallet, Treasury};

/// The kind of asset that a batch credits.
pub(super) trait Asset {
    /// Whether a credit moves lamports from the treasury to the wallet account. Tokens stay in the
    /// treasury's token account until they are paid out.
    const CREDITS_MOVE_LAMPORTS: bool;
}

/// SOL, in lamports.
pub(super) enum SolAsset {}

/// The tokens of a mint.
pub(super) enum TokenAsset {}

impl Asset for SolAsset {
    const CREDITS_MOVE_LAMPORTS: bool = true;
}

impl Asset for TokenAsset {
    const CREDITS_MOVE_LAMPORTS: bool = false;
}

/// How wallets are paid out.
pub(super) trait PayoutMethod<'a> {
    /// What is paid.
    type Asset: Asset;

    /// Pays a wallet's whole pending amount and marks it as paid, or changes nothing and returns the
    /// reason.
    fn pay(&mut self, payout: DuePayout<'a>, wallet: &mut NodeWallet) -> Result<(), SkipReason>;

    /// Pays a wallet's whole pending amount if a few cheap checks are enough to allow it, and returns
    /// `true`; the caller then marks the wallet as paid. Otherwise changes nothing and returns
    /// `false`: [`pay`](Self::pay) decides.
    ///
    /// `shape` says what is known of the wallet account and the destination.
    fn try_pay_fast(&mut self, payout: DuePayout<'a>, wallet: &NodeWallet, shape: EntryShape) -> bool;

    /// Completes the payouts of the batch.
    fn finish<H: Host>(self, host: &H, named: &mut NamedAccounts) -> Result<(), BatchError>;
}

/// A payout that is due.
#[derive(Clone, Copy)]
pub(super) struct DuePayout<'a> {
    /// Base units pending.
    pub(super) amount: u64,
    /// Lamports that the wallet account holds, with what this entry credits.
    pub(super) wallet_lamports: u64,
    /// Lamports that it held before this instruction.
    pub(super) balance_before: u64,
    /// The wallet account.
    pub(super) wallet_account: Account<'a>,
    /// The account that the entry passes as the destination.
    pub(super) destination: Account<'a>,
}

/// Marks a wallet's pending amount as paid.
#[inline(always)]
pub(super) fn mark_paid(wallet: &mut NodeWallet) {
    wallet.paid_total = wallet.credited_total;
    wallet.oldest_unpaid_at = rule::oldest_unpaid_after_payout(0, wallet.oldest_unpaid_at);
}

/// When the wallets of a network are paid out.
pub(super) struct PayoutPolicy {
    /// The network's address.
    pub(super) network: Key,
    /// The current time in Unix seconds.
    pub(super) now: i64,
    max_pending_age: u64,
}

impl PayoutPolicy {
    #[inline(always)]
    pub(super) fn new<H: Host>(host: &H, treasury: &Treasury) -> Result<Self, BatchError> {
        Ok(Self { network: *treasury_network(treasury), now: host.now()?, max_pending_age: treasury.max_pending_age })
    }

    /// Pays a wallet's pending amount, and returns it; or returns why it was not paid. `credited` are the lamports
    /// that this instruction has moved to the wallet account.
    #[inline(never)]
    pub(super) fn pay_if_due<'a, P: PayoutMethod<'a>>(
        &self,
        payouts: &mut P,
        wallet_account: Account<'a>,
        destination: Account<'a>,
        credited: u64,
    ) -> Result<u64, SkipReason> {
        // SAFETY: no other wallet is borrowed: callers process one entry at a time and keep none, and
        // the payout accesses the data of token accounts only, never that of a wallet account.
        let wallet = unsafe { wallet(wallet_account, &self.network, EntryShape::Unknown) };
        let wallet = wallet.ok_or(SkipReason::InvalidWallet)?;
        let amount = wallet.credited_total.saturating_sub(wallet.paid_total);
        if !rule::is_due(amount, wallet.threshold, wallet.oldest_unpaid_at, self.now, self.max_pending_age) {
            return Err(SkipReason::NotDue);
        }
        let wallet_lamports = wallet_account.lamports();
        let balance_before = wallet_lamports.saturating_sub(credited);
        let payout = DuePayout { amount, wallet_lamports, balance_before, wallet_account, destination };
        if payouts.try_pay_fast(payout, wallet, EntryShape::Unknown) {
            mark_paid(wallet);
        } else {
            payouts.pay(payout, wallet)?;
        }
        Ok(amount)
    }
}
