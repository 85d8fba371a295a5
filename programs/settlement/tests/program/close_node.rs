//! `close_node`: what it refunds, what remains on-chain, and when it is refused.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{
    RegisterNodeArgs, close_node_ix, payout_ix, register_node_ix, set_destination_ix, set_settler_ix, set_threshold_ix,
    treasury_address, withdraw_ix,
};
use settlement::error::SettlementError;
use settlement::events::NodeClosed;
use settlement::rules::SkipReason;
use settlement::state::{ClosedNode, NodeWallet, Treasury};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, Role, SOL, assert_address_in_use, assert_refused, skip_reasons};

/// A node that was paid 3 SOL and has nothing pending.
fn fully_paid_node() -> (ProgramFixture, Node) {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.settle(&[node.entry(3 * SOL)]);
    (fixture, node)
}

fn ix(fixture: &ProgramFixture, node: &Node, by: &Keypair) -> Instruction {
    close_node_ix(by.pubkey(), fixture.network, node.id, node.owner.pubkey())
}

#[test]
fn the_treasury_gets_back_all_rent_that_the_remaining_account_does_not_need() {
    for role in [Role::NodeOwner, Role::Admin] {
        let (mut fixture, node) = fully_paid_node();
        let by = role.key(&fixture, &node);
        let freed = fixture.rent(NodeWallet::SIZE) - fixture.rent(ClosedNode::SIZE);
        let (surplus, treasury) = (fixture.surplus(), fixture.treasury_state());

        let close = ix(&fixture, &node, &by);
        let meta = fixture.send(&[close], &[&by]).expect("the node is closed");

        assert_eq!(fixture.surplus(), surplus + freed);
        let account = fixture.svm.get_account(&node.wallet).expect("the account remains");
        assert_eq!(account.owner, settlement::ID);
        assert_eq!(account.lamports, fixture.rent(ClosedNode::SIZE));
        assert_eq!(account.data.len(), 48);
        assert_eq!(ClosedNode::decode(&account.data), Ok(ClosedNode { total: 3 * SOL, network: fixture.network }));
        assert_eq!(
            fixture.event(&meta, NodeClosed::decode_cpi),
            NodeClosed {
                network: fixture.network,
                node_wallet: node.wallet,
                node_id: node.id,
                owner: node.owner.pubkey(),
                by: by.pubkey(),
                total: 3 * SOL,
                lamports: freed,
            }
        );
        // The network's totals still include the node's. Rent is not counted as funded.
        let after = fixture.treasury_state();
        let Treasury { history_hash, history_count, .. } = after;
        assert_eq!(after, Treasury { history_hash, history_count, ..treasury });
        assert_eq!(history_count, treasury.history_count + 1);
    }
}

/// Whoever pays for a node's registration, also the settler, gets nothing back.
#[test]
fn rent_that_a_stolen_settler_key_paid_belongs_to_the_network() {
    let mut fixture = ProgramFixture::new();
    let (stolen, owner, admin) = (fixture.settler.insecure_clone(), Keypair::new(), fixture.admin.insecure_clone());
    fixture.airdrop(&stolen.pubkey(), SOL);
    let args = RegisterNodeArgs { node_id: [5; 32], owner: owner.pubkey(), destination: None, threshold: None };
    let register = register_node_ix(stolen.pubkey(), stolen.pubkey(), fixture.network, args);
    fixture.send(&[register], &[&stolen]).expect("the node is registered");
    let rotate = set_settler_ix(admin.pubkey(), fixture.network, Pubkey::new_unique());
    fixture.send(&[rotate], &[&admin]).expect("the settler is replaced");

    let (thief, surplus) = (fixture.lamports(&stolen.pubkey()), fixture.surplus());
    let close = close_node_ix(admin.pubkey(), fixture.network, args.node_id, owner.pubkey());
    fixture.send(&[close], &[&admin]).expect("the node is closed");
    assert_eq!(fixture.lamports(&stolen.pubkey()), thief);
    let freed = fixture.rent(NodeWallet::SIZE) - fixture.rent(ClosedNode::SIZE);
    assert_eq!(fixture.surplus(), surplus + freed);
}

#[test]
fn a_node_with_a_pending_lamport_cannot_be_closed() {
    let (mut fixture, node) = fully_paid_node();
    fixture.credit(&[(node.wallet, 3 * SOL + 1)]);
    assert_refused(fixture.close_node(&node), SettlementError::PendingNotZero);
    let withdraw = withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, None);
    fixture.send(&[withdraw], &[&node.owner]).expect("the withdrawal succeeds");
    fixture.close_node(&node).expect("the node is closed");
    assert_eq!(fixture.lamports(&node.destination), 3 * SOL + 1);
}

#[test]
fn no_node_can_be_closed_while_paused() {
    let (mut fixture, node) = fully_paid_node();
    fixture.pause();
    assert_refused(fixture.close_node(&node), SettlementError::Paused);
}

#[test]
fn a_closed_node_cannot_be_registered_again() {
    let (mut fixture, node) = fully_paid_node();
    fixture.close_node(&node).expect("the node is closed");
    let before = fixture.svm.get_account(&node.wallet);
    let args = RegisterNodeArgs { node_id: node.id, owner: node.owner.pubkey(), destination: None, threshold: None };
    for authority in [fixture.settler.insecure_clone(), fixture.admin.insecure_clone()] {
        assert_address_in_use(fixture.send_register_node(&authority, args));
    }
    // Nor if a stranger sends lamports to it.
    fixture.airdrop(&node.wallet, SOL);
    let admin = fixture.admin.insecure_clone();
    assert_address_in_use(fixture.send_register_node(&admin, args));
    let after = fixture.svm.get_account(&node.wallet).expect("the account remains");
    assert_eq!(after.data, before.expect("the account remains").data);
}

#[test]
fn a_closed_node_is_not_a_valid_wallet() {
    let (mut fixture, node) = fully_paid_node();
    let other = fixture.register_node("other");
    fixture.close_node(&node).expect("the node is closed");

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
fn lamports_sent_by_strangers_also_go_to_the_treasury() {
    let (mut fixture, node) = fully_paid_node();
    fixture.airdrop(&node.wallet, 5 * SOL);
    let surplus = fixture.surplus();
    let meta = fixture.close_node(&node).expect("the node is closed");
    let event = fixture.event(&meta, NodeClosed::decode_cpi);
    assert_eq!(event.lamports, 5 * SOL + fixture.rent(NodeWallet::SIZE) - fixture.rent(ClosedNode::SIZE));
    assert_eq!(fixture.lamports(&node.wallet), fixture.rent(ClosedNode::SIZE));
    assert_eq!(fixture.surplus(), surplus + event.lamports);
}

#[test]
fn a_wallet_with_inconsistent_totals_cannot_be_closed() {
    let (mut fixture, node) = fully_paid_node();
    fixture.edit_account(&node.wallet, |wallet: &mut NodeWallet| wallet.paid_total += 1);
    assert_refused(fixture.close_node(&node), SettlementError::InconsistentTotals);
}

#[test]
fn the_admin_of_one_network_cannot_close_a_node_of_another() {
    let (mut fixture, node) = fully_paid_node();
    let args = fixture.network_args("other");
    fixture.create_network(args).expect("the network is created");
    let own = fixture.network_address("other");
    let admin = fixture.admin.insecure_clone();
    // The other network's treasury might not be paused.
    let mut by_own = ix(&fixture, &node, &admin);
    by_own.accounts[1].pubkey = own;
    by_own.accounts[2].pubkey = treasury_address(&own);
    assert_refused(fixture.send(&[by_own], &[&admin]), ErrorCode::ConstraintSeeds);
    let mut mixed = ix(&fixture, &node, &admin);
    mixed.accounts[2].pubkey = treasury_address(&own);
    assert_refused(fixture.send(&[mixed], &[&admin]), SettlementError::NetworkMismatch);
}
