//! `claim_set_aside`: the owner of a node takes what was set aside, for ever.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{claim_address, claim_set_aside_ix, close_network_ix, set_aside_ix, sweep_closed_network_ix};
use settlement::error::SettlementError;
use settlement::events::ClaimPaid;
use settlement::state::NodeWallet;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, Role, SOL, TransactionOutcome, assert_refused, program_accounts};

fn claim(fixture: &mut ProgramFixture, node: &Node, to: Pubkey) -> TransactionOutcome {
    let ix = claim_set_aside_ix(node.owner.pubkey(), fixture.network, node.id, to);
    fixture.send(&[ix], &[&node.owner])
}

/// A node for which 3 SOL were set aside.
fn set_aside() -> (ProgramFixture, Node) {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 3 * SOL)]);
    let (program, admin) = (fixture.deploy_program(), fixture.admin.insecure_clone());
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.destination = program);
    let ix = set_aside_ix(admin.pubkey(), fixture.network, node.id, node.owner.pubkey(), program);
    fixture.send(&[ix], &[&admin]).expect("the amount is set aside");
    (fixture, node)
}

#[test]
fn the_owner_takes_all_of_it_to_any_account() {
    let (mut fixture, node) = set_aside();
    let (to, before) = (Pubkey::new_unique(), program_accounts(&fixture));
    let meta = claim(&mut fixture, &node, to).expect("the claim is paid");
    assert_eq!(
        fixture.event(&meta, ClaimPaid::decode_cpi),
        ClaimPaid {
            network: fixture.network,
            node_wallet: node.wallet,
            owner: node.owner.pubkey(),
            destination: to,
            lamports: 3 * SOL,
        }
    );
    assert_eq!((fixture.lamports(&to), fixture.lamports(&claim_address(&node.wallet))), (3 * SOL, 0));
    assert!(program_accounts(&fixture) == before);
    assert_refused(claim(&mut fixture, &node, to), SettlementError::NothingToRecover);
    // What anybody sends to the address is the owner's as well.
    fixture.airdrop(&claim_address(&node.wallet), SOL);
    claim(&mut fixture, &node, to).expect("the claim is paid");
    assert_eq!(fixture.lamports(&to), 4 * SOL);
}

#[test]
fn only_the_owner_can_claim() {
    let (mut fixture, node) = set_aside();
    let (network, to) = (fixture.network, Pubkey::new_unique());
    let other = fixture.register_node("other");
    let roles = [Role::Admin, Role::Settler, Role::Guardian, Role::Stranger].map(|role| role.key(&fixture, &node));
    for key in roles.into_iter().chain([other.owner]) {
        let own = claim_set_aside_ix(key.pubkey(), network, node.id, to);
        assert_refused(fixture.send(std::slice::from_ref(&own), &[&key]), SettlementError::NothingToRecover);
        let mut named = own.clone();
        named.accounts[2].pubkey = node.wallet;
        named.accounts[3].pubkey = claim_address(&node.wallet);
        assert_refused(fixture.send(&[named], &[&key]), ErrorCode::ConstraintSeeds);
        let mut mixed = own;
        mixed.accounts[3].pubkey = claim_address(&node.wallet);
        assert_refused(fixture.send(&[mixed], &[&key]), ErrorCode::ConstraintSeeds);
    }
    let mut unsigned = claim_set_aside_ix(node.owner.pubkey(), network, node.id, to);
    unsigned.accounts[0].is_signer = false;
    assert_refused(fixture.send(&[unsigned], &[]), ErrorCode::AccountNotSigner);
    // The owner with another node or network, which have claim addresses of their own.
    let owner = node.owner.pubkey();
    for (network, id) in [(network, other.id), (Pubkey::new_unique(), node.id)] {
        let own = claim_set_aside_ix(owner, network, id, to);
        assert_refused(fixture.send(std::slice::from_ref(&own), &[&node.owner]), SettlementError::NothingToRecover);
        let mut mixed = own;
        mixed.accounts[3].pubkey = claim_address(&node.wallet);
        assert_refused(fixture.send(&[mixed], &[&node.owner]), ErrorCode::ConstraintSeeds);
    }
    assert_eq!(fixture.lamports(&claim_address(&node.wallet)), 3 * SOL);
    claim(&mut fixture, &node, to).expect("the claim is paid");
    assert_eq!(fixture.lamports(&to), 3 * SOL);
}

#[test]
fn it_can_be_taken_while_paused_and_after_the_node_and_the_network_are_gone() {
    for state in ["paused", "node closed", "network closed and swept"] {
        let (mut fixture, node) = set_aside();
        let (admin, network) = (fixture.admin.insecure_clone(), fixture.network);
        match state {
            "paused" => fixture.pause(),
            "node closed" => drop(fixture.close_node(&node).expect("the node is closed")),
            _ => {
                let close = close_network_ix(admin.pubkey(), network, admin.pubkey());
                let sweep =
                    sweep_closed_network_ix(network, admin.pubkey(), &[node.wallet, claim_address(&node.wallet)]);
                fixture.send(&[close, sweep], &[&admin]).expect("the network is closed and swept");
            }
        }
        let to = Pubkey::new_unique();
        claim(&mut fixture, &node, to).expect("the claim is paid");
        assert_eq!(fixture.lamports(&to), 3 * SOL, "{state}");
    }
}
