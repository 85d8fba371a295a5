//! Every instruction of the program, each in a fixture in which it succeeds.

mod tokens;

pub(crate) use tokens::all_token_instructions;

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    RegisterNodeArgs, TokenAsset, UpdateNetworkArgs, accept_admin_ix, claim_address, claim_set_aside_ix,
    close_network_ix, close_node_ix, create_network_ix, credit_ix, fund_ix, migrate_treasury_ix, node_id, pause_ix,
    payout_ix, propose_admin_ix, recover_node_tokens_ix, recover_treasury_tokens_ix, register_node_ix, reopen_node_ix,
    set_aside_ix, set_destination_ix, set_guardian_ix, set_settler_ix, set_threshold_ix, settle_ix,
    sweep_closed_network_ix, sweep_rent_ix, top_up_rent_ix, unpause_ix, update_network_ix, withdraw_ix,
    withdraw_surplus_ix,
};
use settlement::state;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::fixture::{Node, ProgramFixture, SOL, TransactionOutcome, header};
use super::token_fixture::{DECIMALS, TOKEN};
use super::token_programs;

/// How an instruction uses an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountKind {
    /// Signs, and no other key will do.
    Authority,
    /// Signs and pays; any key will do.
    Payer,
    Network,
    /// The account that remains of a closed network.
    ClosedNetwork,
    Treasury,
    /// The address of a treasury, which the instruction does not read.
    TreasuryAddress,
    /// The network's admin, who does not sign.
    NetworkAdmin,
    /// A node's owner, who need not sign.
    NodeOwner,
    /// A node's owner, who signs. The node's address depends on it.
    SigningOwner,
    /// A node's wallet account.
    Wallet,
    /// The address of a wallet account, which the instruction does not read.
    WalletAddress,
    /// The account that remains of a closed node.
    ClosedWallet,
    /// The address at which the instruction creates an account.
    NewAccount,
    /// A payment's recipient that the wallet account names.
    NamedDestination,
    /// A payment's recipient that the signer chooses.
    ChosenDestination,
    /// The claim address of a node's wallet.
    Claim,
    /// The claim address, omitted.
    OmittedClaim,
    /// A token account of the address of a node's wallet.
    ClaimTokenAccount,
    /// A recipient that need not satisfy anything.
    AnyDestination,
    /// An optional token account that nothing depends on, omitted.
    UnusedTokenAccountMut,
    /// The new destination of a node.
    NewDestination,
    /// An optional token account, omitted.
    OmittedTokenAccount,
    /// An optional token account that would be writable, omitted.
    OmittedTokenAccountMut,
    SystemProgram,
    EventAuthority,
    Program,
    /// A node's wallet account, in the entry of a batch.
    EntryWallet,
    /// The node's destination, in the entry of a batch.
    EntryDestination,
    /// A node's wallet account, in a list of accounts of which the wrong ones are ignored.
    ListedWallet,
    /// The treasury's token account.
    Vault,
    /// The address at which the treasury's token account is created.
    NewVault,
    Mint,
    TokenProgram,
    AssociatedTokenProgram,
    /// A token account that the signer owns.
    FunderTokenAccount,
    /// A token account of the destination that the wallet account names.
    NamedTokenAccount,
    /// A token account that the signer chooses.
    ChosenTokenAccount,
    /// A token account that belongs to an address of the program.
    StrayTokenAccount,
    /// The mint of a [`StrayTokenAccount`](Self::StrayTokenAccount).
    StrayMint,
    /// The token program of a [`StrayTokenAccount`](Self::StrayTokenAccount).
    StrayTokenProgram,
    /// Receives the tokens of a [`StrayTokenAccount`](Self::StrayTokenAccount).
    StrayTokenDestination,
    /// A token account of the node's destination, in the entry of a batch.
    EntryTokenAccount,
}

/// An instruction, and a fixture in which it succeeds.
pub(crate) struct InstructionCase {
    pub(crate) name: &'static str,
    pub(crate) fixture: ProgramFixture,
    pub(crate) ix: Instruction,
    /// The kinds of the instruction's accounts, in their order.
    pub(crate) kinds: Vec<AccountKind>,
    /// The signers besides the fixture's payer.
    pub(crate) signers: Vec<Keypair>,
    /// The mint that the network pays in; `None` for SOL.
    pub(crate) asset: Option<TokenAsset>,
    /// The node that the instruction is about. Unused if it is about none.
    pub(crate) node: Node,
    /// The node called [`BYSTANDER`].
    pub(crate) bystander: Node,
}

impl InstructionCase {
    /// Adds the event authority and the program to the account kinds, unless the instruction emits its event as a log:
    /// after the accounts that it names.
    fn with_event_accounts(name: &str, kinds: &[AccountKind]) -> Vec<AccountKind> {
        let named = match name {
            "credit" | "settle" => return kinds.to_vec(),
            "payout" => kinds.iter().position(|kind| *kind == AccountKind::Treasury).map(|treasury| treasury + 1),
            _ => kinds.iter().position(|kind| *kind == AccountKind::ListedWallet),
        };
        let (named, others) = kinds.split_at(named.unwrap_or(kinds.len()));
        [named, &[AccountKind::EventAuthority, AccountKind::Program], others].concat()
    }

    /// Sends an instruction with the signatures that it asks for.
    pub(crate) fn send(&mut self, ix: Instruction) -> TransactionOutcome {
        let must_sign = |key: &&Keypair| {
            let signs = |meta: &AccountMeta| meta.is_signer && meta.pubkey == key.pubkey();
            ix.accounts.iter().any(signs)
        };
        let signers: Vec<_> = self.signers.iter().map(Keypair::insecure_clone).collect();
        let signers: Vec<_> = signers.iter().filter(must_sign).collect();
        self.fixture.send(std::slice::from_ref(&ix), &signers)
    }
}

/// The name of a node in every case's fixture that has 2 SOL (or tokens) due and is not part of the
/// instruction.
pub(crate) const BYSTANDER: &str = "bystander";

/// An instruction and its signers.
type SignedInstruction = (Instruction, Vec<Keypair>);

/// A row of the table: the instruction's name, the kinds of its accounts without those for events,
/// and what builds it.
type Row<S> = (&'static str, &'static [AccountKind], fn(&mut S) -> SignedInstruction);

/// A network that pays in SOL, with these nodes.
struct Setup {
    fixture: ProgramFixture,
    /// Has 2 SOL due.
    due: Node,
    /// Was paid all that it earned.
    paid: Node,
    /// Has 2 SOL due.
    bystander: Node,
}

impl Setup {
    fn new() -> Self {
        let mut fixture = ProgramFixture::new();
        let [due, paid, bystander] = ["due", "paid", BYSTANDER].map(|name| fixture.register_node(name));
        fixture.settle(&[paid.entry(2 * SOL)]);
        fixture.credit(&[(due.wallet, 2 * SOL), (bystander.wallet, 2 * SOL)]);
        Self { fixture, due, paid, bystander }
    }

    /// The address of the network.
    fn network(&self) -> Pubkey {
        self.fixture.network
    }

    fn admin(&self) -> Keypair {
        self.fixture.admin.insecure_clone()
    }

    fn settler(&self) -> Keypair {
        self.fixture.settler.insecure_clone()
    }

    /// A new key with 10 SOL.
    fn funded_key(&mut self) -> Keypair {
        let key = Keypair::new();
        self.fixture.airdrop(&key.pubkey(), 10 * SOL);
        key
    }

    /// Sends an instruction before the one of the row.
    fn send_first(&mut self, (ix, signers): SignedInstruction) {
        let signers: Vec<_> = signers.iter().collect();
        self.fixture.send(&[ix], &signers).expect("the preparation succeeds");
    }

    /// Closes the paid node.
    fn close(&self) -> SignedInstruction {
        let owner = self.paid.owner.insecure_clone();
        (close_node_ix(owner.pubkey(), self.network(), self.paid.id, owner.pubkey()), vec![owner])
    }

    /// Pays all nodes, and closes the network.
    fn close_network(&mut self) -> SignedInstruction {
        let entries = [&self.due, &self.bystander].map(|node| node.entry(0));
        self.fixture.settle(&entries);
        by_admin(self, |admin, network| close_network_ix(admin, network, Pubkey::new_unique()))
    }

    /// Tokens of a mint in a token account of `owner`, and a token account for them.
    fn stray_tokens(&mut self, owner: &Pubkey) -> (TokenAsset, Pubkey, Pubkey) {
        let asset = self.fixture.create_mint(token_programs::TokenProgram::PToken, DECIMALS, &[]);
        let from = self.fixture.create_associated_account(owner, &asset);
        self.fixture.mint_to(&asset, &from, 5 * TOKEN);
        (asset, from, self.fixture.create_associated_account(&Pubkey::new_unique(), &asset))
    }
}

/// An instruction that the admin of the network signs.
fn by_admin(setup: &Setup, build: impl FnOnce(Pubkey, Pubkey) -> Instruction) -> SignedInstruction {
    let admin = setup.admin();
    (build(admin.pubkey(), setup.network()), vec![admin])
}

/// An instruction that the settler of the network signs.
fn by_settler(setup: &Setup, build: impl FnOnce(Pubkey, Pubkey) -> Instruction) -> SignedInstruction {
    let settler = setup.settler();
    (build(settler.pubkey(), setup.network()), vec![settler])
}

/// An instruction about the due node that its owner signs.
fn by_owner(setup: &Setup, build: impl FnOnce(Pubkey, Pubkey) -> Instruction) -> SignedInstruction {
    let owner = setup.due.owner.insecure_clone();
    (build(owner.pubkey(), setup.network()), vec![owner])
}

fn register_args(node_id: [u8; 32], owner: Pubkey) -> RegisterNodeArgs {
    RegisterNodeArgs { node_id, owner, destination: None, threshold: None }
}

/// The instructions about the paid node. All others with a node are about the due one.
const ABOUT_THE_PAID_NODE: [&str; 2] = ["close_node", "reopen_node"];

/// All instructions, in a network that pays in SOL.
#[rustfmt::skip]
const INSTRUCTIONS: [Row<Setup>; 28] = {
    use AccountKind::*;
    const NO_TOKEN: AccountKind = OmittedTokenAccount;
    const NO_TOKEN_MUT: AccountKind = OmittedTokenAccountMut;
    [
        ("create_network", &[Payer, NewAccount, NewAccount, SystemProgram, NO_TOKEN, NO_TOKEN, NO_TOKEN_MUT, NO_TOKEN],
            |s| by_admin(s, |admin, _| create_network_ix(admin, s.fixture.network_args("new")))),
        ("update_network", &[Authority, Network, Treasury], |s| {
            let args = UpdateNetworkArgs { per_node_cap: Some(5), ..UpdateNetworkArgs::default() };
            by_admin(s, |admin, network| update_network_ix(admin, network, args))
        }),
        ("propose_admin", &[Authority, Network],
            |s| by_admin(s, |admin, network| propose_admin_ix(admin, network, Pubkey::new_unique()))),
        ("accept_admin", &[Authority, Network], |s| {
            let next = Keypair::new();
            s.send_first(by_admin(s, |admin, network| propose_admin_ix(admin, network, next.pubkey())));
            (accept_admin_ix(next.pubkey(), s.network()), vec![next])
        }),
        ("set_settler", &[Authority, Network, Treasury],
            |s| by_admin(s, |admin, network| set_settler_ix(admin, network, Pubkey::new_unique()))),
        ("set_guardian", &[Authority, Network],
            |s| by_admin(s, |admin, network| set_guardian_ix(admin, network, Pubkey::new_unique()))),
        ("pause", &[Authority, Network, Treasury], |s| {
            let guardian = s.fixture.guardian.insecure_clone();
            (pause_ix(guardian.pubkey(), s.network()), vec![guardian])
        }),
        ("unpause", &[Authority, Network, Treasury], |s| {
            s.fixture.pause();
            by_admin(s, unpause_ix)
        }),
        ("fund",
            &[Payer, NetworkAdmin, Network, Treasury, SystemProgram, NO_TOKEN_MUT, NO_TOKEN_MUT, NO_TOKEN, NO_TOKEN], |s| {
            let funder = s.funded_key();
            (fund_ix(funder.pubkey(), s.network(), s.fixture.admin.pubkey(), SOL), vec![funder])
        }),
        ("withdraw_surplus", &[Authority, Network, Treasury, ChosenDestination, NO_TOKEN_MUT, NO_TOKEN, NO_TOKEN],
            |s| by_admin(s, |admin, network| withdraw_surplus_ix(admin, network, Pubkey::new_unique(), SOL))),
        ("register_node", &[Authority, Payer, Network, Treasury, NewAccount, SystemProgram], |s| {
            let (settler, payer) = (s.settler(), s.funded_key());
            let args = register_args(node_id("new"), Pubkey::new_unique());
            (register_node_ix(settler.pubkey(), payer.pubkey(), s.network(), args), vec![settler, payer])
        }),
        ("close_node", &[Authority, Network, Treasury, NodeOwner, Wallet], |s| s.close()),
        ("reopen_node", &[Authority, Payer, Network, Treasury, ClosedWallet, SystemProgram], |s| {
            s.send_first(s.close());
            let (settler, payer) = (s.settler(), s.funded_key());
            let args = register_args(s.paid.id, s.paid.owner.pubkey());
            (reopen_node_ix(settler.pubkey(), payer.pubkey(), s.network(), args), vec![settler, payer])
        }),
        ("set_destination", &[SigningOwner, Network, Treasury, Wallet, NewDestination],
            |s| by_owner(s, |owner, network| set_destination_ix(owner, network, s.due.id, Pubkey::new_unique()))),
        ("set_threshold", &[SigningOwner, Network, Treasury, Wallet],
            |s| by_owner(s, |owner, network| set_threshold_ix(owner, network, s.due.id, 5 * SOL))),
        ("credit", &[Authority, Network, Treasury, EntryWallet],
            |s| by_settler(s, |settler, network| credit_ix(settler, network, header(3), &[(s.due.wallet, 3 * SOL)]))),
        ("settle", &[Authority, Network, Treasury, EntryWallet, EntryDestination],
            |s| by_settler(s, |settler, network| settle_ix(settler, network, header(3), &[s.due.entry(2 * SOL)]))),
        ("payout", &[Network, Treasury, EntryWallet, EntryDestination],
            |s| (payout_ix(s.network(), &[(s.due.wallet, s.due.destination)]), vec![])),
        ("withdraw", &[SigningOwner, Network, Treasury, Wallet, NamedDestination, NO_TOKEN_MUT, NO_TOKEN, NO_TOKEN],
            |s| by_owner(s, |owner, network| withdraw_ix(owner, network, s.due.id, s.due.destination, None))),
        ("sweep_rent", &[Network, Treasury, ListedWallet], |s| {
            s.fixture.airdrop(&s.due.wallet, SOL);
            (sweep_rent_ix(s.network(), &[s.due.wallet]), vec![])
        }),
        ("top_up_rent", &[Authority, Network, Treasury, ListedWallet], |s| {
            s.fixture.take_lamports(&s.due.wallet, 1_000);
            by_settler(s, |settler, network| top_up_rent_ix(settler, network, &[s.due.wallet]))
        }),
        ("recover_treasury_tokens", &[
            Authority, Network, TreasuryAddress, StrayTokenAccount, StrayTokenDestination, StrayMint, StrayTokenProgram,
        ], |s| {
            let (asset, from, to) = s.stray_tokens(&{ s.fixture.treasury });
            by_admin(s, |admin, network| recover_treasury_tokens_ix(admin, network, &asset, from, to))
        }),
        ("recover_node_tokens", &[
            SigningOwner, Network, WalletAddress, StrayTokenAccount, StrayTokenDestination, StrayMint, StrayTokenProgram,
        ], |s| {
            let (asset, from, to) = s.stray_tokens(&{ s.due.wallet });
            by_owner(s, |owner, network| recover_node_tokens_ix(owner, network, s.due.id, &asset, from, to))
        }),
        ("set_aside", &[
            Authority, Network, Treasury, NodeOwner, Wallet, NamedDestination, Claim, NO_TOKEN_MUT, NO_TOKEN_MUT, NO_TOKEN,
            NO_TOKEN,
        ], |s| {
            let program = s.fixture.deploy_program();
            s.fixture.edit_account(&s.due.wallet, |wallet: &mut state::NodeWallet| wallet.destination = program);
            by_admin(s, |admin, network| set_aside_ix(admin, network, s.due.id, s.due.owner.pubkey(), program))
        }),
        ("claim_set_aside", &[SigningOwner, Network, WalletAddress, Claim, AnyDestination, SystemProgram], |s| {
            s.fixture.airdrop(&claim_address(&s.due.wallet), SOL);
            by_owner(s, |owner, network| claim_set_aside_ix(owner, network, s.due.id, Pubkey::new_unique()))
        }),
        ("close_network", &[
            Authority, Network, Treasury, ChosenDestination, NO_TOKEN_MUT, NO_TOKEN, NO_TOKEN, NO_TOKEN_MUT,
        ], |s| s.close_network()),
        ("sweep_closed_network", &[ClosedNetwork, NetworkAdmin, TreasuryAddress, SystemProgram, ListedWallet], |s| {
            let close = s.close_network();
            s.send_first(close);
            (sweep_closed_network_ix(s.network(), s.fixture.admin.pubkey(), &[s.due.wallet]), vec![])
        }),
        ("migrate_treasury", &[Network, Treasury], |s| {
            let treasury = s.fixture.treasury;
            s.fixture.edit_account(&treasury, |treasury: &mut state::Treasury| treasury.version = 1);
            (migrate_treasury_ix(s.network()), vec![])
        }),
    ]
};

/// All instructions, each in a network of its own that pays in SOL.
pub(crate) fn all_instructions() -> Vec<InstructionCase> {
    let case = |(name, kinds, build): &Row<Setup>| {
        let mut setup = Setup::new();
        let (ix, signers) = build(&mut setup);
        let kinds = InstructionCase::with_event_accounts(name, kinds);
        assert_eq!(ix.accounts.len(), kinds.len(), "{name}");
        let Setup { fixture, due, paid, bystander, .. } = setup;
        let node = if ABOUT_THE_PAID_NODE.contains(name) { paid } else { due };
        InstructionCase { name, fixture, ix, kinds, signers, asset: None, node, bystander }
    };
    INSTRUCTIONS.iter().map(case).collect()
}
