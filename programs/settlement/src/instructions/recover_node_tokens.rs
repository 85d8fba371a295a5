//! `recover_node_tokens`: moves tokens out of a token account that belongs to the address of a node's wallet, because
//! somebody sent tokens there. They are the owner's: nothing of the network is ever held there.

use anchor_lang::prelude::*;

use crate::events::{TokensRecovered, emit_event};
use crate::state::NODE_SEED;
use crate::token;

/// Accounts of `recover_node_tokens`. Accounts that the mint's transfer hook needs follow.
#[event_cpi]
#[derive(Accounts)]
#[instruction(node_id: [u8; 32])]
pub struct RecoverNodeTokens<'info> {
    /// The node's owner.
    pub owner: Signer<'info>,
    /// The node's network, open or closed.
    ///
    /// CHECK: part of the wallet's address.
    pub network: UncheckedAccount<'info>,
    /// The node's wallet account, or its address if it is closed or was never registered.
    ///
    /// CHECK: identified by its address, which the owner is part of.
    #[account(seeds = [NODE_SEED, network.key().as_ref(), &node_id, owner.key().as_ref()], bump)]
    pub node_wallet: UncheckedAccount<'info>,
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

pub(crate) fn handler<'info>(ctx: Context<'info, RecoverNodeTokens<'info>>, node_id: [u8; 32]) -> Result<()> {
    let accounts = &ctx.accounts;
    let (network, owner) = (accounts.network.key(), accounts.owner.key());
    let amount = token::recover(
        token::Recovery {
            from: &accounts.token_account,
            mint: &accounts.mint,
            to: &accounts.destination,
            authority: &accounts.node_wallet,
            program: &accounts.token_program,
            hook_accounts: ctx.remaining_accounts,
        },
        &[NODE_SEED, network.as_ref(), &node_id, owner.as_ref(), &[ctx.bumps.node_wallet]],
    )?;
    emit_event!(
        ctx,
        TokensRecovered {
            network,
            by: owner,
            mint: accounts.mint.key(),
            from: accounts.token_account.key(),
            to: accounts.destination.key(),
            amount,
        }
    );
    Ok(())
}
