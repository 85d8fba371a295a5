//! Settlements that are rejected: each records its reason and sends nothing.

use std::cell::Cell;

use settlement::client::{accept_admin_ix, close_network_ix, propose_admin_ix};
use settlement::state::Network;
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use williw_relay::chain::ChainError;
use williw_relay::engine::{EngineError, NetworkRef};
use williw_relay::types::RewardStatus;

use crate::support::{Around, EngineFixture, NodeSpec, Surrounded, TRIGGER, block_on};

fn with_a_pending_reward() -> EngineFixture {
    let fixture = EngineFixture::new(&[NodeSpec::payable("a")]);
    fixture.grant("a", 1_000_000);
    fixture
}

fn assert_rejected(fixture: &EngineFixture, expected: &str) {
    let finished = fixture.settle();
    let reason = finished.last().cloned().flatten().expect("the settlement fails");
    assert!(reason.contains(expected), "{reason}");
    assert_eq!(fixture.chain.sends.get(), 0, "nothing was sent");
    assert_eq!(fixture.latest_settlement_error(), Some(reason));
    assert_eq!(fixture.reward_count(RewardStatus::Pending), 1);
}

#[test]
fn a_paused_network_is_settled_only_after_it_is_unpaused() {
    let fixture = with_a_pending_reward();
    fixture.pause();
    assert_rejected(&fixture, "paused");
    fixture.unpause();
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
}

#[test]
fn a_network_with_an_unexpected_admin_is_settled_only_after_the_operator_names_that_admin() {
    let mut fixture = with_a_pending_reward();
    let (admin, next) = (fixture.admin.pubkey(), Keypair::new());
    fixture.chain.svm.borrow_mut().airdrop(&next.pubkey(), 1_000_000_000).unwrap();
    fixture.execute_as_admin(propose_admin_ix(admin, fixture.network, next.pubkey()));
    fixture.execute_as(&next, accept_admin_ix(next.pubkey(), fixture.network));
    assert_rejected(&fixture, &format!("set NETWORK_ADMIN to {}", next.pubkey()));

    fixture.network_ref = NetworkRef::new(fixture.network_ref.id, admin, Some(next.pubkey()));
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
}

#[test]
fn the_network_of_another_creator_with_the_same_name_is_another_network() {
    let mut fixture = with_a_pending_reward();
    let (id, settler) = (fixture.network_ref.id, fixture.settler.pubkey());
    fixture.network_ref = NetworkRef::new(id, settler, None);
    assert_rejected(&fixture, &format!("{settler} has not created a network 'test'"));
}

#[test]
fn a_closed_network_is_rejected() {
    let fixture = with_a_pending_reward();
    let admin = fixture.admin.pubkey();
    fixture.execute_as_admin(close_network_ix(admin, fixture.network, admin));
    assert_rejected(&fixture, "was closed");
}

#[test]
fn a_network_that_pays_in_an_unknown_asset_is_rejected() {
    let fixture = with_a_pending_reward();
    let mut svm = fixture.chain.svm.borrow_mut();
    let mut network = svm.get_account(&fixture.network).unwrap();
    network.data[8 + std::mem::offset_of!(Network, asset_kind)] = 9;
    svm.set_account(fixture.network, network).unwrap();
    drop(svm);
    assert_rejected(&fixture, "an asset that this version does not know");
}

#[test]
fn a_ledger_whose_amounts_are_in_another_asset_is_rejected() {
    for (bound, expected) in [
        (
            "11111111111111111111111111111112/TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA/6",
            "but the network pays in SOL",
        ),
        ("BTC", "'BTC' is not an asset"),
    ] {
        let fixture = with_a_pending_reward();
        fixture.bind("asset", bound);
        assert_rejected(&fixture, expected);
    }
}

#[test]
fn a_key_other_than_the_settlers_is_rejected() {
    let mut fixture = with_a_pending_reward();
    fixture.settler = Keypair::new();
    fixture.chain.svm.borrow_mut().airdrop(&fixture.settler.pubkey(), 1_000_000_000).unwrap();
    assert_rejected(&fixture, "use the settler's key");
}

#[test]
fn a_settler_without_funds_is_rejected() {
    let fixture = with_a_pending_reward();
    let mut svm = fixture.chain.svm.borrow_mut();
    svm.set_account(fixture.settler.pubkey(), Default::default()).unwrap();
    drop(svm);
    assert_rejected(&fixture, "send it SOL");
}

#[test]
fn a_cluster_without_the_program_is_rejected() {
    let fixture = with_a_pending_reward();
    let mut svm = fixture.chain.svm.borrow_mut();
    svm.set_account(settlement::ID, Default::default()).unwrap();
    drop(svm);
    assert_rejected(&fixture, "not deployed");
}

#[test]
fn a_network_that_does_not_exist_is_rejected() {
    let fixture = with_a_pending_reward();
    let mut svm = fixture.chain.svm.borrow_mut();
    svm.set_account(fixture.network, Default::default()).unwrap();
    drop(svm);
    assert_rejected(&fixture, "williw-relay network create");
}

#[test]
fn lamports_at_the_addresses_of_a_network_do_not_make_it_exist() {
    let fixture = with_a_pending_reward();
    let mut svm = fixture.chain.svm.borrow_mut();
    for address in [fixture.network, fixture.treasury] {
        svm.set_account(address, Default::default()).unwrap();
        svm.airdrop(&address, 1_000_000).unwrap();
    }
    drop(svm);
    assert_rejected(&fixture, "has not created a network 'test'");
}

#[test]
fn a_ledger_bound_to_another_cluster_is_rejected() {
    let fixture = with_a_pending_reward();
    fixture.bind("genesis_hash", "another");
    assert_rejected(&fixture, "genesis_hash another");
}

#[test]
fn a_settlement_is_not_continued_on_another_cluster() {
    let fixture = with_a_pending_reward();
    let first = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&first);
    block_on(first.stop()).unwrap();
    let sends = fixture.chain.sends.get();

    fixture.chain.genesis.set([8; 32]);
    let second = fixture.engine(&fixture.database, &fixture.chain);
    for _ in 0..3 {
        let error = block_on(second.advance(TRIGGER)).unwrap_err();
        assert!(matches!(&error, EngineError::Rejected(reason) if reason.contains("genesis_hash")), "{error}");
    }
    block_on(second.stop()).unwrap();
    assert_eq!(fixture.chain.sends.get(), sends, "nothing was sent");

    fixture.chain.genesis.set([9; 32]);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
}

/// The next request gets no answer if this is set.
#[derive(Default)]
struct FailsOnce(Cell<bool>);

impl Around for &FailsOnce {
    async fn call<T>(
        &self,
        _name: &'static str,
        call: impl Future<Output = Result<T, ChainError>>,
    ) -> Result<T, ChainError> {
        if self.0.take() { Err(ChainError::Unreachable("reset".to_owned())) } else { call.await }
    }
}

#[test]
fn an_rpc_node_that_belongs_to_another_cluster_after_a_failure_is_sent_nothing() {
    let fixture = with_a_pending_reward();
    let fails = FailsOnce::default();
    // One process, and one URL.
    let engine = fixture.engine(&fixture.database, Surrounded { chain: &fixture.chain, around: &fails });
    fixture.advance_until_simulated(&engine);
    let sends = fixture.chain.sends.get();
    fails.0.set(true);
    assert!(matches!(block_on(engine.advance(TRIGGER)), Err(EngineError::Chain(_))));
    fixture.chain.genesis.set([8; 32]);
    for _ in 0..3 {
        let error = block_on(engine.advance(TRIGGER)).unwrap_err();
        assert!(matches!(&error, EngineError::Rejected(reason) if reason.contains("genesis_hash")), "{error}");
    }
    assert_eq!(fixture.chain.sends.get(), sends, "nothing was sent");
    fixture.chain.genesis.set([9; 32]);
    assert_eq!(fixture.settle_with(&engine).unwrap(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 1_000_000);
}

#[test]
fn a_settler_that_can_pay_for_nothing_evicts_no_node() {
    let nodes: Vec<NodeSpec> = (0..16).map(|index| NodeSpec::payable(&format!("n{index}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in &nodes {
        fixture.grant(&node.name, 1);
    }
    fixture.settle();
    for node in &nodes {
        fixture.grant(&node.name, 2_000_000);
    }
    fixture.chain.payer_short.set(true);
    let sends = fixture.chain.sends.get();
    let reason = fixture.settle().pop().flatten().expect("the settlement fails");
    assert!(reason.contains("send it SOL"), "{reason}");
    assert_eq!(fixture.chain.sends.get(), sends, "nothing was sent");
    assert!(fixture.hold_reasons().iter().all(Option::is_none), "no node is held for it");

    fixture.chain.payer_short.set(false);
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.reward_count(RewardStatus::Confirmed), 32);
}
