//! `recover_treasury_tokens`: moves tokens out of a token account that belongs to the treasury's address but does not
//! hold the network's funds, because somebody sent tokens there. Also possible after the network was closed.

use anchor_lang::prelude::*;

use crate::account;
use crate::error::SettlementError;
use crate::events::{TokensRecovered, emit_event};
use crate::state::{ClosedNetwork, Network, TREASURY_SEED, require_version};
use crate::token;

/// Accounts of `recover_treasury_tokens`. Accounts that the mint's transfer hook needs follow.
#[event_cpi]
#[derive(Accounts)]
pub struct RecoverTreasuryTokens<'info> {
    /// The network's admin: the last one if the network was closed.
    pub admin: Signer<'info>,
    /// The network, open or closed.
    ///
    /// CHECK: the handler parses it.
    pub network: UncheckedAccount<'info>,
    /// The network's treasury, or its address if the network was closed.
    ///
    /// CHECK: identified by its address.
    #[account(seeds = [TREASURY_SEED, network.key().as_ref()], bump)]
    pub treasury: UncheckedAccount<'info>,
    /// The token account to empty.
    ///
    /// CHECK: validated by `token::recover`.
    #[account(mut)]
    pub token_account: UncheckedAccount<'info>,
    /// Receives the tokens.
    ///
    /// CHECK: validated by the token program.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
    /// The mint.
    ///
    /// CHECK: validated by the token program.
    pub mint: UncheckedAccount<'info>,
    /// The mint's token program.
    ///
    /// CHECK: validated by `token::recover`.
    pub token_program: UncheckedAccount<'info>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, RecoverTreasuryTokens<'info>>) -> Result<()> {
    let accounts = &ctx.accounts;
    let network_address = accounts.network.key();
    let (admin, vault) = if let Some(closed) = account::find::<ClosedNetwork>(&accounts.network) {
        (closed.admin, None)
    } else {
        let network: Network = account::parse(&accounts.network)?;
        require_version(network.version, Network::VERSION)?;
        (network.admin, Some(network.treasury_token_account))
    };
    require!(accounts.admin.key() == admin, SettlementError::Unauthorized);
    require!(vault != Some(accounts.token_account.key()), SettlementError::NotRecoverable);
    let amount = token::recover(
        token::Recovery {
            from: &accounts.token_account,
            mint: &accounts.mint,
            to: &accounts.destination,
            authority: &accounts.treasury,
            program: &accounts.token_program,
            hook_accounts: ctx.remaining_accounts,
        },
        &[TREASURY_SEED, network_address.as_ref(), &[ctx.bumps.treasury]],
    )?;
    emit_event!(
        ctx,
        TokensRecovered {
            network: network_address,
            by: admin,
            mint: accounts.mint.key(),
            from: accounts.token_account.key(),
            to: accounts.destination.key(),
            amount,
        }
    );
    Ok(())
}
