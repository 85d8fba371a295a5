//! Paying pending amounts out: what `settle` does after it credited, and `payout` alone.
//!
//! `payout` is anyone's, and works while the relay is down: it pays those that are due, to where
//! they want it, and the caller decides nothing but when.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;

use super::BatchError;
use super::batch::require_accounts;
use super::event::{self, Event};
use super::frame::{self, EVENT_AUTHORITY, Frame, PROGRAM, require};
use super::host::Host;
use super::input::{Account, Count, Input, Key, differ, key, same};
use super::tokens::{TokenFrame, Tokens};
use super::wallet::{wallet, words};
use crate::error::SettlementError;
use crate::unlikely::unlikely;
use crate::reserved::ids;
use crate::rules::payout::{self as rule, Destination, PayingWallet};
use crate::rules::{Entry, MAX_SETTLE_ENTRIES, SkipReason, SkipSet, rent_minimum};
use crate::state::{AssetKind, NodeWallet, Treasury};

/// A way to pay wallets out.
pub(super) trait Payouts<'a> {
    /// Pays `amount`, which is what is pending, or says why not and changes nothing.
    fn pay(
        &mut self,
        amount: u64,
        account: Account<'a>,
        wallet: &mut NodeWallet,
        destination: Account<'a>,
    ) -> Result<(), SkipReason>;

    /// Pays an entry and returns `true`, but for marking its wallet; or returns `false` and has
    /// changed nothing, because there is something to look at in full. A regular entry's destination
    /// is known to be writable, no program and without data.
    fn pay_plainly(&mut self, entry: PlainEntry<'a>, wallet: &NodeWallet, is_regular: bool) -> bool;

    /// Does what remains to be done for all of them.
    fn finish<H: Host>(self, host: &H, frame: &mut Frame) -> Result<(), BatchError>;
}

/// An entry that earned a payout just now.
#[derive(Clone, Copy)]
pub(super) struct PlainEntry<'a> {
    /// Base units pending.
    pub amount: u64,
    /// Lamports of the wallet account with what was credited, where pending amounts lie in it.
    pub lamports: u64,
    pub account: Account<'a>,
    pub destination: Account<'a>,
}

/// When the wallets of a network are paid out.
pub(super) struct Terms {
    pub network: Pubkey,
    /// Unix seconds.
    pub now: i64,
    max_pending_age: u64,
}

impl Terms {
    #[inline(always)]
    pub fn of<H: Host>(host: &H, treasury: &Treasury) -> Result<Self, BatchError> {
        Ok(Self { network: treasury.network, now: host.now()?, max_pending_age: treasury.max_pending_age })
    }

    /// Pays a wallet what is pending, and returns how much that was; or why not.
    #[inline(never)]
    pub fn pay_if_due<'a, P: Payouts<'a>>(
        &self,
        payouts: &mut P,
        account: Account<'a>,
        destination: Account<'a>,
    ) -> Result<u64, SkipReason> {
        // SAFETY: the wallet of the entry before is not used any more.
        let wallet = unsafe { wallet(account, words(&self.network), false) }.ok_or(SkipReason::InvalidWallet)?;
        let amount = wallet.credited_total.saturating_sub(wallet.paid_total);
        if !rule::is_due(amount, wallet.threshold, wallet.oldest_unpaid_at, self.now, self.max_pending_age) {
            return Err(SkipReason::NotDue);
        }
        let entry = PlainEntry { amount, lamports: account.lamports(), account, destination };
        if payouts.pay_plainly(entry, wallet, false) {
            mark_paid(wallet);
        } else {
            payouts.pay(amount, account, wallet, destination)?;
        }
        Ok(amount)
    }
}

/// Applies a `payout`: a wallet and its destination per entry.
#[inline(never)]
pub(super) fn payout<H: Host>(host: &H, input: &Input<Count>) -> Result<(), BatchError> {
    require(input.data.is_bare(), ErrorCode::InstructionDidNotDeserialize)?;
    let frame = frame::open(input.accounts)?;
    match frame.asset {
        AssetKind::Sol => {
            let entries = frame.rest;
            let sol = Sol::of(host.lamports_per_byte()?)?;
            payout_by(host, input, frame, entries, sol)
        }
        kind => {
            let (tokens, entries) = TokenFrame::open(&frame, kind)?;
            payout_by(host, input, frame, entries, Tokens::open(tokens))
        }
    }
}

fn payout_by<'a, H: Host, P: Payouts<'a>>(
    host: &H,
    input: &Input<Count>,
    mut frame: Frame<'a>,
    entries: &'a [Account<'a>],
    mut payouts: P,
) -> Result<(), BatchError> {
    let (pairs, _) = entries.as_chunks::<2>();
    require(input.entries.0 > input.accounts.len() || !entries.is_empty(), SettlementError::EmptyBatch)?;
    let fits = input.entries.0 == input.accounts.len() && pairs.len() <= MAX_SETTLE_ENTRIES;
    require(fits, SettlementError::TooManyEntries)?;
    require_accounts(input, entries, pairs.len(), 2)?;

    let terms = Terms::of(host, frame.treasury)?;
    let mut skips = SkipSet::NONE;
    let mut paid = 0u64;
    for (i, [account, destination]) in pairs.iter().enumerate() {
        match terms.pay_if_due(&mut payouts, *account, *destination) {
            Ok(amount) => paid = paid.checked_add(amount).ok_or(SettlementError::Overflow)?,
            Err(reason) => skips.skip_payout(Entry::at(i), reason),
        }
    }
    payouts.finish(host, &mut frame)?;
    frame.treasury.paid_total = frame.treasury.paid_total.checked_add(paid).ok_or(SettlementError::Overflow)?;
    let mut told = Event::new();
    event::paid_out(&mut told, &terms.network, pairs.len(), paid, &skips);
    event::emit(host, frame.event_authority, told.bytes())
}

/// Marks a wallet's pending amount as paid.
#[inline(always)]
pub(super) fn mark_paid(wallet: &mut NodeWallet) {
    wallet.paid_total = wallet.credited_total;
    wallet.oldest_unpaid_at = rule::oldest_unpaid_after_payout(0, wallet.oldest_unpaid_at);
}

const SYSTEM: Key = key(ids::system_program::ID.as_array());
const SYSVAR: Key = key(ids::sysvar::ID.as_array());
const NATIVE_LOADER: Key = key(ids::native_loader::ID.as_array());
const INCINERATOR: Key = key(ids::incinerator::ID.as_array());

/// Payouts in lamports, from wallet accounts.
pub(super) struct Sol {
    lamports_per_byte: u64,
    /// Rent-exempt minimum of a wallet account.
    wallet_minimum: u64,
    /// Rent-exempt minimum of an account without data, which most destinations are.
    empty_minimum: u64,
}

impl Sol {
    #[inline(always)]
    pub fn of(lamports_per_byte: u64) -> Result<Self, BatchError> {
        let minimum = |len: u64| rent_minimum(lamports_per_byte, len).ok_or(SettlementError::Overflow);
        Ok(Self { lamports_per_byte, wallet_minimum: minimum(NodeWallet::SIZE as u64)?, empty_minimum: minimum(0)? })
    }

    /// What the rules want to know of a destination. `instructions::destination` is its twin for
    /// Anchor's types.
    fn facts(&self, account: Account, wallet: &NodeWallet) -> Destination {
        let owner = account.owner();
        let rent_minimum = match account.data_len() {
            0 => self.empty_minimum,
            // One that no account could hold keeps the payout away.
            len => rent_minimum(self.lamports_per_byte, len as u64).unwrap_or(u64::MAX),
        };
        Destination {
            is_named: same(account.key(), words(&wallet.destination)),
            is_writable: account.is_writable(),
            is_executable: account.is_executable(),
            is_program_account: same(owner, &PROGRAM),
            is_reserved: same(owner, &SYSVAR)
                || same(owner, &NATIVE_LOADER)
                || same(account.key(), &INCINERATOR)
                || same(account.key(), &EVENT_AUTHORITY),
            lamports: account.lamports(),
            rent_minimum,
        }
    }
}

impl<'a> Payouts<'a> for Sol {
    fn pay(
        &mut self,
        amount: u64,
        account: Account<'a>,
        wallet: &mut NodeWallet,
        destination: Account<'a>,
    ) -> Result<(), SkipReason> {
        let lamports = account.lamports();
        let to = self.facts(destination, wallet);
        rule::check(amount, PayingWallet { lamports, rent_minimum: self.wallet_minimum }, to)?;
        mark_paid(wallet);
        // The rule has seen that both fit, and that the destination is another account.
        account.set_lamports(lamports.saturating_sub(amount));
        destination.set_lamports(to.lamports.saturating_add(amount));
        Ok(())
    }

    #[inline(always)]
    fn pay_plainly(&mut self, entry: PlainEntry<'a>, wallet: &NodeWallet, is_regular: bool) -> bool {
        let PlainEntry { amount, lamports, account, destination } = entry;
        if !is_regular
            && (unlikely(!destination.is_writable())
                || unlikely(destination.is_executable())
                || unlikely(destination.data_len() != 0))
        {
            return false;
        }
        // An owner that is the system's is none of the others; the two reserved addresses that it
        // has are told by their first words.
        if differ(destination.key(), words(&wallet.destination))
            || differ(destination.owner(), &SYSTEM)
            || unlikely(destination.key()[0] == INCINERATOR[0])
            || unlikely(destination.key()[0] == EVENT_AUTHORITY[0])
        {
            return false;
        }
        let from = PayingWallet { lamports, rent_minimum: self.wallet_minimum };
        let to = PayingWallet { lamports: destination.lamports(), rent_minimum: self.empty_minimum };
        let Some((left, arrived)) = rule::plain(amount, from, to) else { return false };
        account.set_lamports(left);
        destination.set_lamports(arrived);
        true
    }

    #[inline(always)]
    fn finish<H: Host>(self, _: &H, _: &mut Frame) -> Result<(), BatchError> {
        Ok(())
    }
}
