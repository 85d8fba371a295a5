//! `payout`: pays out up to 30 nodes whose pending amount is due, at anybody's call. Run by the
//! [fast path](crate::fast_path); here is what interfaces and clients know of it.

use anchor_lang::prelude::*;

use crate::state::Treasury;

/// Accounts of `payout`, before those of its entries.
#[event_cpi]
#[derive(Accounts)]
pub struct Payout<'info> {
    /// The network's treasury: all that a batch needs to know of its network is in it.
    #[account(mut)]
    pub treasury: AccountLoader<'info, Treasury>,
}
