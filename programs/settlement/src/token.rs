//! Access to the token programs for instructions that are not on the fast path.
//!
//! The network's asset determines which accounts an instruction takes: for tokens, the treasury's token
//! account, the mint and the token program; for SOL, none of them.

#![cfg_attr(
    target_os = "solana",
    allow(unreachable_pub, reason = "`client`, which isn't part of the program, re-exports some items")
)]

use anchor_lang::prelude::*;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::program::invoke_signed;

use crate::error::SettlementError;
use crate::rules::SkipReason;
use crate::rules::token_layout::{MintError, TokenAccount, check_mint};
use crate::rules::token_payout::{PayingTreasury, TokenAccountFlags, TokenDestination};
use crate::state::{AssetKind, TREASURY_SEED, Treasury};

/// Address of the SPL Token program.
pub const SPL_TOKEN_ID: Pubkey = pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Address of the Token-2022 program.
pub const TOKEN_2022_ID: Pubkey = pubkey!("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
/// Address of the associated token account program.
pub const ASSOCIATED_TOKEN_ID: Pubkey = pubkey!("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// Discriminator of the token programs' `TransferChecked`, followed by the amount and the decimals.
pub(crate) const TRANSFER_CHECKED: u8 = 12;
/// Discriminator of the associated token account program's `CreateIdempotent`, which has no arguments.
const CREATE_IDEMPOTENT: u8 = 1;

/// The validated accounts of a network that pays in tokens.
pub(crate) struct TokenAccounts<'a, 'info> {
    /// The treasury's token account.
    pub(crate) vault: &'a AccountInfo<'info>,
    mint: &'a AccountInfo<'info>,
    program: &'a AccountInfo<'info>,
}

impl<'a, 'info> TokenAccounts<'a, 'info> {
    /// Validates the accounts. `None` for a network that pays in SOL, which must pass none of them.
    pub(crate) fn validate(
        treasury: &Treasury,
        vault: Option<&'a UncheckedAccount<'info>>,
        mint: Option<&'a UncheckedAccount<'info>>,
        program: Option<&'a UncheckedAccount<'info>>,
    ) -> Result<Option<Self>> {
        let program_id = match AssetKind::from_byte(treasury.asset_kind) {
            None => return err!(SettlementError::UnsupportedAsset),
            Some(AssetKind::Sol) => {
                let none = vault.is_none() && mint.is_none() && program.is_none();
                require!(none, SettlementError::AssetAccountsMismatch);
                return Ok(None);
            }
            Some(AssetKind::SplToken) => SPL_TOKEN_ID,
            Some(AssetKind::Token2022) => TOKEN_2022_ID,
        };
        let (Some(vault), Some(mint), Some(program)) = (vault, mint, program) else {
            return err!(SettlementError::AssetAccountsMismatch);
        };
        require!(vault.key() == treasury.token_account, SettlementError::InvalidTreasuryTokenAccount);
        require!(mint.key() == treasury.mint, SettlementError::InvalidMint);
        require!(program.key() == program_id, SettlementError::InvalidTokenProgram);
        Ok(Some(Self { vault, mint, program }))
    }

    /// The state of the treasury's token account.
    pub(crate) fn treasury(&self) -> Result<PayingTreasury> {
        let vault = parse(self.vault, self.program.key).ok_or(SettlementError::InvalidTreasuryTokenAccount)?;
        Ok(PayingTreasury { is_frozen: vault.is_frozen, amount: vault.amount })
    }

    /// Describes `account` for the payout rules. `owner` is the address that should own its tokens;
    /// `None` allows any.
    pub(crate) fn describe(&self, account: &AccountInfo, owner: Option<&Pubkey>) -> TokenDestination {
        TokenDestination::describe(
            parse(account, self.program.key),
            TokenAccountFlags { is_writable: account.is_writable, is_treasury_vault: account.key == self.vault.key },
            |mint| mint == self.mint.key.as_array(),
            |found| owner.is_none_or(|owner| found == owner.as_array()),
        )
    }

    /// Transfers tokens to the treasury, authorized by `authority`.
    pub(crate) fn deposit(&self, from: &AccountInfo<'info>, authority: &AccountInfo<'info>, amount: u64) -> Result<()> {
        self.transfer(from, self.vault, authority, amount, &[])
    }

    /// Transfers tokens from the treasury, which signs with the seeds `["treasury", network, bump]`.
    pub(crate) fn pay(
        &self,
        treasury: &AccountInfo<'info>,
        network: &Pubkey,
        bump: u8,
        to: &AccountInfo<'info>,
        amount: u64,
    ) -> Result<()> {
        self.transfer(self.vault, to, treasury, amount, &[&[TREASURY_SEED, network.as_ref(), &[bump]]])
    }

    fn transfer(
        &self,
        from: &AccountInfo<'info>,
        to: &AccountInfo<'info>,
        authority: &AccountInfo<'info>,
        amount: u64,
        seeds: &[&[&[u8]]],
    ) -> Result<()> {
        let decimals = check_mint(&self.mint.try_borrow_data()?).map_err(SettlementError::from)?;
        let mut data = vec![TRANSFER_CHECKED];
        data.extend(amount.to_le_bytes());
        data.push(decimals);
        let accounts = vec![
            AccountMeta::new(*from.key, false),
            AccountMeta::new_readonly(*self.mint.key, false),
            AccountMeta::new(*to.key, false),
            AccountMeta::new_readonly(*authority.key, true),
        ];
        let instruction = Instruction { program_id: *self.program.key, accounts, data };
        let infos = [from.clone(), self.mint.clone(), to.clone(), authority.clone(), self.program.clone()];
        Ok(invoke_signed(&instruction, &infos, seeds)?)
    }
}

/// Checks that a network can pay in a mint, and returns its kind and decimals.
pub(crate) fn payable_mint(mint: &AccountInfo, program: &Pubkey) -> Result<(AssetKind, u8)> {
    let kind = match *program {
        SPL_TOKEN_ID => AssetKind::SplToken,
        TOKEN_2022_ID => AssetKind::Token2022,
        _ => return err!(SettlementError::InvalidTokenProgram),
    };
    require!(mint.owner == program, SettlementError::InvalidMint);
    let decimals = check_mint(&mint.try_borrow_data()?).map_err(SettlementError::from)?;
    Ok((kind, decimals))
}

/// Creates the associated token account of `owner` unless it exists.
pub(crate) fn create_associated_account<'info>(
    payer: &AccountInfo<'info>,
    token_account: &AccountInfo<'info>,
    owner: &AccountInfo<'info>,
    mint: &AccountInfo<'info>,
    system_program: &AccountInfo<'info>,
    token_program: &AccountInfo<'info>,
    associated_token_program: &AccountInfo<'info>,
) -> Result<()> {
    let instruction = Instruction {
        program_id: ASSOCIATED_TOKEN_ID,
        accounts: vec![
            AccountMeta::new(*payer.key, true),
            AccountMeta::new(*token_account.key, false),
            AccountMeta::new_readonly(*owner.key, false),
            AccountMeta::new_readonly(*mint.key, false),
            AccountMeta::new_readonly(*system_program.key, false),
            AccountMeta::new_readonly(*token_program.key, false),
        ],
        data: vec![CREATE_IDEMPOTENT],
    };
    let infos = [payer, token_account, owner, mint, system_program, token_program, associated_token_program];
    Ok(invoke_signed(&instruction, &infos.map(Clone::clone), &[])?)
}

/// Parses an account as a token account of `program`.
pub(crate) fn parse(account: &AccountInfo, program: &Pubkey) -> Option<TokenAccount> {
    if account.owner != program {
        return None;
    }
    TokenAccount::parse(&account.try_borrow_data().ok()?)
}

impl From<MintError> for SettlementError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::NotAMint => Self::InvalidMint,
            MintError::NonTransferable => Self::MintNonTransferable,
            MintError::TransferHook => Self::MintTransferHook,
            MintError::PermanentDelegate => Self::MintPermanentDelegate,
            MintError::MintCloseAuthority => Self::MintCloseAuthority,
            MintError::DefaultAccountState => Self::MintDefaultAccountState,
            MintError::Pausable => Self::MintPausable,
            MintError::Confidential => Self::MintConfidential,
            MintError::InterestBearing => Self::MintInterestBearing,
            MintError::ScaledUiAmount => Self::MintScaledUiAmount,
            MintError::UnknownExtension => Self::MintUnknownExtension,
        }
    }
}

/// What skips an entry of a batch fails an instruction with a single payment.
impl From<SkipReason> for SettlementError {
    fn from(reason: SkipReason) -> Self {
        match reason {
            SkipReason::DestinationMismatch => Self::DestinationMismatch,
            SkipReason::DestinationNotRentExempt => Self::DestinationNotRentExempt,
            SkipReason::WalletShort => Self::WalletNotRentExempt,
            SkipReason::TokenAccountInvalid => Self::InvalidTokenAccount,
            SkipReason::TokenAccountWrongMint => Self::TokenAccountWrongMint,
            SkipReason::TokenAccountWrongOwner => Self::TokenAccountWrongOwner,
            SkipReason::TokenAccountFrozen => Self::TokenAccountFrozen,
            SkipReason::TokenAccountNeedsMemo => Self::TokenAccountNeedsMemo,
            SkipReason::TreasuryFrozen => Self::TreasuryFrozen,
            SkipReason::TreasuryTokensShort => Self::TreasuryTokensShort,
            _ => Self::DestinationNotPayable,
        }
    }
}
