//! `set_destination`: changes the destination of a node's payouts, or confirms the one that the admin set.

use anchor_lang::prelude::*;

use crate::destination::{DestinationMatch, describe};
use crate::error::SettlementError;
use crate::events::{DestinationChanged, emit_event};
use crate::reserved::is_payable_address;
use crate::rules::token_layout::TokenAccount;
use crate::state::{
    AssetKind, DestinationSource, NODE_SEED, Network, NodeWallet, TREASURY_SEED, Treasury, require_version,
};
use crate::token;

/// Accounts of `set_destination`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(node_id: [u8; 32])]
pub struct SetDestination<'info> {
    /// The node's owner.
    pub owner: Signer<'info>,
    /// The node's network.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which is not a valid destination.
    #[account(seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// The node's wallet account.
    #[account(
        mut,
        seeds = [NODE_SEED, network.key().as_ref(), &node_id, owner.key().as_ref()],
        bump = node_wallet.load()?.bump,
    )]
    pub node_wallet: AccountLoader<'info, NodeWallet>,
    /// The new destination. In a network that pays in SOL, any account that can receive lamports, also one that does
    /// not exist yet; otherwise a token account of the network's mint.
    ///
    /// CHECK: validated by the handler.
    pub destination: UncheckedAccount<'info>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, SetDestination<'info>>, _node_id: [u8; 32]) -> Result<()> {
    let accounts = &ctx.accounts;
    let event = {
        let network = accounts.network.load()?;
        let treasury = accounts.treasury.load()?;
        require_version(network.version, Network::VERSION)?;
        require_version(treasury.version, Treasury::VERSION)?;
        let to = accounts.destination.key();
        let own = [accounts.network.key(), accounts.treasury.key(), accounts.node_wallet.key(), treasury.token_account];
        require!(is_payable_address(&to, &own), SettlementError::InvalidDestination);
        require_can_receive(&accounts.destination, &network)?;

        let mut wallet = accounts.node_wallet.load_mut()?;
        require_version(wallet.version, NodeWallet::VERSION)?;
        let from = wallet.destination;
        wallet.destination = to;
        wallet.destination_source = DestinationSource::Owner.into();
        DestinationChanged {
            network: wallet.network,
            node_wallet: accounts.node_wallet.key(),
            owner: wallet.owner,
            from,
            to,
        }
    };
    emit_event!(ctx, event);
    Ok(())
}

/// Fails if an account can't receive the network's asset. A token account may be frozen or require memos at present.
/// Payouts check all of it again.
fn require_can_receive(account: &AccountInfo, network: &Network) -> Result<()> {
    if network.asset_kind == u8::from(AssetKind::Sol) {
        let to = describe(account, DestinationMatch::Named, 0);
        require!(!to.is_unpayable(), SettlementError::InvalidDestination);
        return Ok(());
    }
    let TokenAccount { mint, .. } =
        token::parse(account, &network.token_program).ok_or(SettlementError::InvalidTokenAccount)?;
    require!(mint == network.mint.to_bytes(), SettlementError::TokenAccountWrongMint);
    Ok(())
}
