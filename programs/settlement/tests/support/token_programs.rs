//! The real token programs in LiteSVM, and the instructions with which tests set up mints and token accounts. The tests of the
//! relay use this file, too.

use agave_feature_set::{FeatureSet, replace_spl_token_with_p_token};
use litesvm::LiteSVM;
use settlement::client::{ASSOCIATED_TOKEN_ID, SPL_TOKEN_ID, TOKEN_2022_ID, TokenAsset, associated_token_address};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;
use solana_sdk_ids::system_program;
use solana_system_interface::instruction::create_account;
use spl_token_2022_interface::extension::ExtensionType;
use spl_token_2022_interface::extension::transfer_fee::instruction::initialize_transfer_fee_config;
use spl_token_2022_interface::instruction as token;
use spl_token_2022_interface::state;

/// The discriminator of the associated token program's `CreateIdempotent`.
const CREATE_IDEMPOTENT: u8 = 1;

/// The lamports that each runtime's faucet has.
const FAUCET_LAMPORTS: u64 = 1_000_000_000_000_000;

/// A token program that clusters run, or used to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenProgram {
    /// The current SPL Token, p-token, which accepts several transfers in one call.
    PToken,
    /// SPL Token before p-token replaced it.
    SplToken,
    /// Token-2022.
    Token2022,
}

impl TokenProgram {
    pub(crate) const ALL: [Self; 3] = [Self::PToken, Self::SplToken, Self::Token2022];

    pub(crate) fn id(self) -> Pubkey {
        match self {
            Self::PToken | Self::SplToken => SPL_TOKEN_ID,
            Self::Token2022 => TOKEN_2022_ID,
        }
    }

    /// A new runtime with these features and this token program. Copying one takes much less time.
    pub(crate) fn runtime_with(self, mut features: FeatureSet) -> LiteSVM {
        if self == Self::SplToken {
            features.deactivate(&replace_spl_token_with_p_token::ID);
        } else {
            features.activate(&replace_spl_token_with_p_token::ID, 0);
        }
        // The order of `LiteSVM::new`.
        LiteSVM::default()
            .with_feature_set(features)
            .with_builtins()
            .with_lamports(FAUCET_LAMPORTS)
            .with_sysvars()
            .with_feature_accounts()
            .with_default_programs()
            .with_sigverify(true)
            .with_blockhash_check(true)
    }
}

/// A mint extension, and the instruction that initializes it, given (mint, issuer).
pub(crate) type Extension = (ExtensionType, fn(&Pubkey, &Pubkey) -> Instruction);

/// A fee of 2.5 % without a maximum.
pub(crate) const TRANSFER_FEE: Extension = (ExtensionType::TransferFeeConfig, |mint, issuer| {
    initialize_transfer_fee_config(&TOKEN_2022_ID, mint, Some(issuer), Some(issuer), 250, u64::MAX)
        .expect("the instruction is valid")
});

/// Creates `mint`, whose mint and freeze authority is `issuer`, who pays for it; both sign. `rent` is the rent-exempt minimum
/// of an account with so many bytes.
pub(crate) fn create_mint(
    asset: &TokenAsset,
    issuer: &Pubkey,
    decimals: u8,
    extensions: &[Extension],
    rent: impl FnOnce(usize) -> u64,
) -> Vec<Instruction> {
    let TokenAsset { mint, token_program } = asset;
    let kinds: Vec<_> = extensions.iter().map(|(kind, _)| *kind).collect();
    let len = ExtensionType::try_calculate_account_len::<state::Mint>(&kinds).expect("known sizes");
    let mut instructions = vec![create_account(issuer, mint, rent(len), len as u64, token_program)];
    instructions.extend(extensions.iter().map(|(_, set_up)| set_up(mint, issuer)));
    let initialize = token::initialize_mint2(token_program, mint, issuer, Some(issuer), decimals);
    instructions.push(initialize.expect("the instruction is valid"));
    instructions
}

/// Creates the associated token account of `owner` unless it exists. Signed by `payer`.
pub(crate) fn create_associated_account(payer: &Pubkey, owner: &Pubkey, asset: &TokenAsset) -> Instruction {
    Instruction {
        program_id: ASSOCIATED_TOKEN_ID,
        accounts: vec![
            AccountMeta::new(*payer, true),
            AccountMeta::new(associated_token_address(owner, asset), false),
            AccountMeta::new_readonly(*owner, false),
            AccountMeta::new_readonly(asset.mint, false),
            AccountMeta::new_readonly(system_program::ID, false),
            AccountMeta::new_readonly(asset.token_program, false),
        ],
        data: vec![CREATE_IDEMPOTENT],
    }
}

/// Mints tokens to a token account. Signed by `issuer`.
pub(crate) fn mint_to(issuer: &Pubkey, asset: &TokenAsset, account: &Pubkey, amount: u64) -> Instruction {
    token::mint_to(&asset.token_program, &asset.mint, account, issuer, &[], amount).expect("the instruction is valid")
}

/// Freezes a token account. Signed by `issuer`.
pub(crate) fn freeze(issuer: &Pubkey, asset: &TokenAsset, account: &Pubkey) -> Instruction {
    token::freeze_account(&asset.token_program, account, &asset.mint, issuer, &[]).expect("the instruction is valid")
}

/// Thaws a token account. Signed by `issuer`.
pub(crate) fn thaw(issuer: &Pubkey, asset: &TokenAsset, account: &Pubkey) -> Instruction {
    token::thaw_account(&asset.token_program, account, &asset.mint, issuer, &[]).expect("the instruction is valid")
}
