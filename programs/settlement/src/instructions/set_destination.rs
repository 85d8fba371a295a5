//! `set_destination`: changes the destination of a node's payouts, or confirms the one that the admin set.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{DestinationChanged, emit_event};
use crate::reserved::is_payable_address;
use crate::state::{DestinationSource, NodeWallet, Treasury, require_version};

/// Accounts of `set_destination`.
#[event_cpi]
#[derive(Accounts)]
pub struct SetDestination<'info> {
    /// The node's owner.
    pub owner: Signer<'info>,
    /// The treasury of the node's network, which is not a valid destination.
    pub treasury: AccountLoader<'info, Treasury>,
    /// The node's wallet account.
    #[account(mut, has_one = owner @ SettlementError::Unauthorized)]
    pub node_wallet: AccountLoader<'info, NodeWallet>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, SetDestination<'info>>, destination: Pubkey) -> Result<()> {
    let event = {
        let treasury = ctx.accounts.treasury.load()?;
        let mut wallet = ctx.accounts.node_wallet.load_mut()?;
        require_version(treasury.version, Treasury::VERSION)?;
        require_version(wallet.version, NodeWallet::VERSION)?;
        require!(wallet.network == treasury.network, SettlementError::NetworkMismatch);
        let own = [wallet.network, ctx.accounts.treasury.key(), ctx.accounts.node_wallet.key()];
        require!(is_payable_address(&destination, &own), SettlementError::InvalidDestination);
        let from = wallet.destination;
        wallet.destination = destination;
        wallet.destination_source = DestinationSource::Owner.into();
        DestinationChanged {
            network: wallet.network,
            node_wallet: ctx.accounts.node_wallet.key(),
            owner: wallet.owner,
            from,
            to: destination,
        }
    };
    emit_event!(ctx, event);
    Ok(())
}
