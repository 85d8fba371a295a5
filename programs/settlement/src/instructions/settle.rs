//! `settle`: raises up to 30 nodes to their cumulative totals and pays out those that are due. Run by the [fast path](crate::fast_path); here is what
//! interfaces and clients know of it.

use anchor_lang::prelude::*;

use crate::state::Treasury;

/// Accounts of `settle`, before those of its entries.
#[event_cpi]
#[derive(Accounts)]
pub struct Settle<'info> {
    /// The network's settler.
    pub settler: Signer<'info>,
    /// The network's treasury: all that a batch needs to know of its network is in it.
    #[account(mut, has_one = settler)]
    pub treasury: AccountLoader<'info, Treasury>,
}
