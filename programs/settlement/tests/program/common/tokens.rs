//! A network that pays in a mint's tokens, which the real token programs mint, hold and move.

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use agave_feature_set::{FeatureSet, replace_spl_token_with_p_token};
use anchor_lang::prelude::{AccountMeta, Pubkey};
use litesvm::LiteSVM;
use settlement::client::{
    ASSOCIATED_TOKEN_ID, CreateNetworkArgs, SPL_TOKEN_ID, SettleEntry, TOKEN_2022_ID, TokenAsset,
    associated_token_address, create_token_network_ix, fund_tokens_ix, payout_tokens_ix, settle_tokens_ix,
    treasury_token_address,
};
use settlement::events::PaidOut;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_sdk_ids::system_program;
use solana_signer::Signer;
use solana_system_interface::instruction::create_account;
use spl_token_2022_interface::extension::{ExtensionType, StateWithExtensions};
use spl_token_2022_interface::instruction as token;
use spl_token_2022_interface::state;

use super::chain::{Loaded, copy, load};
use super::world::{Batch, Node, Outcome, SOL, World, header};

/// Decimals of the mints that tests pay in, unless they say otherwise.
pub const DECIMALS: u8 = 6;

/// Base units of one token of such a mint.
pub const TOKEN: u64 = 1_000_000;

/// Number of the associated token program's `CreateIdempotent`.
const CREATE_IDEMPOTENT: u8 = 1;

/// A token program, as clusters have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProgram {
    /// SPL Token as it is today, p-token, which takes many transfers in one call.
    PToken,
    /// SPL Token as it was before.
    SplToken,
    /// Token-2022.
    Token2022,
}

impl TokenProgram {
    pub const ALL: [Self; 3] = [Self::PToken, Self::SplToken, Self::Token2022];

    pub fn id(self) -> Pubkey {
        match self {
            Self::PToken | Self::SplToken => SPL_TOKEN_ID,
            Self::Token2022 => TOKEN_2022_ID,
        }
    }

    /// A runtime with mainnet's features that has this program at its address.
    pub fn runtime(self) -> LiteSVM {
        static P_TOKEN: Loaded = LazyLock::new(|| load(TokenProgram::PToken.with_mainnets_features()));
        static SPL_TOKEN: Loaded = LazyLock::new(|| load(TokenProgram::SplToken.with_mainnets_features()));
        copy(match self {
            Self::PToken | Self::Token2022 => &P_TOKEN,
            Self::SplToken => &SPL_TOKEN,
        })
    }

    fn with_mainnets_features(self) -> LiteSVM {
        self.runtime_with(LiteSVM::mainnet_feature_set())
    }

    /// The same, with other features.
    pub fn runtime_with(self, mut features: FeatureSet) -> LiteSVM {
        if self == Self::SplToken {
            features.deactivate(&replace_spl_token_with_p_token::ID);
        } else {
            features.activate(&replace_spl_token_with_p_token::ID, 0);
        }
        // In the order in which `LiteSVM::new` puts one together.
        LiteSVM::default()
            .with_feature_set(features)
            .with_builtins()
            .with_lamports(1_000_000 * SOL)
            .with_sysvars()
            .with_feature_accounts()
            .with_default_programs()
            .with_sigverify(true)
            .with_blockhash_check(true)
    }
}

/// A mint's extension, and the instruction that sets it up on (mint, issuer).
pub type Extension = (ExtensionType, fn(&Pubkey, &Pubkey) -> Instruction);

impl World {
    /// Opens a mint. The payer may mint and freeze.
    pub fn mint(&mut self, program: TokenProgram, decimals: u8, extensions: &[Extension]) -> TokenAsset {
        let key = Keypair::new();
        let (mint, issuer, token_program) = (key.pubkey(), self.payer.pubkey(), program.id());
        let kinds: Vec<_> = extensions.iter().map(|(kind, _)| *kind).collect();
        let len = ExtensionType::try_calculate_account_len::<state::Mint>(&kinds).expect("known sizes");
        let mut instructions = vec![create_account(&issuer, &mint, self.rent(len), len as u64, &token_program)];
        instructions.extend(extensions.iter().map(|(_, set_up)| set_up(&mint, &issuer)));
        let initialize = token::initialize_mint2(&token_program, &mint, &issuer, Some(&issuer), decimals);
        instructions.push(initialize.expect("built"));
        self.send(&instructions, &[&key]).expect("the mint opens");
        TokenAsset { mint, token_program }
    }

    /// Opens the associated token account of `owner`.
    pub fn associated(&mut self, owner: &Pubkey, asset: &TokenAsset) -> Pubkey {
        let address = associated_token_address(owner, asset);
        let ix = Instruction {
            program_id: ASSOCIATED_TOKEN_ID,
            accounts: vec![
                AccountMeta::new(self.payer.pubkey(), true),
                AccountMeta::new(address, false),
                AccountMeta::new_readonly(*owner, false),
                AccountMeta::new_readonly(asset.mint, false),
                AccountMeta::new_readonly(system_program::ID, false),
                AccountMeta::new_readonly(asset.token_program, false),
            ],
            data: vec![CREATE_IDEMPOTENT],
        };
        self.send(&[ix], &[]).expect("the token account opens");
        address
    }

    /// Opens a token account of `owner` at an address of its own, for a mint without extensions.
    pub fn token_account(&mut self, owner: &Pubkey, asset: &TokenAsset) -> Pubkey {
        let key = Keypair::new();
        let (address, len) = (key.pubkey(), 165);
        let open = create_account(&self.payer.pubkey(), &address, self.rent(len), len as u64, &asset.token_program);
        let initialize = token::initialize_account3(&asset.token_program, &address, &asset.mint, owner).expect("built");
        self.send(&[open, initialize], &[&key]).expect("the token account opens");
        address
    }

    /// Mints into a token account.
    pub fn mint_to(&mut self, asset: &TokenAsset, account: &Pubkey, amount: u64) {
        let issuer = self.payer.pubkey();
        let ix = token::mint_to(&asset.token_program, &asset.mint, account, &issuer, &[], amount).expect("built");
        self.send(&[ix], &[]).expect("minted");
    }

    /// Freezes a token account.
    pub fn freeze(&mut self, asset: &TokenAsset, account: &Pubkey) {
        let issuer = self.payer.pubkey();
        let ix = token::freeze_account(&asset.token_program, account, &asset.mint, &issuer, &[]).expect("built");
        self.send(&[ix], &[]).expect("frozen");
    }

    /// Thaws a token account.
    pub fn thaw(&mut self, asset: &TokenAsset, account: &Pubkey) {
        let issuer = self.payer.pubkey();
        let ix = token::thaw_account(&asset.token_program, account, &asset.mint, &issuer, &[]).expect("built");
        self.send(&[ix], &[]).expect("thawed");
    }

    /// Base units in a token account; 0 where there is none.
    pub fn tokens(&self, account: &Pubkey) -> u64 {
        self.svm.get_account(account).map_or(0, |account| {
            StateWithExtensions::<state::Account>::unpack(&account.data).expect("a token account").base.amount
        })
    }

    /// Puts the bytes of an account at a new address.
    pub fn place(&mut self, owner: Pubkey, data: Vec<u8>) -> Pubkey {
        let address = Pubkey::new_unique();
        self.put(&address, Account { lamports: self.rent(data.len()), data, owner, ..Account::default() });
        address
    }
}

/// A world whose network pays in tokens.
pub struct TokenWorld {
    world: World,
    pub asset: TokenAsset,
    /// The treasury's token account.
    pub vault: Pubkey,
}

/// A registered node whose destination has a token account.
#[derive(Debug)]
pub struct Payee {
    pub node: Node,
    /// The associated token account of the node's destination.
    pub account: Pubkey,
}

impl Payee {
    /// The node's entry in a `settle`.
    pub fn entry(&self, target: u64) -> SettleEntry {
        SettleEntry { wallet: self.node.wallet, destination: self.account, target }
    }

    /// The node's entry in a `payout`.
    pub fn pair(&self) -> (Pubkey, Pubkey) {
        (self.node.wallet, self.account)
    }
}

impl TokenWorld {
    /// A network with 1,000 tokens to give, a threshold of 1 token, and limits that are out of the
    /// way.
    pub fn new(program: TokenProgram) -> Self {
        Self::with(program, &[], |_| {})
    }

    /// The same, with extensions on the mint and some parameters changed.
    pub fn with(program: TokenProgram, extensions: &[Extension], change: impl FnOnce(&mut CreateNetworkArgs)) -> Self {
        Self::on(program.runtime(), program, extensions, change)
    }

    /// The same, on a runtime of choice.
    pub fn on(
        svm: LiteSVM,
        program: TokenProgram,
        extensions: &[Extension],
        change: impl FnOnce(&mut CreateNetworkArgs),
    ) -> Self {
        let mut world = World::bare(svm);
        let asset = world.mint(program, DECIMALS, extensions);
        let mut world = Self::of(world, asset, change);
        world.fund(1_000 * TOKEN);
        world
    }

    /// An empty network in a world, paying in a mint.
    pub fn of(mut world: World, asset: TokenAsset, change: impl FnOnce(&mut CreateNetworkArgs)) -> Self {
        let mut args = world.args("test");
        args.default_threshold = TOKEN;
        change(&mut args);
        world.create_for(args, &asset).expect("the network is created");
        let vault = treasury_token_address(&world.network, &asset);
        Self { world, asset, vault }
    }

    /// The world alone.
    pub fn into_world(self) -> World {
        self.world
    }

    /// Mints so much to the payer, who funds the treasury with it.
    pub fn fund(&mut self, amount: u64) {
        let asset = self.asset;
        let payer = self.payer.pubkey();
        let from = self.associated(&payer, &asset);
        self.mint_to(&asset, &from, amount);
        let ix = fund_tokens_ix(payer, from, self.network, &asset, amount);
        self.send(&[ix], &[]).expect("funded");
    }

    /// Registers a node and opens its owner's token account.
    pub fn payee(&mut self, name: &str) -> Payee {
        let asset = self.asset;
        let node = self.node(name);
        let account = self.associated(&node.destination, &asset);
        Payee { node, account }
    }

    /// Registers many.
    pub fn payees(&mut self, count: usize) -> Vec<Payee> {
        (0..count).map(|i| self.payee(&format!("node-{i}"))).collect()
    }

    /// Settles as the settler.
    #[track_caller]
    pub fn settle(&mut self, entries: &[SettleEntry]) -> Batch {
        let ix = settle_tokens_ix(self.settler.pubkey(), self.network, &self.asset, header(1), entries);
        self.batch(ix)
    }

    /// Pays out in a transaction of the settler's, who is anyone here.
    #[track_caller]
    pub fn payout(&mut self, entries: &[(Pubkey, Pubkey)]) -> PaidOut {
        let ix = payout_tokens_ix(self.network, &self.asset, entries);
        self.paid_out(ix)
    }

    /// Base units in the vault.
    pub fn vault_tokens(&self) -> u64 {
        self.tokens(&self.vault)
    }

    /// Base units that nodes have been credited and not paid.
    pub fn owed(&self) -> u64 {
        let treasury = self.treasury_state();
        treasury.credited_total - treasury.paid_total
    }
}

impl World {
    /// Creates a network that pays in a mint, with the world's admin.
    pub fn create_for(&mut self, args: CreateNetworkArgs, asset: &TokenAsset) -> Outcome {
        let admin = self.admin.insecure_clone();
        self.send(&[create_token_network_ix(admin.pubkey(), args, asset)], &[&admin])
    }

    /// Sends a `payout` as the settler, in a v1 transaction.
    #[track_caller]
    pub fn paid_out(&mut self, ix: Instruction) -> PaidOut {
        match self.send_batch(ix) {
            Ok(meta) => self.event(&meta, PaidOut::decode_cpi),
            Err(failed) => panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()),
        }
    }
}

impl Deref for TokenWorld {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for TokenWorld {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}
