//! `withdraw`: a node's owner takes pending lamports out, whatever the threshold.

use anchor_lang::prelude::*;

use super::destination;
use crate::error::SettlementError;
use crate::events::Withdrawn;
use crate::rules::SkipReason;
use crate::rules::payout::{self, PayingWallet};
use crate::rules::withdrawal::{self, WithdrawalRefused};
use crate::state::{NodeWallet, Treasury, require_known, require_sol};

/// Accounts of `withdraw`.
#[event_cpi]
#[derive(Accounts)]
pub struct Withdraw<'info> {
    /// The node's owner.
    pub owner: Signer<'info>,
    /// The treasury of the node's network: says whether it is paused, and counts what is paid.
    #[account(mut)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// The node's wallet account.
    #[account(mut, has_one = owner @ SettlementError::Unauthorized)]
    pub node_wallet: AccountLoader<'info, NodeWallet>,
    /// Where the lamports go.
    ///
    /// CHECK: must be the one named in the wallet account; `destination::facts` and the payout
    /// rules judge what it is.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, Withdraw<'info>>, asked: Option<u64>) -> Result<()> {
    let wallet_account = ctx.accounts.node_wallet.as_ref();
    let destination = ctx.accounts.destination.as_ref();
    let mut treasury = ctx.accounts.treasury.load_mut()?;
    let mut wallet = ctx.accounts.node_wallet.load_mut()?;

    require_known(treasury.version)?;
    require_known(wallet.version)?;
    require!(wallet.network == treasury.network, SettlementError::NetworkMismatch);
    require!(!treasury.is_paused(), SettlementError::Paused);
    require_sol(treasury.asset_kind)?;
    let pending = wallet.credited_total.checked_sub(wallet.paid_total).ok_or(SettlementError::InconsistentTotals)?;
    let amount = withdrawal::amount(pending, asked).map_err(SettlementError::from)?;

    let rent = Rent::get()?;
    let from =
        PayingWallet { lamports: wallet_account.lamports(), rent_minimum: rent.minimum_balance(NodeWallet::SIZE) };
    let to = destination::facts(destination, &wallet.destination, |len| rent.minimum_balance(len));
    payout::check(amount, from, to).map_err(SettlementError::from)?;

    let add = |a: u64, b: u64| a.checked_add(b).ok_or(SettlementError::Overflow);
    wallet.paid_total = add(wallet.paid_total, amount)?;
    wallet.oldest_unpaid_at = payout::oldest_unpaid_after_payout(wallet.pending(), wallet.oldest_unpaid_at);
    treasury.paid_total = add(treasury.paid_total, amount)?;
    wallet_account.sub_lamports(amount)?;
    destination.add_lamports(amount)?;

    let event = Withdrawn {
        network: wallet.network,
        node_wallet: *wallet_account.key,
        owner: wallet.owner,
        destination: wallet.destination,
        amount,
        credited_total: wallet.credited_total,
        paid_total: wallet.paid_total,
    };
    drop((treasury, wallet));
    // After the move, as in `batch`: the call passes the event authority alone.
    emit_cpi!(event);
    Ok(())
}

impl From<WithdrawalRefused> for SettlementError {
    fn from(refused: WithdrawalRefused) -> Self {
        match refused {
            WithdrawalRefused::NothingPending => Self::NothingPending,
            WithdrawalRefused::ZeroAmount => Self::ZeroAmount,
            WithdrawalRefused::AbovePending => Self::AmountAbovePending,
        }
    }
}

/// What skips an entry of a batch fails an owner's own withdrawal.
impl From<SkipReason> for SettlementError {
    fn from(reason: SkipReason) -> Self {
        match reason {
            SkipReason::DestinationMismatch => Self::DestinationMismatch,
            SkipReason::DestinationNotRentExempt => Self::DestinationNotRentExempt,
            SkipReason::WalletShort => Self::WalletNotRentExempt,
            _ => Self::DestinationNotPayable,
        }
    }
}
