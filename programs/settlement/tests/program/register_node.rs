//! `register_node`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{RegisterNodeArgs, event_authority, node_id, node_wallet_address, register_node_ix};
use settlement::error::SettlementError;
use settlement::events::NodeRegistered;
use settlement::state::NodeWallet;
use solana_keypair::Keypair;
use solana_sdk_ids::{incinerator, stake, system_program, sysvar};
use solana_signer::Signer;

use crate::common::{SOL, World, assert_refused, id};

fn args(owner: Pubkey) -> RegisterNodeArgs {
    RegisterNodeArgs { node_id: node_id("node"), owner, destination: None, threshold: None }
}

#[test]
fn a_wallet_starts_with_what_it_was_given_and_nothing_else() {
    let mut world = World::new();
    let settler = world.settler.insecure_clone();
    let (owner, destination) = (Pubkey::new_unique(), Pubkey::new_unique());
    let meta = world
        .register(
            &settler,
            RegisterNodeArgs { destination: Some(destination), threshold: Some(2 * SOL), ..args(owner) },
        )
        .expect("registered");

    let address = node_wallet_address(&world.network, &node_id("node"));
    let account = world.svm.get_account(&address).expect("a wallet");
    assert_eq!(account.owner, settlement::ID);
    assert_eq!(account.lamports, world.rent(240));
    let wallet = NodeWallet::decode(&account.data).expect("a wallet");
    assert_eq!(
        wallet,
        NodeWallet {
            version: NodeWallet::VERSION,
            bump: wallet.bump,
            network: world.network,
            node_id: node_id("node"),
            owner,
            destination,
            rent_payer: world.payer.pubkey(),
            threshold: 2 * SOL,
            ..bytemuck::Zeroable::zeroed()
        }
    );
    assert_eq!(
        world.event(&meta, NodeRegistered::decode_cpi),
        NodeRegistered {
            network: world.network,
            node_wallet: address,
            node_id: node_id("node"),
            owner,
            destination,
            rent_payer: world.payer.pubkey(),
            authority: settler.pubkey(),
            threshold: 2 * SOL,
        }
    );
}

#[test]
fn the_admin_may_register_and_left_out_values_are_the_owner_and_the_default() {
    let mut world = World::new();
    let admin = world.admin.insecure_clone();
    let owner = Pubkey::new_unique();
    world.register(&admin, args(owner)).expect("registered");
    let address = node_wallet_address(&world.network, &node_id("node"));
    let account = world.svm.get_account(&address).expect("a wallet");
    let wallet = NodeWallet::decode(&account.data).expect("a wallet");
    assert_eq!(wallet.destination, owner);
    assert_eq!(wallet.threshold, SOL);
}

#[test]
fn a_stranger_can_not_claim_a_node() {
    let mut world = World::new();
    let stranger = Keypair::new();
    for authority in [world.guardian.insecure_clone(), stranger] {
        assert_refused(world.register(&authority, args(authority.pubkey())), SettlementError::Unauthorized);
    }
    let mut ix =
        register_node_ix(world.settler.pubkey(), world.payer.pubkey(), world.network, args(Pubkey::new_unique()));
    ix.accounts[0].is_signer = false;
    assert_refused(world.send(&[ix], &[]), ErrorCode::AccountNotSigner);
}

#[test]
fn the_settler_of_one_network_can_not_register_in_another() {
    let mut world = World::new();
    let mut other = world.args("other");
    other.settler = Pubkey::new_unique();
    world.create(other).expect("created");
    world.network = settlement::client::network_address(&id("other"));
    let settler = world.settler.insecure_clone();
    assert_refused(world.register(&settler, args(Pubkey::new_unique())), SettlementError::Unauthorized);
}

#[test]
fn a_look_alike_network_is_refused() {
    let mut world = World::new();
    let settler = world.settler.insecure_clone();
    let real = world.svm.get_account(&world.network).expect("a network");

    let foreign = Pubkey::new_unique();
    let mut account = real.clone();
    account.owner = Pubkey::new_unique();
    world.put(&foreign, account);
    world.network = foreign;
    assert_refused(world.register(&settler, args(Pubkey::new_unique())), ErrorCode::AccountOwnedByWrongProgram);

    world.network = world.treasury;
    assert_refused(world.register(&settler, args(Pubkey::new_unique())), ErrorCode::AccountDiscriminatorMismatch);
}

#[test]
fn a_node_is_registered_once() {
    let mut world = World::new();
    let node = world.node("node");
    let before = world.wallet_state(&node);
    let settler = world.settler.insecure_clone();
    world.register(&settler, args(Pubkey::new_unique())).expect_err("refused");
    assert_eq!(world.wallet_state(&node), before);
}

#[test]
fn a_wallet_lies_at_its_own_address_only() {
    let mut world = World::new();
    let settler = world.settler.insecure_clone();
    let mut ix = register_node_ix(settler.pubkey(), world.payer.pubkey(), world.network, args(Pubkey::new_unique()));
    ix.accounts[3].pubkey = Pubkey::new_unique();
    assert_refused(world.send(&[ix], &[&settler]), ErrorCode::ConstraintSeeds);
}

#[test]
fn a_threshold_below_the_networks_is_refused() {
    let mut world = World::new();
    let settler = world.settler.insecure_clone();
    let owner = Pubkey::new_unique();
    let below = RegisterNodeArgs { threshold: Some(SOL - 1), ..args(owner) };
    assert_refused(world.register(&settler, below), SettlementError::ThresholdBelowDefault);
}

#[test]
fn an_address_that_would_lose_or_block_earnings_is_refused() {
    let mut world = World::new();
    let settler = world.settler.insecure_clone();
    let bad = [
        Pubkey::default(),
        system_program::ID,
        incinerator::ID,
        sysvar::clock::ID,
        sysvar::rent::ID,
        stake::ID,
        settlement::ID,
        event_authority(),
        world.network,
        world.treasury,
        node_wallet_address(&world.network, &node_id("node")),
    ];
    for address in bad {
        assert_refused(world.register(&settler, args(address)), SettlementError::InvalidOwner);
        let destination = RegisterNodeArgs { destination: Some(address), ..args(Pubkey::new_unique()) };
        assert_refused(world.register(&settler, destination), SettlementError::InvalidDestination);
    }
}

#[test]
fn lamports_sent_to_its_address_before_do_not_prevent_a_wallet_and_are_not_pending() {
    for gift in [1, SOL] {
        let mut world = World::new();
        let address = node_wallet_address(&world.network, &node_id("node"));
        world.give(&address, gift);
        let node = world.node("node");
        assert_eq!(world.wallet_state(&node).pending(), 0);

        let kept = world.lamports(&address);
        assert_eq!(kept, world.rent(NodeWallet::SIZE).max(gift));
        world.settle(&[node.entry(3 * SOL)]);
        assert_eq!(world.lamports(&node.destination), 3 * SOL);
        assert_eq!(world.lamports(&address), kept);
    }
}

#[test]
fn nodes_can_be_registered_while_paused() {
    let mut world = World::new();
    world.pause();
    world.node("node");
}
