//! `register_node`: the initial state, and the arguments that are refused.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{RegisterNodeArgs, event_authority, node_id, node_wallet_address, register_node_ix};
use settlement::error::SettlementError;
use settlement::events::NodeRegistered;
use settlement::state::NodeWallet;
use solana_sdk_ids::{incinerator, stake, system_program, sysvar};
use solana_signer::Signer;

use crate::common::{ProgramFixture, SOL, assert_refused, network_id};

fn args(owner: Pubkey) -> RegisterNodeArgs {
    RegisterNodeArgs { node_id: node_id("node"), owner, destination: None, threshold: None }
}

#[test]
fn a_new_wallet_contains_its_arguments_and_is_otherwise_zero() {
    let mut fixture = ProgramFixture::new();
    let settler = fixture.settler.insecure_clone();
    let (owner, destination) = (Pubkey::new_unique(), Pubkey::new_unique());
    let meta = fixture
        .send_register_node(
            &settler,
            RegisterNodeArgs { destination: Some(destination), threshold: Some(2 * SOL), ..args(owner) },
        )
        .expect("the node is registered");

    let address = node_wallet_address(&fixture.network, &node_id("node"));
    let account = fixture.svm.get_account(&address).expect("the wallet exists");
    assert_eq!(account.owner, settlement::ID);
    assert_eq!(account.lamports, fixture.rent(240));
    let wallet = NodeWallet::decode(&account.data).expect("a valid wallet");
    assert_eq!(
        wallet,
        NodeWallet {
            version: NodeWallet::VERSION,
            bump: wallet.bump,
            network: fixture.network,
            node_id: node_id("node"),
            owner,
            destination,
            rent_payer: fixture.payer.pubkey(),
            threshold: 2 * SOL,
            ..bytemuck::Zeroable::zeroed()
        }
    );
    assert_eq!(
        fixture.event(&meta, NodeRegistered::decode_cpi),
        NodeRegistered {
            network: fixture.network,
            node_wallet: address,
            node_id: node_id("node"),
            owner,
            destination,
            rent_payer: fixture.payer.pubkey(),
            authority: settler.pubkey(),
            threshold: 2 * SOL,
        }
    );
}

#[test]
fn the_admin_can_register_and_omitted_values_have_defaults() {
    let mut fixture = ProgramFixture::new();
    let admin = fixture.admin.insecure_clone();
    let owner = Pubkey::new_unique();
    fixture.send_register_node(&admin, args(owner)).expect("the node is registered");
    let address = node_wallet_address(&fixture.network, &node_id("node"));
    let account = fixture.svm.get_account(&address).expect("the wallet exists");
    let wallet = NodeWallet::decode(&account.data).expect("a valid wallet");
    assert_eq!(wallet.destination, owner);
    assert_eq!(wallet.threshold, SOL);
}

#[test]
fn the_settler_of_one_network_cannot_register_in_another() {
    let mut fixture = ProgramFixture::new();
    let mut other = fixture.network_args("other");
    other.settler = Pubkey::new_unique();
    fixture.create_network(other).expect("the network is created");
    fixture.network = settlement::client::network_address(&network_id("other"));
    let settler = fixture.settler.insecure_clone();
    assert_refused(fixture.send_register_node(&settler, args(Pubkey::new_unique())), SettlementError::Unauthorized);
}

#[test]
fn a_look_alike_network_is_refused() {
    let mut fixture = ProgramFixture::new();
    let settler = fixture.settler.insecure_clone();
    let real = fixture.svm.get_account(&fixture.network).expect("the network exists");

    let foreign = Pubkey::new_unique();
    let mut account = real.clone();
    account.owner = Pubkey::new_unique();
    fixture.set_account(&foreign, account);
    fixture.network = foreign;
    assert_refused(
        fixture.send_register_node(&settler, args(Pubkey::new_unique())),
        ErrorCode::AccountOwnedByWrongProgram,
    );

    fixture.network = fixture.treasury;
    assert_refused(
        fixture.send_register_node(&settler, args(Pubkey::new_unique())),
        ErrorCode::AccountDiscriminatorMismatch,
    );
}

#[test]
fn a_node_can_be_registered_only_once() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let before = fixture.wallet_state(&node);
    let settler = fixture.settler.insecure_clone();
    fixture
        .send_register_node(&settler, args(Pubkey::new_unique()))
        .expect_err("the second registration should have been refused");
    assert_eq!(fixture.wallet_state(&node), before);
}

#[test]
fn a_wallet_can_only_be_created_at_its_own_address() {
    let mut fixture = ProgramFixture::new();
    let settler = fixture.settler.insecure_clone();
    let mut ix =
        register_node_ix(settler.pubkey(), fixture.payer.pubkey(), fixture.network, args(Pubkey::new_unique()));
    ix.accounts[3].pubkey = Pubkey::new_unique();
    assert_refused(fixture.send(&[ix], &[&settler]), ErrorCode::ConstraintSeeds);
}

#[test]
fn a_threshold_below_the_network_minimum_is_refused() {
    let mut fixture = ProgramFixture::new();
    let settler = fixture.settler.insecure_clone();
    let owner = Pubkey::new_unique();
    let below = RegisterNodeArgs { threshold: Some(SOL - 1), ..args(owner) };
    assert_refused(fixture.send_register_node(&settler, below), SettlementError::ThresholdBelowDefault);
}

#[test]
fn an_address_that_would_lose_or_block_earnings_is_refused() {
    let mut fixture = ProgramFixture::new();
    let settler = fixture.settler.insecure_clone();
    let bad = [
        Pubkey::default(),
        system_program::ID,
        incinerator::ID,
        sysvar::clock::ID,
        sysvar::rent::ID,
        stake::ID,
        settlement::ID,
        event_authority(),
        fixture.network,
        fixture.treasury,
        node_wallet_address(&fixture.network, &node_id("node")),
    ];
    for address in bad {
        assert_refused(fixture.send_register_node(&settler, args(address)), SettlementError::InvalidOwner);
        let destination = RegisterNodeArgs { destination: Some(address), ..args(Pubkey::new_unique()) };
        assert_refused(fixture.send_register_node(&settler, destination), SettlementError::InvalidDestination);
    }
}

#[test]
fn lamports_at_its_address_do_not_prevent_a_wallet_and_are_not_pending() {
    for gift in [1, SOL] {
        let mut fixture = ProgramFixture::new();
        let address = node_wallet_address(&fixture.network, &node_id("node"));
        fixture.airdrop(&address, gift);
        let node = fixture.register_node("node");
        assert_eq!(fixture.wallet_state(&node).pending(), 0);

        let kept = fixture.lamports(&address);
        assert_eq!(kept, fixture.rent(NodeWallet::SIZE).max(gift));
        fixture.settle(&[node.entry(3 * SOL)]);
        assert_eq!(fixture.lamports(&node.destination), 3 * SOL);
        assert_eq!(fixture.lamports(&address), kept);
    }
}

#[test]
fn nodes_can_be_registered_while_paused() {
    let mut fixture = ProgramFixture::new();
    fixture.pause();
    fixture.register_node("node");
}
