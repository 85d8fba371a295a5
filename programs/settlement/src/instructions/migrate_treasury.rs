//! `migrate_treasury`: migrates a treasury from an earlier layout to the current one.
//!
//! The pattern for future layouts: new fields are taken from `reserved`, so that no offset moves and no
//! account grows; `state` defines how each version is migrated to the next; all other instructions accept
//! the current version only. Anyone may call this instruction, because it makes no decisions.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{Migrated, emit_event};
use crate::state::{TREASURY_SEED, Treasury};

/// Accounts of `migrate_treasury`.
#[event_cpi]
#[derive(Accounts)]
pub struct MigrateTreasury<'info> {
    /// The network.
    ///
    /// CHECK: part of the treasury's address.
    pub network: UncheckedAccount<'info>,
    /// The treasury.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
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
