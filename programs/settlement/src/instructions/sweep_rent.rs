//! `sweep_rent`: moves the lamports of node accounts that are neither rent nor pending to the treasury.
//!
//! They come from a fall of the rent rate, or from third parties. Anyone may call it: the funds stay in the network.

use anchor_lang::prelude::*;

use crate::account;
use crate::error::SettlementError;
use crate::events::{RentSwept, emit_and_record};
use crate::state::{AssetKind, ClosedNode, Network, NodeWallet, TREASURY_SEED, Treasury, require_version};

/// Accounts of `sweep_rent`, without the node accounts.
#[event_cpi]
#[derive(Accounts)]
pub struct SweepRent<'info> {
    /// The network. Lamports above its rent are swept as well.
    #[account(mut, has_one = treasury @ SettlementError::NetworkMismatch)]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury, which receives the lamports.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, SweepRent<'info>>) -> Result<()> {
    let network = ctx.accounts.network.key();
    require_version(ctx.accounts.network.load()?.version, Network::VERSION)?;
    let asset = {
        let treasury = ctx.accounts.treasury.load()?;
        require_version(treasury.version, Treasury::VERSION)?;
        AssetKind::from_byte(treasury.asset_kind).ok_or(SettlementError::UnsupportedAsset)?
    };
    let rent = Rent::get()?;
    let (mut accounts, mut lamports) = (0u8, 0u64);
    let network_account = ctx.accounts.network.as_ref();
    let network_excess = network_account.lamports().saturating_sub(account::minimum_balance(&rent, Network::SIZE));
    let nodes = ctx.remaining_accounts.iter().map(|account| (account, node_excess(account, &network, asset, &rent)));
    for (account, excess) in std::iter::once((network_account, network_excess)).chain(nodes) {
        if excess > 0 {
            account.sub_lamports(excess)?;
            lamports = lamports.checked_add(excess).ok_or(SettlementError::Overflow)?;
            accounts = accounts.saturating_add(1);
        }
    }
    require!(lamports > 0, SettlementError::NothingToRecover);
    ctx.accounts.treasury.as_ref().add_lamports(lamports)?;
    emit_and_record!(ctx, RentSwept { network, accounts, lamports });
    Ok(())
}

/// Lamports that a node's account holds above its rent and what the node is owed. 0 for any other account.
fn node_excess(account: &AccountInfo, network: &Pubkey, asset: AssetKind, rent: &Rent) -> u64 {
    if !account.is_writable {
        return 0;
    }
    let kept = if let Some(wallet) = account::find::<NodeWallet>(account) {
        let is_known = wallet.version == NodeWallet::VERSION && wallet.network == *network;
        let pending = if asset == AssetKind::Sol { wallet.pending() } else { 0 };
        is_known.then(|| account::minimum_balance(rent, NodeWallet::SIZE).saturating_add(pending))
    } else {
        let closed = account::find::<ClosedNode>(account).filter(|closed| closed.network == *network);
        closed.map(|_| account::minimum_balance(rent, ClosedNode::SIZE))
    };
    kept.map_or(0, |kept| account.lamports().saturating_sub(kept))
}
