//! `withdraw_surplus`: moves funds that are not owed to any node out of the treasury.

use anchor_lang::prelude::*;

use crate::account;
use crate::destination::{DestinationMatch, describe};
use crate::error::SettlementError;
use crate::events::{SurplusWithdrawn, emit_and_record};
use crate::rules::payout::{self, AccountBalance};
use crate::rules::surplus::{liabilities, surplus};
use crate::rules::token_payout;
use crate::state::{Network, TREASURY_SEED, Treasury, require_version};
use crate::token::TokenAccounts;

/// Accounts of `withdraw_surplus`.
#[event_cpi]
#[derive(Accounts)]
pub struct WithdrawSurplus<'info> {
    /// The network's admin.
    pub admin: Signer<'info>,
    #[account(
        has_one = admin @ SettlementError::Unauthorized,
        has_one = treasury @ SettlementError::NetworkMismatch,
    )]
    /// The network.
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// Receives the funds. For tokens, a token account of the network's mint.
    ///
    /// CHECK: validated by the payout rules.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
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

pub(crate) fn handler<'info>(ctx: Context<'info, WithdrawSurplus<'info>>, amount: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    require!(amount > 0, SettlementError::ZeroAmount);
    require_version(accounts.network.load()?.version, Network::VERSION)?;
    let (network, bump, owed, tokens) = {
        let treasury = accounts.treasury.load()?;
        require_version(treasury.version, Treasury::VERSION)?;
        require!(!treasury.is_paused(), SettlementError::Paused);
        let owed =
            liabilities(treasury.credited_total, treasury.paid_total).ok_or(SettlementError::InconsistentTotals)?;
        let tokens = TokenAccounts::validate(
            &treasury,
            accounts.treasury_token_account.as_ref(),
            accounts.mint.as_ref(),
            accounts.token_program.as_ref(),
        )?;
        (treasury.network, treasury.bump, owed, tokens)
    };
    let destination = accounts.destination.as_ref();
    let treasury_account = accounts.treasury.as_ref();
    let token_balance = match tokens {
        None => {
            // The lamports that nodes are owed are in their own accounts.
            let rent = Rent::get()?;
            let floor = account::minimum_balance(&rent, Treasury::SIZE);
            let from = AccountBalance { lamports: treasury_account.lamports(), floor };
            require!(amount <= surplus(from.lamports, floor), SettlementError::AmountAboveSurplus);
            let to = describe(destination, DestinationMatch::Named, rent.minimum_balance(0));
            payout::check(amount, from, to).map_err(SettlementError::from)?;
            treasury_account.sub_lamports(amount)?;
            destination.add_lamports(amount)?;
            0
        }
        Some(tokens) => {
            let from = tokens.treasury()?;
            require!(amount <= surplus(from.amount, owed), SettlementError::AmountAboveSurplus);
            token_payout::check(amount, from, tokens.describe(destination, None)).map_err(SettlementError::from)?;
            tokens.pay(treasury_account, &network, bump, destination, amount)?;
            tokens.treasury()?.amount
        }
    };
    let withdrawn_total = {
        let mut treasury = accounts.treasury.load_mut()?;
        treasury.withdrawn_total = treasury.withdrawn_total.checked_add(amount).ok_or(SettlementError::Overflow)?;
        treasury.token_balance = token_balance;
        treasury.withdrawn_total
    };
    emit_and_record!(
        ctx,
        SurplusWithdrawn {
            network,
            by: accounts.admin.key(),
            destination: accounts.destination.key(),
            amount,
            withdrawn_total,
        }
    );
    Ok(())
}
