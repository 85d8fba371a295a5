//! `claim_set_aside`: pays the lamports at the claim address of a node's wallet to an account of the owner's choice.
//! `set_aside` has put them there. Possible for ever, also after the network was closed.

use anchor_lang::prelude::*;
use anchor_lang::system_program::{Transfer, transfer};

use crate::error::SettlementError;
use crate::events::{ClaimPaid, emit_event};
use crate::state::{CLAIM_SEED, NODE_SEED};

/// Accounts of `claim_set_aside`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(node_id: [u8; 32])]
pub struct ClaimSetAside<'info> {
    /// The node's owner.
    pub owner: Signer<'info>,
    /// The node's network, open or closed.
    ///
    /// CHECK: part of the wallet's address.
    pub network: UncheckedAccount<'info>,
    /// The node's wallet account, or its address if it is closed.
    ///
    /// CHECK: identified by its address, which the owner is part of.
    #[account(seeds = [NODE_SEED, network.key().as_ref(), &node_id, owner.key().as_ref()], bump)]
    pub node_wallet: UncheckedAccount<'info>,
    /// The claim address of the wallet.
    ///
    /// CHECK: identified by its address.
    #[account(mut, seeds = [CLAIM_SEED, node_wallet.key().as_ref()], bump)]
    pub claim: UncheckedAccount<'info>,
    /// Receives the lamports.
    ///
    /// CHECK: any account that the owner names.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
    /// Transfers the lamports.
    pub system_program: Program<'info, System>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, ClaimSetAside<'info>>, _node_id: [u8; 32]) -> Result<()> {
    let accounts = &ctx.accounts;
    let node_wallet = accounts.node_wallet.key();
    let lamports = accounts.claim.lamports();
    // A transfer of an account to itself would succeed and move nothing.
    require!(lamports > 0 && accounts.destination.key() != accounts.claim.key(), SettlementError::NothingToRecover);
    let seeds: &[&[&[u8]]] = &[&[CLAIM_SEED, node_wallet.as_ref(), &[ctx.bumps.claim]]];
    let payment = Transfer { from: accounts.claim.to_account_info(), to: accounts.destination.to_account_info() };
    transfer(CpiContext::new_with_signer(accounts.system_program.key(), payment, seeds), lamports)?;
    emit_event!(
        ctx,
        ClaimPaid {
            network: accounts.network.key(),
            node_wallet,
            owner: accounts.owner.key(),
            destination: accounts.destination.key(),
            lamports,
        }
    );
    Ok(())
}
