//! `register_node`: the initial state, and the arguments that are refused.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    RegisterNodeArgs, close_node_ix, event_authority, node_id, node_wallet_address, register_node_ix, reopen_node_ix,
    set_destination_ix, set_settler_ix, unpause_ix,
};
use settlement::error::SettlementError;
use settlement::events::NodeRegistered;
use settlement::state::{DestinationSource, NodeWallet};
use solana_keypair::Keypair;
use solana_sdk_ids::{incinerator, stake, system_program, sysvar};
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, START, assert_refused, network_id};

fn args(owner: Pubkey) -> RegisterNodeArgs {
    RegisterNodeArgs { node_id: node_id("node"), owner, destination: None, threshold: None }
}

#[test]
fn a_new_wallet_contains_its_arguments_and_is_otherwise_zero() {
    let mut fixture = ProgramFixture::new();
    let admin = fixture.admin.insecure_clone();
    let (owner, destination) = (Pubkey::new_unique(), Pubkey::new_unique());
    let meta = fixture
        .send_register_node(
            &admin,
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
            destination_source: DestinationSource::Admin.into(),
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
            authority: admin.pubkey(),
            threshold: 2 * SOL,
        }
    );
}

#[test]
fn the_settler_and_the_admin_can_register_and_omitted_values_have_defaults() {
    for is_admin in [false, true] {
        let mut fixture = ProgramFixture::new();
        let authority = if is_admin { &fixture.admin } else { &fixture.settler }.insecure_clone();
        let owner = Pubkey::new_unique();
        for (name, destination) in [("omitted", None), ("named", Some(owner))] {
            let args = RegisterNodeArgs { node_id: node_id(name), destination, ..args(owner) };
            fixture.send_register_node(&authority, args).expect("the node is registered");
            let wallet = wallet(&fixture, name);
            assert_eq!(wallet.destination, owner);
            assert_eq!(wallet.destination_source, u8::from(DestinationSource::Default));
            assert!(wallet.is_destination_confirmed());
            assert_eq!(wallet.threshold, SOL);
        }
    }
}

fn wallet(fixture: &ProgramFixture, name: &str) -> NodeWallet {
    let address = node_wallet_address(&fixture.network, &node_id(name));
    let account = fixture.svm.get_account(&address).expect("the wallet exists");
    NodeWallet::decode(&account.data).expect("a valid wallet")
}

#[test]
fn the_settler_cannot_set_a_destination_other_than_the_owner() {
    let mut fixture = ProgramFixture::new();
    let (settler, admin) = (fixture.settler.insecure_clone(), fixture.admin.insecure_clone());
    let foreign = RegisterNodeArgs { destination: Some(Pubkey::new_unique()), ..args(Pubkey::new_unique()) };
    assert_refused(fixture.send_register_node(&settler, foreign), SettlementError::DestinationNotOwner);
    assert!(fixture.svm.get_account(&node_wallet_address(&fixture.network, &foreign.node_id)).is_none());
    fixture.send_register_node(&admin, foreign).expect("the node is registered");
    assert!(!wallet(&fixture, "node").is_destination_confirmed());
}

#[test]
fn a_key_that_is_both_settler_and_admin_has_the_powers_of_the_admin() {
    let mut fixture = ProgramFixture::new();
    let (admin, network) = (fixture.admin.insecure_clone(), fixture.network);
    fixture.send(&[set_settler_ix(admin.pubkey(), network, admin.pubkey())], &[&admin]).expect("the settler is set");
    fixture.pause();
    let foreign = RegisterNodeArgs { destination: Some(Pubkey::new_unique()), ..args(Pubkey::new_unique()) };
    fixture.send_register_node(&admin, foreign).expect("the node is registered");
}

#[test]
fn a_stolen_settler_key_cannot_redirect_earnings() {
    let mut fixture = ProgramFixture::with_args(|args| args.window_limit = SOL);
    let stolen = fixture.settler.insecure_clone();
    let (admin, payer, network) = (fixture.admin.insecure_clone(), fixture.payer.pubkey(), fixture.network);
    let (owner, thief) = (Keypair::new(), Pubkey::new_unique());
    let closed = fixture.register_node("closed");
    let rent_payer = fixture.wallet_state(&closed).rent_payer;
    let close = close_node_ix(closed.owner.pubkey(), network, closed.id, rent_payer);
    fixture.send(&[close], &[&closed.owner]).expect("the node is closed");

    // The thief names itself as the destination of two nodes of the ledger, one new and one closed, with
    // their true owners, before and during the pause.
    let register = RegisterNodeArgs { destination: Some(thief), ..args(owner.pubkey()) };
    let reopen = RegisterNodeArgs { node_id: closed.id, owner: closed.owner.pubkey(), ..register };
    let refused = [SettlementError::DestinationNotOwner, SettlementError::Paused];
    for (is_paused, why) in [false, true].into_iter().zip(refused) {
        if is_paused {
            fixture.pause();
        }
        let reopen = reopen_node_ix(stolen.pubkey(), payer, network, reopen);
        assert_refused(fixture.send_register_node(&stolen, register), why);
        assert_refused(fixture.send(&[reopen], &[&stolen]), why);
    }
    // Nor with the default destination: nothing can be registered while paused.
    let default = RegisterNodeArgs { destination: None, ..register };
    assert_refused(fixture.send_register_node(&stolen, default), SettlementError::Paused);

    // The admin replaces the key and unpauses. The old key has no power anymore.
    let new = Keypair::new();
    let recover = [set_settler_ix(admin.pubkey(), network, new.pubkey()), unpause_ix(admin.pubkey(), network)];
    fixture.send(&recover, &[&admin]).expect("the settler is replaced");
    fixture.settler = new.insecure_clone();
    assert_refused(fixture.send_register_node(&stolen, register), SettlementError::Unauthorized);
    let again = reopen_node_ix(stolen.pubkey(), payer, network, reopen);
    assert_refused(fixture.send(&[again], &[&stolen]), SettlementError::Unauthorized);

    // The relay registers both nodes and settles for ten days.
    fixture.send_register_node(&new, default).expect("the node is registered");
    let default = RegisterNodeArgs { destination: None, ..reopen };
    fixture.send(&[reopen_node_ix(new.pubkey(), payer, network, default)], &[&new]).expect("the node is reopened");
    let opened = Node {
        id: register.node_id,
        destination: wallet(&fixture, "node").destination,
        wallet: node_wallet_address(&network, &register.node_id),
        owner,
    };
    for node in [&opened, &closed] {
        let set = set_destination_ix(stolen.pubkey(), network, node.id, thief);
        assert_refused(fixture.send(&[set], &[&stolen]), SettlementError::Unauthorized);
    }
    for day in 1..=10 {
        fixture.set_time(START + day * 86_400);
        let total = day as u64 * SOL / 2;
        let entries = [&opened, &closed].map(|node| node.entry(total));
        // At half a SOL, below the threshold of 1 SOL, every second day is a payday.
        assert_eq!(fixture.settle(&entries).event.credited, SOL);
    }
    assert_eq!(fixture.lamports(&thief), 0);
    for node in [&opened, &closed] {
        assert_eq!(fixture.lamports(&node.owner.pubkey()), 5 * SOL);
    }
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
    ix.accounts[4].pubkey = Pubkey::new_unique();
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
    let (settler, admin) = (fixture.settler.insecure_clone(), fixture.admin.insecure_clone());
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
        assert_refused(fixture.send_register_node(&admin, destination), SettlementError::InvalidDestination);
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
fn while_paused_only_the_admin_can_register() {
    let mut fixture = ProgramFixture::new();
    fixture.pause();
    let (settler, admin) = (fixture.settler.insecure_clone(), fixture.admin.insecure_clone());
    let args = args(Pubkey::new_unique());
    assert_refused(fixture.send_register_node(&settler, args), SettlementError::Paused);
    fixture.send_register_node(&admin, args).expect("the node is registered");
}
