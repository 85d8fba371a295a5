//! `close_node`: replaces a wallet account by a small one with the node's total, and returns the rest of
//! its rent.

use anchor_lang::Discriminator;
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::*;

use crate::destination::{DestinationMatch, describe};
use crate::error::SettlementError;
use crate::events::{NodeClosed, emit_event};
use crate::rules::payout::{self, AccountBalance};
use crate::state::{ClosedNode, DISCRIMINATOR_LEN, Network, NodeWallet, Treasury, require_version};

/// Accounts of `close_node`.
#[event_cpi]
#[derive(Accounts)]
pub struct CloseNode<'info> {
    /// The node's owner or the network's admin.
    pub authority: Signer<'info>,
    /// The node's network.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which stores whether it is paused.
    pub treasury: AccountLoader<'info, Treasury>,
    /// The node's wallet account.
    ///
    /// CHECK: the handler parses it as a wallet account and changes its type.
    #[account(mut)]
    pub node_wallet: UncheckedAccount<'info>,
    /// The account that paid the rent. Receives it back, with any lamports that others sent to the wallet
    /// account.
    ///
    /// CHECK: compared with the address in the wallet account.
    #[account(mut)]
    pub rent_payer: UncheckedAccount<'info>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, CloseNode<'info>>) -> Result<()> {
    let accounts = &ctx.accounts;
    let by = accounts.authority.key();
    let account = accounts.node_wallet.as_ref();
    let rent_payer = accounts.rent_payer.as_ref();
    let wallet = parse_wallet(account)?;

    require_version(wallet.version, NodeWallet::VERSION)?;
    require!(wallet.network == accounts.network.key(), SettlementError::NetworkMismatch);
    {
        let network = accounts.network.load()?;
        require_version(network.version, Network::VERSION)?;
        require!(by == wallet.owner || by == network.admin, SettlementError::Unauthorized);
        let treasury = accounts.treasury.load()?;
        require_version(treasury.version, Treasury::VERSION)?;
        require!(!treasury.is_paused(), SettlementError::Paused);
    }
    require!(wallet.paid_total <= wallet.credited_total, SettlementError::InconsistentTotals);
    require!(wallet.paid_total == wallet.credited_total, SettlementError::PendingNotZero);

    let rent = Rent::get()?;
    let from = AccountBalance { lamports: account.lamports(), rent_minimum: rent.minimum_balance(ClosedNode::SIZE) };
    let lamports = from.lamports.checked_sub(from.rent_minimum).ok_or(SettlementError::WalletNotRentExempt)?;
    let to = describe(rent_payer, DestinationMatch::from_equality(*rent_payer.key == wallet.rent_payer), |len| {
        rent.minimum_balance(len)
    });
    payout::check(lamports, from, to).map_err(SettlementError::from)?;

    account.resize(ClosedNode::SIZE)?;
    {
        let mut data = account.try_borrow_mut_data()?;
        let (discriminator, fields) =
            data.split_at_mut_checked(DISCRIMINATOR_LEN).ok_or(ProgramError::AccountDataTooSmall)?;
        discriminator.copy_from_slice(ClosedNode::DISCRIMINATOR);
        fields.copy_from_slice(bytemuck::bytes_of(&ClosedNode { total: wallet.credited_total }));
    }
    account.sub_lamports(lamports)?;
    rent_payer.add_lamports(lamports)?;

    emit_event!(
        ctx,
        NodeClosed {
            network: wallet.network,
            node_wallet: *account.key,
            node_id: wallet.node_id,
            by,
            total: wallet.credited_total,
            rent_payer: wallet.rent_payer,
            lamports,
        }
    );
    Ok(())
}

/// Parses an account as a wallet, with the checks of `AccountLoader`, which can't be used: on exit it
/// would overwrite the closed node's discriminator with that of a wallet.
fn parse_wallet(account: &AccountInfo) -> Result<NodeWallet> {
    require!(*account.owner == crate::ID, ErrorCode::AccountOwnedByWrongProgram);
    let data = account.try_borrow_data()?;
    let fields = data.strip_prefix(NodeWallet::DISCRIMINATOR).ok_or(ErrorCode::AccountDiscriminatorMismatch)?;
    Ok(bytemuck::try_pod_read_unaligned(fields).map_err(|_| ErrorCode::AccountDidNotDeserialize)?)
}
