//! `update_network`: changes parameters of a network.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{NetworkUpdated, emit_event};
use crate::rules::parameters::Parameters;
use crate::state::{Network, TREASURY_SEED, Treasury, require_version};

/// The parameters to change. Others keep their values. Amounts are in base units of the network's asset.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpdateNetworkArgs {
    /// Minimum payout threshold of a node, and the default for nodes that don't set one. Nodes that are
    /// already registered keep theirs. Must be positive.
    pub default_threshold: Option<u64>,
    /// Maximum that one entry of a batch may credit. Must be positive.
    pub per_node_cap: Option<u64>,
    /// Maximum that one batch may credit. Must be positive.
    pub per_batch_cap: Option<u64>,
    /// Capacity of the outflow window, whose content is kept. Must be positive.
    pub window_limit: Option<u64>,
    /// Seconds in which a full outflow window drains. Must be positive.
    pub window_seconds: Option<u64>,
    /// Seconds after which a pending amount is paid out even if it is below its threshold. Must be positive.
    pub max_pending_age: Option<u64>,
    /// Seconds for which a pause can keep owners from withdrawing: 1 to 2,592,000 (30 days). Can't change until owners
    /// had as long to withdraw as the latest hold lasted.
    pub max_pause_seconds: Option<u64>,
}

/// Accounts of `update_network`.
#[event_cpi]
#[derive(Accounts)]
pub struct UpdateNetwork<'info> {
    /// The network's admin.
    pub admin: Signer<'info>,
    #[account(
        mut,
        has_one = admin @ SettlementError::Unauthorized,
        has_one = treasury @ SettlementError::NetworkMismatch,
    )]
    /// The network to change.
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which has a copy of the parameters that batches need.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, UpdateNetwork<'info>>, args: UpdateNetworkArgs) -> Result<()> {
    require!(args != UpdateNetworkArgs::default(), SettlementError::NothingToUpdate);
    let now = Clock::get()?.unix_timestamp;
    let parameters = {
        let mut network = ctx.accounts.network.load_mut()?;
        let mut treasury = ctx.accounts.treasury.load_mut()?;
        require_version(network.version, Network::VERSION)?;
        require_version(treasury.version, Treasury::VERSION)?;
        let parameters = Parameters {
            default_threshold: args.default_threshold.unwrap_or(network.default_threshold),
            per_node_cap: args.per_node_cap.unwrap_or(treasury.per_node_cap),
            per_batch_cap: args.per_batch_cap.unwrap_or(treasury.per_batch_cap),
            window_limit: args.window_limit.unwrap_or(treasury.window_limit),
            window_seconds: args.window_seconds.unwrap_or(treasury.window_seconds),
            max_pending_age: args.max_pending_age.unwrap_or(treasury.max_pending_age),
            max_pause_seconds: args.max_pause_seconds.unwrap_or(treasury.max_pause_seconds),
        };
        parameters.check().map_err(SettlementError::from)?;
        let keeps_max_pause = parameters.max_pause_seconds == treasury.max_pause_seconds;
        require!(keeps_max_pause || treasury.hold().is_settled(now), SettlementError::HoldInForce);

        // Until now, the window drains at its old rate.
        let window = treasury.window().at(now);
        treasury.window_used = window.used;
        // Time until now that has not been counted yet must not count at the new rate.
        treasury.window_updated_at = window.updated_at.max(now);
        network.default_threshold = parameters.default_threshold;
        treasury.default_threshold = parameters.default_threshold;
        treasury.per_node_cap = parameters.per_node_cap;
        treasury.per_batch_cap = parameters.per_batch_cap;
        treasury.window_limit = parameters.window_limit;
        treasury.window_seconds = parameters.window_seconds;
        treasury.max_pending_age = parameters.max_pending_age;
        treasury.max_pause_seconds = parameters.max_pause_seconds;
        parameters
    };
    emit_event!(
        ctx,
        NetworkUpdated {
            network: ctx.accounts.network.key(),
            by: ctx.accounts.admin.key(),
            default_threshold: parameters.default_threshold,
            per_node_cap: parameters.per_node_cap,
            per_batch_cap: parameters.per_batch_cap,
            window_limit: parameters.window_limit,
            window_seconds: parameters.window_seconds,
            max_pending_age: parameters.max_pending_age,
            max_pause_seconds: parameters.max_pause_seconds,
        }
    );
    Ok(())
}
