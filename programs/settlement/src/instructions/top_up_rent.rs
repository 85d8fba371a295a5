//! `top_up_rent`: after a rise of the rent rate, brings wallet accounts with a pending amount to their new minimum with
//! surplus of the treasury, so that all of it can be paid out.
//!
//! Only needed in networks that pay in SOL. The lamports stay rent: they return to the treasury by `sweep_rent` or
//! `close_node`.

use anchor_lang::prelude::*;

use crate::account;
use crate::error::SettlementError;
use crate::events::{RentToppedUp, emit_and_record};
use crate::rules::surplus::surplus;
use crate::state::{AssetKind, Network, NodeWallet, TREASURY_SEED, Treasury, require_version};

/// Accounts of `top_up_rent`, without the wallet accounts.
#[event_cpi]
#[derive(Accounts)]
pub struct TopUpRent<'info> {
    /// The network's settler, unless the network is paused, or its admin.
    pub authority: Signer<'info>,
    /// The network.
    #[account(has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which provides the lamports.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, TopUpRent<'info>>) -> Result<()> {
    let by = ctx.accounts.authority.key();
    let network_address = ctx.accounts.network.key();
    {
        let network = ctx.accounts.network.load()?;
        let treasury = ctx.accounts.treasury.load()?;
        require_version(network.version, Network::VERSION)?;
        require_version(treasury.version, Treasury::VERSION)?;
        let is_admin = by == network.admin;
        require!(is_admin || by == network.settler, SettlementError::Unauthorized);
        require!(is_admin || !treasury.is_paused(), SettlementError::Paused);
        // In other networks, payouts take nothing from wallet accounts.
        require!(network.asset_kind == u8::from(AssetKind::Sol), SettlementError::UnsupportedAsset);
    }
    let rent = Rent::get()?;
    let treasury = ctx.accounts.treasury.as_ref();
    let minimum = rent.minimum_balance(NodeWallet::SIZE);
    let mut left = surplus(treasury.lamports(), account::minimum_balance(&rent, Treasury::SIZE));
    let (mut accounts, mut lamports) = (0u8, 0u64);
    for account in ctx.remaining_accounts {
        let missing = missing_lamports(account, &network_address, minimum);
        if missing == 0 || missing > left {
            continue;
        }
        account.add_lamports(missing)?;
        treasury.sub_lamports(missing)?;
        left = left.saturating_sub(missing);
        lamports = lamports.checked_add(missing).ok_or(SettlementError::Overflow)?;
        accounts = accounts.saturating_add(1);
    }
    require!(lamports > 0, SettlementError::NothingToRecover);
    emit_and_record!(ctx, RentToppedUp { network: network_address, by, accounts, lamports });
    Ok(())
}

/// Lamports that a wallet account with a pending amount lacks for paying all of it and keeping its minimum. 0 for any
/// other account.
fn missing_lamports(account: &AccountInfo, network: &Pubkey, minimum: u64) -> u64 {
    let wallet = account::find::<NodeWallet>(account)
        .filter(|wallet| account.is_writable && wallet.version == NodeWallet::VERSION && wallet.network == *network);
    match wallet.map_or(0, |wallet| wallet.pending()) {
        0 => 0,
        pending => minimum.saturating_add(pending).saturating_sub(account.lamports()),
    }
}
