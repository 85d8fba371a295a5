//! `pause`: stops all outflows, those by owners for a limited time. Pausing a paused network is not an error and does
//! not extend that time: in an emergency, two people may do it.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{Paused, emit_event};
use crate::state::{Network, TREASURY_SEED, Treasury, require_version};

/// Accounts of `pause`.
#[event_cpi]
#[derive(Accounts)]
pub struct Pause<'info> {
    /// The network's guardian or admin.
    pub authority: Signer<'info>,
    /// The network to pause.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which stores whether it is paused.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, Pause<'info>>) -> Result<()> {
    let by = ctx.accounts.authority.key();
    {
        let network = ctx.accounts.network.load()?;
        require_version(network.version, Network::VERSION)?;
        require!(by == network.guardian || by == network.admin, SettlementError::Unauthorized);
    }
    let hold_until = {
        let mut treasury = ctx.accounts.treasury.load_mut()?;
        require_version(treasury.version, Treasury::VERSION)?;
        if !treasury.is_paused() {
            treasury.hold_until = treasury.hold().until_after_pause(Clock::get()?.unix_timestamp);
            treasury.paused = 1;
        }
        treasury.hold_until
    };
    emit_event!(ctx, Paused { network: ctx.accounts.network.key(), by, hold_until });
    Ok(())
}
