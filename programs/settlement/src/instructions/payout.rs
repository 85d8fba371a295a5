//! `payout`: pays out up to 30 nodes whose pending amount is due. Anyone may call it.
//!
//! Executed by the [fast path](crate::fast_path). This module defines its interface for the IDL and for
//! clients.

use anchor_lang::prelude::*;

use crate::state::Treasury;

/// Accounts of `payout`, without those of its entries.
#[event_cpi]
#[derive(Accounts)]
pub struct Payout<'info> {
    /// The network's treasury, which has all the state of the network that a batch needs.
    #[account(mut)]
    pub treasury: AccountLoader<'info, Treasury>,
}
