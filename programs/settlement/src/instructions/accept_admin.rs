//! `accept_admin`: the second step of replacing the admin.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{AdminChanged, emit_event};
use crate::state::{Network, require_version};

/// Accounts of `accept_admin`.
#[event_cpi]
#[derive(Accounts)]
pub struct AcceptAdmin<'info> {
    /// The proposed admin.
    pub pending_admin: Signer<'info>,
    /// The network.
    #[account(mut, has_one = pending_admin @ SettlementError::Unauthorized)]
    pub network: AccountLoader<'info, Network>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, AcceptAdmin<'info>>) -> Result<()> {
    let to = ctx.accounts.pending_admin.key();
    let from = {
        let mut network = ctx.accounts.network.load_mut()?;
        require_version(network.version, Network::VERSION)?;
        let from = network.admin;
        network.admin = to;
        network.pending_admin = Pubkey::default();
        from
    };
    emit_event!(ctx, AdminChanged { network: ctx.accounts.network.key(), from, to });
    Ok(())
}
