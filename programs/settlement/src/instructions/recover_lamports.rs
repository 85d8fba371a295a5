//! `recover_lamports`: moves lamports out of the treasury of a network that pays in tokens. They are not the network's
//! asset: they come from `sweep_rent`, `close_node` or third parties.

use anchor_lang::prelude::*;

use crate::account;
use crate::destination::{DestinationMatch, describe};
use crate::error::SettlementError;
use crate::events::{LamportsRecovered, emit_and_record};
use crate::rules::payout::{self, AccountBalance};
use crate::rules::surplus::surplus;
use crate::state::{AssetKind, Network, TREASURY_SEED, Treasury, require_version};

/// Accounts of `recover_lamports`.
#[event_cpi]
#[derive(Accounts)]
pub struct RecoverLamports<'info> {
    /// The network's admin.
    pub admin: Signer<'info>,
    /// The network.
    #[account(
        has_one = admin @ SettlementError::Unauthorized,
        has_one = treasury @ SettlementError::NetworkMismatch,
    )]
    pub network: AccountLoader<'info, Network>,
    /// The network's treasury.
    #[account(mut, seeds = [TREASURY_SEED, network.key().as_ref()], bump = treasury.load()?.bump)]
    pub treasury: AccountLoader<'info, Treasury>,
    /// Receives the lamports above the treasury's rent.
    ///
    /// CHECK: validated by the payout rules.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
}

pub(crate) fn handler<'info>(ctx: Context<'info, RecoverLamports<'info>>) -> Result<()> {
    let accounts = &ctx.accounts;
    {
        let network = accounts.network.load()?;
        let treasury = accounts.treasury.load()?;
        require_version(network.version, Network::VERSION)?;
        require_version(treasury.version, Treasury::VERSION)?;
        require!(network.asset_kind != u8::from(AssetKind::Sol), SettlementError::NotRecoverable);
        require!(!treasury.is_paused(), SettlementError::Paused);
    }
    let rent = Rent::get()?;
    let (treasury, destination) = (accounts.treasury.as_ref(), accounts.destination.as_ref());
    let from = AccountBalance { lamports: treasury.lamports(), floor: account::minimum_balance(&rent, Treasury::SIZE) };
    let lamports = surplus(from.lamports, from.floor);
    require!(lamports > 0, SettlementError::NothingToRecover);
    let to = describe(destination, DestinationMatch::Named, rent.minimum_balance(0));
    payout::check(lamports, from, to).map_err(SettlementError::from)?;
    treasury.sub_lamports(lamports)?;
    destination.add_lamports(lamports)?;
    emit_and_record!(
        ctx,
        LamportsRecovered {
            network: accounts.network.key(),
            by: accounts.admin.key(),
            destination: *destination.key,
            lamports,
        }
    );
    Ok(())
}
