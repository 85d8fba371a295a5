//! The settlement program: holds a network's funds, keeps one wallet account per node, and pays each
//! node what it has earned exactly once.
//!
//! The relay reports cumulative totals ("this node has earned 105 in total"), never increments. The
//! program pays the difference to the total it has already credited. A batch that is resent, reordered
//! or lost can't pay twice, and a lower total has no effect.
//!
//! Built with the feature `no-entrypoint`, the crate is the program's client library: see [`client`].
//!
//! The program must never let a lamport leave the treasury except into a node's wallet account or, as
//! surplus, to the admin, nor let what a node has earned leave a wallet account except to the destination that its
//! owner named.

#![allow(missing_docs, reason = "Anchor's macros add items without documentation to the crate's root")]

use anchor_lang::prelude::*;

mod account;
#[cfg(not(target_os = "solana"))]
#[warn(missing_docs)]
pub mod client;
mod destination;
#[cfg(all(feature = "entrypoint", target_os = "solana"))]
mod entrypoint;
#[warn(missing_docs)]
pub mod error;
#[warn(missing_docs)]
pub mod events;
#[warn(missing_docs)]
pub mod fast_path;
#[warn(missing_docs)]
pub mod history;
pub mod instructions;
#[warn(missing_docs)]
pub mod reserved;
#[warn(missing_docs)]
pub mod rules;
#[cfg(any(test, all(feature = "entrypoint", target_os = "solana")))]
mod security;
#[warn(missing_docs)]
pub mod state;
mod token;
mod unlikely;

use instructions::*;

declare_id!("7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw");

/// Pays each node of a compute network what it has earned, exactly once.
#[program]
pub mod settlement {
    use super::*;

    /// Creates a network and its empty treasury. The signer becomes the network's admin.
    ///
    /// For a network that pays in tokens, the accounts include its mint, and the treasury's token
    /// account is created.
    pub fn create_network<'info>(ctx: Context<'info, CreateNetwork<'info>>, args: CreateNetworkArgs) -> Result<()> {
        instructions::create_network::handler(ctx, args)
    }

    /// Changes parameters of a network. Requires the admin's signature.
    pub fn update_network<'info>(ctx: Context<'info, UpdateNetwork<'info>>, args: UpdateNetworkArgs) -> Result<()> {
        instructions::update_network::handler(ctx, args)
    }

    /// Proposes a new admin, who takes over with `accept_admin`. The default key cancels a pending
    /// proposal. Requires the admin's signature.
    pub fn propose_admin<'info>(ctx: Context<'info, ProposeAdmin<'info>>, pending_admin: Pubkey) -> Result<()> {
        instructions::propose_admin::handler(ctx, pending_admin)
    }

    /// Makes the proposed admin the network's admin. Requires the proposed admin's signature.
    pub fn accept_admin<'info>(ctx: Context<'info, AcceptAdmin<'info>>) -> Result<()> {
        instructions::accept_admin::handler(ctx)
    }

    /// Replaces the settler: the key that may credit and settle. Requires the admin's signature.
    pub fn set_settler<'info>(ctx: Context<'info, SetSettler<'info>>, settler: Pubkey) -> Result<()> {
        instructions::set_settler::handler(ctx, settler)
    }

    /// Replaces the guardian: the key that may pause. Requires the admin's signature.
    pub fn set_guardian<'info>(ctx: Context<'info, SetGuardian<'info>>, guardian: Pubkey) -> Result<()> {
        instructions::set_guardian::handler(ctx, guardian)
    }

    /// Stops everything that moves funds out, and withdrawals by owners for a limited time. Requires the guardian's or
    /// the admin's signature.
    pub fn pause<'info>(ctx: Context<'info, Pause<'info>>) -> Result<()> {
        instructions::pause::handler(ctx)
    }

    /// Ends a pause. Requires the admin's signature.
    pub fn unpause<'info>(ctx: Context<'info, Unpause<'info>>) -> Result<()> {
        instructions::unpause::handler(ctx)
    }

    /// Moves `amount` base units from the funder into the treasury of a network with the named admin. Anyone may call
    /// it, also while the network is paused.
    pub fn fund<'info>(ctx: Context<'info, Fund<'info>>, amount: u64) -> Result<()> {
        instructions::fund::handler(ctx, amount)
    }

    /// Moves `amount` base units of surplus, which is not owed to any node, out of the treasury.
    /// Requires the admin's signature.
    pub fn withdraw_surplus<'info>(ctx: Context<'info, WithdrawSurplus<'info>>, amount: u64) -> Result<()> {
        instructions::withdraw_surplus::handler(ctx, amount)
    }

    /// Creates the wallet account of a node. Requires the settler's or the admin's signature. The settler
    /// can neither choose a destination or a threshold nor register while the network is paused.
    ///
    /// `node_id` is the hash of the node's id in the ledger (see `client::node_id`); `owner` the key that may withdraw, and
    /// change the destination and the threshold; `destination` the recipient of payouts, by default the owner or the owner's
    /// associated token account; `threshold` the pending base units at which they are paid out, by default the network's.
    pub fn register_node<'info>(
        ctx: Context<'info, RegisterNode<'info>>,
        node_id: [u8; 32],
        owner: Pubkey,
        destination: Option<Pubkey>,
        threshold: Option<u64>,
    ) -> Result<()> {
        instructions::register_node::handler(ctx, RegisterNodeArgs { node_id, owner, destination, threshold })
    }

    /// Closes the wallet account of a node that has nothing pending, and moves its rent to the treasury except for
    /// what is needed to keep the node's total on-chain. Requires the owner's or the admin's signature.
    pub fn close_node<'info>(ctx: Context<'info, CloseNode<'info>>, node_id: [u8; 32]) -> Result<()> {
        instructions::close_node::handler(ctx, node_id)
    }

    /// Reopens the wallet account of a closed node with its previous total. Requires the settler's or
    /// the admin's signature, with the same limits on the settler as in `register_node`.
    ///
    /// `node_id` is the hash of the node's id in the ledger (see `client::node_id`); `owner` the key that may withdraw, and
    /// change the destination and the threshold; `destination` the recipient of payouts, by default the owner or the owner's
    /// associated token account; `threshold` the pending base units at which they are paid out, by default the network's.
    pub fn reopen_node<'info>(
        ctx: Context<'info, ReopenNode<'info>>,
        node_id: [u8; 32],
        owner: Pubkey,
        destination: Option<Pubkey>,
        threshold: Option<u64>,
    ) -> Result<()> {
        instructions::reopen_node::handler(ctx, RegisterNodeArgs { node_id, owner, destination, threshold })
    }

    /// Changes the destination of a node's payouts, or confirms the one that the admin set. Requires the
    /// owner's signature. Also possible while the network is paused.
    pub fn set_destination<'info>(ctx: Context<'info, SetDestination<'info>>, node_id: [u8; 32]) -> Result<()> {
        instructions::set_destination::handler(ctx, node_id)
    }

    /// Changes the threshold from which a node's pending amount is paid out, to no less than the
    /// network's default. Requires the owner's signature. Also possible while the network is paused.
    pub fn set_threshold<'info>(
        ctx: Context<'info, SetThreshold<'info>>,
        node_id: [u8; 32],
        threshold: u64,
    ) -> Result<()> {
        instructions::set_threshold::handler(ctx, node_id, threshold)
    }

    /// Credits nodes up to their cumulative totals. Requires the settler's signature.
    ///
    /// Remaining accounts: one writable node wallet per target, in the targets' order.
    pub fn credit<'info>(_ctx: Context<'info, Credit<'info>>, batch: BatchHeader, targets: Vec<u64>) -> Result<()> {
        instructions::batch::not_on_fast_path((batch, targets))
    }

    /// Credits like `credit`, and pays out every node whose pending amount is due. Requires the
    /// settler's signature.
    ///
    /// Remaining accounts: in a network that pays in tokens, the treasury's token account (writable),
    /// the mint and the token program; then, per target and in the targets' order, a writable node
    /// wallet and its writable destination.
    pub fn settle<'info>(_ctx: Context<'info, Settle<'info>>, batch: BatchHeader, targets: Vec<u64>) -> Result<()> {
        instructions::batch::not_on_fast_path((batch, targets))
    }

    /// Pays out nodes whose pending amount is due. Anyone may call it.
    ///
    /// Remaining accounts: as for `settle`, with one pair per node.
    pub fn payout<'info>(_ctx: Context<'info, Payout<'info>>) -> Result<()> {
        instructions::batch::not_on_fast_path(())
    }

    /// Pays `amount` base units, or everything pending, to a node's destination. Requires the owner's
    /// signature. While the network is paused, possible once the hold has ended.
    pub fn withdraw<'info>(ctx: Context<'info, Withdraw<'info>>, node_id: [u8; 32], amount: Option<u64>) -> Result<()> {
        instructions::withdraw::handler(ctx, node_id, amount)
    }

    /// Moves the lamports of node accounts that are neither rent nor pending to the treasury. Anyone may call it, also
    /// while the network is paused.
    ///
    /// Remaining accounts: writable wallets and closed nodes. Others are ignored.
    pub fn sweep_rent<'info>(ctx: Context<'info, SweepRent<'info>>) -> Result<()> {
        instructions::sweep_rent::handler(ctx)
    }

    /// After a rise of the rent rate, moves surplus lamports of the treasury to wallets with a pending amount, so that
    /// all of it can be paid out. Requires the settler's or the admin's signature, while paused the admin's.
    ///
    /// Remaining accounts: writable wallets. Others are ignored, and so are those that the surplus is too small for.
    pub fn top_up_rent<'info>(ctx: Context<'info, TopUpRent<'info>>) -> Result<()> {
        instructions::top_up_rent::handler(ctx)
    }

    /// Moves all lamports above the rent out of the treasury of a network that pays in tokens. Requires the admin's
    /// signature.
    pub fn recover_lamports<'info>(ctx: Context<'info, RecoverLamports<'info>>) -> Result<()> {
        instructions::recover_lamports::handler(ctx)
    }

    /// Moves all tokens out of a token account of the treasury's address that does not hold the network's funds.
    /// Requires the admin's signature. Also possible after the network was closed.
    pub fn recover_treasury_tokens<'info>(ctx: Context<'info, RecoverTreasuryTokens<'info>>) -> Result<()> {
        instructions::recover_treasury_tokens::handler(ctx)
    }

    /// Moves all tokens out of a token account of the address of a node's wallet. Requires the owner's signature.
    pub fn recover_node_tokens<'info>(ctx: Context<'info, RecoverNodeTokens<'info>>, node_id: [u8; 32]) -> Result<()> {
        instructions::recover_node_tokens::handler(ctx, node_id)
    }

    /// Takes what a node is owed out of the network for its owner, if the node's destination can't be paid. Requires the
    /// admin's signature.
    pub fn set_aside<'info>(ctx: Context<'info, SetAside<'info>>, node_id: [u8; 32]) -> Result<()> {
        instructions::set_aside::handler(ctx, node_id)
    }

    /// Pays the lamports that were set aside for a node's owner to an account of the owner's choice. Requires the owner's
    /// signature.
    pub fn claim_set_aside<'info>(ctx: Context<'info, ClaimSetAside<'info>>, node_id: [u8; 32]) -> Result<()> {
        instructions::claim_set_aside::handler(ctx, node_id)
    }

    /// Closes a network that owes nothing to any node, for good, and returns its lamports. Requires the admin's
    /// signature.
    pub fn close_network<'info>(ctx: Context<'info, CloseNetwork<'info>>) -> Result<()> {
        instructions::close_network::handler(ctx)
    }

    /// Moves whatever is left at the addresses of a closed network to its last admin. Anyone may call it.
    ///
    /// Remaining accounts: writable wallets and closed nodes, which are deleted. Others are ignored.
    pub fn sweep_closed_network<'info>(ctx: Context<'info, SweepClosedNetwork<'info>>) -> Result<()> {
        instructions::sweep_closed_network::handler(ctx)
    }

    /// Migrates a treasury from an earlier layout to the current one. Anyone may call it.
    pub fn migrate_treasury<'info>(ctx: Context<'info, MigrateTreasury<'info>>) -> Result<()> {
        instructions::migrate_treasury::handler(ctx)
    }
}
