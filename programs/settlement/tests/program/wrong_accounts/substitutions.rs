//! The substitutions: one account of an instruction, replaced by a wrong one.

use anchor_lang::Discriminator;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    RegisterNodeArgs, TokenAsset, create_network_ix, create_token_network_ix, network_address, node_id,
    node_wallet_address, register_node_ix, treasury_address,
};
use settlement::state::ClosedNode;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{BYSTANDER, InstructionCase, ProgramFixture, SOL, network_id};

/// The network that an account belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkRelation {
    /// The instruction's own network.
    Own,
    /// Another network with the same keys in every role.
    Sibling,
    /// Another network that strangers run.
    Foreign,
}

/// What is wrong with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrongAccount {
    /// The right account, but read-only.
    ReadOnly,
    /// The right account, but without its signature.
    NotSigning,
    /// Another key, with its signature.
    OtherSigner,
    /// A copy of the right account that another program owns.
    OtherProgram,
    /// An address without an account.
    Missing,
    Network(NetworkRelation),
    Treasury(NetworkRelation),
    Wallet(NetworkRelation),
    /// The account that remains of a closed node.
    Closed,
    /// A token account of the network's mint that somebody else owns.
    OthersTokenAccount,
    /// The account at this index of the same instruction.
    Duplicate(usize),
}

/// An instruction with one wrong account.
pub(crate) struct Substitution {
    /// The index of the wrong account.
    pub(crate) at: usize,
    pub(crate) wrong: WrongAccount,
    pub(crate) ix: Instruction,
    /// The key that signs in its place.
    pub(crate) signer: Option<Keypair>,
}

/// All substitutions of a case. The accounts for them are added to its fixture.
pub(crate) fn substitutions(case: &mut InstructionCase) -> Vec<Substitution> {
    let stranger = Keypair::new();
    case.fixture.airdrop(&stranger.pubkey(), 100 * SOL);
    let own = case.fixture.network;
    let asset = case.asset;
    let elsewhere = Pubkey::new_unique();
    let sibling = network(&mut case.fixture, "sibling", asset.as_ref(), None, elsewhere);
    let foreign = network(&mut case.fixture, "foreign", asset.as_ref(), Some(&stranger), elsewhere);
    let tokens = asset.map(|asset| case.fixture.create_associated_account(&Pubkey::new_unique(), &asset));
    let closed = closed_node(&mut case.fixture);

    let mut all = vec![];
    for at in 0..case.ix.accounts.len() {
        let right = case.ix.accounts[at].clone();
        let changed = |wrong, change: &dyn Fn(&mut Instruction)| {
            let mut ix = case.ix.clone();
            change(&mut ix);
            Substitution { at, wrong, ix, signer: None }
        };
        if right.is_writable {
            all.push(changed(WrongAccount::ReadOnly, &|ix| ix.accounts[at].is_writable = false));
        }
        if right.is_signer {
            all.push(changed(WrongAccount::NotSigning, &|ix| ix.accounts[at].is_signer = false));
            let by_stranger = changed(WrongAccount::OtherSigner, &|ix| ix.accounts[at].pubkey = stranger.pubkey());
            all.push(Substitution { signer: Some(stranger.insecure_clone()), ..by_stranger });
        }
        let mut others = vec![
            (WrongAccount::OtherProgram, copy_under_other_program(&mut case.fixture, &right.pubkey)),
            (WrongAccount::Missing, Pubkey::new_unique()),
            (WrongAccount::Closed, closed),
        ];
        others.extend(tokens.map(|tokens| (WrongAccount::OthersTokenAccount, tokens)));
        for (relation, network) in
            [(NetworkRelation::Own, own), (NetworkRelation::Sibling, sibling), (NetworkRelation::Foreign, foreign)]
        {
            others.push((WrongAccount::Network(relation), network));
            others.push((WrongAccount::Treasury(relation), treasury_address(&network)));
            let owner = if relation == NetworkRelation::Own { case.bystander.owner.pubkey() } else { elsewhere };
            let wallet = node_wallet_address(&network, &node_id(BYSTANDER), &owner);
            others.push((WrongAccount::Wallet(relation), wallet));
        }
        let twins = case.ix.accounts.iter().enumerate();
        others.extend(twins.map(|(place, meta)| (WrongAccount::Duplicate(place), meta.pubkey)));
        for (wrong, key) in others.into_iter().filter(|(_, key)| *key != right.pubkey) {
            // Only keys that sign elsewhere in the instruction can sign here.
            let can_sign = case.signers.iter().any(|signer| signer.pubkey() == key);
            let mut ix = case.ix.clone();
            ix.accounts[at].pubkey = key;
            ix.accounts[at].is_signer &= can_sign;
            all.push(Substitution { at, wrong, ix, signer: None });
        }
    }
    all
}

/// Another network that pays in the same asset and has a node of `owner` with the bystander's name. The fixture's keys
/// run it, or `stranger` does.
fn network(
    fixture: &mut ProgramFixture,
    name: &str,
    asset: Option<&TokenAsset>,
    stranger: Option<&Keypair>,
    owner: Pubkey,
) -> Pubkey {
    let admin = stranger.unwrap_or(&fixture.admin).insecure_clone();
    let settler = stranger.unwrap_or(&fixture.settler).insecure_clone();
    let mut args = fixture.network_args(name);
    args.settler = settler.pubkey();
    if let Some(stranger) = stranger {
        args.guardian = stranger.pubkey();
    }
    let create = match asset {
        None => create_network_ix(admin.pubkey(), args),
        Some(asset) => create_token_network_ix(admin.pubkey(), args, asset),
    };
    fixture.send(&[create], &[&admin]).expect("the network is created");
    let network = network_address(&admin.pubkey(), &network_id(name));
    let args = RegisterNodeArgs { node_id: node_id(BYSTANDER), owner, destination: None, threshold: None };
    let ix = register_node_ix(settler.pubkey(), fixture.payer.pubkey(), network, args);
    fixture.send(&[ix], &[&settler]).expect("the node is registered");
    network
}

/// Copies an account to another address, owned by another program.
fn copy_under_other_program(fixture: &mut ProgramFixture, right: &Pubkey) -> Pubkey {
    let copy = Pubkey::new_unique();
    let account = fixture.svm.get_account(right).filter(|account| !account.executable).unwrap_or_default();
    let lamports = account.lamports.max(10 * SOL);
    fixture.set_account(&copy, Account { lamports, owner: Pubkey::new_unique(), ..account });
    copy
}

/// Writes the account that remains of a closed node.
fn closed_node(fixture: &mut ProgramFixture) -> Pubkey {
    let address = Pubkey::new_unique();
    let data =
        [ClosedNode::DISCRIMINATOR, bytemuck::bytes_of(&ClosedNode { total: SOL, network: fixture.network })].concat();
    let lamports = fixture.rent(ClosedNode::SIZE);
    fixture.set_account(&address, Account { lamports, data, owner: settlement::ID, ..Account::default() });
    address
}
