//! `set_aside`: takes what a node is owed out of the network for its owner, if the node's destination can't be paid.
//!
//! Otherwise a node whose destination became a program or a closed token account could never be closed, nor its network.
//! The amount is the owner's alone: lamports are moved to the wallet's claim address (`claim_set_aside`), tokens to a token
//! account of the wallet's address (`recover_node_tokens`). Both work without the network.

use anchor_lang::prelude::*;

use crate::destination::{DestinationMatch, describe};
use crate::error::SettlementError;
use crate::events::{PendingSetAside, emit_and_record};
use crate::rules::payout::{self, AccountBalance};
use crate::rules::rent_floor;
use crate::state::{
    CLAIM_SEED, DestinationSource, NODE_SEED, Network, NodeWallet, TREASURY_SEED, Treasury, require_version,
};
use crate::token::{self, TokenAccounts};

/// Accounts of `set_aside`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(node_id: [u8; 32])]
pub struct SetAside<'info> {
    /// The network's admin.
    pub admin: Signer<'info>,
    /// The node's network.
    #[account(
        has_one = admin @ SettlementError::Unauthorized,
        has_one = treasury @ SettlementError::NetworkMismatch,
    )]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// The node's owner.
    ///
    /// CHECK: part of the wallet account's address.
    pub owner: UncheckedAccount<'info>,
    /// The node's wallet account.
    #[account(
        mut,
        has_one = destination @ SettlementError::DestinationMismatch,
        seeds = [NODE_SEED, network.key().as_ref(), &node_id, owner.key().as_ref()],
        bump = node_wallet.load()?.bump,
    )]
    pub node_wallet: AccountLoader<'info, NodeWallet>,
    /// The destination set in the wallet account, which can't be paid.
    ///
    /// CHECK: described for the payout rules.
    pub destination: UncheckedAccount<'info>,
    /// Holds the lamports for the owner: the claim address of the wallet. None for tokens.
    ///
    /// CHECK: identified by its address.
    #[account(mut, seeds = [CLAIM_SEED, node_wallet.key().as_ref()], bump)]
    pub claim: Option<UncheckedAccount<'info>>,
    /// Holds the tokens for the owner: a token account of the wallet's address. None for SOL.
    ///
    /// CHECK: validated by the handler.
    #[account(mut)]
    pub claim_token_account: Option<UncheckedAccount<'info>>,
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

pub(crate) fn handler<'info>(ctx: Context<'info, SetAside<'info>>, _node_id: [u8; 32]) -> Result<()> {
    let accounts = &ctx.accounts;
    require_version(accounts.network.load()?.version, Network::VERSION)?;
    let (treasury, wallet) = (*accounts.treasury.load()?, *accounts.node_wallet.load()?);
    require_version(treasury.version, Treasury::VERSION)?;
    require_version(wallet.version, NodeWallet::VERSION)?;
    require!(!treasury.is_paused(), SettlementError::Paused);
    let tokens = TokenAccounts::validate(
        &treasury,
        accounts.treasury_token_account.as_ref(),
        accounts.mint.as_ref(),
        accounts.token_program.as_ref(),
    )?;
    let amount = wallet.credited_total.checked_sub(wallet.paid_total).ok_or(SettlementError::InconsistentTotals)?;
    require!(amount > 0, SettlementError::NothingPending);
    {
        let (mut treasury, mut wallet) = (accounts.treasury.load_mut()?, accounts.node_wallet.load_mut()?);
        treasury.paid_total = treasury.paid_total.checked_add(amount).ok_or(SettlementError::Overflow)?;
        wallet.paid_total = wallet.credited_total;
        wallet.oldest_unpaid_at = payout::oldest_unpaid_after_payout(0, wallet.oldest_unpaid_at);
    }
    let claim = match tokens {
        None => accounts.set_aside_lamports(amount)?,
        Some(tokens) => accounts.set_aside_tokens(&tokens, &treasury, &wallet, amount)?,
    };
    emit_and_record!(
        ctx,
        PendingSetAside {
            network: wallet.network,
            node_wallet: accounts.node_wallet.key(),
            owner: wallet.owner,
            by: accounts.admin.key(),
            claim,
            amount,
            paid_total: wallet.credited_total,
        }
    );
    Ok(())
}

impl<'info> SetAside<'info> {
    /// Moves lamports from the wallet account to its claim address, and returns that.
    fn set_aside_lamports(&self, amount: u64) -> Result<Pubkey> {
        let (Some(claim), None) = (&self.claim, &self.claim_token_account) else {
            return err!(SettlementError::AssetAccountsMismatch);
        };
        let rent = Rent::get()?;
        let empty_minimum = rent.minimum_balance(0);
        let destination = describe(self.destination.as_ref(), DestinationMatch::Named, empty_minimum);
        require!(destination.is_unpayable(), SettlementError::DestinationPayable);
        let wallet = self.node_wallet.as_ref();
        let lamports = wallet.lamports();
        let from = AccountBalance { lamports, floor: rent_floor(lamports, rent.minimum_balance(NodeWallet::SIZE)) };
        let to = describe(claim.as_ref(), DestinationMatch::Named, empty_minimum);
        payout::check(amount, from, to).map_err(SettlementError::from)?;
        wallet.sub_lamports(amount)?;
        claim.add_lamports(amount)?;
        Ok(claim.key())
    }

    /// Moves tokens from the treasury's token account to one of the wallet's address, and returns that.
    fn set_aside_tokens(
        &self,
        tokens: &TokenAccounts<'_, 'info>,
        treasury: &Treasury,
        wallet: &NodeWallet,
        amount: u64,
    ) -> Result<Pubkey> {
        let (None, Some(claim)) = (&self.claim, &self.claim_token_account) else {
            return err!(SettlementError::AssetAccountsMismatch);
        };
        let destination = tokens.describe(self.destination.as_ref(), Some(wallet));
        // Anybody can create the owner's associated token account.
        let is_default = wallet.destination_source == u8::from(DestinationSource::Default);
        let can_be_created = is_default && !destination.is_token_account;
        require!(destination.is_unpayable() && !can_be_created, SettlementError::DestinationPayable);
        let held = token::parse(claim, &self.network.load()?.token_program).ok_or(SettlementError::InvalidClaim)?;
        require!(held.owner == self.node_wallet.key().to_bytes(), SettlementError::InvalidClaim);
        let to = tokens.describe(claim.as_ref(), None);
        crate::rules::token_payout::check(amount, tokens.treasury()?, to).map_err(SettlementError::from)?;
        tokens.pay(self.treasury.as_ref(), &treasury.network, treasury.bump, claim, amount)?;
        self.treasury.load_mut()?.token_balance = tokens.treasury()?.amount;
        Ok(claim.key())
    }
}
