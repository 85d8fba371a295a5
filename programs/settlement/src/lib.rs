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
pub mod error;
pub mod events;
pub mod instructions;
pub mod reserved;
pub mod rules;
pub mod state;

use instructions::*;

declare_id!("7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw");

#[program]
pub mod settlement {
    use super::*;

    /// Creates a network and its empty treasury. Whoever signs becomes the network's admin.
    pub fn create_network<'info>(ctx: Context<'info, CreateNetwork<'info>>, args: CreateNetworkArgs) -> Result<()> {
        instructions::create_network::handler(ctx, args)
    }

    /// Opens the wallet account of one node. Only the network's settler or admin may.
    pub fn register_node<'info>(ctx: Context<'info, RegisterNode<'info>>, args: RegisterNodeArgs) -> Result<()> {
        instructions::register_node::handler(ctx, args)
    }

    /// Moves `amount` lamports from the funder into the treasury. Anyone may, also while paused.
    pub fn fund<'info>(ctx: Context<'info, Fund<'info>>, amount: u64) -> Result<()> {
        instructions::fund::handler(ctx, amount)
    }

    /// Raises nodes to their cumulative totals: treasury to wallet accounts, nothing further.
    ///
    /// Remaining accounts: one writable node wallet per target, in the targets' order.
    pub fn credit<'info>(ctx: Context<'info, Credit<'info>>, batch: BatchHeader, targets: Vec<u64>) -> Result<()> {
        instructions::credit::handler(ctx, batch, targets)
    }

    /// Credits like `credit`, and pays out every node whose pending amount is due.
    ///
    /// Remaining accounts: a writable node wallet and its writable destination per target, in the
    /// targets' order.
    pub fn settle<'info>(ctx: Context<'info, Settle<'info>>, batch: BatchHeader, targets: Vec<u64>) -> Result<()> {
        instructions::settle::handler(ctx, batch, targets)
    }

    /// Pays a node's owner out of the node's wallet account: `amount` lamports, or all pending.
    pub fn withdraw<'info>(ctx: Context<'info, Withdraw<'info>>, amount: Option<u64>) -> Result<()> {
        instructions::withdraw::handler(ctx, amount)
    }

    /// Stops credit, settle and withdraw. The guardian or the admin may.
    pub fn pause<'info>(ctx: Context<'info, Pause<'info>>) -> Result<()> {
        instructions::pause::handler(ctx)
    }

    /// Lets lamports leave again. Only the admin may.
    pub fn unpause<'info>(ctx: Context<'info, Unpause<'info>>) -> Result<()> {
        instructions::unpause::handler(ctx)
    }
}
