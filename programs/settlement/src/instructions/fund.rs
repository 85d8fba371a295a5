//! `fund`: lamports into the treasury.

use anchor_lang::prelude::*;
use anchor_lang::system_program::{Transfer, transfer};

use crate::error::SettlementError;
use crate::events::Funded;
use crate::state::{Network, Treasury, require_known, require_sol};

/// Accounts of `fund`.
#[event_cpi]
#[derive(Accounts)]
pub struct Fund<'info> {
    /// Whose lamports they are.
    #[account(mut)]
    pub funder: Signer<'info>,
    /// The network to fund.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury.
    #[account(mut)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// Moves the lamports.
    pub system_program: Program<'info, System>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, Fund<'info>>, amount: u64) -> Result<()> {
    require!(amount > 0, SettlementError::ZeroAmount);
    require_known(ctx.accounts.network.load()?.version)?;
    let funded_total = {
        let mut treasury = ctx.accounts.treasury.load_mut()?;
        require_known(treasury.version)?;
        require_sol(treasury.asset_kind)?;
        treasury.funded_total = treasury.funded_total.checked_add(amount).ok_or(SettlementError::Overflow)?;
        treasury.funded_total
    };
    transfer(
        CpiContext::new(
            ctx.accounts.system_program.key(),
            Transfer { from: ctx.accounts.funder.to_account_info(), to: ctx.accounts.treasury.to_account_info() },
        ),
        amount,
    )?;

    emit_cpi!(Funded { network: ctx.accounts.network.key(), funder: ctx.accounts.funder.key(), amount, funded_total });
    Ok(())
}
