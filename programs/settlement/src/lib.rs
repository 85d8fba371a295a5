//! The settlement program: holds a network's funds, keeps one wallet account per node, and pays
//! each node what it has earned, once.
//!
//! The relay reports cumulative totals ("this node has earned 105 in all"), never amounts to add.
//! The program pays the difference to what it has credited before, so a batch that is resent,
//! reordered or lost cannot pay twice, and a lower total changes nothing.
//!
//! Built with `no-entrypoint` the crate is the program's client library: see [`client`].
//!
//! It must never let a lamport leave the treasury other than into a node's wallet account, nor
//! leave a wallet account other than to the destination its owner named.

use anchor_lang::prelude::*;

#[cfg(not(target_os = "solana"))]
pub mod client;
mod destination;
#[cfg(all(feature = "entrypoint", target_os = "solana"))]
mod entrypoint;
pub mod error;
pub mod events;
pub mod fast_path;
pub mod instructions;
pub mod reserved;
pub mod rules;
#[cfg(all(feature = "entrypoint", target_os = "solana"))]
mod security;
pub mod state;
mod token;
mod unlikely;

use instructions::*;

declare_id!("7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw");

#[program]
pub mod settlement {
    use super::*;

    /// Creates a network and its empty treasury. Whoever signs becomes the network's admin.
    ///
    /// A network that pays in tokens names its mint, and its treasury's token account is opened.
    pub fn create_network<'info>(ctx: Context<'info, CreateNetwork<'info>>, args: CreateNetworkArgs) -> Result<()> {
        instructions::create_network::handler(ctx, args)
    }

    /// Changes parameters of a network. Only the admin may.
    pub fn update_network<'info>(ctx: Context<'info, UpdateNetwork<'info>>, args: UpdateNetworkArgs) -> Result<()> {
        instructions::update_network::handler(ctx, args)
    }

    /// Names the next admin, who becomes it by `accept_admin`; the default key calls it off. Only
    /// the admin may.
    pub fn propose_admin<'info>(ctx: Context<'info, ProposeAdmin<'info>>, pending_admin: Pubkey) -> Result<()> {
        instructions::propose_admin::handler(ctx, pending_admin)
    }

    /// Takes the network over. Only the key that the admin proposed may.
    pub fn accept_admin<'info>(ctx: Context<'info, AcceptAdmin<'info>>) -> Result<()> {
        instructions::accept_admin::handler(ctx)
    }

    /// Has another key credit and settle. Only the admin may.
    pub fn set_settler<'info>(ctx: Context<'info, SetSettler<'info>>, settler: Pubkey) -> Result<()> {
        instructions::set_settler::handler(ctx, settler)
    }

    /// Lets another key pause. Only the admin may.
    pub fn set_guardian<'info>(ctx: Context<'info, SetGuardian<'info>>, guardian: Pubkey) -> Result<()> {
        instructions::set_guardian::handler(ctx, guardian)
    }

    /// Stops everything that moves funds out. The guardian or the admin may.
    pub fn pause<'info>(ctx: Context<'info, Pause<'info>>) -> Result<()> {
        instructions::pause::handler(ctx)
    }

    /// Lets funds leave again. Only the admin may.
    pub fn unpause<'info>(ctx: Context<'info, Unpause<'info>>) -> Result<()> {
        instructions::unpause::handler(ctx)
    }

    /// Moves `amount` base units from the funder into the treasury. Anyone may, also while paused.
    pub fn fund<'info>(ctx: Context<'info, Fund<'info>>, amount: u64) -> Result<()> {
        instructions::fund::handler(ctx, amount)
    }

    /// Moves `amount` base units that are owed to nobody out of the treasury. Only the admin may.
    pub fn withdraw_surplus<'info>(ctx: Context<'info, WithdrawSurplus<'info>>, amount: u64) -> Result<()> {
        instructions::withdraw_surplus::handler(ctx, amount)
    }

    /// Opens the wallet account of one node. Only the network's settler or admin may.
    pub fn register_node<'info>(ctx: Context<'info, RegisterNode<'info>>, args: RegisterNodeArgs) -> Result<()> {
        instructions::register_node::handler(ctx, args)
    }

    /// Closes the wallet account of a node that has nothing pending and gives its rent back, but
    /// for what its total needs to stay on the chain. The owner or the admin may.
    pub fn close_node<'info>(ctx: Context<'info, CloseNode<'info>>) -> Result<()> {
        instructions::close_node::handler(ctx)
    }

    /// Opens the wallet account of a closed node again, with its total as it was. Only the
    /// network's settler or admin may.
    pub fn reopen_node<'info>(ctx: Context<'info, ReopenNode<'info>>, args: RegisterNodeArgs) -> Result<()> {
        instructions::reopen_node::handler(ctx, args)
    }

    /// Has the node's payouts go elsewhere. Only the node's owner may, also while paused.
    pub fn set_destination<'info>(ctx: Context<'info, SetDestination<'info>>, destination: Pubkey) -> Result<()> {
        instructions::set_destination::handler(ctx, destination)
    }

    /// Has the node's pending amount paid out from another size on, not below the network's
    /// threshold. Only the node's owner may, also while paused.
    pub fn set_threshold<'info>(ctx: Context<'info, SetThreshold<'info>>, threshold: u64) -> Result<()> {
        instructions::set_threshold::handler(ctx, threshold)
    }

    /// Raises nodes to their cumulative totals. Only the settler may.
    ///
    /// Remaining accounts: one writable node wallet per target, in the targets' order.
    pub fn credit<'info>(_ctx: Context<'info, Credit<'info>>, batch: BatchHeader, targets: Vec<u64>) -> Result<()> {
        instructions::batch::taken_before((batch, targets))
    }

    /// Credits like `credit`, and pays out every node whose pending amount is due. Only the settler
    /// may.
    ///
    /// Remaining accounts: in a network that pays in tokens, the treasury's token account
    /// (writable), the mint and the token program; then, per target and in the targets' order, a
    /// writable node wallet and its writable destination: for tokens, a token account of it.
    pub fn settle<'info>(_ctx: Context<'info, Settle<'info>>, batch: BatchHeader, targets: Vec<u64>) -> Result<()> {
        instructions::batch::taken_before((batch, targets))
    }

    /// Pays out nodes whose pending amount is due. Anyone may.
    ///
    /// Remaining accounts: as for `settle`, one pair per node.
    pub fn payout<'info>(_ctx: Context<'info, Payout<'info>>) -> Result<()> {
        instructions::batch::taken_before(())
    }

    /// Pays a node `amount` base units, or all that is pending. Only the node's owner may.
    pub fn withdraw<'info>(ctx: Context<'info, Withdraw<'info>>, amount: Option<u64>) -> Result<()> {
        instructions::withdraw::handler(ctx, amount)
    }

    /// Brings a treasury of an earlier layout to the newest. Anyone may.
    pub fn migrate_treasury<'info>(ctx: Context<'info, MigrateTreasury<'info>>) -> Result<()> {
        instructions::migrate_treasury::handler(ctx)
    }
}
