//! `payout`: pays out wallets whose pending amount is due.
//!
//! Anyone may call it, also while the relay is down. It pays due amounts to the destinations that the
//! wallets name; the caller only chooses the time.

use anchor_lang::error::ErrorCode;

use super::batch_error::BatchError;
use super::event::{self, EventBuffer};
use super::host::Host;
use super::input::{Account, Input};
use super::named_accounts::{NamedAccounts, require, require_account_count};
use super::payout_method::{PayoutMethod, PayoutPolicy};
use super::sol::SolPayouts;
use super::tokens::{TokenContext, TokenPayouts};
use crate::error::SettlementError;
use crate::rules::{Entry, MAX_SETTLE_ENTRIES, SkipSet};
use crate::state::AssetKind;

/// Executes a `payout`. Each entry has two accounts: a wallet and its destination.
#[inline(never)]
pub(super) fn payout<H: Host>(host: &H, input: &Input) -> Result<(), BatchError> {
    require(input.data.has_no_arguments(), ErrorCode::InstructionDidNotDeserialize)?;
    // SAFETY: nothing else borrows the treasury, even if an entry names its account: wallets are only
    // borrowed from data of a wallet's length, and only the data of token programs is read.
    let (named, event_authority) = unsafe { NamedAccounts::unsigned(input.accounts) }?;
    match named.asset {
        AssetKind::Sol => {
            let entries = named.rest;
            let payouts = SolPayouts::new(host.lamports_per_byte()?)?;
            pay_entries(host, input, named, event_authority, entries, payouts)
        }
        kind => {
            let (tokens, entries) = TokenContext::validate(&named, kind)?;
            pay_entries(host, input, named, event_authority, entries, TokenPayouts::new(tokens))
        }
    }
}

fn pay_entries<'a, H: Host, P: PayoutMethod<'a>>(
    host: &H,
    input: &Input,
    mut named: NamedAccounts<'a>,
    event_authority: Account<'a>,
    entries: &'a [Account<'a>],
    mut payouts: P,
) -> Result<(), BatchError> {
    let (pairs, _) = entries.as_chunks::<2>();
    let all_located = input.account_count == input.accounts.len();
    require(!all_located || !entries.is_empty(), SettlementError::EmptyBatch)?;
    require(all_located && pairs.len() <= MAX_SETTLE_ENTRIES, SettlementError::TooManyEntries)?;
    require_account_count(input, entries, pairs.len(), 2)?;

    let policy = PayoutPolicy::new(host, named.treasury)?;
    let mut skips = SkipSet::NONE;
    let mut paid = 0u64;
    for (i, [wallet_account, destination]) in pairs.iter().enumerate() {
        match policy.pay_if_due(&mut payouts, *wallet_account, *destination, 0) {
            Ok(amount) => paid = paid.checked_add(amount).ok_or(SettlementError::Overflow)?,
            Err(reason) => skips.skip_payout(Entry::at(i), reason),
        }
    }
    payouts.finish(host, &mut named)?;
    named.treasury.paid_total = named.treasury.paid_total.checked_add(paid).ok_or(SettlementError::Overflow)?;
    let mut buffer = EventBuffer::new();
    event::write_paid_out(&mut buffer, &policy.network, pairs.len(), paid, &skips);
    // A call that paid nothing is not part of the history: otherwise anyone could lengthen it for free.
    if paid > 0 {
        named.treasury.record(buffer.event())?;
    }
    event::emit(host, event_authority, buffer.bytes())
}
