//! `set_threshold`: changes the threshold from which a node's pending amount is paid out.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{ThresholdChanged, emit_event};
use crate::rules::parameters::node_threshold;
use crate::state::{NODE_SEED, Network, NodeWallet, TREASURY_SEED, Treasury, require_version};

/// Accounts of `set_threshold`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(node_id: [u8; 32])]
pub struct SetThreshold<'info> {
    /// The node's owner.
    pub owner: Signer<'info>,
    /// The node's network.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which has the minimum threshold.
    #[account(seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// The node's wallet account.
    #[account(
        mut,
        seeds = [NODE_SEED, network.key().as_ref(), &node_id, owner.key().as_ref()],
        bump = node_wallet.load()?.bump,
    )]
    pub node_wallet: AccountLoader<'info, NodeWallet>,
}

pub(crate) fn handler<'info>(
    ctx: Context<'info, SetThreshold<'info>>,
    _node_id: [u8; 32],
    threshold: u64,
) -> Result<()> {
    let event = {
        let treasury = ctx.accounts.treasury.load()?;
        let mut wallet = ctx.accounts.node_wallet.load_mut()?;
        require_version(treasury.version, Treasury::VERSION)?;
        require_version(wallet.version, NodeWallet::VERSION)?;
        let to = node_threshold(Some(threshold), treasury.default_threshold)
            .ok_or(SettlementError::ThresholdBelowDefault)?;
        let from = wallet.threshold;
        wallet.threshold = to;
        ThresholdChanged {
            network: wallet.network,
            node_wallet: ctx.accounts.node_wallet.key(),
            owner: wallet.owner,
            from,
            to,
        }
    };
    emit_event!(ctx, event);
    Ok(())
}
