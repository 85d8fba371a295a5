//! `credit`: raises up to 60 nodes to their cumulative totals. Run by the [fast path](crate::fast_path); here is what
//! interfaces and clients know of it.

use anchor_lang::prelude::*;

use crate::state::Treasury;

/// Accounts of `credit`, before those of its entries.
#[event_cpi]
#[derive(Accounts)]
pub struct Credit<'info> {
    /// The network's settler.
    pub settler: Signer<'info>,
    /// The network's treasury: all that a batch needs to know of its network is in it.
    #[account(mut, has_one = settler)]
    pub treasury: AccountLoader<'info, Treasury>,
}
