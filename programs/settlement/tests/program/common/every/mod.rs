//! Every instruction of the program, each in a world of its own where it succeeds.

mod tokens;

pub use tokens::every_with_tokens;

use settlement::client::{
    RegisterNodeArgs, TokenAsset, UpdateNetworkArgs, accept_admin_ix, close_node_ix, create_network_ix, credit_ix,
    fund_ix, migrate_treasury_ix, node_id, pause_ix, payout_ix, propose_admin_ix, register_node_ix, reopen_node_ix,
    set_destination_ix, set_guardian_ix, set_settler_ix, set_threshold_ix, settle_ix, unpause_ix, update_network_ix,
    withdraw_ix, withdraw_surplus_ix,
};
use settlement::state;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_signer::Signer;

use anchor_lang::prelude::Pubkey;

use super::world::{Node, Outcome, SOL, World, header};

/// What an account is to its instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Signs, and no other key will do.
    Authority,
    /// Signs and pays; anybody may.
    Payer,
    Network,
    Treasury,
    /// A node's wallet account.
    Wallet,
    /// What a closed node left.
    ClosedWallet,
    /// Where the instruction creates an account.
    New,
    /// Where a payment goes that the wallet account names.
    NamedDestination,
    /// Where a payment goes that the signer names.
    FreeDestination,
    /// An account for tokens, left out.
    NoTokens,
    /// The same, where the instruction would write.
    NoTokensToWrite,
    SystemProgram,
    EventAuthority,
    Program,
    /// A node's wallet account, as the entry of a batch.
    EntryWallet,
    /// Its destination, as the entry of a batch.
    EntryDestination,
    /// The treasury's token account.
    Vault,
    /// Where it is opened.
    NewVault,
    Mint,
    TokenProgram,
    AssociatedProgram,
    /// A token account of the signer's.
    FunderTokens,
    /// A token account of the destination that the wallet account names.
    NamedTokens,
    /// A token account that the signer names.
    FreeTokens,
    /// A token account of the destination, as the entry of a batch.
    EntryTokens,
}

/// An instruction and its world.
pub struct Subject {
    pub name: &'static str,
    pub world: World,
    pub ix: Instruction,
    /// What the instruction's accounts are, in their order.
    pub parts: Vec<Part>,
    /// Who signs, besides the world's payer.
    pub signers: Vec<Keypair>,
    /// What the network pays in; `None` for SOL.
    pub asset: Option<TokenAsset>,
}

impl Subject {
    fn new(
        name: &'static str,
        world: World,
        asset: Option<TokenAsset>,
        ix: Instruction,
        parts: &[Part],
        signers: &[&Keypair],
    ) -> Self {
        let event = [Part::EventAuthority, Part::Program];
        // In a batch they stand behind the treasury, before what its entries and asset need.
        let is_batch = matches!(name, "credit" | "settle" | "payout");
        let treasury = parts.iter().position(|part| *part == Part::Treasury);
        let named = treasury.filter(|_| is_batch).map_or(parts.len(), |at| at + 1);
        let parts = [&parts[..named], &event, &parts[named..]].concat();
        assert_eq!(ix.accounts.len(), parts.len(), "{name}");
        let signers = signers.iter().map(|key| key.insecure_clone()).collect();
        Self { name, world, ix, parts, signers, asset }
    }

    /// Sends an instruction with the signatures of those who are to sign.
    pub fn send(&mut self, ix: Instruction) -> Outcome {
        let is_asked = |key: &&Keypair| {
            let signs = |meta: &AccountMeta| meta.is_signer && meta.pubkey == key.pubkey();
            ix.accounts.iter().any(signs)
        };
        let signers: Vec<_> = self.signers.iter().map(Keypair::insecure_clone).collect();
        let signers: Vec<_> = signers.iter().filter(is_asked).collect();
        self.world.send(std::slice::from_ref(&ix), &signers)
    }
}

/// The name of a node in every subject's world that has 2 SOL due and no part in the instruction.
pub const BYSTANDER: &str = "bystander";

/// A network with a bystander, a node that has 2 SOL due, and one that was paid all it earned,
/// whose account somebody else opened.
struct Stage {
    world: World,
    due: Node,
    paid: Node,
    rent_payer: Pubkey,
}

impl Stage {
    fn new() -> Self {
        let mut world = World::new();
        let (due, paid, bystander) = (world.node("due"), world.node("paid"), world.node(BYSTANDER));
        world.settle(&[paid.entry(2 * SOL)]);
        world.credit(&[(due.wallet, 2 * SOL), (bystander.wallet, 2 * SOL)]);
        let rent_payer = Pubkey::new_unique();
        world.give(&rent_payer, SOL);
        world.edit(&paid.wallet, |wallet: &mut state::NodeWallet| wallet.rent_payer = rent_payer);
        Self { world, due, paid, rent_payer }
    }

    fn ready(self, name: &'static str, ix: Instruction, parts: &[Part], signers: &[&Keypair]) -> Subject {
        Subject::new(name, self.world, None, ix, parts, signers)
    }

    /// Sends an instruction beforehand.
    fn after(mut self, ix: Instruction, signer: &Keypair) -> Self {
        self.world.send(&[ix], &[signer]).expect("it succeeds");
        self
    }
}

/// All of them, in networks that pay in SOL.
pub fn every() -> Vec<Subject> {
    use Part::*;
    let stage = Stage::new;
    let mut all = vec![];

    let s = stage();
    let admin = s.world.admin.insecure_clone();
    let ix = create_network_ix(admin.pubkey(), s.world.args("new"));
    let parts = [Payer, New, New, SystemProgram, NoTokens, NoTokens, NoTokensToWrite, NoTokens];
    all.push(s.ready("create_network", ix, &parts, &[&admin]));

    let s = stage();
    let admin = s.world.admin.insecure_clone();
    let args = UpdateNetworkArgs { per_node_cap: Some(5), ..UpdateNetworkArgs::default() };
    let ix = update_network_ix(admin.pubkey(), s.world.network, args);
    all.push(s.ready("update_network", ix, &[Authority, Network, Treasury], &[&admin]));

    let s = stage();
    let admin = s.world.admin.insecure_clone();
    let ix = propose_admin_ix(admin.pubkey(), s.world.network, Pubkey::new_unique());
    all.push(s.ready("propose_admin", ix, &[Authority, Network], &[&admin]));

    let s = stage();
    let (admin, next) = (s.world.admin.insecure_clone(), Keypair::new());
    let propose = propose_admin_ix(admin.pubkey(), s.world.network, next.pubkey());
    let s = s.after(propose, &admin);
    let ix = accept_admin_ix(next.pubkey(), s.world.network);
    all.push(s.ready("accept_admin", ix, &[Authority, Network], &[&next]));

    let s = stage();
    let admin = s.world.admin.insecure_clone();
    let ix = set_settler_ix(admin.pubkey(), s.world.network, Pubkey::new_unique());
    all.push(s.ready("set_settler", ix, &[Authority, Network, Treasury], &[&admin]));

    let s = stage();
    let admin = s.world.admin.insecure_clone();
    let ix = set_guardian_ix(admin.pubkey(), s.world.network, Pubkey::new_unique());
    all.push(s.ready("set_guardian", ix, &[Authority, Network], &[&admin]));

    let s = stage();
    let guardian = s.world.guardian.insecure_clone();
    let ix = pause_ix(guardian.pubkey(), s.world.network);
    all.push(s.ready("pause", ix, &[Authority, Network, Treasury], &[&guardian]));

    let mut s = stage();
    s.world.pause();
    let admin = s.world.admin.insecure_clone();
    let ix = unpause_ix(admin.pubkey(), s.world.network);
    all.push(s.ready("unpause", ix, &[Authority, Network, Treasury], &[&admin]));

    let mut s = stage();
    let funder = Keypair::new();
    s.world.give(&funder.pubkey(), 10 * SOL);
    let ix = fund_ix(funder.pubkey(), s.world.network, SOL);
    let parts = [Payer, Network, Treasury, SystemProgram, NoTokensToWrite, NoTokensToWrite, NoTokens, NoTokens];
    all.push(s.ready("fund", ix, &parts, &[&funder]));

    let s = stage();
    let admin = s.world.admin.insecure_clone();
    let ix = withdraw_surplus_ix(admin.pubkey(), s.world.network, Pubkey::new_unique(), SOL);
    let parts = [Authority, Network, Treasury, FreeDestination, NoTokensToWrite, NoTokens, NoTokens];
    all.push(s.ready("withdraw_surplus", ix, &parts, &[&admin]));

    let mut s = stage();
    let (settler, payer) = (s.world.settler.insecure_clone(), Keypair::new());
    s.world.give(&payer.pubkey(), SOL);
    let args =
        RegisterNodeArgs { node_id: node_id("new"), owner: Pubkey::new_unique(), destination: None, threshold: None };
    let ix = register_node_ix(settler.pubkey(), payer.pubkey(), s.world.network, args);
    let parts = [Authority, Payer, Network, New, SystemProgram];
    all.push(s.ready("register_node", ix, &parts, &[&settler, &payer]));

    let s = stage();
    let owner = s.paid.owner.insecure_clone();
    let ix = close_node_ix(owner.pubkey(), s.world.network, s.paid.id, s.rent_payer);
    let parts = [Authority, Network, Treasury, Wallet, NamedDestination];
    all.push(s.ready("close_node", ix, &parts, &[&owner]));

    let s = stage();
    let owner = s.paid.owner.insecure_clone();
    let close = close_node_ix(owner.pubkey(), s.world.network, s.paid.id, s.rent_payer);
    let mut s = s.after(close, &owner);
    let (settler, payer) = (s.world.settler.insecure_clone(), Keypair::new());
    s.world.give(&payer.pubkey(), SOL);
    let args = RegisterNodeArgs { node_id: s.paid.id, owner: owner.pubkey(), destination: None, threshold: None };
    let ix = reopen_node_ix(settler.pubkey(), payer.pubkey(), s.world.network, args);
    let parts = [Authority, Payer, Network, ClosedWallet, SystemProgram];
    all.push(s.ready("reopen_node", ix, &parts, &[&settler, &payer]));

    let s = stage();
    let owner = s.due.owner.insecure_clone();
    let ix = set_destination_ix(owner.pubkey(), s.world.network, s.due.id, Pubkey::new_unique());
    all.push(s.ready("set_destination", ix, &[Authority, Treasury, Wallet], &[&owner]));

    let s = stage();
    let owner = s.due.owner.insecure_clone();
    let ix = set_threshold_ix(owner.pubkey(), s.world.network, s.due.id, 5 * SOL);
    all.push(s.ready("set_threshold", ix, &[Authority, Treasury, Wallet], &[&owner]));

    let s = stage();
    let settler = s.world.settler.insecure_clone();
    let ix = credit_ix(settler.pubkey(), s.world.network, header(3), &[(s.due.wallet, 3 * SOL)]);
    all.push(s.ready("credit", ix, &[Authority, Treasury, EntryWallet], &[&settler]));

    let s = stage();
    let settler = s.world.settler.insecure_clone();
    let ix = settle_ix(settler.pubkey(), s.world.network, header(3), &[s.due.entry(2 * SOL)]);
    all.push(s.ready("settle", ix, &[Authority, Treasury, EntryWallet, EntryDestination], &[&settler]));

    let s = stage();
    let ix = payout_ix(s.world.network, &[(s.due.wallet, s.due.destination)]);
    all.push(s.ready("payout", ix, &[Treasury, EntryWallet, EntryDestination], &[]));

    let s = stage();
    let owner = s.due.owner.insecure_clone();
    let ix = withdraw_ix(owner.pubkey(), s.world.network, s.due.id, s.due.destination, None);
    let parts = [Authority, Treasury, Wallet, NamedDestination, NoTokensToWrite, NoTokens, NoTokens];
    all.push(s.ready("withdraw", ix, &parts, &[&owner]));

    let mut s = stage();
    let treasury = s.world.treasury;
    s.world.edit(&treasury, |treasury: &mut state::Treasury| treasury.version = 1);
    let ix = migrate_treasury_ix(s.world.network);
    all.push(s.ready("migrate_treasury", ix, &[Treasury], &[]));

    all
}
