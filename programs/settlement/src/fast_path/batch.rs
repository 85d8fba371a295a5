//! `credit` and `settle`: a batch of cumulative totals, applied entry by entry, where one bad entry
//! never fails the batch.
//!
//! Only what is wrong with the batch as a whole, or could not happen with accounts that this
//! program wrote, is an error. Lamports move at once, so that each entry sees what the ones before
//! it left; tokens move in the end, when it is known who gets how many.

use core::slice;

use super::BatchError;
use super::data::{self, Batch, Target};
use super::event::{self, Event};
use super::frame::{self, Frame};
use super::host::Host;
use super::input::{Account, Count, Entries, Input, Listed, Pairs, Wallets};
use super::payout::{Payouts, PlainEntry, Sol, Terms, mark_paid};
use super::tokens::{TokenFrame, Tokens};
use super::wallet::{wallet, words};
use crate::error::SettlementError;
use crate::unlikely::unlikely;
use crate::rules::credit::{Budget, CreditedWallet, Limits};
use crate::rules::surplus::{liabilities, surplus};
use crate::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, SkipReason, SkipSet, payout, rent_minimum};
use crate::state::{AssetKind, NodeWallet, Treasury};

/// Applies a `credit`: one wallet per entry.
#[inline(never)]
pub(super) fn credit<H: Host>(host: &H, input: &Input<Count>) -> Result<(), BatchError> {
    let batch = input.data.batch(MAX_CREDIT_ENTRIES)?;
    let frame = frame::by_settler(input.accounts)?;
    require_accounts(input, frame.rest, batch.targets.len(), 1)?;
    let entries = Listed::of(frame.rest);
    match frame.asset {
        AssetKind::Sol => credit_by::<H, _, true>(host, frame, &batch, entries),
        _ => credit_by::<H, _, false>(host, frame, &batch, entries),
    }
}

/// The same for a regular batch.
#[inline(never)]
pub(super) fn credit_regular<H: Host>(host: &H, input: Input<Wallets>, count: Count) -> Result<(), BatchError> {
    let batch = input.data.batch(MAX_CREDIT_ENTRIES)?;
    let frame = frame::by_settler(input.accounts)?;
    let entries = count.0.wrapping_sub(input.accounts.len());
    frame::require(entries == batch.targets.len(), SettlementError::AccountCountMismatch)?;
    match frame.asset {
        AssetKind::Sol => credit_by::<H, _, true>(host, frame, &batch, input.entries),
        _ => credit_by::<H, _, false>(host, frame, &batch, input.entries),
    }
}

#[inline(always)]
fn credit_by<'a, H: Host, E: Entries<'a, Accounts = Account<'a>>, const MOVES_LAMPORTS: bool>(
    host: &H,
    frame: Frame<'a>,
    batch: &Batch,
    mut entries: E,
) -> Result<(), BatchError> {
    let lamports_per_byte = if MOVES_LAMPORTS { host.lamports_per_byte()? } else { 0 };
    let mut run = Run::open(host, &frame, lamports_per_byte)?;
    let mut skips = SkipSet::NONE;
    let mut targets = batch.targets.iter();
    loop {
        run.plain_credits::<E, MOVES_LAMPORTS>(&mut entries, &mut targets);
        // What stopped it is looked at in full.
        let Some(target) = targets.next() else { break };
        // SAFETY: there are as many entries as targets.
        let account = unsafe { entries.at_hand() };
        entries.pass();
        if let Err(reason) = run.credit::<MOVES_LAMPORTS>(data::target(target), account) {
            skips.skip_credit(batch.entry(target), reason);
        }
    }
    run.close(host, frame, batch, 0, &skips)
}

/// Applies a `settle`: a wallet and its destination per entry.
#[inline(never)]
pub(super) fn settle<H: Host>(host: &H, input: &Input<Count>) -> Result<(), BatchError> {
    let batch = input.data.batch(MAX_SETTLE_ENTRIES)?;
    let frame = frame::by_settler(input.accounts)?;
    match frame.asset {
        AssetKind::Sol => {
            let (entries, _) = frame.rest.as_chunks::<2>();
            require_accounts(input, frame.rest, batch.targets.len(), 2)?;
            settle_by::<H, _, Sol, true>(host, frame, &batch, Listed::of(entries), Sol::of)
        }
        kind => {
            let (tokens, accounts) = TokenFrame::open(&frame, kind)?;
            let (entries, _) = accounts.as_chunks::<2>();
            require_accounts(input, accounts, batch.targets.len(), 2)?;
            settle_by::<H, _, Tokens, false>(host, frame, &batch, Listed::of(entries), |_| Ok(Tokens::open(tokens)))
        }
    }
}

/// The same for a regular batch, which only a network that pays in SOL can have.
#[inline(never)]
pub(super) fn settle_regular<H: Host>(host: &H, input: Input<Pairs>, count: Count) -> Result<(), BatchError> {
    let batch = input.data.batch(MAX_SETTLE_ENTRIES)?;
    let frame = frame::by_settler(input.accounts)?;
    frame::require(frame.asset == AssetKind::Sol, SettlementError::AssetAccountsMismatch)?;
    let accounts = count.0.wrapping_sub(input.accounts.len());
    frame::require(accounts == batch.targets.len().wrapping_mul(2), SettlementError::AccountCountMismatch)?;
    settle_by::<H, _, Sol, true>(host, frame, &batch, input.entries, Sol::of)
}

#[inline(always)]
fn settle_by<'a, H: Host, E: Entries<'a, Accounts = [Account<'a>; 2]>, P: Payouts<'a>, const MOVES_LAMPORTS: bool>(
    host: &H,
    mut frame: Frame<'a>,
    batch: &Batch,
    mut entries: E,
    open: impl FnOnce(u64) -> Result<P, BatchError>,
) -> Result<(), BatchError> {
    let lamports_per_byte = if MOVES_LAMPORTS { host.lamports_per_byte()? } else { 0 };
    let mut payouts = open(lamports_per_byte)?;
    let mut run = Run::open(host, &frame, lamports_per_byte)?;
    let mut skips = SkipSet::NONE;
    let mut targets = batch.targets.iter();
    let mut paid = 0u64;
    loop {
        let plainly = run.plain_settles::<E, P, MOVES_LAMPORTS>(&mut entries, &mut targets, &mut payouts);
        paid = paid.checked_add(plainly).ok_or(SettlementError::Overflow)?;
        // What stopped it is looked at in full.
        let Some(target) = targets.next() else { break };
        // SAFETY: there are as many entries as targets.
        let [account, destination] = unsafe { entries.at_hand() };
        entries.pass();
        match run.credit::<MOVES_LAMPORTS>(data::target(target), account) {
            Ok(()) => {}
            Err(reason) => {
                skips.skip_credit(batch.entry(target), reason);
                // The entry that credited the wallet has judged its payout as well.
                if matches!(reason, SkipReason::InvalidWallet | SkipReason::DuplicateWallet) {
                    continue;
                }
            }
        }
        match run.terms.pay_if_due(&mut payouts, account, destination) {
            Ok(amount) => paid = paid.checked_add(amount).ok_or(SettlementError::Overflow)?,
            Err(SkipReason::NotDue) => {}
            Err(reason) => skips.skip_payout(batch.entry(target), reason),
        }
    }
    payouts.finish(host, &mut frame)?;
    run.close(host, frame, batch, paid, &skips)
}

/// Refuses any other number of accounts than so many per entry.
#[inline(always)]
pub(super) fn require_accounts(
    input: &Input<Count>,
    rest: &[Account],
    entries: usize,
    per_entry: usize,
) -> Result<(), BatchError> {
    let all_seen = input.entries.0 == input.accounts.len();
    frame::require(all_seen && rest.len() == entries * per_entry, SettlementError::AccountCountMismatch)
}

/// A batch under way.
struct Run {
    terms: Terms,
    sequence: u64,
    /// Base units in the outflow window before this batch.
    window_used: u64,
    window_updated_at: i64,
    budget: Budget,
}

impl Run {
    #[inline(always)]
    fn open<H: Host>(host: &H, frame: &Frame, lamports_per_byte: u64) -> Result<Self, BatchError> {
        let treasury = &*frame.treasury;
        let terms = Terms::of(host, treasury)?;
        let window = treasury.window().at(terms.now);
        let (treasury_left, wallet_rent_minimum) = if frame.asset == AssetKind::Sol {
            let minimum = |len: usize| rent_minimum(lamports_per_byte, len as u64).ok_or(SettlementError::Overflow);
            (surplus(frame.account.lamports(), minimum(Treasury::SIZE)?), minimum(NodeWallet::SIZE)?)
        } else {
            let owed =
                liabilities(treasury.credited_total, treasury.paid_total).ok_or(SettlementError::InconsistentTotals)?;
            (surplus(treasury.token_balance, owed), 0)
        };
        Ok(Self {
            terms,
            sequence: treasury.batch_sequence.checked_add(1).ok_or(SettlementError::Overflow)?,
            window_used: window.used,
            window_updated_at: window.updated_at,
            budget: Budget::new(Limits {
                per_node_cap: treasury.per_node_cap,
                per_batch_cap: treasury.per_batch_cap,
                window_left: window.left(),
                treasury_left,
                total_left: u64::MAX.saturating_sub(treasury.credited_total),
                wallet_rent_minimum,
            }),
        })
    }

    /// Credits entries as long as there is nothing to look at in full. Nothing is called in here:
    /// calls would keep the loop's values out of the registers.
    #[inline(never)]
    fn plain_credits<'a, E: Entries<'a, Accounts = Account<'a>>, const MOVES_LAMPORTS: bool>(
        &mut self,
        entries: &mut E,
        targets: &mut slice::Iter<Target>,
    ) {
        let mut budget = self.budget;
        while let Some(target) = targets.as_slice().first() {
            // SAFETY: there are as many entries as targets.
            let account = unsafe { entries.at_hand() };
            // SAFETY: the wallet of the entry before is not used any more.
            let Some(wallet) = (unsafe { wallet(account, words(&self.terms.network), E::ARE_REGULAR) }) else { break };
            if !E::ARE_REGULAR && unlikely(wallet.last_sequence == self.sequence) {
                break;
            }
            let target = data::target(target);
            let lamports = if MOVES_LAMPORTS { account.lamports() } else { 0 };
            let before = CreditedWallet { credited_total: wallet.credited_total, lamports };
            let Some(credit) = budget.plain(before, target) else { break };
            budget.take(credit);
            self.note(wallet, target);
            if MOVES_LAMPORTS {
                account.set_lamports(credit.lamports);
            }
            targets.next();
            entries.pass();
        }
        self.budget = budget;
    }

    /// Credits entries and pays them out as long as all are past their threshold and there is nothing
    /// to look at in full. Base units paid.
    #[inline(never)]
    fn plain_settles<'a, E, P, const MOVES_LAMPORTS: bool>(
        &mut self,
        entries: &mut E,
        targets: &mut slice::Iter<Target>,
        payouts: &mut P,
    ) -> u64
    where
        E: Entries<'a, Accounts = [Account<'a>; 2]>,
        P: Payouts<'a>,
    {
        let mut paid = 0u64;
        let mut budget = self.budget;
        while let Some(target) = targets.as_slice().first() {
            // SAFETY: there are as many entries as targets.
            let [account, destination] = unsafe { entries.at_hand() };
            // SAFETY: the wallet of the entry before is not used any more.
            let Some(wallet) = (unsafe { wallet(account, words(&self.terms.network), E::ARE_REGULAR) }) else { break };
            if !E::ARE_REGULAR && unlikely(wallet.last_sequence == self.sequence) {
                break;
            }
            let target = data::target(target);
            let lamports = if MOVES_LAMPORTS { account.lamports() } else { 0 };
            let before = CreditedWallet { credited_total: wallet.credited_total, lamports };
            let Some(credit) = budget.plain(before, target) else { break };
            let Some(amount) = target.checked_sub(wallet.paid_total) else { break };
            let Some(sum) = paid.checked_add(amount) else { break };
            if unlikely(amount < wallet.threshold) {
                break;
            }
            let entry = PlainEntry { amount, lamports: credit.lamports, account, destination };
            if unlikely(!payouts.pay_plainly(entry, wallet, E::ARE_REGULAR)) {
                break;
            }
            budget.take(credit);
            self.note(wallet, target);
            mark_paid(wallet);
            paid = sum;
            targets.next();
            entries.pass();
        }
        self.budget = budget;
        paid
    }

    /// Notes in the wallet that its node has earned `target` in all.
    #[inline(always)]
    fn note(&self, wallet: &mut NodeWallet, target: u64) {
        if payout::waits_from_now(wallet.credited_total, wallet.paid_total) {
            wallet.oldest_unpaid_at = self.terms.now;
        }
        wallet.credited_total = target;
        wallet.last_sequence = self.sequence;
    }

    /// Credits one entry, or says why not.
    #[cold]
    #[inline(never)]
    fn credit<const MOVES_LAMPORTS: bool>(&mut self, target: u64, account: Account) -> Result<(), SkipReason> {
        // SAFETY: the wallet of the entry before is not used any more.
        let wallet = unsafe { wallet(account, words(&self.terms.network), false) };
        let wallet = wallet.ok_or(SkipReason::InvalidWallet)?;
        if wallet.last_sequence == self.sequence {
            return Err(SkipReason::DuplicateWallet);
        }
        let lamports = if MOVES_LAMPORTS { account.lamports() } else { 0 };
        let before = CreditedWallet { credited_total: wallet.credited_total, lamports };
        let credit = self.budget.credit(before, target)?;
        self.note(wallet, target);
        if MOVES_LAMPORTS {
            // The treasury gives the sum once, in `close`.
            account.set_lamports(credit.lamports);
        }
        Ok(())
    }

    /// Takes what was credited out of the treasury, keeps the books and tells the world.
    #[inline(always)]
    fn close<H: Host>(self, host: &H, frame: Frame, batch: &Batch, paid: u64, skips: &SkipSet) -> Result<(), BatchError> {
        let add = |a: u64, b: u64| a.checked_add(b).ok_or(SettlementError::Overflow);
        let credited = self.budget.credited();
        if frame.asset == AssetKind::Sol {
            let left = frame.account.lamports().checked_sub(credited).ok_or(SettlementError::Overflow)?;
            frame.account.set_lamports(left);
        }
        let treasury = frame.treasury;
        treasury.window_used = add(self.window_used, credited)?;
        treasury.window_updated_at = self.window_updated_at;
        treasury.credited_total = add(treasury.credited_total, credited)?;
        treasury.paid_total = add(treasury.paid_total, paid)?;
        treasury.batch_sequence = self.sequence;
        let mut told = Event::new();
        event::batch_settled(&mut told, &self.terms.network, self.sequence, batch, credited, paid, skips);
        event::emit(host, frame.event_authority, told.bytes())
    }
}
