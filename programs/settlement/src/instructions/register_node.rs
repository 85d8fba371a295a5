//! `register_node`: creates the wallet account of a node.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{NodeRegistered, emit_event};
use crate::reserved::is_payable_address;
use crate::rules::parameters::node_threshold;
use crate::state::{
    AssetKind, DestinationSource, NODE_SEED, Network, NodeWallet, TREASURY_SEED, Treasury, require_version,
};
use crate::token::ASSOCIATED_TOKEN_ID;

/// The arguments of `register_node` and `reopen_node`: a node and who receives its payouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterNodeArgs {
    /// Hash of the node's id in the ledger, see `client::node_id`.
    pub node_id: [u8; 32],
    /// The key that may withdraw, and change the destination and the threshold.
    pub owner: Pubkey,
    /// Recipient of payouts: an account, or for tokens a token account. Defaults to the owner, or for tokens to the
    /// owner's associated token account. Only the admin may choose another address, to which a relay pays nothing until the owner confirms it
    /// with `set_destination`.
    pub destination: Option<Pubkey>,
    /// Pending base units at which they are paid out. Must not be below the network's default, which is
    /// used if none is given. Only the admin may choose another one.
    pub threshold: Option<u64>,
}

/// Accounts of `register_node`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(node_id: [u8; 32], owner: Pubkey)]
pub struct RegisterNode<'info> {
    /// The network's settler or admin. The settler can neither choose a destination or a threshold nor register while
    /// the network is paused.
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
    #[account(
        init,
        payer = payer,
        space = NodeWallet::SIZE,
        seeds = [NODE_SEED, network.key().as_ref(), &node_id, owner.as_ref()],
        bump,
    )]
    /// The node's wallet account. Its address is derived from the network, the node's id and its owner.
    pub node_wallet: AccountLoader<'info, NodeWallet>,
    /// Creates the account.
    pub system_program: Program<'info, System>,
}

/// The validated settings of a node's registration.
pub(crate) struct Registration {
    /// Recipient of payouts.
    pub(crate) destination: Pubkey,
    /// Who chose it.
    pub(crate) destination_source: DestinationSource,
    /// Pending base units at which they are paid out.
    pub(crate) threshold: u64,
}

impl RegisterNodeArgs {
    /// Validates the arguments and that `authority`, which has signed, may register nodes.
    pub(crate) fn validate(
        &self,
        authority: &Pubkey,
        network_account: &AccountLoader<Network>,
        treasury_account: &AccountLoader<Treasury>,
        wallet: &Pubkey,
    ) -> Result<Registration> {
        let network = network_account.load()?;
        let treasury = treasury_account.load()?;
        require_version(network.version, Network::VERSION)?;
        require_version(treasury.version, Treasury::VERSION)?;
        let is_admin = *authority == network.admin;
        require!(is_admin || *authority == network.settler, SettlementError::Unauthorized);
        // The settler's key is a hot one. If it is stolen, what it registers must not outlive its rotation.
        require!(is_admin || !treasury.is_paused(), SettlementError::Paused);
        let threshold =
            node_threshold(self.threshold, network.default_threshold).ok_or(SettlementError::ThresholdBelowDefault)?;
        require!(is_admin || threshold == network.default_threshold, SettlementError::ThresholdNotDefault);
        let default_destination = default_destination(&network, &self.owner);
        let destination = self.destination.unwrap_or(default_destination);
        let destination_source =
            if destination == default_destination { DestinationSource::Default } else { DestinationSource::Admin };
        require!(is_admin || destination_source == DestinationSource::Default, SettlementError::DestinationNotOwner);
        let own = [network_account.key(), network.treasury, *wallet, network.treasury_token_account];
        require!(is_payable_address(&self.owner, &own), SettlementError::InvalidOwner);
        require!(is_payable_address(&destination, &own), SettlementError::InvalidDestination);
        Ok(Registration { destination, destination_source, threshold })
    }
}

/// Where a node's payouts go if nobody chose another destination: to its owner, or in a network that pays in tokens to
/// the owner's associated token account.
fn default_destination(network: &Network, owner: &Pubkey) -> Pubkey {
    if network.asset_kind == u8::from(AssetKind::Sol) {
        return *owner;
    }
    let seeds = [owner.as_ref(), network.token_program.as_ref(), network.mint.as_ref()];
    Pubkey::find_program_address(&seeds, &ASSOCIATED_TOKEN_ID).0
}

pub(crate) fn handler<'info>(ctx: Context<'info, RegisterNode<'info>>, args: RegisterNodeArgs) -> Result<()> {
    let authority = ctx.accounts.authority.key();
    let network_address = ctx.accounts.network.key();
    let wallet_address = ctx.accounts.node_wallet.key();
    let Registration { destination, destination_source, threshold } =
        args.validate(&authority, &ctx.accounts.network, &ctx.accounts.treasury, &wallet_address)?;

    // Other fields stay zero, as initialized. Lamports that the address held before are not pending: only
    // the totals determine what is owed.
    {
        let mut wallet = ctx.accounts.node_wallet.load_init()?;
        wallet.version = NodeWallet::VERSION;
        wallet.bump = ctx.bumps.node_wallet;
        wallet.network = network_address;
        wallet.node_id = args.node_id;
        wallet.owner = args.owner;
        wallet.destination = destination;
        wallet.threshold = threshold;
        wallet.destination_source = destination_source.into();
    }

    emit_event!(
        ctx,
        NodeRegistered {
            network: network_address,
            node_wallet: wallet_address,
            node_id: args.node_id,
            owner: args.owner,
            destination,
            authority,
            threshold,
        }
    );
    Ok(())
}
