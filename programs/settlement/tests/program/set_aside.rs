//! `set_aside`: what a node is owed leaves the network for its owner, if its destination can't be paid.

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    claim_address, close_network_ix, close_node_ix, recover_node_tokens_ix, set_aside_ix, set_aside_tokens_ix,
};
use settlement::error::SettlementError;
use settlement::events::PendingSetAside;
use settlement::state::{NodeWallet, Treasury};
use solana_account::Account;
use solana_signer::Signer;
use spl_token_2022_interface::instruction::close_account;

use crate::common::{
    DECIMALS, Node, Payee, ProgramFixture, Role, SOL, TOKEN, TokenFixture, TokenProgram, TransactionOutcome,
    assert_only_authorized, assert_refused,
};

fn set_aside(fixture: &mut ProgramFixture, node: &Node) -> TransactionOutcome {
    let (admin, destination) = (fixture.admin.insecure_clone(), fixture.wallet_state(node).destination);
    let ix = set_aside_ix(admin.pubkey(), fixture.network, node.id, node.owner.pubkey(), destination);
    fixture.send(&[ix], &[&admin])
}

/// A node with these lamports pending, whose destination can't be paid.
fn unpayable_node(lamports: u64) -> (ProgramFixture, Node) {
    let mut fixture = ProgramFixture::new();
    let mut node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, lamports)]);
    // As if the owner had deployed a program at the address of the destination.
    node.destination = fixture.deploy_program();
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.destination = node.destination);
    (fixture, node)
}

#[test]
fn lamports_move_to_the_claim_address_and_count_as_paid() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    let claim = claim_address(&node.wallet);
    let (wallet, treasury) = (fixture.wallet_state(&node), fixture.treasury_state());
    let surplus = fixture.surplus();
    let meta = set_aside(&mut fixture, &node).expect("the amount is set aside");
    assert_eq!(
        fixture.event(&meta, PendingSetAside::decode_cpi),
        PendingSetAside {
            network: fixture.network,
            node_wallet: node.wallet,
            owner: node.owner.pubkey(),
            by: fixture.admin.pubkey(),
            claim,
            amount: 3 * SOL,
            paid_total: 3 * SOL,
        }
    );
    assert_eq!((fixture.lamports(&claim), fixture.wallet_lamports(&node), fixture.surplus()), (3 * SOL, 0, surplus));
    assert_eq!(fixture.wallet_state(&node), NodeWallet { paid_total: 3 * SOL, oldest_unpaid_at: 0, ..wallet });
    let after = fixture.treasury_state();
    let Treasury { history_hash, history_count, .. } = after;
    assert_eq!(after, Treasury { paid_total: 3 * SOL, history_hash, history_count, ..treasury });
    assert_eq!(history_count, treasury.history_count + 1);
    // A lifetime total is not paid again.
    assert_eq!(fixture.settle(&[node.entry(3 * SOL)]).event.credited, 0);
    assert_refused(set_aside(&mut fixture, &node), SettlementError::NothingPending);
}

/// One owner can't keep a node or a network from being closed.
#[test]
fn a_single_pending_lamport_does_not_keep_a_network_open() {
    let (mut fixture, node) = unpayable_node(1);
    let (admin, network) = (fixture.admin.insecure_clone(), fixture.network);
    let close = close_node_ix(admin.pubkey(), network, node.id, node.owner.pubkey());
    assert_refused(fixture.send(std::slice::from_ref(&close), &[&admin]), SettlementError::PendingNotZero);
    let close_network = close_network_ix(admin.pubkey(), network, admin.pubkey());
    assert_refused(fixture.send(std::slice::from_ref(&close_network), &[&admin]), SettlementError::NodesOwed);
    // An account with one lamport can't exist. Anybody can fund the claim first.
    assert_refused(set_aside(&mut fixture, &node), SettlementError::DestinationNotRentExempt);
    let claim = claim_address(&node.wallet);
    let minimum = fixture.rent(0);
    fixture.airdrop(&claim, minimum);
    set_aside(&mut fixture, &node).expect("the amount is set aside");
    assert_eq!(fixture.lamports(&claim), minimum + 1);
    fixture.send(&[close, close_network], &[&admin]).expect("the node and the network are closed");
}

#[test]
fn what_can_be_paid_is_not_set_aside() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(3);
    let minimum = fixture.rent(0);
    // A destination that does not exist yet, and accounts with any owner and data.
    fixture.credit(&[(nodes[0].wallet, 1), (nodes[1].wallet, minimum), (nodes[2].wallet, SOL)]);
    let account = Account { lamports: 1, data: vec![1; 500], owner: Pubkey::new_unique(), ..Account::default() };
    fixture.set_account(&nodes[2].destination, account);
    for node in &nodes {
        assert_refused(set_aside(&mut fixture, node), SettlementError::DestinationPayable);
        assert_eq!(fixture.lamports(&claim_address(&node.wallet)), 0);
    }
}

#[test]
fn only_the_admin_of_an_unpaused_network_can_set_aside() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    let (network, id, owner, to) = (fixture.network, node.id, node.owner.pubkey(), node.destination);
    assert_only_authorized(&mut fixture, &node, &[Role::Admin], |key| set_aside_ix(key, network, id, owner, to));
    fixture.pause();
    assert_refused(set_aside(&mut fixture, &node), SettlementError::Paused);
    fixture.unpause();
    set_aside(&mut fixture, &node).expect("the amount is set aside");
}

#[test]
fn inconsistent_totals_are_refused() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.paid_total = 3 * SOL + 1);
    let destination = node.destination;
    let admin = fixture.admin.insecure_clone();
    let ix = set_aside_ix(admin.pubkey(), fixture.network, node.id, node.owner.pubkey(), destination);
    assert_refused(fixture.send(&[ix], &[&admin]), SettlementError::InconsistentTotals);
}

#[test]
fn a_wallet_that_is_short_after_a_rise_keeps_its_floor() {
    let (mut fixture, node) = unpayable_node(3 * SOL);
    fixture.take_lamports(&node.wallet, 1);
    assert_refused(set_aside(&mut fixture, &node), SettlementError::WalletNotRentExempt);
    fixture.airdrop(&node.wallet, 1);
    set_aside(&mut fixture, &node).expect("the amount is set aside");
}

fn set_aside_tokens(fixture: &mut TokenFixture, payee: &Payee, to: Pubkey) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    let (node, destination) = (&payee.node, fixture.wallet_state(&payee.node).destination);
    let (network, asset) = (fixture.network, fixture.asset);
    let ix = set_aside_tokens_ix(admin.pubkey(), network, &asset, node.id, node.owner.pubkey(), destination, to);
    fixture.send(&[ix], &[&admin])
}

/// A node with 5 tokens pending whose owner closed the destination.
fn closed_destination(program: TokenProgram) -> (TokenFixture, Payee) {
    let mut fixture = TokenFixture::new(program);
    let payee = fixture.register_payee("node");
    fixture.credit(&[(payee.node.wallet, 5 * TOKEN)]);
    let owner = payee.node.owner.insecure_clone();
    let close = close_account(&fixture.asset.token_program, &payee.account, &owner.pubkey(), &owner.pubkey(), &[]);
    fixture.send(&[close.expect("the instruction is valid")], &[&owner]).expect("the token account is closed");
    (fixture, payee)
}

#[test]
fn the_owner_recovers_tokens_that_were_set_aside() {
    for program in TokenProgram::ALL {
        let (mut fixture, payee) = closed_destination(program);
        let (asset, network, owner) = (fixture.asset, fixture.network, payee.node.owner.insecure_clone());
        let held = fixture.create_associated_account(&payee.node.wallet, &asset);
        let meta = set_aside_tokens(&mut fixture, &payee, held).expect("the tokens are set aside");
        let event = fixture.event(&meta, PendingSetAside::decode_cpi);
        assert_eq!((event.claim, event.amount, event.paid_total), (held, 5 * TOKEN, 5 * TOKEN));
        assert_eq!(
            (fixture.token_balance(&held), fixture.vault_balance(), fixture.owed()),
            (5 * TOKEN, 995 * TOKEN, 0)
        );
        assert_eq!(fixture.treasury_state().token_balance, 995 * TOKEN);
        let to = fixture.create_associated_account(&owner.pubkey(), &asset);
        let ix = recover_node_tokens_ix(owner.pubkey(), network, payee.node.id, &asset, held, to);
        fixture.send(&[ix], &[&owner]).expect("the tokens are recovered");
        assert_eq!(fixture.token_balance(&to), 5 * TOKEN);
    }
}

#[test]
fn tokens_are_set_aside_only_at_the_wallets_address() {
    for program in TokenProgram::ALL {
        let (mut fixture, payee) = closed_destination(program);
        let (asset, admin, vault) = (fixture.asset, fixture.admin.pubkey(), fixture.vault);
        let other = fixture.register_node("other");
        let others = [
            fixture.create_associated_account(&admin, &asset),
            fixture.create_associated_account(&other.wallet, &asset),
            fixture.create_token_account(&payee.node.owner.pubkey(), &asset),
            vault,
            Pubkey::new_unique(),
        ];
        for to in others {
            assert_refused(set_aside_tokens(&mut fixture, &payee, to), SettlementError::InvalidClaim);
        }
        let wrong_mint = fixture.create_mint(program, DECIMALS, &[]);
        let wrong_mint = fixture.create_associated_account(&payee.node.wallet, &wrong_mint);
        assert_refused(set_aside_tokens(&mut fixture, &payee, wrong_mint), SettlementError::TokenAccountWrongMint);
        assert_eq!((fixture.vault_balance(), fixture.owed()), (1_000 * TOKEN, 5 * TOKEN));
    }
}

/// A frozen account is not the owner's doing, and can be thawed.
#[test]
fn tokens_that_can_be_paid_or_are_frozen_are_not_set_aside() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payee = fixture.register_payee("node");
        fixture.credit(&[(payee.node.wallet, 5 * TOKEN)]);
        let asset = fixture.asset;
        let held = fixture.create_associated_account(&payee.node.wallet, &asset);
        assert_refused(set_aside_tokens(&mut fixture, &payee, held), SettlementError::DestinationPayable);
        fixture.freeze(&asset, &payee.account);
        assert_refused(set_aside_tokens(&mut fixture, &payee, held), SettlementError::DestinationPayable);
        assert_eq!(fixture.owed(), 5 * TOKEN);
    }
}
