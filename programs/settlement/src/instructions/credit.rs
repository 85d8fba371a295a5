//! `credit`: raises up to 60 nodes to their cumulative totals.

use anchor_lang::prelude::*;

use super::batch::{self, BatchHeader, Shape};
use crate::error::SettlementError;
use crate::rules::MAX_CREDIT_ENTRIES;
use crate::state::Treasury;

/// Accounts of `credit`, before those of its entries.
#[event_cpi]
#[derive(Accounts)]
pub struct Credit<'info> {
    /// The network's settler.
    pub settler: Signer<'info>,
    /// The network's treasury: all that a batch needs to know of its network is in it.
    #[account(mut, has_one = settler @ SettlementError::Unauthorized)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, Credit<'info>>, header: BatchHeader, targets: Vec<u64>) -> Result<()> {
    let shape = Shape { max_entries: MAX_CREDIT_ENTRIES, accounts_per_entry: 1 };
    let event = batch::apply(&ctx.accounts.treasury, ctx.remaining_accounts, header, &targets, shape)?;
    emit_cpi!(event);
    Ok(())
}
