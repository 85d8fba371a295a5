//! `propose_admin`: the first step of replacing the admin. Nothing else changes until the proposed admin
//! accepts, so that a mistyped key can't lock out everyone.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{AdminProposed, emit_event};
use crate::state::{Network, require_version};

/// Accounts of `propose_admin`.
#[event_cpi]
#[derive(Accounts)]
pub struct ProposeAdmin<'info> {
    /// The network's admin.
    pub admin: Signer<'info>,
    /// The network.
    #[account(mut, has_one = admin @ SettlementError::Unauthorized)]
    pub network: AccountLoader<'info, Network>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, ProposeAdmin<'info>>, pending_admin: Pubkey) -> Result<()> {
    {
        let mut network = ctx.accounts.network.load_mut()?;
        require_version(network.version, Network::VERSION)?;
        network.pending_admin = pending_admin;
    }
    emit_event!(
        ctx,
        AdminProposed { network: ctx.accounts.network.key(), by: ctx.accounts.admin.key(), pending_admin }
    );
    Ok(())
}
