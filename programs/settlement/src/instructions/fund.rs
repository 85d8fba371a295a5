//! `fund`: lamports into the treasury.

use anchor_lang::prelude::*;
use anchor_lang::system_program::{Transfer, transfer};

use crate::error::SettlementError;
use crate::events::Funded;
use crate::state::{AssetKind, Network, Treasury, VERSION};

#[event_cpi]
#[derive(Accounts)]
pub struct Fund<'info> {
    #[account(mut)]
    pub funder: Signer<'info>,
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    #[account(mut)]
    pub treasury: AccountLoader<'info, Treasury>,
    pub system_program: Program<'info, System>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, Fund<'info>>, amount: u64) -> Result<()> {
    require!(amount > 0, SettlementError::ZeroAmount);
    let funded_total = {
        let mut treasury = ctx.accounts.treasury.load_mut()?;
        require!(treasury.version == VERSION, SettlementError::UnknownVersion);
        require!(treasury.asset_kind == u8::from(AssetKind::Sol), SettlementError::UnsupportedAsset);
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
