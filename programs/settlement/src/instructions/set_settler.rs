//! `set_settler`: replaces the settler, the key that may credit and settle.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{SettlerChanged, emit_event};
use crate::state::{Network, TREASURY_SEED, Treasury, require_version};

/// Accounts of `set_settler`.
#[event_cpi]
#[derive(Accounts)]
pub struct SetSettler<'info> {
    /// The network's admin.
    pub admin: Signer<'info>,
    #[account(
        mut,
        has_one = admin @ SettlementError::Unauthorized,
        has_one = treasury @ SettlementError::NetworkMismatch,
    )]
    /// The network.
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which has a copy of the settler.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, SetSettler<'info>>, settler: Pubkey) -> Result<()> {
    require!(settler != Pubkey::default(), SettlementError::DefaultAuthority);
    let from = {
        let mut network = ctx.accounts.network.load_mut()?;
        let mut treasury = ctx.accounts.treasury.load_mut()?;
        require_version(network.version, Network::VERSION)?;
        require_version(treasury.version, Treasury::VERSION)?;
        let from = network.settler;
        network.settler = settler;
        treasury.settler = settler;
        from
    };
    emit_event!(
        ctx,
        SettlerChanged { network: ctx.accounts.network.key(), by: ctx.accounts.admin.key(), from, to: settler }
    );
    Ok(())
}
