//! `set_guardian`: replaces the guardian, the key that may pause and nothing else.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{GuardianChanged, emit_event};
use crate::state::{Network, require_version};

/// Accounts of `set_guardian`.
#[event_cpi]
#[derive(Accounts)]
pub struct SetGuardian<'info> {
    /// The network's admin.
    pub admin: Signer<'info>,
    /// The network.
    #[account(mut, has_one = admin @ SettlementError::Unauthorized)]
    pub network: AccountLoader<'info, Network>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, SetGuardian<'info>>, guardian: Pubkey) -> Result<()> {
    require!(guardian != Pubkey::default(), SettlementError::DefaultAuthority);
    let from = {
        let mut network = ctx.accounts.network.load_mut()?;
        require_version(network.version, Network::VERSION)?;
        let from = network.guardian;
        network.guardian = guardian;
        from
    };
    emit_event!(
        ctx,
        GuardianChanged { network: ctx.accounts.network.key(), by: ctx.accounts.admin.key(), from, to: guardian }
    );
    Ok(())
}
