//! `create_network`: a network, its parameters and its empty treasury.

use anchor_lang::prelude::*;

use crate::error::SettlementError;
use crate::events::{NetworkCreated, NetworkMint, emit_event};
use crate::rules::name::parse_name;
use crate::rules::parameters::{Parameters, ParametersError};
use crate::state::{AssetKind, NETWORK_SEED, Network, TREASURY_SEED, Treasury};
use crate::token;

/// Decimals of SOL: 10^9 lamports.
const SOL_DECIMALS: u8 = 9;

/// What a network is set up with. Amounts in base units of its asset: lamports for SOL.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateNetworkArgs {
    /// 1 to 32 bytes of a-z, 0-9 and '-', zero padded.
    pub id: [u8; 32],
    /// The relay's key: credits, settles, registers nodes.
    pub settler: Pubkey,
    /// May only pause.
    pub guardian: Pubkey,
    /// Smallest threshold of a node, and the one it gets when it names none. Above 0.
    pub default_threshold: u64,
    /// What one entry of a batch may credit. Above 0.
    pub per_node_cap: u64,
    /// What one batch may credit. Above 0.
    pub per_batch_cap: u64,
    /// What the outflow window holds. Above 0.
    pub window_limit: u64,
    /// Seconds in which a full outflow window empties. Above 0.
    pub window_seconds: u64,
    /// Seconds after which a pending amount below its threshold is paid out anyway. Above 0;
    /// 2^64 - 1 for never.
    pub max_pending_age: u64,
}

/// Accounts of `create_network`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(args: CreateNetworkArgs)]
pub struct CreateNetwork<'info> {
    /// Becomes the admin and pays the rent.
    #[account(mut)]
    pub admin: Signer<'info>,
    #[account(
        init,
        payer = admin,
        space = Network::SIZE,
        seeds = [NETWORK_SEED, &args.id],
        bump,
    )]
    /// The network; its address follows from its name.
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
    /// CHECK: `token::payable_mint`.
    pub mint: Option<UncheckedAccount<'info>>,
    /// The mint's token program. None for SOL.
    ///
    /// CHECK: `token::payable_mint`.
    pub token_program: Option<UncheckedAccount<'info>>,
    /// The treasury's associated token account, opened here. None for SOL.
    ///
    /// CHECK: the associated token program, and what it left behind.
    #[account(mut)]
    pub treasury_token_account: Option<UncheckedAccount<'info>>,
    /// Opens the treasury's token account. None for SOL.
    ///
    /// CHECK: compared with its address.
    pub associated_token_program: Option<UncheckedAccount<'info>>,
}

/// What the network pays in.
struct Asset {
    kind: AssetKind,
    decimals: u8,
    mint: Pubkey,
    token_program: Pubkey,
    token_account: Pubkey,
    /// Base units that strangers sent there before.
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
                let nothing = Pubkey::default();
                return Ok(Asset {
                    kind: AssetKind::Sol,
                    decimals: SOL_DECIMALS,
                    mint: nothing,
                    token_program: nothing,
                    token_account: nothing,
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
        let opened = token::parse(token_account, program.key).ok_or(SettlementError::InvalidTreasuryTokenAccount)?;
        let is_ours = opened.owner == self.treasury.key().to_bytes() && opened.mint == mint.key().to_bytes();
        require!(is_ours, SettlementError::InvalidTreasuryTokenAccount);
        Ok(Asset {
            kind,
            decimals,
            mint: mint.key(),
            token_program: program.key(),
            token_account: token_account.key(),
            token_balance: opened.amount,
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
    }
    .check()
    .map_err(SettlementError::from)?;
    let nobody = Pubkey::default();
    require!(args.settler != nobody && args.guardian != nobody, SettlementError::DefaultAuthority);

    let asset = ctx.accounts.asset()?;
    let now = Clock::get()?.unix_timestamp;
    let admin = ctx.accounts.admin.key();
    let network_address = ctx.accounts.network.key();
    let treasury_address = ctx.accounts.treasury.key();

    // Fields not named here stay as `init` left them: zero.
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
    fn from(refused: ParametersError) -> Self {
        match refused {
            ParametersError::ZeroLimit => Self::ZeroLimit,
            ParametersError::ZeroThreshold => Self::ZeroThreshold,
            ParametersError::ZeroPendingAge => Self::ZeroPendingAge,
        }
    }
}
