//! `settle`: credits up to 30 nodes with the difference to their cumulative totals, and pays out those whose
//! pending amount is due.
//!
//! Executed by the [fast path](crate::fast_path). This module defines its interface for the IDL and for
//! clients.

use anchor_lang::prelude::*;

use crate::state::{TREASURY_SEED, Treasury};

/// Accounts of `settle`, without those of its entries.
#[derive(Accounts)]
pub struct Settle<'info> {
    /// The network's settler.
    pub settler: Signer<'info>,
    /// The network.
    ///
    /// CHECK: compared with the treasury's.
    pub network: UncheckedAccount<'info>,
    /// The network's treasury, which has all the state of the network that a batch needs.
    #[account(mut, has_one = settler, has_one = network, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
}
