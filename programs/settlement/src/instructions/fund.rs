//! `fund`: moves lamports, or the network's tokens, to the treasury.

use anchor_lang::prelude::*;
use anchor_lang::system_program::{Transfer, transfer};

use crate::error::SettlementError;
use crate::events::{Funded, emit_and_record};
use crate::state::{Network, TREASURY_SEED, Treasury, require_version};
use crate::token::TokenAccounts;

/// Accounts of `fund`.
#[event_cpi]
#[derive(Accounts)]
pub struct Fund<'info> {
    /// Provides the funds.
    #[account(mut)]
    pub funder: Signer<'info>,
    /// The admin that the funder expects the network to have, so that nobody funds a stranger's network by mistake.
    ///
    /// CHECK: compared with the network's admin.
    pub admin: UncheckedAccount<'info>,
    /// The network to fund.
    #[account(
        has_one = admin @ SettlementError::AdminMismatch,
        has_one = treasury @ SettlementError::NetworkMismatch,
    )]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// Transfers the lamports.
    pub system_program: Program<'info, System>,
    /// The funder's token account. None for SOL.
    ///
    /// CHECK: validated by the token program.
    #[account(mut)]
    pub funder_token_account: Option<UncheckedAccount<'info>>,
    /// The treasury's token account. None for SOL.
    ///
    /// CHECK: validated by `TokenAccounts::validate`.
    #[account(mut)]
    pub treasury_token_account: Option<UncheckedAccount<'info>>,
    /// The network's mint. None for SOL.
    ///
    /// CHECK: validated by `TokenAccounts::validate`.
    pub mint: Option<UncheckedAccount<'info>>,
    /// The mint's token program. None for SOL.
    ///
    /// CHECK: validated by `TokenAccounts::validate`.
    pub token_program: Option<UncheckedAccount<'info>>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, Fund<'info>>, amount: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    require!(amount > 0, SettlementError::ZeroAmount);
    require_version(accounts.network.load()?.version, Network::VERSION)?;
    let tokens = {
        let treasury = accounts.treasury.load()?;
        require_version(treasury.version, Treasury::VERSION)?;
        TokenAccounts::validate(
            &treasury,
            accounts.treasury_token_account.as_ref(),
            accounts.mint.as_ref(),
            accounts.token_program.as_ref(),
        )?
    };
    let (received, token_balance) = match tokens {
        None => {
            require!(accounts.funder_token_account.is_none(), SettlementError::AssetAccountsMismatch);
            let context = CpiContext::new(
                accounts.system_program.key(),
                Transfer { from: accounts.funder.to_account_info(), to: accounts.treasury.to_account_info() },
            );
            transfer(context, amount)?;
            (amount, 0)
        }
        Some(tokens) => {
            let from = accounts.funder_token_account.as_ref().ok_or(SettlementError::AssetAccountsMismatch)?;
            let before = tokens.treasury()?.amount;
            tokens.deposit(from, accounts.funder.as_ref(), amount)?;
            let after = tokens.treasury()?.amount;
            // Less than `amount` if the mint has a transfer fee.
            (after.checked_sub(before).ok_or(SettlementError::InconsistentTotals)?, after)
        }
    };
    let funded_total = {
        let mut treasury = accounts.treasury.load_mut()?;
        treasury.funded_total = treasury.funded_total.checked_add(received).ok_or(SettlementError::Overflow)?;
        treasury.token_balance = token_balance;
        treasury.funded_total
    };
    emit_and_record!(
        ctx,
        Funded { network: accounts.network.key(), funder: accounts.funder.key(), amount: received, funded_total }
    );
    Ok(())
}
