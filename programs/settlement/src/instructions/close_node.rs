//! `close_node`: replaces a wallet account by a small one with the node's total, and moves the rest of its rent to the
//! treasury.

use anchor_lang::prelude::*;

use crate::account;
use crate::error::SettlementError;
use crate::events::{NodeClosed, emit_and_record};
use crate::state::{ClosedNode, NODE_SEED, Network, NodeWallet, TREASURY_SEED, Treasury, require_version};

/// Accounts of `close_node`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(node_id: [u8; 32])]
pub struct CloseNode<'info> {
    /// The node's owner or the network's admin.
    pub authority: Signer<'info>,
    /// The node's network.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which stores whether it is paused and receives the rent.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// The node's owner.
    ///
    /// CHECK: part of the wallet account's address.
    pub owner: UncheckedAccount<'info>,
    /// The node's wallet account.
    ///
    /// CHECK: the handler parses it as a wallet account and changes its type.
    #[account(
        mut,
        seeds = [NODE_SEED, network.key().as_ref(), &node_id, owner.key().as_ref()],
        bump,
    )]
    pub node_wallet: UncheckedAccount<'info>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, CloseNode<'info>>, node_id: [u8; 32]) -> Result<()> {
    let accounts = &ctx.accounts;
    let by = accounts.authority.key();
    let account = accounts.node_wallet.as_ref();
    let wallet: NodeWallet = account::parse(account)?;
    require_version(wallet.version, NodeWallet::VERSION)?;
    {
        let network = accounts.network.load()?;
        require_version(network.version, Network::VERSION)?;
        require!(by == wallet.owner || by == network.admin, SettlementError::Unauthorized);
        let treasury = accounts.treasury.load()?;
        require_version(treasury.version, Treasury::VERSION)?;
        require!(!treasury.is_paused(), SettlementError::Paused);
    }
    require!(wallet.paid_total <= wallet.credited_total, SettlementError::InconsistentTotals);
    require!(wallet.paid_total == wallet.credited_total, SettlementError::PendingNotZero);

    // After a steep rise of the rate, the wallet may hold less than the smaller account needs now. It then keeps all.
    let lamports = account.lamports().saturating_sub(account::minimum_balance(&Rent::get()?, ClosedNode::SIZE));
    account::replace(account, &ClosedNode { total: wallet.credited_total, network: wallet.network })?;
    account.sub_lamports(lamports)?;
    accounts.treasury.as_ref().add_lamports(lamports)?;

    emit_and_record!(
        ctx,
        NodeClosed {
            network: wallet.network,
            node_wallet: *account.key,
            node_id,
            owner: wallet.owner,
            by,
            total: wallet.credited_total,
            lamports,
        }
    );
    Ok(())
}
