//! `settle`: credits up to 30 nodes up to their cumulative totals and pays out those whose pending
//! amount is due.
//!
//! Executed by the [fast path](crate::fast_path). This module defines its interface for the IDL and for
//! clients.

use anchor_lang::prelude::*;

use crate::state::Treasury;

/// Accounts of `settle`, without those of its entries.
#[event_cpi]
#[derive(Accounts)]
pub struct Settle<'info> {
    /// The network's settler.
    pub settler: Signer<'info>,
    /// The network's treasury, which has all the state of the network that a batch needs.
    #[account(mut, has_one = settler)]
    pub treasury: AccountLoader<'info, Treasury>,
}
