//! `sweep_closed_network`: whatever is left at the addresses of a closed network goes to its last admin.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    accept_admin_ix, close_network_ix, propose_admin_ix, sweep_closed_network_ix, treasury_address,
};
use settlement::error::SettlementError;
use settlement::events::ClosedNetworkSwept;
use settlement::state::{ClosedNetwork, ClosedNode, NodeWallet};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{
    Node, ProgramFixture, SOL, TransactionOutcome, assert_address_in_use, assert_refused, program_accounts,
    unrelated_accounts,
};

/// Sends a sweep whose fee a stranger pays.
fn sweep(fixture: &mut ProgramFixture, accounts: &[Pubkey]) -> TransactionOutcome {
    let stranger = Keypair::new();
    fixture.airdrop(&stranger.pubkey(), SOL);
    let ix = sweep_closed_network_ix(fixture.network, fixture.admin.pubkey(), accounts);
    fixture.send_v1(&[ix], &stranger)
}

fn close_network(fixture: &mut ProgramFixture) {
    let admin = fixture.admin.insecure_clone();
    let ix = close_network_ix(admin.pubkey(), fixture.network, Pubkey::new_unique());
    fixture.send(&[ix], &[&admin]).expect("the network is closed");
}

/// A closed network with two open nodes and a closed one.
fn closed_network() -> (ProgramFixture, [Node; 3]) {
    let mut fixture = ProgramFixture::new();
    let nodes = ["first", "second", "closed"].map(|name| fixture.register_node(name));
    fixture.settle(&[nodes[0].entry(2 * SOL), nodes[2].entry(3 * SOL)]);
    fixture.close_node(&nodes[2]).expect("the node is closed");
    close_network(&mut fixture);
    (fixture, nodes)
}

/// Whether there is nothing at an address.
fn is_gone(fixture: &ProgramFixture, address: &Pubkey) -> bool {
    fixture.svm.get_account(address).is_none_or(|account| account.lamports == 0 && account.data.is_empty())
}

#[test]
fn anyone_can_send_all_that_is_left_to_the_last_admin() {
    let (mut fixture, nodes) = closed_network();
    let (network, treasury, admin) = (fixture.network, fixture.treasury, fixture.admin.pubkey());
    // Strangers send lamports to every address.
    for (address, gift) in [(network, 5), (treasury, SOL), (nodes[0].wallet, 7), (nodes[2].wallet, 11)] {
        fixture.airdrop(&address, gift);
    }
    let accounts = nodes.each_ref().map(|node| node.wallet);
    let before = fixture.lamports(&admin);

    let meta = sweep(&mut fixture, &accounts).expect("the network is swept");

    let lamports = SOL + 23 + 2 * fixture.rent(NodeWallet::SIZE) + fixture.rent(ClosedNode::SIZE);
    assert_eq!(
        fixture.event(&meta, ClosedNetworkSwept::decode_cpi),
        ClosedNetworkSwept { network, admin, accounts: 5, lamports }
    );
    assert_eq!(fixture.lamports(&admin), before + lamports);
    for address in accounts.iter().chain([&treasury]) {
        assert!(is_gone(&fixture, address));
    }
    // Only the closed network remains, so that it can't be created again.
    assert_eq!(fixture.lamports(&network), fixture.rent(ClosedNetwork::SIZE));
    assert_eq!(program_accounts(&fixture).len(), 1);
    let args = fixture.network_args("test");
    assert_address_in_use(fixture.create_network(args));
    assert_refused(sweep(&mut fixture, &accounts), SettlementError::NothingToRecover);
}

#[test]
fn a_fall_of_the_rate_frees_lamports_of_the_remaining_account() {
    let (mut fixture, _) = closed_network();
    assert_refused(sweep(&mut fixture, &[]), SettlementError::NothingToRecover);
    fixture.set_rent_rate(696);
    let meta = sweep(&mut fixture, &[]).expect("the network is swept");
    let event = fixture.event(&meta, ClosedNetworkSwept::decode_cpi);
    assert_eq!((event.accounts, event.lamports), (1, (ClosedNetwork::SIZE as u64 + 128) * (6_960 - 696)));
    assert!(!is_gone(&fixture, &fixture.network));
}

#[test]
fn an_open_network_cannot_be_swept() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let before = program_accounts(&fixture);
    assert_refused(sweep(&mut fixture, &[node.wallet]), ErrorCode::AccountDiscriminatorMismatch);
    assert!(program_accounts(&fixture) == before);
}

#[test]
fn nobody_but_the_last_admin_receives_the_lamports() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let (first, last) = (fixture.admin.insecure_clone(), Keypair::new());
    let network = fixture.network;
    let replace = [propose_admin_ix(first.pubkey(), network, last.pubkey()), accept_admin_ix(last.pubkey(), network)];
    fixture.send(&replace, &[&first, &last]).expect("the admin is replaced");
    fixture.admin = last.insecure_clone();
    close_network(&mut fixture);
    for other in [first.pubkey(), fixture.payer.pubkey(), Pubkey::new_unique(), fixture.treasury, node.wallet] {
        let ix = sweep_closed_network_ix(network, other, &[node.wallet]);
        assert_refused(fixture.send(&[ix], &[]), SettlementError::AdminMismatch);
    }
    sweep(&mut fixture, &[node.wallet]).expect("the network is swept");
    assert_eq!(fixture.lamports(&last.pubkey()), fixture.rent(NodeWallet::SIZE));
}

#[test]
fn the_treasury_of_another_network_is_refused() {
    let (mut fixture, nodes) = closed_network();
    let args = fixture.network_args("open");
    fixture.create_network(args).expect("the network is created");
    let mut ix = sweep_closed_network_ix(fixture.network, fixture.admin.pubkey(), &[nodes[0].wallet]);
    ix.accounts[2].pubkey = treasury_address(&fixture.network_address("open"));
    assert_refused(fixture.send(&[ix], &[]), ErrorCode::ConstraintSeeds);
}

#[test]
fn accounts_that_are_not_the_networks_nodes_are_ignored() {
    let (mut fixture, [first, second, closed]) = closed_network();
    let unrelated = unrelated_accounts(&mut fixture, &first);
    let state = |fixture: &ProgramFixture| unrelated.iter().map(|it| fixture.svm.get_account(it)).collect::<Vec<_>>();
    let before = state(&fixture);
    assert_refused(sweep(&mut fixture, &unrelated), SettlementError::NothingToRecover);
    assert_eq!(state(&fixture), before);

    let (network, treasury, admin) = (fixture.network, fixture.treasury, fixture.admin.pubkey());
    fixture.airdrop(&treasury, SOL);
    let mut mixed = unrelated.clone();
    mixed.extend([first.wallet, treasury, network, admin, first.wallet, closed.wallet, first.wallet]);
    let mut ix = sweep_closed_network_ix(network, admin, &mixed);
    ix.accounts.push(solana_instruction::AccountMeta::new_readonly(second.wallet, false));
    let meta = fixture.send(&[ix], &[]).expect("the network is swept");
    let event = fixture.event(&meta, ClosedNetworkSwept::decode_cpi);
    let rent = fixture.rent(NodeWallet::SIZE);
    assert_eq!((event.accounts, event.lamports), (3, SOL + rent + fixture.rent(ClosedNode::SIZE)));
    assert_eq!(state(&fixture), before);
    assert_eq!(fixture.lamports(&second.wallet), rent, "it was read-only");
    sweep(&mut fixture, &[second.wallet]).expect("the rest is swept");
}
