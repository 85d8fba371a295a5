//! `close_node`: what it refunds, what remains on-chain, and when it is refused.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    RegisterNodeArgs, close_node_ix, network_address, payout_ix, set_destination_ix, set_threshold_ix,
    treasury_address, withdraw_ix,
};
use settlement::error::SettlementError;
use settlement::events::NodeClosed;
use settlement::rules::SkipReason;
use settlement::state::{ClosedNode, NodeWallet};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, Role, SOL, TransactionOutcome, assert_refused, network_id, skip_reasons};

/// A node that was paid 3 SOL and has nothing pending.
fn fully_paid_node() -> (ProgramFixture, Node) {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.settle(&[node.entry(3 * SOL)]);
    (fixture, node)
}

fn ix(fixture: &ProgramFixture, node: &Node, by: &Keypair) -> Instruction {
    close_node_ix(by.pubkey(), fixture.network, node.id, fixture.payer.pubkey())
}

fn close(fixture: &mut ProgramFixture, node: &Node) -> TransactionOutcome {
    let owner = node.owner.insecure_clone();
    fixture.send(&[ix(fixture, node, &owner)], &[&owner])
}

#[test]
fn the_rent_payer_gets_back_all_rent_that_the_remaining_account_does_not_need() {
    for role in [Role::NodeOwner, Role::Admin] {
        let (mut fixture, node) = fully_paid_node();
        let by = role.key(&fixture, &node);
        let rent = fixture.rent(NodeWallet::SIZE);
        let kept = fixture.rent(ClosedNode::SIZE);
        let payer = fixture.payer.pubkey();
        let before = (fixture.lamports(&payer), fixture.treasury_state());

        let close = ix(&fixture, &node, &by);
        let meta = fixture.send(&[close], &[&by]).expect("the node is closed");

        assert_eq!(fixture.lamports(&payer), before.0 + rent - kept - meta.fee);
        let account = fixture.svm.get_account(&node.wallet).expect("the account remains");
        assert_eq!(account.owner, settlement::ID);
        assert_eq!(account.lamports, kept);
        assert_eq!(account.data.len(), 16);
        assert_eq!(ClosedNode::decode(&account.data), Ok(ClosedNode { total: 3 * SOL }));
        assert_eq!(
            fixture.event(&meta, NodeClosed::decode_cpi),
            NodeClosed {
                network: fixture.network,
                node_wallet: node.wallet,
                node_id: node.id,
                by: by.pubkey(),
                total: 3 * SOL,
                rent_payer: payer,
                lamports: rent - kept,
            }
        );
        // The network's totals still include the node's.
        assert_eq!(fixture.treasury_state(), before.1);
    }
}

#[test]
fn a_node_with_a_pending_lamport_cannot_be_closed() {
    let (mut fixture, node) = fully_paid_node();
    fixture.credit(&[(node.wallet, 3 * SOL + 1)]);
    assert_refused(close(&mut fixture, &node), SettlementError::PendingNotZero);
    let withdraw = withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, None);
    fixture.send(&[withdraw], &[&node.owner]).expect("the withdrawal succeeds");
    close(&mut fixture, &node).expect("the node is closed");
    assert_eq!(fixture.lamports(&node.destination), 3 * SOL + 1);
}

#[test]
fn no_node_can_be_closed_while_paused() {
    let (mut fixture, node) = fully_paid_node();
    fixture.pause();
    assert_refused(close(&mut fixture, &node), SettlementError::Paused);
}

#[test]
fn the_rent_goes_only_to_the_rent_payer() {
    let (mut fixture, node) = fully_paid_node();
    for to in [node.owner.pubkey(), fixture.treasury, node.wallet, Pubkey::new_unique()] {
        let ix = close_node_ix(node.owner.pubkey(), fixture.network, node.id, to);
        assert_refused(fixture.send(&[ix], &[&node.owner]), SettlementError::DestinationMismatch);
    }
}

#[test]
fn a_closed_node_cannot_be_registered_again() {
    let (mut fixture, node) = fully_paid_node();
    close(&mut fixture, &node).expect("the node is closed");
    let before = fixture.svm.get_account(&node.wallet);
    let args = RegisterNodeArgs { node_id: node.id, owner: node.owner.pubkey(), destination: None, threshold: None };
    for authority in [fixture.settler.insecure_clone(), fixture.admin.insecure_clone()] {
        fixture.send_register_node(&authority, args).expect_err("the registration should have been refused");
    }
    // Nor if a stranger sends lamports to it.
    fixture.airdrop(&node.wallet, SOL);
    let admin = fixture.admin.insecure_clone();
    fixture.send_register_node(&admin, args).expect_err("the registration should have been refused");
    let after = fixture.svm.get_account(&node.wallet).expect("the account remains");
    assert_eq!(after.data, before.expect("the account remains").data);
}

#[test]
fn a_closed_node_is_not_a_valid_wallet() {
    let (mut fixture, node) = fully_paid_node();
    let other = fixture.register_node("other");
    close(&mut fixture, &node).expect("the node is closed");

    let credit = fixture.credit(&[(node.wallet, 9 * SOL), (other.wallet, SOL / 2)]);
    assert_eq!(skip_reasons(&credit.event), [(0, Some(SkipReason::InvalidWallet), None)]);
    let settle = fixture.settle(&[node.entry(9 * SOL), other.entry(SOL)]);
    assert_eq!(skip_reasons(&settle.event), [(0, Some(SkipReason::InvalidWallet), None)]);
    let payout = payout_ix(fixture.network, &[(node.wallet, node.destination)]);
    let meta = fixture.send(&[payout], &[]).expect("the payout is applied");
    let event = fixture.event(&meta, settlement::events::PaidOut::decode_cpi);
    assert_eq!(event.skip_reason(0), Some(SkipReason::InvalidWallet));

    let owner = node.owner.pubkey();
    let by_owner = [
        withdraw_ix(owner, fixture.network, node.id, node.destination, None),
        set_destination_ix(owner, fixture.network, node.id, Pubkey::new_unique()),
        set_threshold_ix(owner, fixture.network, node.id, 5 * SOL),
        ix(&fixture, &node, &node.owner),
    ];
    for ix in by_owner {
        assert_refused(fixture.send(&[ix], &[&node.owner]), ErrorCode::AccountDiscriminatorMismatch);
    }
    assert_eq!(fixture.lamports(&node.destination), 3 * SOL);
}

#[test]
fn lamports_sent_by_strangers_also_go_to_the_rent_payer() {
    let (mut fixture, node) = fully_paid_node();
    fixture.airdrop(&node.wallet, 5 * SOL);
    let meta = close(&mut fixture, &node).expect("the node is closed");
    let event = fixture.event(&meta, NodeClosed::decode_cpi);
    assert_eq!(event.lamports, 5 * SOL + fixture.rent(NodeWallet::SIZE) - fixture.rent(ClosedNode::SIZE));
    assert_eq!(fixture.lamports(&node.wallet), fixture.rent(ClosedNode::SIZE));
}

#[test]
fn after_a_rent_increase_a_node_closes_only_if_every_account_stays_rent_exempt() {
    let (mut fixture, node) = fully_paid_node();
    let gone = Pubkey::new_unique();
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.rent_payer = gone);
    let close = close_node_ix(node.owner.pubkey(), fixture.network, node.id, gone);

    // The returned lamports alone would not make the rent payer's account rent-exempt.
    fixture.raise_rent(2);
    assert_refused(
        fixture.send(std::slice::from_ref(&close), &[&node.owner]),
        SettlementError::DestinationNotRentExempt,
    );
    // The remaining account would not be rent-exempt.
    fixture.raise_rent(2);
    assert_refused(fixture.send(std::slice::from_ref(&close), &[&node.owner]), SettlementError::WalletNotRentExempt);

    fixture.airdrop(&node.wallet, SOL);
    fixture.send(&[close], &[&node.owner]).expect("the node is closed");
    assert_eq!(fixture.lamports(&node.wallet), fixture.rent(ClosedNode::SIZE));
}

#[test]
fn a_wallet_with_inconsistent_totals_cannot_be_closed() {
    let (mut fixture, node) = fully_paid_node();
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.paid_total += 1);
    assert_refused(close(&mut fixture, &node), SettlementError::InconsistentTotals);
}

#[test]
fn the_admin_of_one_network_cannot_close_a_node_of_another() {
    let (mut fixture, node) = fully_paid_node();
    let args = fixture.network_args("other");
    fixture.create_network(args).expect("the network is created");
    let own = network_address(&network_id("other"));
    let admin = fixture.admin.insecure_clone();
    // The other network's treasury might not be paused.
    let mut by_own = ix(&fixture, &node, &admin);
    by_own.accounts[1].pubkey = own;
    by_own.accounts[2].pubkey = treasury_address(&own);
    assert_refused(fixture.send(&[by_own], &[&admin]), SettlementError::NetworkMismatch);
    let mut mixed = ix(&fixture, &node, &admin);
    mixed.accounts[2].pubkey = treasury_address(&own);
    assert_refused(fixture.send(&[mixed], &[&admin]), SettlementError::NetworkMismatch);
}
