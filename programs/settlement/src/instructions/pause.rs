//! `pause`: nothing leaves from here on. Pausing twice is no error: in an alarm, two people may.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{Paused, emit_event};
use crate::state::{Network, Treasury, require_known};

/// Accounts of `pause`.
#[event_cpi]
#[derive(Accounts)]
pub struct Pause<'info> {
    /// The network's guardian or admin.
    pub authority: Signer<'info>,
    /// The network to pause.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which carries the mark.
    #[account(mut)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, Pause<'info>>) -> Result<()> {
    let by = ctx.accounts.authority.key();
    {
        let network = ctx.accounts.network.load()?;
        require_known(network.version, Network::VERSION)?;
        require!(by == network.guardian || by == network.admin, SettlementError::Unauthorized);
    }
    {
        let mut treasury = ctx.accounts.treasury.load_mut()?;
        require_known(treasury.version, Treasury::VERSION)?;
        treasury.paused = 1;
    }
    emit_event!(ctx, Paused { network: ctx.accounts.network.key(), by });
    Ok(())
}
