//! A network that pays in tokens of a mint, with the real token programs.

use std::ops::Deref;

use litesvm::LiteSVM;
use settlement::client::{
    CreateNetworkArgs, TokenAsset, associated_token_address, create_token_network_ix, fund_tokens_ix,
    treasury_token_address,
};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use solana_system_interface::instruction::create_account;
use spl_token_2022_interface::extension::StateWithExtensions;
use spl_token_2022_interface::instruction as token;
use spl_token_2022_interface::state;

use super::{EngineFixture, NodeSpec};
use crate::token_programs::{self, Extension, TokenProgram};

/// The decimals of the mint.
const DECIMALS: u8 = 6;

/// The base units in the treasury of a new network.
pub(crate) const TREASURY_FUNDS: u64 = 100_000_000_000;

/// A runtime with mainnet's features and this token program.
fn runtime(program: TokenProgram) -> LiteSVM {
    thread_local! {
        // Loading the programs takes much longer than copying them.
        static P_TOKEN: LiteSVM = TokenProgram::PToken.runtime_with(LiteSVM::mainnet_feature_set());
        static SPL_TOKEN: LiteSVM = TokenProgram::SplToken.runtime_with(LiteSVM::mainnet_feature_set());
    }
    match program {
        TokenProgram::PToken | TokenProgram::Token2022 => P_TOKEN.with(LiteSVM::clone),
        TokenProgram::SplToken => SPL_TOKEN.with(LiteSVM::clone),
    }
}

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
        let fixture = EngineFixture::without_network(runtime(program));
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
        self.execute_as_admin(token_programs::create_associated_account(&self.admin.pubkey(), owner, &self.mint));
        self.account_of(owner)
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
        self.execute_as_admin(token_programs::mint_to(&self.admin.pubkey(), &self.mint, account, amount));
    }

    /// Freezes a token account.
    pub(crate) fn freeze(&self, account: &Pubkey) {
        self.execute_as_admin(token_programs::freeze(&self.admin.pubkey(), &self.mint, account));
    }

    /// Thaws a token account.
    pub(crate) fn thaw(&self, account: &Pubkey) {
        self.execute_as_admin(token_programs::thaw(&self.admin.pubkey(), &self.mint, account));
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
    let asset = TokenAsset { mint: key.pubkey(), token_program: program.id() };
    let rent = |len| fixture.chain.svm.borrow().minimum_balance_for_rent_exemption(len);
    let instructions = token_programs::create_mint(&asset, &fixture.admin.pubkey(), DECIMALS, extensions, rent);
    fixture.execute_signed(&instructions, &[&fixture.admin, &key]);
    asset
}
