//! A network that pays in tokens of a mint, with the real token programs.

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use anchor_lang::prelude::Pubkey;
use litesvm::LiteSVM;
use settlement::client::{
    CreateNetworkArgs, SettleEntry, TokenAsset, associated_token_address, create_token_network_ix, fund_tokens_ix,
    payout_tokens_ix, settle_tokens_ix, treasury_token_address,
};
use settlement::events::PaidOut;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_system_interface::instruction::create_account;
use spl_token_2022_interface::extension::StateWithExtensions;
use spl_token_2022_interface::instruction as token;
use spl_token_2022_interface::state;

use super::fixture::{AppliedBatch, Node, ProgramFixture, TransactionOutcome, header};
use super::runtime::{CachedRuntime, copy, load};
use super::token_programs::{self, Extension, TokenProgram};

/// The decimals of the mints that tests pay in by default.
pub(crate) const DECIMALS: u8 = 6;

/// The base units of one token of such a mint.
pub(crate) const TOKEN: u64 = 1_000_000;

impl TokenProgram {
    /// A runtime with mainnet's features and this token program.
    pub(crate) fn runtime(self) -> LiteSVM {
        static P_TOKEN: CachedRuntime = LazyLock::new(|| load(TokenProgram::PToken.with_mainnet_features()));
        static SPL_TOKEN: CachedRuntime = LazyLock::new(|| load(TokenProgram::SplToken.with_mainnet_features()));
        copy(match self {
            Self::PToken | Self::Token2022 => &P_TOKEN,
            Self::SplToken => &SPL_TOKEN,
        })
    }

    fn with_mainnet_features(self) -> LiteSVM {
        self.runtime_with(LiteSVM::mainnet_feature_set())
    }
}

impl ProgramFixture {
    /// Creates a mint whose mint and freeze authority is the payer.
    pub(crate) fn create_mint(&mut self, program: TokenProgram, decimals: u8, extensions: &[Extension]) -> TokenAsset {
        let key = Keypair::new();
        let asset = TokenAsset { mint: key.pubkey(), token_program: program.id() };
        let issuer = self.payer.pubkey();
        let instructions = token_programs::create_mint(&asset, &issuer, decimals, extensions, |len| self.rent(len));
        self.send(&instructions, &[&key]).expect("the mint is created");
        asset
    }

    /// Creates the associated token account of `owner`.
    pub(crate) fn create_associated_account(&mut self, owner: &Pubkey, asset: &TokenAsset) -> Pubkey {
        let create = token_programs::create_associated_account(&self.payer.pubkey(), owner, asset);
        self.send(&[create], &[]).expect("the token account is created");
        associated_token_address(owner, asset)
    }

    /// Creates a token account of `owner` that is not the associated one, for a mint without
    /// extensions.
    pub(crate) fn create_token_account(&mut self, owner: &Pubkey, asset: &TokenAsset) -> Pubkey {
        let key = Keypair::new();
        let (address, len) = (key.pubkey(), 165);
        let open = create_account(&self.payer.pubkey(), &address, self.rent(len), len as u64, &asset.token_program);
        let initialize = token::initialize_account3(&asset.token_program, &address, &asset.mint, owner)
            .expect("the instruction is valid");
        self.send(&[open, initialize], &[&key]).expect("the token account is created");
        address
    }

    /// Mints tokens to a token account.
    pub(crate) fn mint_to(&mut self, asset: &TokenAsset, account: &Pubkey, amount: u64) {
        let mint = token_programs::mint_to(&self.payer.pubkey(), asset, account, amount);
        self.send(&[mint], &[]).expect("the tokens are minted");
    }

    /// Freezes a token account.
    pub(crate) fn freeze(&mut self, asset: &TokenAsset, account: &Pubkey) {
        let freeze = token_programs::freeze(&self.payer.pubkey(), asset, account);
        self.send(&[freeze], &[]).expect("the account is frozen");
    }

    /// Thaws a token account.
    pub(crate) fn thaw(&mut self, asset: &TokenAsset, account: &Pubkey) {
        let thaw = token_programs::thaw(&self.payer.pubkey(), asset, account);
        self.send(&[thaw], &[]).expect("the account is thawed");
    }

    /// The base units in a token account; 0 if it does not exist.
    pub(crate) fn token_balance(&self, account: &Pubkey) -> u64 {
        self.svm.get_account(account).map_or(0, |account| {
            StateWithExtensions::<state::Account>::unpack(&account.data).expect("a valid token account").base.amount
        })
    }

    /// Writes an account with this data at a new address.
    pub(crate) fn place_account(&mut self, owner: Pubkey, data: Vec<u8>) -> Pubkey {
        let address = Pubkey::new_unique();
        self.set_account(&address, Account { lamports: self.rent(data.len()), data, owner, ..Account::default() });
        address
    }
}

/// A fixture whose network pays in tokens of a mint.
pub(crate) struct TokenFixture {
    fixture: ProgramFixture,
    pub(crate) asset: TokenAsset,
    /// The treasury's token account.
    pub(crate) vault: Pubkey,
}

/// A registered node whose destination exists.
#[derive(Debug)]
pub(crate) struct Payee {
    pub(crate) node: Node,
    /// The node's destination: the owner's associated token account.
    pub(crate) account: Pubkey,
}

impl Payee {
    /// The node's entry in a `settle`.
    pub(crate) fn entry(&self, target: u64) -> SettleEntry {
        SettleEntry { wallet: self.node.wallet, destination: self.account, target }
    }

    /// The node's entry in a `payout`.
    pub(crate) fn payout_entry(&self) -> (Pubkey, Pubkey) {
        (self.node.wallet, self.account)
    }
}

impl TokenFixture {
    /// A network with 1,000 tokens of funds, a threshold of 1 token, and limits that tests don't reach
    /// by accident.
    pub(crate) fn new(program: TokenProgram) -> Self {
        Self::with_args(program, &[], |_| {})
    }

    /// Like [`Self::new`], with mint extensions and some parameters changed.
    pub(crate) fn with_args(
        program: TokenProgram,
        extensions: &[Extension],
        change: impl FnOnce(&mut CreateNetworkArgs),
    ) -> Self {
        Self::on_runtime(program.runtime(), program, extensions, change)
    }

    /// Like [`Self::with_args`], on the given runtime.
    pub(crate) fn on_runtime(
        svm: LiteSVM,
        program: TokenProgram,
        extensions: &[Extension],
        change: impl FnOnce(&mut CreateNetworkArgs),
    ) -> Self {
        let mut fixture = ProgramFixture::without_network(svm);
        let asset = fixture.create_mint(program, DECIMALS, extensions);
        let mut fixture = Self::in_fixture(fixture, asset, change);
        fixture.fund(1_000 * TOKEN);
        fixture
    }

    /// A network without funds in an existing fixture.
    pub(crate) fn in_fixture(
        mut fixture: ProgramFixture,
        asset: TokenAsset,
        change: impl FnOnce(&mut CreateNetworkArgs),
    ) -> Self {
        let mut args = fixture.network_args("test");
        args.default_threshold = TOKEN;
        change(&mut args);
        fixture.create_token_network(args, &asset).expect("the network is created");
        let vault = treasury_token_address(&fixture.network, &asset);
        Self { fixture, asset, vault }
    }

    /// The program fixture.
    pub(crate) fn into_fixture(self) -> ProgramFixture {
        self.fixture
    }

    /// Mints tokens to the payer, who funds the treasury with them.
    pub(crate) fn fund(&mut self, amount: u64) {
        let asset = self.asset;
        let payer = self.payer.pubkey();
        let from = self.create_associated_account(&payer, &asset);
        self.mint_to(&asset, &from, amount);
        let ix = fund_tokens_ix(payer, from, self.network, self.admin.pubkey(), &asset, amount);
        self.send(&[ix], &[]).expect("the treasury is funded");
    }

    /// Registers a node and creates its owner's token account.
    pub(crate) fn register_payee(&mut self, name: &str) -> Payee {
        let asset = self.asset;
        let node = self.register_node(name);
        let account = self.create_associated_account(&node.owner.pubkey(), &asset);
        assert_eq!(account, node.destination);
        Payee { node, account }
    }

    /// Registers payees called `node-0`, `node-1`, and so on.
    pub(crate) fn register_payees(&mut self, count: usize) -> Vec<Payee> {
        (0..count).map(|i| self.register_payee(&format!("node-{i}"))).collect()
    }

    /// Sends a `settle` as the settler.
    #[track_caller]
    pub(crate) fn settle(&mut self, entries: &[SettleEntry]) -> AppliedBatch {
        let ix = settle_tokens_ix(self.settler.pubkey(), self.network, &self.asset, header(1), entries);
        self.apply_batch(ix)
    }

    /// Sends a `payout`; the settler pays the fee, but has no authority in it.
    #[track_caller]
    pub(crate) fn payout(&mut self, entries: &[(Pubkey, Pubkey)]) -> PaidOut {
        let ix = payout_tokens_ix(self.network, &self.asset, entries);
        self.apply_payout(ix)
    }

    /// The base units in the vault.
    pub(crate) fn vault_balance(&self) -> u64 {
        self.token_balance(&self.vault)
    }

    /// The base units that nodes have been credited but not paid.
    pub(crate) fn owed(&self) -> u64 {
        let treasury = self.treasury_state();
        treasury.credited_total - treasury.paid_total
    }
}

impl ProgramFixture {
    /// Creates a network that pays in a mint and whose admin is the fixture's.
    pub(crate) fn create_token_network(&mut self, args: CreateNetworkArgs, asset: &TokenAsset) -> TransactionOutcome {
        let admin = self.admin.insecure_clone();
        self.send(&[create_token_network_ix(admin.pubkey(), args, asset)], &[&admin])
    }

    /// Sends a `payout` in a v1 transaction whose fee the settler pays.
    #[track_caller]
    pub(crate) fn apply_payout(&mut self, ix: Instruction) -> PaidOut {
        match self.send_batch(ix) {
            Ok(meta) => self.event(&meta, PaidOut::decode_cpi),
            Err(failed) => panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()),
        }
    }
}

impl Deref for TokenFixture {
    type Target = ProgramFixture;

    fn deref(&self) -> &ProgramFixture {
        &self.fixture
    }
}

impl DerefMut for TokenFixture {
    fn deref_mut(&mut self) -> &mut ProgramFixture {
        &mut self.fixture
    }
}
