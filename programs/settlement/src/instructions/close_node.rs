//! `close_node`: gives the rent of a wallet account back, but for what its totals need to stay.

use anchor_lang::Discriminator;
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::*;

use crate::destination::describe;
use crate::error::SettlementError;
use crate::events::{NodeClosed, emit_event};
use crate::rules::payout::{self, PayingWallet};
use crate::state::{ClosedNode, DISCRIMINATOR_LEN, Network, NodeWallet, Treasury, require_known};

/// Accounts of `close_node`.
#[event_cpi]
#[derive(Accounts)]
pub struct CloseNode<'info> {
    /// The node's owner or the network's admin.
    pub authority: Signer<'info>,
    /// The network the node worked for.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury: says whether it is paused.
    pub treasury: AccountLoader<'info, Treasury>,
    /// The node's wallet account.
    ///
    /// CHECK: loaded as a wallet account by the handler, which leaves another type behind.
    #[account(mut)]
    pub node_wallet: UncheckedAccount<'info>,
    /// Paid the account's rent and gets it back, with what strangers sent to the account.
    ///
    /// CHECK: must be the one named in the wallet account.
    #[account(mut)]
    pub rent_payer: UncheckedAccount<'info>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, CloseNode<'info>>) -> Result<()> {
    let accounts = &ctx.accounts;
    let by = accounts.authority.key();
    let account = accounts.node_wallet.as_ref();
    let rent_payer = accounts.rent_payer.as_ref();
    let wallet = wallet_of(account)?;

    require_known(wallet.version, NodeWallet::VERSION)?;
    require!(wallet.network == accounts.network.key(), SettlementError::NetworkMismatch);
    {
        let network = accounts.network.load()?;
        require_known(network.version, Network::VERSION)?;
        require!(by == wallet.owner || by == network.admin, SettlementError::Unauthorized);
        let treasury = accounts.treasury.load()?;
        require_known(treasury.version, Treasury::VERSION)?;
        require!(!treasury.is_paused(), SettlementError::Paused);
    }
    require!(wallet.paid_total <= wallet.credited_total, SettlementError::InconsistentTotals);
    require!(wallet.paid_total == wallet.credited_total, SettlementError::PendingNotZero);

    let rent = Rent::get()?;
    let from = PayingWallet { lamports: account.lamports(), rent_minimum: rent.minimum_balance(ClosedNode::SIZE) };
    let lamports = from.lamports.checked_sub(from.rent_minimum).ok_or(SettlementError::WalletNotRentExempt)?;
    let to = describe(rent_payer, *rent_payer.key == wallet.rent_payer, |len| rent.minimum_balance(len));
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

/// The wallet in an account, by the checks of `AccountLoader`: its exit would write a wallet
/// account's discriminator over the one of a closed node.
fn wallet_of(account: &AccountInfo) -> Result<NodeWallet> {
    require!(*account.owner == crate::ID, ErrorCode::AccountOwnedByWrongProgram);
    let data = account.try_borrow_data()?;
    let fields = data.strip_prefix(NodeWallet::DISCRIMINATOR).ok_or(ErrorCode::AccountDiscriminatorMismatch)?;
    Ok(bytemuck::try_pod_read_unaligned(fields).map_err(|_| ErrorCode::AccountDidNotDeserialize)?)
}
