//! `credit` and `settle`: a batch of cumulative totals, applied entry by entry, where one bad entry
//! never fails the batch.
//!
//! Only what is wrong with the batch as a whole, or could not happen with accounts that this
//! program wrote, is an error. Lamports move at once, so that each entry sees what the ones before
//! it left; tokens move in the end, when it is known who gets how many.

use super::Refusal;
use super::data::{self, Batch};
use super::event;
use super::frame::{self, Frame};
use super::host::Host;
use super::input::{Account, Input};
use super::payout::{Payouts, Sol};
use super::tokens::{TokenFrame, Tokens};
use super::wallet::{wallet, words};
use crate::error::SettlementError;
use crate::rules::credit::{Budget, CreditedWallet, Limits};
use crate::rules::surplus::{liabilities, surplus};
use crate::rules::{Entry, MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, SkipReason, SkipSet, payout, rent_minimum};
use crate::state::{AssetKind, NodeWallet, Treasury};

/// Applies a `credit`: one wallet per entry.
#[inline(never)]
pub(super) fn credit<H: Host>(host: &H, input: &Input) -> Result<(), Refusal> {
    let batch = input.data.batch(MAX_CREDIT_ENTRIES)?;
    let frame = frame::by_settler(input.accounts())?;
    require_accounts(input, frame.rest, batch.targets.len(), 1)?;
    if frame.asset == AssetKind::Sol {
        credit_by::<H, true>(host, frame, &batch)
    } else {
        credit_by::<H, false>(host, frame, &batch)
    }
}

#[inline(always)]
fn credit_by<H: Host, const MOVES_LAMPORTS: bool>(host: &H, frame: Frame, batch: &Batch) -> Result<(), Refusal> {
    let mut run = Run::open(host, &frame)?;
    let mut skips = SkipSet::NONE;
    let mut entry = Entry::FIRST;
    for (account, target) in frame.rest.iter().zip(batch.targets) {
        // SAFETY: the wallet of the entry before is not used any more.
        match unsafe { wallet(*account, words(&run.network)) } {
            Some(wallet) => {
                let target = data::target(target);
                if let Err(reason) = run.credit::<MOVES_LAMPORTS>(target, *account, wallet) {
                    skips.skip_credit(entry, reason);
                }
            }
            None => skips.skip_credit(entry, SkipReason::InvalidWallet),
        }
        entry = entry.next();
    }
    run.close(host, frame, batch, 0, &skips)
}

/// Applies a `settle`: a wallet and its destination per entry.
#[inline(never)]
pub(super) fn settle<H: Host>(host: &H, input: &Input) -> Result<(), Refusal> {
    let batch = input.data.batch(MAX_SETTLE_ENTRIES)?;
    let frame = frame::by_settler(input.accounts())?;
    match frame.asset {
        AssetKind::Sol => {
            let entries = frame.rest;
            require_accounts(input, entries, batch.targets.len(), 2)?;
            let sol = Sol::open(host)?;
            settle_by::<H, Sol, true>(host, frame, entries, &batch, sol)
        }
        kind => {
            let (tokens, entries) = TokenFrame::open(&frame, kind)?;
            require_accounts(input, entries, batch.targets.len(), 2)?;
            settle_by::<H, Tokens, false>(host, frame, entries, &batch, Tokens::open(tokens))
        }
    }
}

#[inline(always)]
fn settle_by<'a, H: Host, P: Payouts<'a>, const MOVES_LAMPORTS: bool>(
    host: &H,
    mut frame: Frame<'a>,
    entries: &'a [Account<'a>],
    batch: &Batch,
    mut payouts: P,
) -> Result<(), Refusal> {
    let mut run = Run::open(host, &frame)?;
    let mut skips = SkipSet::NONE;
    let mut paid = 0u64;
    let (pairs, _) = entries.as_chunks::<2>();
    let mut entry = Entry::FIRST;
    for ([account, destination], target) in pairs.iter().zip(batch.targets) {
        let this = entry;
        entry = entry.next();
        // SAFETY: the wallet of the entry before is not used any more.
        let Some(wallet) = (unsafe { wallet(*account, words(&run.network)) }) else {
            skips.skip_credit(this, SkipReason::InvalidWallet);
            continue;
        };
        match run.credit::<MOVES_LAMPORTS>(data::target(target), *account, wallet) {
            Ok(()) => {}
            Err(reason) => {
                skips.skip_credit(this, reason);
                if reason == SkipReason::DuplicateWallet {
                    // The entry that credited the wallet has judged its payout as well.
                    continue;
                }
            }
        }
        let amount = wallet.credited_total.saturating_sub(wallet.paid_total);
        if !payout::is_due(amount, wallet.threshold, wallet.oldest_unpaid_at, run.now, run.max_pending_age) {
            continue;
        }
        match payouts.pay(amount, *account, wallet, *destination) {
            // No more than was ever credited, which the treasury's total holds.
            Ok(()) => paid = paid.saturating_add(amount),
            Err(reason) => skips.skip_payout(this, reason),
        }
    }
    payouts.finish(host, &mut frame)?;
    run.close(host, frame, batch, paid, &skips)
}

/// Refuses any other number of accounts than so many per entry.
#[inline(always)]
pub(super) fn require_accounts(
    input: &Input,
    rest: &[Account],
    entries: usize,
    per_entry: usize,
) -> Result<(), Refusal> {
    let all_seen = input.count == input.accounts().len();
    frame::require(all_seen && rest.len() == entries * per_entry, SettlementError::AccountCountMismatch)
}

/// A batch under way.
struct Run {
    network: anchor_lang::prelude::Pubkey,
    sequence: u64,
    /// Unix seconds.
    now: i64,
    max_pending_age: u64,
    /// Base units in the outflow window before this batch.
    window_used: u64,
    window_updated_at: i64,
    budget: Budget,
}

impl Run {
    #[inline(always)]
    fn open<H: Host>(host: &H, frame: &Frame) -> Result<Self, Refusal> {
        let treasury = &*frame.treasury;
        let now = host.now()?;
        let window = treasury.window().at(now);
        let (treasury_left, wallet_rent_minimum) = if frame.asset == AssetKind::Sol {
            let minimum = |len: usize, rate: u64| rent_minimum(rate, len as u64).ok_or(SettlementError::Overflow);
            let rate = host.lamports_per_byte()?;
            let left = surplus(frame.account.lamports(), minimum(Treasury::SIZE, rate)?);
            (left, minimum(NodeWallet::SIZE, rate)?)
        } else {
            let owed =
                liabilities(treasury.credited_total, treasury.paid_total).ok_or(SettlementError::InconsistentTotals)?;
            (surplus(treasury.token_balance, owed), 0)
        };
        Ok(Self {
            network: treasury.network,
            sequence: treasury.batch_sequence.checked_add(1).ok_or(SettlementError::Overflow)?,
            now,
            max_pending_age: treasury.max_pending_age,
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

    /// Credits one wallet, or says why not.
    #[inline(always)]
    fn credit<const MOVES_LAMPORTS: bool>(
        &mut self,
        target: u64,
        account: Account,
        wallet: &mut NodeWallet,
    ) -> Result<(), SkipReason> {
        if wallet.last_sequence == self.sequence {
            return Err(SkipReason::DuplicateWallet);
        }
        let lamports = if MOVES_LAMPORTS { account.lamports() } else { 0 };
        let before = CreditedWallet { credited_total: wallet.credited_total, lamports };
        let credit = self.budget.credit(before, target)?;
        let pending = before.credited_total.wrapping_sub(wallet.paid_total);
        wallet.oldest_unpaid_at = payout::oldest_unpaid_after_credit(pending, wallet.oldest_unpaid_at, self.now);
        wallet.credited_total = target;
        wallet.last_sequence = self.sequence;
        if MOVES_LAMPORTS {
            // The treasury gives the sum once, in `close`.
            account.set_lamports(credit.lamports);
        }
        Ok(())
    }

    /// Takes what was credited out of the treasury, keeps the books and tells the world.
    #[inline(always)]
    fn close<H: Host>(self, host: &H, frame: Frame, batch: &Batch, paid: u64, skips: &SkipSet) -> Result<(), Refusal> {
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
        let told = event::batch_settled(&self.network, self.sequence, batch, credited, paid, skips);
        event::emit(host, frame.event_authority, told.bytes())
    }
}
