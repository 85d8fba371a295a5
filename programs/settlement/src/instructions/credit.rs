//! `credit`: credits up to 60 nodes up to their cumulative totals.
//!
//! Executed by the [fast path](crate::fast_path). This module defines its interface for the IDL and for
//! clients.

use anchor_lang::prelude::*;

use crate::state::Treasury;

/// Accounts of `credit`, without those of its entries.
#[event_cpi]
#[derive(Accounts)]
pub struct Credit<'info> {
    /// The network's settler.
    pub settler: Signer<'info>,
    /// The network's treasury, which has all the state of the network that a batch needs.
    #[account(mut, has_one = settler)]
    pub treasury: AccountLoader<'info, Treasury>,
}
