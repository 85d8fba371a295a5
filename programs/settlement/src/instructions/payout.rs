//! `payout`: pays out up to 30 nodes (of which 29 fit in a transaction) whose pending amount is due. Anyone may call it.
//!
//! Executed by the [fast path](crate::fast_path). This module defines its interface for the IDL and for
//! clients.

use anchor_lang::prelude::*;

use crate::state::{TREASURY_SEED, Treasury};

/// Accounts of `payout`, without those of its entries.
#[event_cpi]
#[derive(Accounts)]
pub struct Payout<'info> {
    /// The network.
    ///
    /// CHECK: compared with the treasury's.
    pub network: UncheckedAccount<'info>,
    /// The network's treasury, which has all the state of the network that a batch needs.
    #[account(mut, has_one = network, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
}
