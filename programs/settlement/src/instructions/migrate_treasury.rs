//! `migrate_treasury`: brings a treasury from an earlier layout to the newest.
//!
//! The pattern for every later layout: new fields come out of `reserved`, so that no offset moves
//! and no account grows; `state` says how one version becomes the next; every other instruction
//! takes the newest only, and this one, which anybody may call because it decides nothing, moves
//! an account on.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{Migrated, emit_event};
use crate::state::Treasury;

/// Accounts of `migrate_treasury`.
#[event_cpi]
#[derive(Accounts)]
pub struct MigrateTreasury<'info> {
    /// The treasury.
    #[account(mut)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, MigrateTreasury<'info>>) -> Result<()> {
    let from = {
        let mut treasury = ctx.accounts.treasury.load_mut()?;
        let from = treasury.version;
        require!(from != Treasury::VERSION, SettlementError::NothingToMigrate);
        require!(treasury.migrate(), SettlementError::UnknownVersion);
        from
    };
    emit_event!(ctx, Migrated { account: ctx.accounts.treasury.key(), from, to: Treasury::VERSION });
    Ok(())
}
