//! `create_network`: creates a network with its parameters, and its empty treasury.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{NetworkCreated, NetworkMint, emit_event};
use crate::rules::name::parse_name;
use crate::rules::parameters::{Parameters, ParametersError};
use crate::state::{AssetKind, NETWORK_SEED, Network, TREASURY_SEED, Treasury};
use crate::token;

/// Decimal places of SOL: one SOL is 10^9 lamports.
const SOL_DECIMALS: u8 = 9;

/// The parameters of a new network. Amounts are in base units of its asset: lamports for SOL.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateNetworkArgs {
    /// The network's name: 1 to 32 bytes of a-z, 0-9 and '-', padded with zero bytes.
    pub id: [u8; 32],
    /// The relay's key, which may credit, settle and register nodes.
    pub settler: Pubkey,
    /// The key that may pause, and nothing else.
    pub guardian: Pubkey,
    /// Minimum payout threshold of a node, and the default for nodes that don't set one. Must be positive.
    pub default_threshold: u64,
    /// Maximum that one entry of a batch may credit. Must be positive.
    pub per_node_cap: u64,
    /// Maximum that one batch may credit. Must be positive.
    pub per_batch_cap: u64,
    /// Capacity of the outflow window. Must be positive.
    pub window_limit: u64,
    /// Seconds in which a full outflow window drains. Must be positive.
    pub window_seconds: u64,
    /// Seconds after which a pending amount is paid out even if it is below its threshold. Must be
    /// positive; 2^64 - 1 means never.
    pub max_pending_age: u64,
    /// Seconds for which a pause can keep owners from withdrawing: 1 to 2,592,000 (30 days).
    pub max_pause_seconds: u64,
}

/// Accounts of `create_network`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(args: CreateNetworkArgs)]
pub struct CreateNetwork<'info> {
    /// Becomes the network's admin and pays the rent.
    #[account(mut)]
    pub admin: Signer<'info>,
    #[account(
        init,
        payer = admin,
        space = Network::SIZE,
        seeds = [NETWORK_SEED, admin.key().as_ref(), args.id.as_ref()],
        bump,
    )]
    /// The network. Its address is derived from the admin who creates it and its name, so that nobody can take a
    /// name before somebody else.
    pub network: AccountLoader<'info, Network>,
    #[account(
        init,
        payer = admin,
        space = Treasury::SIZE,
        seeds = [TREASURY_SEED, network.key().as_ref()],
        bump,
    )]
    /// The network's treasury.
    pub treasury: AccountLoader<'info, Treasury>,
    /// Creates the accounts.
    pub system_program: Program<'info, System>,
    /// The mint whose tokens the network pays in. None for SOL.
    ///
    /// CHECK: validated by `token::payable_mint`.
    pub mint: Option<UncheckedAccount<'info>>,
    /// The mint's token program. None for SOL.
    ///
    /// CHECK: validated by `token::payable_mint`.
    pub token_program: Option<UncheckedAccount<'info>>,
    /// The treasury's associated token account, which is created. None for SOL.
    ///
    /// CHECK: created by the associated token account program, and parsed afterwards.
    #[account(mut)]
    pub treasury_token_account: Option<UncheckedAccount<'info>>,
    /// Creates the treasury's token account. None for SOL.
    ///
    /// CHECK: compared with the program's address.
    pub associated_token_program: Option<UncheckedAccount<'info>>,
}

/// The asset that the network pays in.
struct Asset {
    kind: AssetKind,
    decimals: u8,
    mint: Pubkey,
    token_program: Pubkey,
    token_account: Pubkey,
    /// Base units that others sent to the token account before.
    token_balance: u64,
}

impl CreateNetwork<'_> {
    fn asset(&self) -> Result<Asset> {
        let token_accounts =
            (&self.mint, &self.token_program, &self.treasury_token_account, &self.associated_token_program);
        let (mint, program, token_account, associated) = match token_accounts {
            (Some(mint), Some(program), Some(token_account), Some(associated)) => {
                (mint, program, token_account, associated)
            }
            (None, None, None, None) => {
                let none = Pubkey::default();
                return Ok(Asset {
                    kind: AssetKind::Sol,
                    decimals: SOL_DECIMALS,
                    mint: none,
                    token_program: none,
                    token_account: none,
                    token_balance: 0,
                });
            }
            _ => return err!(SettlementError::AssetAccountsMismatch),
        };
        let (kind, decimals) = token::payable_mint(mint, program.key)?;
        require!(associated.key() == token::ASSOCIATED_TOKEN_ID, SettlementError::AssetAccountsMismatch);
        token::create_associated_account(
            self.admin.as_ref(),
            token_account,
            self.treasury.as_ref(),
            mint,
            self.system_program.as_ref(),
            program,
            associated,
        )?;
        let created = token::parse(token_account, program.key).ok_or(SettlementError::InvalidTreasuryTokenAccount)?;
        let is_vault = created.owner == self.treasury.key().to_bytes() && created.mint == mint.key().to_bytes();
        require!(is_vault, SettlementError::InvalidTreasuryTokenAccount);
        Ok(Asset {
            kind,
            decimals,
            mint: mint.key(),
            token_program: program.key(),
            token_account: token_account.key(),
            token_balance: created.amount,
        })
    }
}

pub(crate) fn handler<'info>(ctx: Context<'info, CreateNetwork<'info>>, args: CreateNetworkArgs) -> Result<()> {
    require!(parse_name(&args.id).is_some(), SettlementError::InvalidNetworkId);
    Parameters {
        default_threshold: args.default_threshold,
        per_node_cap: args.per_node_cap,
        per_batch_cap: args.per_batch_cap,
        window_limit: args.window_limit,
        window_seconds: args.window_seconds,
        max_pending_age: args.max_pending_age,
        max_pause_seconds: args.max_pause_seconds,
    }
    .check()
    .map_err(SettlementError::from)?;
    let default_key = Pubkey::default();
    require!(args.settler != default_key && args.guardian != default_key, SettlementError::DefaultAuthority);

    let asset = ctx.accounts.asset()?;
    let now = Clock::get()?.unix_timestamp;
    let admin = ctx.accounts.admin.key();
    let network_address = ctx.accounts.network.key();
    let treasury_address = ctx.accounts.treasury.key();

    // Other fields stay zero, as initialized.
    {
        let mut network = ctx.accounts.network.load_init()?;
        network.version = Network::VERSION;
        network.bump = ctx.bumps.network;
        network.treasury_bump = ctx.bumps.treasury;
        network.asset_kind = asset.kind.into();
        network.decimals = asset.decimals;
        network.mint = asset.mint;
        network.token_program = asset.token_program;
        network.treasury_token_account = asset.token_account;
        network.id = args.id;
        network.creator = admin;
        network.admin = admin;
        network.settler = args.settler;
        network.guardian = args.guardian;
        network.treasury = treasury_address;
        network.default_threshold = args.default_threshold;
        network.created_at = now;
    }
    {
        let mut treasury = ctx.accounts.treasury.load_init()?;
        treasury.version = Treasury::VERSION;
        treasury.bump = ctx.bumps.treasury;
        treasury.asset_kind = asset.kind.into();
        treasury.mint = asset.mint;
        treasury.token_account = asset.token_account;
        treasury.token_balance = asset.token_balance;
        treasury.network = network_address;
        treasury.settler = args.settler;
        treasury.per_node_cap = args.per_node_cap;
        treasury.per_batch_cap = args.per_batch_cap;
        treasury.window_limit = args.window_limit;
        treasury.window_seconds = args.window_seconds;
        treasury.window_updated_at = now;
        treasury.max_pending_age = args.max_pending_age;
        treasury.default_threshold = args.default_threshold;
        treasury.max_pause_seconds = args.max_pause_seconds;
    }

    emit_event!(
        ctx,
        NetworkCreated {
            network: network_address,
            treasury: treasury_address,
            id: args.id,
            admin,
            settler: args.settler,
            guardian: args.guardian,
            default_threshold: args.default_threshold,
            per_node_cap: args.per_node_cap,
            per_batch_cap: args.per_batch_cap,
            window_limit: args.window_limit,
            window_seconds: args.window_seconds,
            max_pending_age: args.max_pending_age,
            max_pause_seconds: args.max_pause_seconds,
        }
    );
    if asset.kind != AssetKind::Sol {
        emit_event!(
            ctx,
            NetworkMint {
                network: network_address,
                mint: asset.mint,
                token_program: asset.token_program,
                treasury_token_account: asset.token_account,
                decimals: asset.decimals,
            }
        );
    }
    Ok(())
}

impl From<ParametersError> for SettlementError {
    fn from(error: ParametersError) -> Self {
        match error {
            ParametersError::ZeroLimit => Self::ZeroLimit,
            ParametersError::ZeroThreshold => Self::ZeroThreshold,
            ParametersError::ZeroPendingAge => Self::ZeroPendingAge,
            ParametersError::MaxPause => Self::InvalidMaxPause,
        }
    }
}
