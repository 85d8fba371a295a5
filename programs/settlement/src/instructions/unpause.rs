//! `unpause`: allows outflows again.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{Unpaused, emit_event};
use crate::state::{Network, TREASURY_SEED, Treasury, require_version};

/// Accounts of `unpause`.
#[event_cpi]
#[derive(Accounts)]
pub struct Unpause<'info> {
    /// The network's admin.
    pub admin: Signer<'info>,
    #[account(
        has_one = admin @ SettlementError::Unauthorized,
        has_one = treasury @ SettlementError::NetworkMismatch,
    )]
    /// The network to unpause.
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which stores whether it is paused.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, Unpause<'info>>) -> Result<()> {
    require_version(ctx.accounts.network.load()?.version, Network::VERSION)?;
    {
        let mut treasury = ctx.accounts.treasury.load_mut()?;
        require_version(treasury.version, Treasury::VERSION)?;
        treasury.paused = 0;
    }
    emit_event!(ctx, Unpaused { network: ctx.accounts.network.key(), by: ctx.accounts.admin.key() });
    Ok(())
}
