//! Mints on the localnet, created and issued by the token programs themselves.

use settlement::client::{ASSOCIATED_TOKEN_ID, TokenAsset, associated_token_address};
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction::create_account;
use spl_token_2022_interface::extension::ExtensionType;
use spl_token_2022_interface::extension::transfer_fee::instruction::initialize_transfer_fee_config;
use spl_token_2022_interface::{instruction as token, state};
use williw_tests::chain::ChainClient;
use williw_tests::network::SOL;

use crate::fixture::OrFail;

/// The decimals of every mint.
const DECIMALS: u8 = 6;

/// The discriminator of the associated token program's `CreateIdempotent`.
const CREATE_IDEMPOTENT: u8 = 1;

/// The System program's address.
const SYSTEM_PROGRAM: Pubkey = Pubkey::new_from_array([0; 32]);

/// A mint, and the key that may issue its tokens.
pub(crate) struct Mint {
    pub(crate) asset: TokenAsset,
    authority: Keypair,
}

impl Mint {
    /// Creates a mint of `token_program`. With Token-2022, every transfer may be charged a fee, in basis points.
    pub(crate) fn create(chain: &ChainClient, token_program: Pubkey, fee_basis_points: Option<u16>) -> Self {
        let (authority, key) = (Keypair::new(), Keypair::new());
        chain.airdrop(&authority.pubkey(), SOL).or_fail();
        let mint = key.pubkey();
        let extensions: &[_] = if fee_basis_points.is_some() { &[ExtensionType::TransferFeeConfig] } else { &[] };
        let bytes = ExtensionType::try_calculate_account_len::<state::Mint>(extensions).or_fail();
        let rent = chain.rent_minimum(bytes).or_fail();
        let mut instructions = vec![create_account(&authority.pubkey(), &mint, rent, bytes as u64, &token_program)];
        instructions.extend(
            fee_basis_points
                .map(|fee| initialize_transfer_fee_config(&token_program, &mint, None, None, fee, u64::MAX).or_fail()),
        );
        let initialize = token::initialize_mint2(&token_program, &mint, &authority.pubkey(), None, DECIMALS);
        instructions.push(initialize.or_fail());
        chain.send(&instructions, &[&authority, &key]).or_fail();
        Self { asset: TokenAsset { mint, token_program }, authority }
    }

    /// Creates each owner's associated token account, if it does not exist, and issues tokens to it, in one transaction.
    pub(crate) fn issue(&self, chain: &ChainClient, owners: &[(Pubkey, u64)]) {
        let TokenAsset { mint, token_program } = self.asset;
        let payer = self.authority.pubkey();
        let instructions: Vec<Instruction> = owners
            .iter()
            .flat_map(|(owner, amount)| {
                let account = associated_token_address(owner, &self.asset);
                let accounts = vec![
                    AccountMeta::new(payer, true),
                    AccountMeta::new(account, false),
                    AccountMeta::new_readonly(*owner, false),
                    AccountMeta::new_readonly(mint, false),
                    AccountMeta::new_readonly(SYSTEM_PROGRAM, false),
                    AccountMeta::new_readonly(token_program, false),
                ];
                let create = Instruction { program_id: ASSOCIATED_TOKEN_ID, accounts, data: vec![CREATE_IDEMPOTENT] };
                [create, token::mint_to(&token_program, &mint, &account, &payer, &[], *amount).or_fail()]
            })
            .collect();
        chain.send(&instructions, &[&self.authority]).or_fail();
    }

    /// The base units in an owner's associated token account, or `None` if it does not exist.
    pub(crate) fn held_by(&self, chain: &ChainClient, owner: &Pubkey) -> Option<u64> {
        chain.tokens(&associated_token_address(owner, &self.asset)).or_fail()
    }
}
