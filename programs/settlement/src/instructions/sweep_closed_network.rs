//! `sweep_closed_network`: moves whatever is left at the addresses of a closed network to its last admin: the rent of node
//! accounts, which are deleted, and lamports that arrived since. Anyone may call it.

use anchor_lang::prelude::*;
use anchor_lang::system_program::{Transfer, transfer};

use crate::account;
use crate::error::SettlementError;
use crate::events::{ClosedNetworkSwept, emit_event};
use crate::state::{ClosedNetwork, ClosedNode, NodeWallet, TREASURY_SEED};

/// Accounts of `sweep_closed_network`, without the node accounts.
#[event_cpi]
#[derive(Accounts)]
pub struct SweepClosedNetwork<'info> {
    /// The closed network. Lamports above its rent are swept as well.
    #[account(mut, has_one = admin @ SettlementError::AdminMismatch)]
    pub network: AccountLoader<'info, ClosedNetwork>,
    /// The network's last admin, who receives the lamports.
    ///
    /// CHECK: compared with the closed network's admin.
    #[account(mut)]
    pub admin: UncheckedAccount<'info>,
    /// The address of the network's treasury.
    ///
    /// CHECK: identified by its address.
    #[account(
        mut,
        seeds = [TREASURY_SEED, network.key().as_ref()],
        bump = network.load()?.treasury_bump,
    )]
    pub treasury: UncheckedAccount<'info>,
    /// Transfers lamports from the treasury's address.
    pub system_program: Program<'info, System>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, SweepClosedNetwork<'info>>) -> Result<()> {
    let accounts = &ctx.accounts;
    let network = accounts.network.key();
    let bump = accounts.network.load()?.treasury_bump;
    let add = |a: u64, b: u64| a.checked_add(b).ok_or(SettlementError::Overflow);

    // Before any other lamports move: see `fast_path::host`.
    let mut lamports = accounts.treasury.lamports();
    let mut emptied = u8::from(lamports > 0);
    if lamports > 0 {
        let seeds: &[&[&[u8]]] = &[&[TREASURY_SEED, network.as_ref(), &[bump]]];
        let to_admin = Transfer { from: accounts.treasury.to_account_info(), to: accounts.admin.to_account_info() };
        transfer(CpiContext::new_with_signer(accounts.system_program.key(), to_admin, seeds), lamports)?;
    }
    let mut from_accounts = 0u64;
    let network_account = accounts.network.as_ref();
    let excess =
        network_account.lamports().saturating_sub(account::minimum_balance(&Rent::get()?, ClosedNetwork::SIZE));
    if excess > 0 {
        network_account.sub_lamports(excess)?;
        from_accounts = add(from_accounts, excess)?;
        emptied = emptied.saturating_add(1);
    }
    for account in ctx.remaining_accounts {
        if is_node_of(account, &network) {
            from_accounts = add(from_accounts, account::delete(account)?)?;
            emptied = emptied.saturating_add(1);
        }
    }
    lamports = add(lamports, from_accounts)?;
    require!(lamports > 0, SettlementError::NothingToRecover);
    accounts.admin.add_lamports(from_accounts)?;
    emit_event!(ctx, ClosedNetworkSwept { network, admin: accounts.admin.key(), accounts: emptied, lamports });
    Ok(())
}

/// Whether an account is one of a node of the network. As the network is closed, the node is owed nothing.
fn is_node_of(account: &AccountInfo, network: &Pubkey) -> bool {
    let is_wallet = account::find::<NodeWallet>(account).is_some_and(|wallet| wallet.network == *network);
    let is_closed = account::find::<ClosedNode>(account).is_some_and(|closed| closed.network == *network);
    account.is_writable && (is_wallet || is_closed)
}
