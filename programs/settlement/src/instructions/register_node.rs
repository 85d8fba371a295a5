//! `register_node`: the wallet account of one node.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{NodeRegistered, emit_event};
use crate::reserved::is_payable_address;
use crate::rules::parameters::node_threshold;
use crate::state::{NODE_SEED, Network, NodeWallet, require_known};

/// Which node, and whom it pays.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterNodeArgs {
    /// Hash of the ledger's name for the node: `client::node_id`.
    pub node_id: [u8; 32],
    /// May withdraw.
    pub owner: Pubkey,
    /// Where payouts go, for tokens to a token account of its; the owner's own address when left out.
    pub destination: Option<Pubkey>,
    /// Base units from which the pending amount is paid out; the network's default when left out,
    /// never below it.
    pub threshold: Option<u64>,
}

/// Accounts of `register_node`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(args: RegisterNodeArgs)]
pub struct RegisterNode<'info> {
    /// The network's settler or admin: anybody else could name themselves the owner of a
    /// stranger's node.
    pub authority: Signer<'info>,
    /// Pays the rent and gets it back when the account is closed.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// The network the node works for.
    pub network: AccountLoader<'info, Network>,
    #[account(
        init,
        payer = payer,
        space = NodeWallet::SIZE,
        seeds = [NODE_SEED, network.key().as_ref(), &args.node_id],
        bump,
    )]
    /// The node's wallet account; its address follows from the network and the node's id.
    pub node_wallet: AccountLoader<'info, NodeWallet>,
    /// Creates the account.
    pub system_program: Program<'info, System>,
}

/// What a node is registered with, once it is seen that it may be.
pub(crate) struct Terms {
    /// Where payouts go.
    pub destination: Pubkey,
    /// Base units from which the pending amount is paid out.
    pub threshold: u64,
}

impl RegisterNodeArgs {
    /// What these arguments come to in `network`, by the signature of `authority`.
    pub(crate) fn terms(
        &self,
        authority: &Pubkey,
        network_account: &AccountLoader<Network>,
        wallet: &Pubkey,
    ) -> Result<Terms> {
        let network = network_account.load()?;
        require_known(network.version, Network::VERSION)?;
        require!(*authority == network.settler || *authority == network.admin, SettlementError::Unauthorized);
        let threshold =
            node_threshold(self.threshold, network.default_threshold).ok_or(SettlementError::ThresholdBelowDefault)?;
        let destination = self.destination.unwrap_or(self.owner);
        let own = [network_account.key(), network.treasury, *wallet];
        require!(is_payable_address(&self.owner, &own), SettlementError::InvalidOwner);
        require!(is_payable_address(&destination, &own), SettlementError::InvalidDestination);
        Ok(Terms { destination, threshold })
    }
}

pub(crate) fn handler<'info>(ctx: Context<'info, RegisterNode<'info>>, args: RegisterNodeArgs) -> Result<()> {
    let authority = ctx.accounts.authority.key();
    let network_address = ctx.accounts.network.key();
    let wallet_address = ctx.accounts.node_wallet.key();
    let rent_payer = ctx.accounts.payer.key();
    let Terms { destination, threshold } = args.terms(&authority, &ctx.accounts.network, &wallet_address)?;

    // Fields not named here stay as `init` left them: zero. Lamports that lay at the address
    // before are not pending: only the totals say what is owed.
    {
        let mut wallet = ctx.accounts.node_wallet.load_init()?;
        wallet.version = NodeWallet::VERSION;
        wallet.bump = ctx.bumps.node_wallet;
        wallet.network = network_address;
        wallet.node_id = args.node_id;
        wallet.owner = args.owner;
        wallet.destination = destination;
        wallet.rent_payer = rent_payer;
        wallet.threshold = threshold;
    }

    emit_event!(
        ctx,
        NodeRegistered {
            network: network_address,
            node_wallet: wallet_address,
            node_id: args.node_id,
            owner: args.owner,
            destination,
            rent_payer,
            authority,
            threshold,
        }
    );
    Ok(())
}
