//! `withdraw`: pays a pending amount to a node's destination when its owner requests it, regardless of the
//! threshold. A pause stops this only until the hold has ended.

use anchor_lang::prelude::*;

use crate::destination::{DestinationMatch, describe};
use crate::error::SettlementError;
use crate::events::{Withdrawn, emit_and_record};
use crate::rules::payout::{self, AccountBalance};
use crate::rules::withdrawal::{self, WithdrawalError};
use crate::rules::{rent_floor, token_payout};
use crate::state::{NODE_SEED, Network, NodeWallet, TREASURY_SEED, Treasury, require_version};
use crate::token::TokenAccounts;

/// Accounts of `withdraw`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(node_id: [u8; 32])]
pub struct Withdraw<'info> {
    /// The node's owner.
    pub owner: Signer<'info>,
    /// The node's network.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which stores whether it is paused and the total paid.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// The node's wallet account.
    #[account(
        mut,
        has_one = destination @ SettlementError::DestinationMismatch,
        seeds = [NODE_SEED, network.key().as_ref(), &node_id, owner.key().as_ref()],
        bump = node_wallet.load()?.bump,
    )]
    pub node_wallet: AccountLoader<'info, NodeWallet>,
    /// Receives the funds: the destination set in the wallet account.
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

pub(crate) fn handler<'info>(
    ctx: Context<'info, Withdraw<'info>>,
    _node_id: [u8; 32],
    requested: Option<u64>,
) -> Result<()> {
    let accounts = &ctx.accounts;
    let wallet_account = accounts.node_wallet.as_ref();
    let destination = accounts.destination.as_ref();
    let mut treasury = accounts.treasury.load_mut()?;
    let mut wallet = accounts.node_wallet.load_mut()?;

    require_version(treasury.version, Treasury::VERSION)?;
    require_version(wallet.version, NodeWallet::VERSION)?;
    require!(treasury.allows_withdrawals(Clock::get()?.unix_timestamp), SettlementError::Paused);
    let tokens = TokenAccounts::validate(
        &treasury,
        accounts.treasury_token_account.as_ref(),
        accounts.mint.as_ref(),
        accounts.token_program.as_ref(),
    )?;
    let pending = wallet.credited_total.checked_sub(wallet.paid_total).ok_or(SettlementError::InconsistentTotals)?;
    let amount = withdrawal::amount(pending, requested).map_err(SettlementError::from)?;

    let add = |a: u64, b: u64| a.checked_add(b).ok_or(SettlementError::Overflow);
    wallet.paid_total = add(wallet.paid_total, amount)?;
    wallet.oldest_unpaid_at = payout::oldest_unpaid_after_payout(wallet.pending(), wallet.oldest_unpaid_at);
    treasury.paid_total = add(treasury.paid_total, amount)?;
    let event = Withdrawn {
        network: wallet.network,
        node_wallet: *wallet_account.key,
        owner: wallet.owner,
        destination: wallet.destination,
        amount,
        credited_total: wallet.credited_total,
        paid_total: wallet.paid_total,
    };
    let (network, bump, wallet_state) = (treasury.network, treasury.bump, *wallet);
    drop((treasury, wallet));

    match tokens {
        None => {
            let rent = Rent::get()?;
            let lamports = wallet_account.lamports();
            let from = AccountBalance { lamports, floor: rent_floor(lamports, rent.minimum_balance(NodeWallet::SIZE)) };
            let to = describe(destination, DestinationMatch::Named, rent.minimum_balance(0));
            payout::check(amount, from, to).map_err(SettlementError::from)?;
            wallet_account.sub_lamports(amount)?;
            destination.add_lamports(amount)?;
        }
        Some(tokens) => {
            token_payout::check(amount, tokens.treasury()?, tokens.describe(destination, Some(&wallet_state)))
                .map_err(SettlementError::from)?;
            tokens.pay(accounts.treasury.as_ref(), &network, bump, destination, amount)?;
            accounts.treasury.load_mut()?.token_balance = tokens.treasury()?.amount;
        }
    }
    // After the transfer: the call passes only the event authority, see `fast_path::host`.
    emit_and_record!(ctx, event);
    Ok(())
}

impl From<WithdrawalError> for SettlementError {
    fn from(error: WithdrawalError) -> Self {
        match error {
            WithdrawalError::NothingPending => Self::NothingPending,
            WithdrawalError::ZeroAmount => Self::ZeroAmount,
            WithdrawalError::AbovePending => Self::AmountAbovePending,
        }
    }
}
