//! What `credit` and `settle` have in common: a batch of cumulative totals, applied entry by
//! entry, where one bad entry never fails the batch.
//!
//! `remaining_accounts` come unchecked: every check that Anchor's types make for named accounts
//! is made here, and a failed one skips the entry. Only what is wrong with the batch as a whole,
//! or could not happen with accounts that this program wrote, is an error.
//!
//! Lamports move at once, so that each entry sees what the ones before it left. The call that
//! emits the event comes after all of them. It passes the event authority alone, whose balance no
//! entry may change (see [`reserved`](crate::reserved)), and by then the moves within this
//! instruction add up to nothing: the runtime's balance check at the call holds whether it counts
//! the other accounts as they are now or as they were.

use std::cell::RefMut;

use anchor_lang::prelude::*;

use super::destination;
use crate::error::SettlementError;
use crate::events::BatchSettled;
use crate::rules::credit::{Budget, CreditedWallet};
use crate::rules::payout::{self, PayingWallet};
use crate::rules::window::Window;
use crate::rules::{SkipReason, SkipSet};
use crate::state::{DISCRIMINATOR_LEN, NodeWallet, Treasury, VERSION, require_known, require_sol};

/// Which batch of the relay this is, and the proof of what it stands for.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The relay's number for the batch. The program only passes it on.
    pub batch_id: u64,
    /// Merkle root over the batch's reward records. The program only passes it on.
    pub records_root: [u8; 32],
}

/// How many entries an instruction takes, and of how many accounts each: a wallet, or a wallet
/// and its destination.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub max_entries: usize,
    pub accounts_per_entry: usize,
}

/// Applies a batch and returns the event to emit. The caller has checked the settler.
pub(crate) fn apply<'info>(
    treasury: &AccountLoader<'info, Treasury>,
    accounts: &'info [AccountInfo<'info>],
    header: BatchHeader,
    targets: &[u64],
    shape: Shape,
) -> Result<BatchSettled> {
    require!(!targets.is_empty(), SettlementError::EmptyBatch);
    require!(targets.len() <= shape.max_entries, SettlementError::TooManyEntries);
    require!(
        targets.len().checked_mul(shape.accounts_per_entry) == Some(accounts.len()),
        SettlementError::AccountCountMismatch
    );

    let mut run = Run::open(treasury)?;
    let entries = accounts.chunks_exact(shape.accounts_per_entry);
    for (i, (entry, target)) in entries.zip(targets).enumerate() {
        if let [wallet, destination @ ..] = entry {
            run.entry(i, *target, wallet, destination.first())?;
        }
    }
    let n = u8::try_from(targets.len()).map_err(|_| SettlementError::TooManyEntries)?;
    run.close(treasury, header, n)
}

/// A batch under way.
struct Run {
    network: Pubkey,
    sequence: u64,
    /// Unix seconds.
    now: i64,
    max_pending_age: u64,
    window: Window,
    budget: Budget,
    rent: Rent,
    /// Rent-exempt minimum of an account without data, which most destinations are.
    empty_rent_minimum: u64,
    skips: SkipSet,
    credited: u64,
    paid: u64,
}

impl Run {
    fn open(treasury_account: &AccountLoader<Treasury>) -> Result<Self> {
        let treasury = treasury_account.load()?;
        require_known(treasury.version)?;
        require!(!treasury.is_paused(), SettlementError::Paused);
        require_sol(treasury.asset_kind)?;
        let now = Clock::get()?.unix_timestamp;
        let rent = Rent::get()?;
        let window = Window {
            limit: treasury.window_limit,
            seconds: treasury.window_seconds,
            used: treasury.window_used,
            updated_at: treasury.window_updated_at,
        }
        .at(now);
        let lamports = treasury_account.as_ref().lamports();
        Ok(Self {
            network: treasury.network,
            sequence: treasury.batch_sequence.checked_add(1).ok_or(SettlementError::Overflow)?,
            now,
            max_pending_age: treasury.max_pending_age,
            window,
            budget: Budget {
                per_node_cap: treasury.per_node_cap,
                batch_left: treasury.per_batch_cap,
                window_left: window.left(),
                treasury_left: lamports.saturating_sub(rent.minimum_balance(Treasury::SIZE)),
                total_left: u64::MAX.saturating_sub(treasury.credited_total),
                wallet_rent_minimum: rent.minimum_balance(NodeWallet::SIZE),
            },
            empty_rent_minimum: rent.minimum_balance(0),
            rent,
            skips: SkipSet::default(),
            credited: 0,
            paid: 0,
        })
    }

    /// Credits one node and, given its destination, pays it out when that is due.
    fn entry(
        &mut self,
        i: usize,
        target: u64,
        wallet_account: &AccountInfo,
        destination: Option<&AccountInfo>,
    ) -> Result<()> {
        let Some(mut data) = wallet_data(wallet_account) else {
            self.skips.skip_credit(i, SkipReason::InvalidWallet);
            return Ok(());
        };
        let Some(wallet) = wallet_of(&mut data, &self.network) else {
            self.skips.skip_credit(i, SkipReason::InvalidWallet);
            return Ok(());
        };
        if wallet.last_sequence == self.sequence {
            self.skips.skip_credit(i, SkipReason::DuplicateWallet);
            return Ok(());
        }
        self.credit(i, target, wallet_account, wallet)?;
        match destination {
            Some(destination) => self.pay_out(i, wallet_account, wallet, destination),
            None => Ok(()),
        }
    }

    fn credit(&mut self, i: usize, target: u64, account: &AccountInfo, wallet: &mut NodeWallet) -> Result<()> {
        let before = CreditedWallet { credited_total: wallet.credited_total, lamports: account.lamports() };
        match self.budget.credit(before, target) {
            Ok(delta) => {
                wallet.oldest_unpaid_at =
                    payout::oldest_unpaid_after_credit(wallet.pending(), wallet.oldest_unpaid_at, self.now);
                wallet.credited_total = target;
                wallet.last_sequence = self.sequence;
                // The treasury gives the sum once, in `close`.
                account.add_lamports(delta)?;
                self.credited = add(self.credited, delta)?;
            }
            Err(reason) => self.skips.skip_credit(i, reason),
        }
        Ok(())
    }

    fn pay_out(
        &mut self,
        i: usize,
        account: &AccountInfo,
        wallet: &mut NodeWallet,
        destination: &AccountInfo,
    ) -> Result<()> {
        let amount = wallet.pending();
        let is_due = payout::is_due(amount, wallet.threshold, wallet.oldest_unpaid_at, self.now, self.max_pending_age);
        if !is_due {
            return Ok(());
        }
        let from = PayingWallet { lamports: account.lamports(), rent_minimum: self.budget.wallet_rent_minimum };
        let to = destination::facts(destination, &wallet.destination, |len| match len {
            0 => self.empty_rent_minimum,
            len => self.rent.minimum_balance(len),
        });
        match payout::check(amount, from, to) {
            Ok(()) => {
                wallet.paid_total = add(wallet.paid_total, amount)?;
                wallet.oldest_unpaid_at = payout::oldest_unpaid_after_payout(wallet.pending(), wallet.oldest_unpaid_at);
                account.sub_lamports(amount)?;
                destination.add_lamports(amount)?;
                self.paid = add(self.paid, amount)?;
            }
            Err(reason) => self.skips.skip_payout(i, reason),
        }
        Ok(())
    }

    fn close(self, treasury_account: &AccountLoader<Treasury>, header: BatchHeader, n: u8) -> Result<BatchSettled> {
        treasury_account.sub_lamports(self.credited)?;
        let mut treasury = treasury_account.load_mut()?;
        treasury.window_used = add(self.window.used, self.credited)?;
        treasury.window_updated_at = self.window.updated_at;
        treasury.credited_total = add(treasury.credited_total, self.credited)?;
        treasury.paid_total = add(treasury.paid_total, self.paid)?;
        treasury.batch_sequence = self.sequence;
        Ok(BatchSettled {
            network: self.network,
            batch_id: header.batch_id,
            sequence: self.sequence,
            records_root: header.records_root,
            n,
            credited: self.credited,
            paid: self.paid,
            credit_skips: self.skips.credit(),
            payout_skips: self.skips.payout(),
            reasons: self.skips.into_reasons(),
        })
    }
}

/// The data of an account that may be a wallet: writable, and this program's.
fn wallet_data<'a, 'info>(account: &'a AccountInfo<'info>) -> Option<RefMut<'a, &'info mut [u8]>> {
    if *account.owner != crate::ID || !account.is_writable {
        return None;
    }
    account.try_borrow_mut_data().ok()
}

/// The wallet in an account's data, if it is one of this network and this layout.
fn wallet_of<'a>(data: &'a mut [u8], network: &Pubkey) -> Option<&'a mut NodeWallet> {
    let (discriminator, fields) = data.split_at_mut_checked(DISCRIMINATOR_LEN)?;
    if *discriminator != *NodeWallet::DISCRIMINATOR {
        return None;
    }
    // Fails for any other length too.
    let wallet: &mut NodeWallet = bytemuck::try_from_bytes_mut(fields).ok()?;
    let is_sound =
        wallet.version == VERSION && wallet.network == *network && wallet.paid_total <= wallet.credited_total;
    is_sound.then_some(wallet)
}

/// Sums that the budget keeps in range; the check stands guard over the rules.
fn add(a: u64, b: u64) -> Result<u64> {
    Ok(a.checked_add(b).ok_or(SettlementError::Overflow)?)
}
