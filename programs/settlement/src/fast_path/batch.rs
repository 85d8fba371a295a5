//! `credit` and `settle`: apply a batch of cumulative totals entry by entry. A bad entry is skipped and
//! never fails the batch.
//!
//! An instruction fails as a whole only if the batch itself is wrong, or in cases that can't occur
//! with accounts written by this program. Lamports move immediately, so that each entry sees the
//! balances that the entries before it left. Tokens move at the end, when all amounts are known.

use core::marker::PhantomData;
use core::slice;

use super::batch_error::BatchError;
use super::data::{Batch, Target};
use super::event::{self, EventBuffer};
use super::host::Host;
use super::input::{Account, Entries, EntryShape, Input, PairEntries, SliceEntries, WalletEntries};
use super::named_accounts::{NamedAccounts, require, require_account_count};
use super::payout_method::{Asset, DuePayout, PayoutMethod, PayoutPolicy, SolAsset, TokenAsset, mark_paid};
use super::sol::SolPayouts;
use super::tokens::{TokenContext, TokenPayouts};
use super::wallet::wallet;
use crate::error::SettlementError;
use crate::rules::credit::{Budget, CreditedWallet, Limits};
use crate::rules::surplus::{liabilities, surplus};
use crate::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, SkipReason, SkipSet, payout, rent_minimum};
use crate::state::{AssetKind, NodeWallet, Treasury};
use crate::unlikely::unlikely;

/// Executes a `credit`. Each entry has one account: a wallet.
#[inline(never)]
pub(super) fn credit<H: Host>(host: &H, input: &Input) -> Result<(), BatchError> {
    let batch = input.data.batch(MAX_CREDIT_ENTRIES)?;
    // SAFETY: nothing else borrows the treasury, even if an entry names its account: wallets are only
    // borrowed from data of a wallet's length, and only the data of token programs is read.
    let named = unsafe { NamedAccounts::signed_by_settler(input.accounts) }?;
    require_account_count(input, named.rest, batch.targets.len(), 1)?;
    let before = input.before(named.rest);
    // SAFETY: there are as many accounts as targets.
    let entries = unsafe { RemainingEntries::new(batch.targets, SliceEntries::new(before, named.rest)) };
    match named.asset {
        AssetKind::Sol => credit_entries::<H, _, SolAsset>(host, named, &batch, entries),
        _ => credit_entries::<H, _, TokenAsset>(host, named, &batch, entries),
    }
}

/// Executes a `credit` whose input is regular.
#[inline(never)]
pub(super) fn credit_regular<H: Host>(host: &H, input: Input<WalletEntries>) -> Result<(), BatchError> {
    let batch = input.data.batch(MAX_CREDIT_ENTRIES)?;
    // SAFETY: nothing else borrows the treasury, even if an entry names its account: wallets are only
    // borrowed from data of a wallet's length, and only the data of token programs is read.
    let named = unsafe { NamedAccounts::signed_by_settler(input.accounts) }?;
    let wallets = input.account_count.wrapping_sub(input.accounts.len());
    require(wallets == batch.targets.len(), SettlementError::AccountCountMismatch)?;
    // SAFETY: there are as many wallets as targets.
    let entries = unsafe { RemainingEntries::new(batch.targets, input.entries) };
    match named.asset {
        AssetKind::Sol => credit_entries::<H, _, SolAsset>(host, named, &batch, entries),
        _ => credit_entries::<H, _, TokenAsset>(host, named, &batch, entries),
    }
}

#[inline(always)]
fn credit_entries<'a, H: Host, E: Entries<'a, Accounts = Account<'a>>, A: Asset>(
    host: &H,
    named: NamedAccounts<'a>,
    batch: &Batch,
    mut entries: RemainingEntries<E>,
) -> Result<(), BatchError> {
    let lamports_per_byte = if A::CREDITS_MOVE_LAMPORTS { host.lamports_per_byte()? } else { 0 };
    let mut run = BatchRun::<A>::new(host, &named, lamports_per_byte)?;
    let mut skips = SkipSet::NONE;
    loop {
        run.credit_fast_path(&mut entries);
        // The entry that the fast path stopped at takes the full path.
        let Some((target, account, _)) = entries.current() else { break };
        entries.advance();
        if let Err(reason) = run.credit(target.get(), account) {
            skips.skip_credit(batch.entry(target), reason);
        }
    }
    run.finish(host, named, batch, 0, &skips)
}

/// Executes a `settle`. Each entry has two accounts: a wallet and its destination.
#[inline(never)]
pub(super) fn settle<H: Host>(host: &H, input: &Input) -> Result<(), BatchError> {
    let batch = input.data.batch(MAX_SETTLE_ENTRIES)?;
    // SAFETY: nothing else borrows the treasury, even if an entry names its account: wallets are only
    // borrowed from data of a wallet's length, and only the data of token programs is read.
    let named = unsafe { NamedAccounts::signed_by_settler(input.accounts) }?;
    match named.asset {
        AssetKind::Sol => {
            let (pairs, _) = named.rest.as_chunks::<2>();
            require_account_count(input, named.rest, batch.targets.len(), 2)?;
            let pairs = SliceEntries::new(input.before(named.rest), pairs);
            // SAFETY: there are as many pairs of accounts as targets.
            let entries = unsafe { RemainingEntries::new(batch.targets, pairs) };
            settle_entries(host, named, &batch, entries, SolPayouts::new)
        }
        kind => {
            let (tokens, accounts) = TokenContext::validate(&named, kind)?;
            let (pairs, _) = accounts.as_chunks::<2>();
            require_account_count(input, accounts, batch.targets.len(), 2)?;
            let pairs = SliceEntries::new(input.before(accounts), pairs);
            // SAFETY: there are as many pairs of accounts as targets.
            let entries = unsafe { RemainingEntries::new(batch.targets, pairs) };
            settle_entries(host, named, &batch, entries, |_| Ok(TokenPayouts::new(tokens)))
        }
    }
}

/// Executes a `settle` whose input is regular, which is only possible in a network that pays in SOL.
#[inline(never)]
pub(super) fn settle_regular<H: Host>(host: &H, input: Input<PairEntries>) -> Result<(), BatchError> {
    let batch = input.data.batch(MAX_SETTLE_ENTRIES)?;
    // SAFETY: nothing else borrows the treasury, even if an entry names its account: wallets are only
    // borrowed from data of a wallet's length, and only the data of token programs is read.
    let named = unsafe { NamedAccounts::signed_by_settler(input.accounts) }?;
    require(named.asset == AssetKind::Sol, SettlementError::AssetAccountsMismatch)?;
    let accounts = input.account_count.wrapping_sub(input.accounts.len());
    require(accounts == batch.targets.len().wrapping_mul(2), SettlementError::AccountCountMismatch)?;
    // SAFETY: there are as many pairs of accounts as targets.
    let entries = unsafe { RemainingEntries::new(batch.targets, input.entries) };
    settle_entries(host, named, &batch, entries, SolPayouts::new)
}

/// `new_payouts` gets the lamports per byte of rent, or 0 where credits move no lamports.
#[inline(always)]
fn settle_entries<'a, H: Host, E: Entries<'a, Accounts = [Account<'a>; 2]>, P: PayoutMethod<'a>>(
    host: &H,
    mut named: NamedAccounts<'a>,
    batch: &Batch,
    mut entries: RemainingEntries<E>,
    new_payouts: impl FnOnce(u64) -> Result<P, BatchError>,
) -> Result<(), BatchError> {
    let lamports_per_byte = if P::Asset::CREDITS_MOVE_LAMPORTS { host.lamports_per_byte()? } else { 0 };
    let mut payouts = new_payouts(lamports_per_byte)?;
    let mut run = BatchRun::<P::Asset>::new(host, &named, lamports_per_byte)?;
    let mut skips = SkipSet::NONE;
    let mut paid = 0u64;
    loop {
        let paid_fast = run.settle_fast_path(&mut entries, &mut payouts);
        paid = paid.checked_add(paid_fast).ok_or(SettlementError::Overflow)?;
        // The entry that the fast path stopped at takes the full path.
        let Some((target, [account, destination], _)) = entries.current() else { break };
        entries.advance();
        let mut credited = 0;
        match run.credit(target.get(), account) {
            Ok(lamports) => credited = lamports,
            Err(reason) => {
                skips.skip_credit(batch.entry(target), reason);
                // For a duplicate, the entry that credited the wallet has handled the payout as well.
                if matches!(reason, SkipReason::InvalidWallet | SkipReason::DuplicateWallet) {
                    continue;
                }
            }
        }
        match run.policy.pay_if_due(&mut payouts, account, destination, credited) {
            Ok(amount) => paid = paid.checked_add(amount).ok_or(SettlementError::Overflow)?,
            Err(SkipReason::NotDue) => {}
            Err(reason) => skips.skip_payout(batch.entry(target), reason),
        }
    }
    payouts.finish(host, &mut named)?;
    run.finish(host, named, batch, paid, &skips)
}

/// The entries of a batch that have not been processed yet: a target and accounts each. The loops work on
/// a clone, which the compiler keeps in registers.
#[derive(Clone)]
struct RemainingEntries<'t, E> {
    targets: slice::Iter<'t, Target>,
    accounts: E,
}

impl<'t, E> RemainingEntries<'t, E> {
    /// # Safety
    ///
    /// `accounts` has at least as many entries as there are targets.
    #[inline(always)]
    unsafe fn new(targets: &'t [Target], accounts: E) -> Self {
        Self { targets: targets.iter(), accounts }
    }

    /// The current entry; `None` after the last one.
    #[inline(always)]
    fn current<'a>(&self) -> Option<(&'t Target, E::Accounts, EntryShape)>
    where
        E: Entries<'a>,
    {
        let target = self.targets.as_slice().first()?;
        // SAFETY: a target remains. `new` was promised that there are accounts for every target, and
        // `advance` moves both on together.
        let (accounts, shape) = unsafe { self.accounts.current() };
        Some((target, accounts, shape))
    }

    /// Moves on to the next entry.
    #[inline(always)]
    fn advance<'a>(&mut self)
    where
        E: Entries<'a>,
    {
        // Beyond the last target, the accounts are no longer accessed.
        self.targets.next();
        self.accounts.advance();
    }
}

/// A batch in progress, which credits the asset `A`.
struct BatchRun<A> {
    policy: PayoutPolicy,
    sequence: u64,
    /// Base units in the outflow window before this batch.
    window_used: u64,
    window_updated_at: i64,
    budget: Budget,
    asset: PhantomData<A>,
}

impl<A: Asset> BatchRun<A> {
    #[inline(always)]
    fn new<H: Host>(host: &H, named: &NamedAccounts, lamports_per_byte: u64) -> Result<Self, BatchError> {
        let treasury = &*named.treasury;
        let policy = PayoutPolicy::new(host, treasury)?;
        let window = treasury.window().at(policy.now);
        let treasury_left = if A::CREDITS_MOVE_LAMPORTS {
            let minimum = rent_minimum(lamports_per_byte, Treasury::SIZE as u64).ok_or(SettlementError::Overflow)?;
            // At least 1, see `account::minimum_balance`.
            surplus(named.treasury_account.lamports(), minimum.max(1))
        } else {
            let owed =
                liabilities(treasury.credited_total, treasury.paid_total).ok_or(SettlementError::InconsistentTotals)?;
            surplus(treasury.token_balance, owed)
        };
        Ok(Self {
            policy,
            sequence: treasury.batch_sequence.checked_add(1).ok_or(SettlementError::Overflow)?,
            window_used: window.used,
            window_updated_at: window.updated_at,
            budget: Budget::new(Limits {
                per_node_cap: treasury.per_node_cap,
                per_batch_cap: treasury.per_batch_cap,
                window_left: window.left(),
                treasury_left,
                total_left: u64::MAX.saturating_sub(treasury.credited_total),
            }),
            asset: PhantomData,
        })
    }

    /// Credits entries until one needs the full path. Makes no calls, which would force the loop's
    /// values out of registers.
    #[inline(never)]
    fn credit_fast_path<'a, E: Entries<'a, Accounts = Account<'a>>>(&mut self, entries: &mut RemainingEntries<E>) {
        let (mut budget, mut remaining) = (self.budget, entries.clone());
        while let Some((target, account, shape)) = remaining.current() {
            // SAFETY: the wallet of the previous entry is no longer used. The shape is regular only for accounts with a
            // wallet's length, as `Entries` requires.
            let Some(wallet) = (unsafe { wallet(account, &self.policy.network, shape) }) else { break };
            if self.is_duplicate(wallet, shape) {
                break;
            }
            let total = target.get();
            let Some(credit) = budget.try_fast(Self::before_credit(account, wallet), total) else { break };
            budget.take(credit);
            self.record_credit(wallet, total);
            if A::CREDITS_MOVE_LAMPORTS {
                account.set_lamports(credit.lamports);
            }
            remaining.advance();
        }
        (self.budget, *entries) = (budget, remaining);
    }

    /// Credits entries and pays them out until one needs the full path or has not reached its
    /// threshold. Returns the base units paid.
    #[inline(never)]
    fn settle_fast_path<'a, E, P>(&mut self, entries: &mut RemainingEntries<E>, payouts: &mut P) -> u64
    where
        E: Entries<'a, Accounts = [Account<'a>; 2]>,
        P: PayoutMethod<'a, Asset = A>,
    {
        // What can be paid before the sum exceeds 2^64 - 1. Counting down needs no overflow check.
        let mut payable = u64::MAX;
        let (mut budget, mut remaining) = (self.budget, entries.clone());
        let Some((mut target, [mut account, mut destination], mut shape)) = remaining.current() else { return 0 };
        // SAFETY: the wallet of the previous entry is no longer used, and the payout accesses the data of
        // token accounts only. The shape is regular only for accounts with a wallet's length, as `Entries`
        // requires.
        while let Some(wallet) = unsafe { wallet(account, &self.policy.network, shape) } {
            if self.is_duplicate(wallet, shape) {
                break;
            }
            let total = target.get();
            let wallet_before = Self::before_credit(account, wallet);
            let Some(credit) = budget.try_fast(wallet_before, total) else { break };
            let Some(amount) = total.checked_sub(wallet.paid_total) else { break };
            if unlikely(amount > payable) || unlikely(amount < wallet.threshold) {
                break;
            }
            let payout = DuePayout {
                amount,
                wallet_lamports: credit.lamports,
                balance_before: wallet_before.lamports,
                wallet_account: account,
                destination,
            };
            if unlikely(!payouts.try_pay_fast(payout, wallet, shape)) {
                break;
            }
            budget.take(credit);
            self.record_credit(wallet, total);
            mark_paid(wallet);
            payable = payable.wrapping_sub(amount);
            remaining.advance();
            // Not in the loop's condition: this way each entry takes a single jump. (In `credit_fast_path`, it
            // would take more registers than there are.)
            let Some(next) = remaining.current() else {
                self.budget = budget;
                entries.targets = remaining.targets;
                return u64::MAX.wrapping_sub(payable);
            };
            (target, [account, destination], shape) = next;
        }
        (self.budget, *entries) = (budget, remaining);
        u64::MAX.wrapping_sub(payable)
    }

    /// Whether an earlier entry of this batch may have credited the wallet. Regular entries repeat no
    /// account.
    #[inline(always)]
    fn is_duplicate(&self, wallet: &NodeWallet, shape: EntryShape) -> bool {
        shape == EntryShape::Unknown && unlikely(wallet.last_sequence == self.sequence)
    }

    /// The state of a wallet before its credit.
    #[inline(always)]
    fn before_credit(account: Account, wallet: &NodeWallet) -> CreditedWallet {
        let lamports = if A::CREDITS_MOVE_LAMPORTS { account.lamports() } else { 0 };
        CreditedWallet { credited_total: wallet.credited_total, lamports }
    }

    /// Records in the wallet that its node has earned `target` base units in total.
    #[inline(always)]
    fn record_credit(&self, wallet: &mut NodeWallet, target: u64) {
        if payout::waits_from_now(wallet.credited_total, wallet.paid_total) {
            wallet.oldest_unpaid_at = self.policy.now;
        }
        wallet.credited_total = target;
        wallet.last_sequence = self.sequence;
    }

    /// Credits one entry and returns the lamports that this moved, or returns why not.
    #[cold]
    #[inline(never)]
    fn credit(&mut self, target: u64, account: Account) -> Result<u64, SkipReason> {
        // SAFETY: the wallet of the previous entry is no longer used.
        let wallet = unsafe { wallet(account, &self.policy.network, EntryShape::Unknown) };
        let wallet = wallet.ok_or(SkipReason::InvalidWallet)?;
        if wallet.last_sequence == self.sequence {
            return Err(SkipReason::DuplicateWallet);
        }
        let credit = self.budget.credit(Self::before_credit(account, wallet), target)?;
        self.record_credit(wallet, target);
        if !A::CREDITS_MOVE_LAMPORTS {
            return Ok(0);
        }
        // `finish` takes the sum of all credits out of the treasury.
        account.set_lamports(credit.lamports);
        Ok(credit.delta)
    }

    /// Takes the credited lamports out of the treasury, updates its totals and emits `BatchSettled`.
    #[inline(always)]
    fn finish<H: Host>(
        self,
        host: &H,
        named: NamedAccounts,
        batch: &Batch,
        paid: u64,
        skips: &SkipSet,
    ) -> Result<(), BatchError> {
        let add = |a: u64, b: u64| a.checked_add(b).ok_or(SettlementError::Overflow);
        let credited = self.budget.credited();
        if A::CREDITS_MOVE_LAMPORTS {
            let account = named.treasury_account;
            account.set_lamports(account.lamports().checked_sub(credited).ok_or(SettlementError::Overflow)?);
        }
        let treasury = named.treasury;
        treasury.window_used = add(self.window_used, credited)?;
        treasury.window_updated_at = self.window_updated_at;
        treasury.credited_total = add(treasury.credited_total, credited)?;
        treasury.paid_total = add(treasury.paid_total, paid)?;
        treasury.batch_sequence = self.sequence;
        let mut buffer = EventBuffer::new();
        event::write_batch_settled(&mut buffer, &self.policy.network, self.sequence, batch, credited, paid, skips);
        treasury.record(buffer.bytes())?;
        host.log(buffer.bytes());
        Ok(())
    }
}
