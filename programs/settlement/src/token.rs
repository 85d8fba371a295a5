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
use crate::rules::token_layout::{MINT_DECIMALS, MintError, TokenAccount, check_mint};
use crate::rules::token_payout::{PayingTreasury, TokenAccountFlags, TokenDestination};
use crate::state::{AssetKind, NodeWallet, TREASURY_SEED, Treasury};

/// Address of the SPL Token program.
pub const SPL_TOKEN_ID: Pubkey = pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Address of the Token-2022 program.
pub const TOKEN_2022_ID: Pubkey = pubkey!("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
/// Address of the associated token account program.
pub const ASSOCIATED_TOKEN_ID: Pubkey = pubkey!("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// Discriminator of the token programs' `TransferChecked`, followed by the amount and the decimals.
pub(crate) const TRANSFER_CHECKED: u8 = 12;
/// Discriminator of the token programs' `CloseAccount`, which has no arguments.
const CLOSE_ACCOUNT: u8 = 9;
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

    /// Describes `account` for the payout rules, as the destination of `wallet`; `None` allows any account.
    pub(crate) fn describe(&self, account: &AccountInfo, wallet: Option<&NodeWallet>) -> TokenDestination {
        TokenDestination::describe(
            parse(account, self.program.key),
            TokenAccountFlags {
                is_writable: account.is_writable,
                is_treasury_vault: account.key == self.vault.key,
                is_named: wallet.is_none_or(|wallet| wallet.destination == *account.key),
            },
            |mint| mint == self.mint.key.as_array(),
            |owner| wallet.is_none_or(|wallet| wallet.pays_to_token_owner(owner)),
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

    /// Closes the treasury's token account, which must be empty, and gives its lamports to `to`.
    pub(crate) fn close(
        &self,
        treasury: &AccountInfo<'info>,
        network: &Pubkey,
        bump: u8,
        to: &AccountInfo<'info>,
    ) -> Result<()> {
        let accounts = vec![
            AccountMeta::new(*self.vault.key, false),
            AccountMeta::new(*to.key, false),
            AccountMeta::new_readonly(*treasury.key, true),
        ];
        let instruction = Instruction { program_id: *self.program.key, accounts, data: vec![CLOSE_ACCOUNT] };
        let infos = [self.vault.clone(), to.clone(), treasury.clone(), self.program.clone()];
        Ok(invoke_signed(&instruction, &infos, &[&[TREASURY_SEED, network.as_ref(), &[bump]]])?)
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
        let transfer = Transfer { program: self.program, from, mint: self.mint, to, authority, hook_accounts: &[] };
        transfer.invoke(amount, decimals, seeds)
    }
}

/// A `TransferChecked`.
struct Transfer<'a, 'info> {
    program: &'a AccountInfo<'info>,
    from: &'a AccountInfo<'info>,
    mint: &'a AccountInfo<'info>,
    to: &'a AccountInfo<'info>,
    authority: &'a AccountInfo<'info>,
    hook_accounts: &'a [AccountInfo<'info>],
}

impl Transfer<'_, '_> {
    fn invoke(&self, amount: u64, decimals: u8, seeds: &[&[&[u8]]]) -> Result<()> {
        let mut data = vec![TRANSFER_CHECKED];
        data.extend(amount.to_le_bytes());
        data.push(decimals);
        let mut accounts = vec![
            AccountMeta::new(*self.from.key, false),
            AccountMeta::new_readonly(*self.mint.key, false),
            AccountMeta::new(*self.to.key, false),
            AccountMeta::new_readonly(*self.authority.key, true),
        ];
        accounts.extend(self.hook_accounts.iter().map(|account| AccountMeta {
            pubkey: *account.key,
            is_signer: false,
            is_writable: account.is_writable,
        }));
        let instruction = Instruction { program_id: *self.program.key, accounts, data };
        let mut infos =
            vec![self.from.clone(), self.mint.clone(), self.to.clone(), self.authority.clone(), self.program.clone()];
        infos.extend_from_slice(self.hook_accounts);
        Ok(invoke_signed(&instruction, &infos, seeds)?)
    }
}

/// Tokens to move out of a token account that belongs to an address of this program.
pub(crate) struct Recovery<'a, 'info> {
    /// The token account to empty.
    pub(crate) from: &'a AccountInfo<'info>,
    /// Its mint, which may be any.
    pub(crate) mint: &'a AccountInfo<'info>,
    /// The token account that receives the tokens.
    pub(crate) to: &'a AccountInfo<'info>,
    /// The address that the tokens belong to.
    pub(crate) authority: &'a AccountInfo<'info>,
    /// The mint's token program.
    pub(crate) program: &'a AccountInfo<'info>,
    /// Further accounts, which the mint's transfer hook needs.
    pub(crate) hook_accounts: &'a [AccountInfo<'info>],
}

/// Moves all tokens of a token account, whose authority signs with `seeds`. Returns the amount in base units.
pub(crate) fn recover(recovery: Recovery, seeds: &[&[u8]]) -> Result<u64> {
    let Recovery { from, mint, to, authority, program, hook_accounts } = recovery;
    let is_token_program = [SPL_TOKEN_ID, TOKEN_2022_ID].contains(program.key);
    require!(is_token_program, SettlementError::InvalidTokenProgram);
    let TokenAccount { amount, .. } = parse(from, program.key).ok_or(SettlementError::InvalidTokenAccount)?;
    // A transfer of an account to itself would succeed and move nothing.
    require!(amount > 0 && from.key != to.key, SettlementError::NothingToRecover);
    let decimals = *mint.try_borrow_data()?.get(MINT_DECIMALS).ok_or(SettlementError::InvalidMint)?;
    Transfer { program, from, mint, to, authority, hook_accounts }.invoke(amount, decimals, &[seeds])?;
    Ok(amount)
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
