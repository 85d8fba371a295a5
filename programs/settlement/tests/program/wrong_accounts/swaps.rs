//! The wrong accounts.

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

use crate::common::{BYSTANDER, SOL, Subject, World, id};

/// Whose network an account belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The instruction's own.
    Ours,
    /// Another one, with the same keys for everything.
    Sisters,
    /// Another one, run by strangers.
    Theirs,
}

/// What is wrong with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The right one, which may not be written.
    ReadOnly,
    /// The right one, which doesn't sign.
    NotSigning,
    /// Another key that signs.
    OtherSigner,
    /// What lies at the right address, under another program.
    Foreign,
    /// Nothing lies there.
    Nothing,
    Network(Whose),
    Treasury(Whose),
    Wallet(Whose),
    /// What a closed node left.
    Closed,
    /// A token account of the network's mint, which somebody else owns.
    Tokens,
    /// Another account of the same instruction, by its place.
    Duplicate(usize),
}

/// One account of an instruction, taken for a wrong one.
pub struct Swap {
    pub at: usize,
    pub wrong: Wrong,
    pub ix: Instruction,
    /// Who signs for it.
    pub signer: Option<Keypair>,
}

/// All swaps of a subject, whose world gets the accounts for them.
pub fn swaps(subject: &mut Subject) -> Vec<Swap> {
    let stranger = Keypair::new();
    subject.world.give(&stranger.pubkey(), 100 * SOL);
    let ours = subject.world.network;
    let asset = subject.asset;
    let sisters = network(&mut subject.world, "sisters", asset.as_ref(), None);
    let theirs = network(&mut subject.world, "theirs", asset.as_ref(), Some(&stranger));
    let tokens = asset.map(|asset| subject.world.associated(&Pubkey::new_unique(), &asset));
    let closed = closed(&mut subject.world);

    let mut all = vec![];
    for at in 0..subject.ix.accounts.len() {
        let right = subject.ix.accounts[at].clone();
        let changed = |wrong, change: &dyn Fn(&mut Instruction)| {
            let mut ix = subject.ix.clone();
            change(&mut ix);
            Swap { at, wrong, ix, signer: None }
        };
        if right.is_writable {
            all.push(changed(Wrong::ReadOnly, &|ix| ix.accounts[at].is_writable = false));
        }
        if right.is_signer {
            all.push(changed(Wrong::NotSigning, &|ix| ix.accounts[at].is_signer = false));
            let by_stranger = changed(Wrong::OtherSigner, &|ix| ix.accounts[at].pubkey = stranger.pubkey());
            all.push(Swap { signer: Some(stranger.insecure_clone()), ..by_stranger });
        }
        let mut others = vec![
            (Wrong::Foreign, foreign(&mut subject.world, &right.pubkey)),
            (Wrong::Nothing, Pubkey::new_unique()),
            (Wrong::Closed, closed),
        ];
        others.extend(tokens.map(|tokens| (Wrong::Tokens, tokens)));
        for (whose, network) in [(Whose::Ours, ours), (Whose::Sisters, sisters), (Whose::Theirs, theirs)] {
            others.push((Wrong::Network(whose), network));
            others.push((Wrong::Treasury(whose), treasury_address(&network)));
            others.push((Wrong::Wallet(whose), node_wallet_address(&network, &node_id(BYSTANDER))));
        }
        let twins = subject.ix.accounts.iter().enumerate();
        others.extend(twins.map(|(place, meta)| (Wrong::Duplicate(place), meta.pubkey)));
        for (wrong, key) in others.into_iter().filter(|(_, key)| *key != right.pubkey) {
            // Of those, only keys that sign elsewhere in the instruction can sign here.
            let can_sign = subject.signers.iter().any(|signer| signer.pubkey() == key);
            let mut ix = subject.ix.clone();
            ix.accounts[at].pubkey = key;
            ix.accounts[at].is_signer &= can_sign;
            all.push(Swap { at, wrong, ix, signer: None });
        }
    }
    all
}

/// Another network with a node of the bystander's name, which pays in the same. The world's own keys
/// run it, or `stranger`.
fn network(world: &mut World, name: &str, asset: Option<&TokenAsset>, stranger: Option<&Keypair>) -> Pubkey {
    let admin = stranger.unwrap_or(&world.admin).insecure_clone();
    let settler = stranger.unwrap_or(&world.settler).insecure_clone();
    let mut args = world.args(name);
    args.settler = settler.pubkey();
    if let Some(stranger) = stranger {
        args.guardian = stranger.pubkey();
    }
    let create = match asset {
        None => create_network_ix(admin.pubkey(), args),
        Some(asset) => create_token_network_ix(admin.pubkey(), args, asset),
    };
    world.send(&[create], &[&admin]).expect("created");
    let network = network_address(&id(name));
    let args = RegisterNodeArgs {
        node_id: node_id(BYSTANDER),
        owner: Pubkey::new_unique(),
        destination: None,
        threshold: None,
    };
    let ix = register_node_ix(settler.pubkey(), world.payer.pubkey(), network, args);
    world.send(&[ix], &[&settler]).expect("registered");
    network
}

/// A copy of what lies at an address, at another one and under another program.
fn foreign(world: &mut World, right: &Pubkey) -> Pubkey {
    let copy = Pubkey::new_unique();
    let account = world.svm.get_account(right).filter(|account| !account.executable).unwrap_or_default();
    let lamports = account.lamports.max(10 * SOL);
    world.put(&copy, Account { lamports, owner: Pubkey::new_unique(), ..account });
    copy
}

/// What a closed node left.
fn closed(world: &mut World) -> Pubkey {
    let address = Pubkey::new_unique();
    let data = [ClosedNode::DISCRIMINATOR, bytemuck::bytes_of(&ClosedNode { total: SOL })].concat();
    let lamports = world.rent(ClosedNode::SIZE);
    world.put(&address, Account { lamports, data, owner: settlement::ID, ..Account::default() });
    address
}
