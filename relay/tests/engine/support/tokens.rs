//! A network that pays in tokens of a mint, with the real token programs.

use std::ops::Deref;

use agave_feature_set::replace_spl_token_with_p_token;
use litesvm::LiteSVM;
use settlement::client::{
    ASSOCIATED_TOKEN_ID, CreateNetworkArgs, SPL_TOKEN_ID, TOKEN_2022_ID, TokenAsset, associated_token_address,
    create_token_network_ix, fund_tokens_ix, treasury_token_address,
};
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_sdk_ids::system_program;
use solana_signer::Signer as _;
use solana_system_interface::instruction::create_account;
use spl_token_2022_interface::extension::transfer_fee::instruction::initialize_transfer_fee_config;
use spl_token_2022_interface::extension::{ExtensionType, StateWithExtensions};
use spl_token_2022_interface::instruction as token;
use spl_token_2022_interface::state;

use super::{EngineFixture, NodeSpec};

/// The decimals of the mint.
const DECIMALS: u8 = 6;

/// The base units in the treasury of a new network.
pub(crate) const TREASURY_FUNDS: u64 = 100_000_000_000;

/// The discriminator of the associated token program's `CreateIdempotent`.
const CREATE_IDEMPOTENT: u8 = 1;

/// A token program that clusters run, or used to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenProgram {
    /// The current SPL Token, p-token, which accepts several transfers in one call.
    PToken,
    /// SPL Token before p-token replaced it.
    SplToken,
    Token2022,
}

impl TokenProgram {
    pub(crate) const ALL: [Self; 3] = [Self::PToken, Self::SplToken, Self::Token2022];

    fn id(self) -> Pubkey {
        match self {
            Self::PToken | Self::SplToken => SPL_TOKEN_ID,
            Self::Token2022 => TOKEN_2022_ID,
        }
    }

    /// A runtime with mainnet's features and this token program.
    fn runtime(self) -> LiteSVM {
        thread_local! {
            // Loading the programs takes much longer than copying them.
            static P_TOKEN: LiteSVM = TokenProgram::PToken.load();
            static SPL_TOKEN: LiteSVM = TokenProgram::SplToken.load();
        }
        match self {
            Self::PToken | Self::Token2022 => P_TOKEN.with(LiteSVM::clone),
            Self::SplToken => SPL_TOKEN.with(LiteSVM::clone),
        }
    }

    fn load(self) -> LiteSVM {
        let mut features = LiteSVM::mainnet_feature_set();
        if self == Self::SplToken {
            features.deactivate(&replace_spl_token_with_p_token::ID);
        } else {
            features.activate(&replace_spl_token_with_p_token::ID, 0);
        }
        // The order of `LiteSVM::new`.
        LiteSVM::default()
            .with_feature_set(features)
            .with_builtins()
            .with_lamports(1_000_000_000_000_000)
            .with_sysvars()
            .with_feature_accounts()
            .with_default_programs()
    }
}

/// A mint extension, and the instruction that initializes it, given (mint, issuer).
pub(crate) type Extension = (ExtensionType, fn(&Pubkey, &Pubkey) -> Instruction);

/// A fee of 2.5 % without a maximum.
pub(crate) const TRANSFER_FEE: Extension = (ExtensionType::TransferFeeConfig, |mint, issuer| {
    initialize_transfer_fee_config(&TOKEN_2022_ID, mint, Some(issuer), Some(issuer), 250, u64::MAX)
        .expect("an instruction")
});

/// A fixture whose network pays in tokens of a mint. The admin is the mint's issuer and its freeze authority.
pub(crate) struct TokenFixture {
    fixture: EngineFixture,
    pub(crate) mint: TokenAsset,
    /// The treasury's token account.
    pub(crate) vault: Pubkey,
}

impl Deref for TokenFixture {
    type Target = EngineFixture;

    fn deref(&self) -> &EngineFixture {
        &self.fixture
    }
}

impl TokenFixture {
    /// A network without limits, a funded treasury, and the nodes registered in the ledger. The owners of nodes with funds
    /// have a token account.
    pub(crate) fn new(program: TokenProgram, nodes: &[NodeSpec]) -> Self {
        Self::with_network(program, &[], nodes, |_| {})
    }

    /// As [`TokenFixture::new`], with mint extensions and changed network parameters.
    pub(crate) fn with_network(
        program: TokenProgram,
        extensions: &[Extension],
        nodes: &[NodeSpec],
        change: impl FnOnce(&mut CreateNetworkArgs),
    ) -> Self {
        let fixture = EngineFixture::without_network(program.runtime());
        let mint = create_mint(&fixture, program, extensions);
        let mut args = fixture.network_args();
        change(&mut args);
        fixture.execute_as_admin(create_token_network_ix(fixture.admin.pubkey(), args, &mint));
        let vault = treasury_token_address(&fixture.network, &mint);
        let fixture = Self { fixture, mint, vault };
        fixture.fund_tokens(TREASURY_FUNDS);
        for node in nodes {
            fixture.register(node);
        }
        fixture
    }

    /// Registers a node in the ledger, and creates its owner's token account if it has funds.
    pub(crate) fn register(&self, node: &NodeSpec) {
        self.fixture.register(node);
        if let Some(owner) = node.address.filter(|_| node.funds > 0) {
            self.create_associated_account(&owner);
        }
    }

    /// Mints tokens to the admin, who funds the treasury with them.
    pub(crate) fn fund_tokens(&self, amount: u64) {
        let admin = self.admin.pubkey();
        let from = self.create_associated_account(&admin);
        self.mint_to(&from, amount);
        self.execute_as_admin(fund_tokens_ix(admin, from, self.network, admin, &self.mint, amount));
    }

    /// The owner's associated token account of the mint.
    pub(crate) fn account_of(&self, owner: &Pubkey) -> Pubkey {
        associated_token_address(owner, &self.mint)
    }

    /// Creates the owner's associated token account, unless it exists.
    pub(crate) fn create_associated_account(&self, owner: &Pubkey) -> Pubkey {
        let address = self.account_of(owner);
        self.execute_as_admin(Instruction {
            program_id: ASSOCIATED_TOKEN_ID,
            accounts: vec![
                AccountMeta::new(self.admin.pubkey(), true),
                AccountMeta::new(address, false),
                AccountMeta::new_readonly(*owner, false),
                AccountMeta::new_readonly(self.mint.mint, false),
                AccountMeta::new_readonly(system_program::ID, false),
                AccountMeta::new_readonly(self.mint.token_program, false),
            ],
            data: vec![CREATE_IDEMPOTENT],
        });
        address
    }

    /// Creates another token account of `owner`, with room for `space` bytes.
    pub(crate) fn create_token_account(&self, owner: &Pubkey, space: usize) -> Pubkey {
        let (key, program) = (Keypair::new(), self.mint.token_program);
        let rent = self.chain.svm.borrow().minimum_balance_for_rent_exemption(space);
        let open = create_account(&self.admin.pubkey(), &key.pubkey(), rent, space as u64, &program);
        let initialize = token::initialize_account3(&program, &key.pubkey(), &self.mint.mint, owner);
        self.execute_signed(&[open, initialize.expect("an instruction")], &[&self.admin, &key]);
        key.pubkey()
    }

    /// Mints tokens to a token account.
    pub(crate) fn mint_to(&self, account: &Pubkey, amount: u64) {
        let issuer = self.admin.pubkey();
        let instruction = token::mint_to(&self.mint.token_program, &self.mint.mint, account, &issuer, &[], amount);
        self.execute_as_admin(instruction.expect("an instruction"));
    }

    /// Freezes a token account.
    pub(crate) fn freeze(&self, account: &Pubkey) {
        let TokenAsset { mint, token_program } = &self.mint;
        let freeze = token::freeze_account(token_program, account, mint, &self.admin.pubkey(), &[]);
        self.execute_as_admin(freeze.expect("an instruction"));
    }

    /// Thaws a token account.
    pub(crate) fn thaw(&self, account: &Pubkey) {
        let TokenAsset { mint, token_program } = &self.mint;
        let thaw = token::thaw_account(token_program, account, mint, &self.admin.pubkey(), &[]);
        self.execute_as_admin(thaw.expect("an instruction"));
    }

    /// The base units in a token account; 0 if it does not exist.
    pub(crate) fn tokens(&self, account: &Pubkey) -> u64 {
        self.chain.svm.borrow().get_account(account).map_or(0, |account| {
            StateWithExtensions::<state::Account>::unpack(&account.data).expect("a token account").base.amount
        })
    }

    /// Changes the data of an account, without its program.
    pub(crate) fn edit(&self, address: &Pubkey, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut svm = self.chain.svm.borrow_mut();
        let mut account = svm.get_account(address).expect("the account exists");
        edit(&mut account.data);
        svm.set_account(*address, account).expect("the account is written");
    }
}

/// Creates a mint whose mint and freeze authority is the admin.
fn create_mint(fixture: &EngineFixture, program: TokenProgram, extensions: &[Extension]) -> TokenAsset {
    let key = Keypair::new();
    let (mint, issuer, token_program) = (key.pubkey(), fixture.admin.pubkey(), program.id());
    let kinds: Vec<_> = extensions.iter().map(|(kind, _)| *kind).collect();
    let len = ExtensionType::try_calculate_account_len::<state::Mint>(&kinds).expect("known sizes");
    let rent = fixture.chain.svm.borrow().minimum_balance_for_rent_exemption(len);
    let mut instructions = vec![create_account(&issuer, &mint, rent, len as u64, &token_program)];
    instructions.extend(extensions.iter().map(|(_, set_up)| set_up(&mint, &issuer)));
    let initialize = token::initialize_mint2(&token_program, &mint, &issuer, Some(&issuer), DECIMALS);
    instructions.push(initialize.expect("an instruction"));
    fixture.execute_signed(&instructions, &[&fixture.admin, &key]);
    TokenAsset { mint, token_program }
}
