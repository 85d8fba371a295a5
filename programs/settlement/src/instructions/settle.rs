//! `settle`: raises up to 30 nodes to their cumulative totals and pays out those that are due.

use anchor_lang::prelude::*;

use super::batch::{self, BatchHeader, Shape};
use crate::error::SettlementError;
use crate::rules::MAX_SETTLE_ENTRIES;
use crate::state::Treasury;

/// Accounts of `settle`, before those of its entries.
#[event_cpi]
#[derive(Accounts)]
pub struct Settle<'info> {
    /// The network's settler.
    pub settler: Signer<'info>,
    /// The network's treasury: all that a batch needs to know of its network is in it.
    #[account(mut, has_one = settler @ SettlementError::Unauthorized)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, Settle<'info>>, header: BatchHeader, targets: Vec<u64>) -> Result<()> {
    let shape = Shape { max_entries: MAX_SETTLE_ENTRIES, accounts_per_entry: 2 };
    let event = batch::apply(&ctx.accounts.treasury, ctx.remaining_accounts, header, &targets, shape)?;
    emit_cpi!(event);
    Ok(())
}
