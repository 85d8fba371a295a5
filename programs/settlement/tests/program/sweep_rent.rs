//! `sweep_rent`: lamports of node accounts that are neither rent nor pending return to the treasury.

use anchor_lang::prelude::Pubkey;
use settlement::client::sweep_rent_ix;
use settlement::error::SettlementError;
use settlement::events::RentSwept;
use settlement::state::{ClosedNode, Network, NodeWallet, Treasury};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{
    Node, ProgramFixture, SOL, TOKEN, TokenFixture, TokenProgram, TransactionOutcome, assert_refused, program_accounts,
    unrelated_accounts,
};

/// Sends a sweep whose fee a stranger pays.
fn sweep(fixture: &mut ProgramFixture, accounts: &[Pubkey]) -> TransactionOutcome {
    let stranger = Keypair::new();
    fixture.airdrop(&stranger.pubkey(), SOL);
    let ix = sweep_rent_ix(fixture.network, accounts);
    fixture.send_v1(&[ix], &stranger)
}

/// A network with a paid node, a node with half a SOL pending, and a closed node.
fn three_nodes() -> (ProgramFixture, [Node; 3]) {
    let mut fixture = ProgramFixture::new();
    let nodes = ["paid", "pending", "closed"].map(|name| fixture.register_node(name));
    fixture.settle(&[nodes[0].entry(2 * SOL), nodes[1].entry(SOL / 2), nodes[2].entry(3 * SOL)]);
    fixture.close_node(&nodes[2]).expect("the node is closed");
    (fixture, nodes)
}

#[test]
fn anyone_can_move_exactly_what_is_neither_rent_nor_pending_to_the_treasury() {
    let (mut fixture, [paid, pending, closed]) = three_nodes();
    for (address, lamports) in [(paid.wallet, 7), (pending.wallet, SOL), (closed.wallet, 50), (fixture.network, 3)] {
        fixture.airdrop(&address, lamports);
    }
    let (surplus, treasury) = (fixture.surplus(), fixture.treasury_state());
    let wallets = [&paid, &pending].map(|node| fixture.wallet_state(node));

    let meta = sweep(&mut fixture, &[paid.wallet, pending.wallet, closed.wallet]).expect("the rent is swept");

    let lamports = SOL + 60;
    assert_eq!(
        fixture.event(&meta, RentSwept::decode_cpi),
        RentSwept { network: fixture.network, accounts: 4, lamports }
    );
    assert_eq!(fixture.surplus(), surplus + lamports);
    assert_eq!(fixture.lamports(&paid.wallet), fixture.rent(NodeWallet::SIZE));
    assert_eq!(fixture.lamports(&pending.wallet), fixture.rent(NodeWallet::SIZE) + SOL / 2);
    assert_eq!(fixture.lamports(&closed.wallet), fixture.rent(ClosedNode::SIZE));
    assert_eq!(fixture.lamports(&fixture.network), fixture.rent(Network::SIZE));
    // Nothing else changes. Neither the totals nor the window count it.
    assert_eq!([&paid, &pending].map(|node| fixture.wallet_state(node)), wallets);
    let after = fixture.treasury_state();
    let Treasury { history_hash, history_count, .. } = after;
    assert_eq!(after, Treasury { history_hash, history_count, ..treasury });
    // The pending amount is still there.
    assert_eq!(fixture.settle(&[pending.entry(SOL)]).event.paid, SOL);
    assert_eq!(fixture.lamports(&pending.destination), SOL);
}

#[test]
fn after_a_fall_of_the_rate_the_difference_returns_to_the_treasury() {
    let (mut fixture, nodes) = three_nodes();
    let accounts = nodes.each_ref().map(|node| node.wallet);
    let held = |fixture: &ProgramFixture| -> u64 {
        let others = [fixture.network, fixture.treasury];
        accounts.iter().chain(&others).map(|address| fixture.lamports(address)).sum()
    };
    let before = held(&fixture);
    fixture.set_rent_rate(696);
    let bytes = (2 * NodeWallet::SIZE + ClosedNode::SIZE + Network::SIZE + 4 * 128) as u64;
    let meta = sweep(&mut fixture, &accounts).expect("the rent is swept");
    assert_eq!(fixture.event(&meta, RentSwept::decode_cpi).lamports, bytes * (6_960 - 696));
    assert_eq!(held(&fixture), before);
    let wallet_rent = (NodeWallet::SIZE as u64 + 128) * 696;
    assert_eq!(fixture.lamports(&nodes[0].wallet), wallet_rent);
    assert_eq!(fixture.lamports(&nodes[1].wallet), wallet_rent + SOL / 2);
}

#[test]
fn a_sweep_that_finds_nothing_is_refused() {
    let (mut fixture, nodes) = three_nodes();
    let accounts = nodes.each_ref().map(|node| node.wallet);
    let before = program_accounts(&fixture);
    for accounts in [&accounts[..], &[]] {
        assert_refused(sweep(&mut fixture, accounts), SettlementError::NothingToRecover);
    }
    assert!(program_accounts(&fixture) == before);
    // Nor is there anything after a rise.
    fixture.raise_rent(2);
    assert_refused(sweep(&mut fixture, &accounts), SettlementError::NothingToRecover);
    // A single lamport is enough.
    fixture.raise_rent(1);
    fixture.set_rent_rate(6_960);
    fixture.airdrop(&accounts[0], 1);
    sweep(&mut fixture, &accounts).expect("the rent is swept");
}

#[test]
fn accounts_that_are_not_the_networks_nodes_are_ignored() {
    let (mut fixture, [paid, pending, closed]) = three_nodes();
    let mut accounts = unrelated_accounts(&mut fixture, &paid);
    let newer = {
        let mut account = fixture.svm.get_account(&paid.wallet).expect("the wallet exists");
        account.data[8] = NodeWallet::VERSION + 1;
        account.lamports += SOL;
        let address = Pubkey::new_unique();
        fixture.set_account(&address, account);
        address
    };
    accounts.extend([newer, settlement::ID, solana_sdk_ids::system_program::ID]);
    let lamports = |fixture: &ProgramFixture| accounts.iter().map(|it| fixture.lamports(it)).collect::<Vec<_>>();
    let before = lamports(&fixture);
    assert_refused(sweep(&mut fixture, &accounts), SettlementError::NothingToRecover);
    assert_eq!(lamports(&fixture), before);

    // Among them, each of the network's own accounts counts once. So do its treasury and the network itself.
    let (network, treasury) = (fixture.network, fixture.treasury);
    for address in [paid.wallet, pending.wallet, closed.wallet, network] {
        fixture.airdrop(&address, 5);
    }
    let mut mixed = accounts.clone();
    mixed.extend([paid.wallet, treasury, pending.wallet, network, paid.wallet, closed.wallet, treasury, network]);
    let surplus = fixture.surplus();
    let meta = sweep(&mut fixture, &mixed).expect("the rent is swept");
    let event = fixture.event(&meta, RentSwept::decode_cpi);
    assert_eq!((event.accounts, event.lamports), (4, 20));
    assert_eq!(fixture.surplus(), surplus + 20);
    assert_eq!(lamports(&fixture), before);
}

#[test]
fn a_read_only_account_is_ignored() {
    let (mut fixture, [paid, pending, _]) = three_nodes();
    fixture.airdrop(&paid.wallet, 5);
    fixture.airdrop(&pending.wallet, 6);
    let mut ix = sweep_rent_ix(fixture.network, &[paid.wallet, pending.wallet]);
    let listed = ix.accounts.len() - 2;
    ix.accounts[listed].is_writable = false;
    let meta = fixture.send(&[ix], &[]).expect("the rent is swept");
    let event = fixture.event(&meta, RentSwept::decode_cpi);
    assert_eq!((event.accounts, event.lamports), (1, 6));
}

#[test]
fn a_paused_network_can_be_swept() {
    let (mut fixture, [paid, ..]) = three_nodes();
    fixture.airdrop(&paid.wallet, 5);
    fixture.pause();
    sweep(&mut fixture, &[paid.wallet]).expect("the rent is swept");
}

#[test]
fn many_nodes_can_be_swept_at_once() {
    const COUNT: usize = 58;
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(COUNT);
    fixture.set_rent_rate(696);
    let wallets: Vec<_> = nodes.iter().map(|node| node.wallet).collect();
    let meta = sweep(&mut fixture, &wallets).expect("the rent is swept");
    let event = fixture.event(&meta, RentSwept::decode_cpi);
    assert_eq!(usize::from(event.accounts), COUNT + 1);
    println!("{} compute units for {COUNT} nodes", meta.compute_units_consumed);
}

/// In a network that pays in tokens, no lamports of a wallet are pending.
#[test]
fn in_a_token_network_a_pending_amount_keeps_no_lamports_back() {
    let mut fixture = TokenFixture::new(TokenProgram::PToken);
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 5 * TOKEN)]);
    fixture.airdrop(&payee.node.wallet, SOL);
    let meta = sweep(&mut fixture, &[payee.node.wallet]).expect("the rent is swept");
    assert_eq!(fixture.event(&meta, RentSwept::decode_cpi).lamports, SOL);
    assert_eq!(fixture.surplus(), SOL);
    assert_eq!(fixture.settle(&[payee.entry(5 * TOKEN)]).event.paid, 5 * TOKEN);
}

/// The runtime deletes accounts without lamports, and with them the totals.
#[test]
fn at_a_rate_of_zero_every_account_keeps_a_lamport() {
    let (mut fixture, nodes) = three_nodes();
    fixture.set_rent_rate(0);
    let accounts = nodes.each_ref().map(|node| node.wallet);
    sweep(&mut fixture, &accounts).expect("the rent is swept");
    let (network, [paid, pending, closed]) = (fixture.network, &nodes);
    for (address, lamports) in [(paid.wallet, 1), (pending.wallet, 1 + SOL / 2), (closed.wallet, 1), (network, 1)] {
        assert_eq!(fixture.lamports(&address), lamports);
    }
    assert_refused(sweep(&mut fixture, &accounts), SettlementError::NothingToRecover);
    // All of them work, and lifetime totals are still not paid twice.
    let batch = fixture.settle(&[paid.entry(2 * SOL), pending.entry(SOL)]);
    assert_eq!((batch.event.credited, batch.event.paid), (SOL / 2, SOL));
    fixture.close_node(paid).expect("the node is closed");
    assert_eq!(fixture.lamports(&paid.wallet), 1);
}
