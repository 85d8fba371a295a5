//! `close_network`: ends a network that owes nothing, and returns its lamports. A small account stays at its address, so
//! that no other network can be created there.

use anchor_lang::prelude::*;

use crate::account;
use crate::destination::{DestinationMatch, describe};
use crate::error::SettlementError;
use crate::events::{NetworkClosed, emit_event};
use crate::rules::payout::{self, AccountBalance};
use crate::rules::surplus::liabilities;
use crate::rules::token_payout;
use crate::state::{ClosedNetwork, Network, TREASURY_SEED, Treasury, require_version};
use crate::token::TokenAccounts;

/// Accounts of `close_network`.
#[event_cpi]
#[derive(Accounts)]
pub struct CloseNetwork<'info> {
    /// The network's admin, who receives whatever is left at the network's addresses later on.
    pub admin: Signer<'info>,
    /// The network.
    ///
    /// CHECK: the handler parses it as a network and changes its type.
    #[account(mut)]
    pub network: UncheckedAccount<'info>,
    /// The network's treasury, which is deleted.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// Receives the lamports.
    ///
    /// CHECK: validated by the payout rules.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
    /// The treasury's token account, which is closed. None for SOL.
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
    /// Receives the tokens that the treasury's token account still holds. May be None if it holds none.
    ///
    /// CHECK: validated by the payout rules.
    #[account(mut)]
    pub token_destination: Option<UncheckedAccount<'info>>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, CloseNetwork<'info>>) -> Result<()> {
    let accounts = &ctx.accounts;
    let network_account = accounts.network.as_ref();
    let destination = accounts.destination.as_ref();
    let network: Network = account::parse(network_account)?;
    require_version(network.version, Network::VERSION)?;
    require!(accounts.admin.key() == network.admin, SettlementError::Unauthorized);
    let treasury = *accounts.treasury.load()?;
    require_version(treasury.version, Treasury::VERSION)?;
    require!(!treasury.is_paused(), SettlementError::Paused);
    let owed = liabilities(treasury.credited_total, treasury.paid_total).ok_or(SettlementError::InconsistentTotals)?;
    require!(owed == 0, SettlementError::NodesOwed);
    let tokens = TokenAccounts::validate(
        &treasury,
        accounts.treasury_token_account.as_ref(),
        accounts.mint.as_ref(),
        accounts.token_program.as_ref(),
    )?;
    let (mut token_amount, mut vault_rent) = (0, 0);
    if tokens.is_none() {
        require!(accounts.token_destination.is_none(), SettlementError::AssetAccountsMismatch);
    }
    if let Some(tokens) = tokens {
        let from = tokens.treasury()?;
        token_amount = from.amount;
        if token_amount > 0 {
            let to = accounts.token_destination.as_ref().ok_or(SettlementError::VaultNotEmpty)?;
            token_payout::check(token_amount, from, tokens.describe(to, None)).map_err(SettlementError::from)?;
            tokens.pay(accounts.treasury.as_ref(), network_account.key, treasury.bump, to, token_amount)?;
        }
        vault_rent = tokens.vault.lamports();
        tokens.close(accounts.treasury.as_ref(), network_account.key, treasury.bump, destination)?;
    }

    // A destination that can't keep the lamports would fail the transaction anyway; this says why.
    let rent = Rent::get()?;
    let to = describe(destination, DestinationMatch::Named, rent.minimum_balance(0));
    let treasury_account = accounts.treasury.as_ref();
    let held = treasury_account.lamports();
    payout::check(held, AccountBalance { lamports: held, floor: 0 }, to).map_err(SettlementError::from)?;
    let freed = network_account.lamports().saturating_sub(account::minimum_balance(&rent, ClosedNetwork::SIZE));
    let closed = ClosedNetwork { admin: network.admin, treasury_bump: treasury.bump, ..bytemuck::Zeroable::zeroed() };
    account::replace(network_account, &closed)?;
    network_account.sub_lamports(freed)?;
    let lamports = account::delete(treasury_account)?.checked_add(freed).ok_or(SettlementError::Overflow)?;
    destination.add_lamports(lamports)?;
    emit_event!(
        ctx,
        NetworkClosed {
            network: *network_account.key,
            by: network.admin,
            destination: *destination.key,
            lamports: lamports.checked_add(vault_rent).ok_or(SettlementError::Overflow)?,
            tokens: token_amount,
            total: treasury.credited_total,
            history_hash: treasury.history_hash,
            history_count: treasury.history_count,
        }
    );
    Ok(())
}
