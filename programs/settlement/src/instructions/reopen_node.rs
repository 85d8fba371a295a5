//! `reopen_node`: restores the wallet account of a closed node with its previous totals.

use anchor_lang::prelude::*;
use anchor_lang::system_program::{Transfer, transfer};

use super::register_node::{RegisterNodeArgs, Registration};
use crate::account;
use crate::error::SettlementError;
use crate::events::{NodeReopened, emit_event};
use crate::state::{ClosedNode, NODE_SEED, Network, NodeWallet, TREASURY_SEED, Treasury};

/// Accounts of `reopen_node`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(node_id: [u8; 32], owner: Pubkey)]
pub struct ReopenNode<'info> {
    /// The network's settler or admin, with the same limits on the settler as in `register_node`.
    pub authority: Signer<'info>,
    /// Pays the rent, which belongs to the network from then on: the treasury receives it when the account is closed.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// The node's network.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which stores whether it is paused.
    #[account(seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// The closed node, which becomes a wallet account again.
    ///
    /// CHECK: the handler parses it as a closed node and changes its type.
    #[account(
        mut,
        seeds = [NODE_SEED, network.key().as_ref(), &node_id, owner.as_ref()],
        bump,
    )]
    pub node_wallet: UncheckedAccount<'info>,
    /// Transfers the rent.
    pub system_program: Program<'info, System>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, ReopenNode<'info>>, args: RegisterNodeArgs) -> Result<()> {
    let accounts = &ctx.accounts;
    let account = accounts.node_wallet.as_ref();
    let authority = accounts.authority.key();
    let network_address = accounts.network.key();
    let Registration { destination, destination_source, threshold } =
        args.validate(&authority, &accounts.network, &accounts.treasury, account.key)?;
    let ClosedNode { total, .. } = account::find(account).ok_or(SettlementError::ClosedNodeMismatch)?;

    let missing = Rent::get()?.minimum_balance(NodeWallet::SIZE).saturating_sub(account.lamports());
    transfer(
        CpiContext::new(
            accounts.system_program.key(),
            Transfer { from: accounts.payer.to_account_info(), to: account.clone() },
        ),
        missing,
    )?;
    account::replace(
        account,
        &NodeWallet {
            version: NodeWallet::VERSION,
            bump: ctx.bumps.node_wallet,
            network: network_address,
            node_id: args.node_id,
            owner: args.owner,
            destination,
            credited_total: total,
            paid_total: total,
            threshold,
            destination_source: destination_source.into(),
            ..bytemuck::Zeroable::zeroed()
        },
    )?;
    emit_event!(
        ctx,
        NodeReopened {
            network: network_address,
            node_wallet: *account.key,
            node_id: args.node_id,
            owner: args.owner,
            destination,
            authority,
            threshold,
            total,
        }
    );
    Ok(())
}
