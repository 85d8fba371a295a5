//! `register_node`: the initial state, and the arguments that are refused.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    RegisterNodeArgs, close_node_ix, node_id, node_wallet_address, register_node_ix, reopen_node_ix,
    set_destination_ix, set_settler_ix, unpause_ix,
};
use settlement::error::SettlementError;
use settlement::events::NodeRegistered;
use settlement::state::{DestinationSource, NodeWallet};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, RESERVED_ADDRESSES, SOL, START, assert_address_in_use, assert_refused};

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

    let address = node_wallet_address(&fixture.network, &node_id("node"), &owner);
    let account = fixture.svm.get_account(&address).expect("the wallet exists");
    assert_eq!(account.owner, settlement::ID);
    assert_eq!(account.lamports, fixture.rent(NodeWallet::SIZE));
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
            let wallet = wallet(&fixture, &args);
            assert_eq!(wallet.destination, owner);
            assert_eq!(wallet.destination_source, u8::from(DestinationSource::Default));
            assert!(wallet.is_destination_confirmed());
            assert_eq!(wallet.threshold, SOL);
        }
    }
}

fn wallet(fixture: &ProgramFixture, args: &RegisterNodeArgs) -> NodeWallet {
    let address = node_wallet_address(&fixture.network, &args.node_id, &args.owner);
    let account = fixture.svm.get_account(&address).expect("the wallet exists");
    NodeWallet::decode(&account.data).expect("a valid wallet")
}

#[test]
fn the_settler_cannot_set_a_destination_other_than_the_owner() {
    let mut fixture = ProgramFixture::new();
    let (settler, admin) = (fixture.settler.insecure_clone(), fixture.admin.insecure_clone());
    let foreign = RegisterNodeArgs { destination: Some(Pubkey::new_unique()), ..args(Pubkey::new_unique()) };
    assert_refused(fixture.send_register_node(&settler, foreign), SettlementError::DestinationNotOwner);
    assert!(
        fixture.svm.get_account(&node_wallet_address(&fixture.network, &foreign.node_id, &foreign.owner)).is_none()
    );
    fixture.send_register_node(&admin, foreign).expect("the node is registered");
    assert!(!wallet(&fixture, &foreign).is_destination_confirmed());
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
    fixture.close_node(&closed).expect("the node is closed");

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
        destination: wallet(&fixture, &register).destination,
        wallet: node_wallet_address(&network, &register.node_id, &register.owner),
        owner,
    };
    for node in [&opened, &closed] {
        let mut set = set_destination_ix(stolen.pubkey(), network, node.id, thief);
        set.accounts[3].pubkey = node.wallet;
        assert_refused(fixture.send(&[set], &[&stolen]), ErrorCode::ConstraintSeeds);
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
    fixture.network = fixture.network_address("other");
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
    fixture.settle(&[node.entry(SOL / 2)]);
    let before = fixture.wallet_state(&node);
    for key in [fixture.settler.insecure_clone(), fixture.admin.insecure_clone()] {
        assert_address_in_use(fixture.send_register_node(&key, args(node.owner.pubkey())));
    }
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
    let own = [fixture.network, fixture.treasury];
    for address in RESERVED_ADDRESSES.into_iter().chain(own) {
        assert_refused(fixture.send_register_node(&settler, args(address)), SettlementError::InvalidOwner);
        let destination = RegisterNodeArgs { destination: Some(address), ..args(Pubkey::new_unique()) };
        assert_refused(fixture.send_register_node(&admin, destination), SettlementError::InvalidDestination);
    }
    // The node's own wallet account.
    let args = args(Pubkey::new_unique());
    let wallet = node_wallet_address(&fixture.network, &args.node_id, &args.owner);
    let destination = RegisterNodeArgs { destination: Some(wallet), ..args };
    assert_refused(fixture.send_register_node(&admin, destination), SettlementError::InvalidDestination);
}

#[test]
fn lamports_at_its_address_do_not_prevent_a_wallet_and_are_not_pending() {
    for gift in [1, SOL] {
        let mut fixture = ProgramFixture::new();
        let owner = Keypair::new();
        let address = node_wallet_address(&fixture.network, &node_id("node"), &owner.pubkey());
        fixture.airdrop(&address, gift);
        let node = fixture.register_node_with("node", |args| args.owner = owner.pubkey());
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

#[test]
fn the_settler_cannot_set_a_threshold_other_than_the_default() {
    let mut fixture = ProgramFixture::new();
    let (settler, admin) = (fixture.settler.insecure_clone(), fixture.admin.insecure_clone());
    for (name, threshold, is_allowed) in [("equal", SOL, true), ("above", SOL + 1, false), ("never", u64::MAX, false)] {
        let args =
            RegisterNodeArgs { node_id: node_id(name), threshold: Some(threshold), ..args(Pubkey::new_unique()) };
        let outcome = fixture.send_register_node(&settler, args);
        if is_allowed {
            outcome.expect("the node is registered");
        } else {
            assert_refused(outcome, SettlementError::ThresholdNotDefault);
            fixture.send_register_node(&admin, args).expect("the admin registers the node");
        }
        assert_eq!(wallet(&fixture, &args).threshold, threshold);
    }
}

/// A node id that was registered with a bogus owner and has an amount pending stays as it is for ever, but belongs to
/// nobody else.
#[test]
fn a_bogus_owner_registered_first_does_not_affect_the_honest_one() {
    let mut fixture = ProgramFixture::new();
    let (stolen, admin) = (fixture.settler.insecure_clone(), fixture.admin.insecure_clone());
    let (thief, honest, network) = (Keypair::new(), Keypair::new(), fixture.network);
    let bogus = fixture.register_node_with("node", |args| args.owner = thief.pubkey());
    fixture.credit(&[(bogus.wallet, 1)]);
    let rotate = set_settler_ix(admin.pubkey(), network, Pubkey::new_unique());
    fixture.send(&[rotate], &[&admin]).expect("the settler is replaced");
    fixture.settler = Keypair::new();
    let rotate = set_settler_ix(admin.pubkey(), network, fixture.settler.pubkey());
    fixture.send(&[rotate], &[&admin]).expect("the settler is replaced");
    assert_refused(fixture.send_register_node(&stolen, args(honest.pubkey())), SettlementError::Unauthorized);

    // As if nothing had happened: the honest owner's node is registered, credited and paid from its first lamport on.
    let node = fixture.register_node_with("node", |args| args.owner = honest.pubkey());
    assert_eq!(node.id, bogus.id);
    let batch = fixture.settle(&[node.entry(3 * SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (3 * SOL, 3 * SOL));
    assert_eq!(fixture.lamports(&honest.pubkey()), 3 * SOL);
    assert_eq!(fixture.wallet_state(&bogus).pending(), 1);
    // The honest owner can set everything, close the node, and have it reopened.
    let to = Pubkey::new_unique();
    let set = set_destination_ix(honest.pubkey(), network, node.id, to);
    fixture.send(&[set], &[&honest]).expect("the destination is set");
    let close = close_node_ix(honest.pubkey(), network, node.id, honest.pubkey());
    fixture.send(&[close], &[&honest]).expect("the node is closed");
    let settler = fixture.settler.insecure_clone();
    let reopen = reopen_node_ix(settler.pubkey(), fixture.payer.pubkey(), network, args(honest.pubkey()));
    fixture.send(&[reopen], &[&settler]).expect("the node is reopened");
    assert_eq!(wallet(&fixture, &args(honest.pubkey())).credited_total, 3 * SOL);
    // Nor can one owner act on the other's wallet.
    for (by, other) in [(&thief, node.wallet), (&honest, bogus.wallet)] {
        let mut set = set_destination_ix(by.pubkey(), network, node.id, to);
        set.accounts[3].pubkey = other;
        assert_refused(fixture.send(&[set], &[by]), ErrorCode::ConstraintSeeds);
    }
}
