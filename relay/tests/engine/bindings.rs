//! Settlements that must not be carried out: each says why, and sends nothing.

use settlement::state::{AssetKind, Treasury};
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use crate::support::{NodeSpec, Scenario};

fn rewarded() -> Scenario {
    let scenario = Scenario::new(&[NodeSpec::payable("a")]);
    scenario.reward("a", 1_000_000);
    scenario
}

fn assert_refused(scenario: &Scenario, sentence: &str) {
    let finished = scenario.settle();
    let reason = finished.last().cloned().flatten().expect("the settlement fails");
    assert!(reason.contains(sentence), "{reason}");
    assert_eq!(scenario.chain.sends.get(), 0, "nothing was sent");
    let error = scenario.column("SELECT error AS value FROM settlements ORDER BY id DESC LIMIT 1");
    assert_eq!(error, [Some(reason)]);
    assert_eq!(scenario.count("SELECT CAST(COUNT(*) AS TEXT) AS value FROM rewards WHERE status = 'pending'"), 1);
}

#[test]
fn a_paused_network_is_not_settled_until_it_is_unpaused() {
    let scenario = rewarded();
    scenario.pause();
    assert_refused(&scenario, "paused");
    scenario.unpause();
    assert_eq!(scenario.settle(), [None]);
    assert_eq!(scenario.wallet("a").unwrap().paid_total, 1_000_000);
}

#[test]
fn a_network_that_pays_in_tokens_is_refused_by_name() {
    let scenario = rewarded();
    let mut svm = scenario.chain.svm.borrow_mut();
    let mut treasury = svm.get_account(&scenario.treasury).unwrap();
    treasury.data[8 + std::mem::offset_of!(Treasury, asset_kind)] = AssetKind::SplToken.into();
    svm.set_account(scenario.treasury, treasury).unwrap();
    drop(svm);
    assert_refused(&scenario, "pays in tokens");
}

#[test]
fn another_key_than_the_settlers_is_refused() {
    let mut scenario = rewarded();
    scenario.settler = Keypair::new();
    scenario.chain.svm.borrow_mut().airdrop(&scenario.settler.pubkey(), 1_000_000_000).unwrap();
    assert_refused(&scenario, "use the settler's key");
}

#[test]
fn a_settler_without_funds_is_refused() {
    let scenario = rewarded();
    let mut svm = scenario.chain.svm.borrow_mut();
    svm.set_account(scenario.settler.pubkey(), Default::default()).unwrap();
    drop(svm);
    assert_refused(&scenario, "send it SOL");
}

#[test]
fn a_cluster_without_the_program_is_refused() {
    let scenario = rewarded();
    let mut svm = scenario.chain.svm.borrow_mut();
    svm.set_account(settlement::ID, Default::default()).unwrap();
    drop(svm);
    assert_refused(&scenario, "not deployed");
}

#[test]
fn a_network_that_does_not_exist_is_refused() {
    let scenario = rewarded();
    let mut svm = scenario.chain.svm.borrow_mut();
    svm.set_account(scenario.network, Default::default()).unwrap();
    drop(svm);
    assert_refused(&scenario, "williw-relay network create");
}

#[test]
fn a_ledger_is_not_settled_against_another_cluster() {
    use williw_relay::database::{Database as _, Statement};

    let scenario = rewarded();
    let bind = "INSERT INTO ledger_binding (name, value) VALUES ('genesis_hash', 'another')";
    crate::support::block_on(scenario.database.query(Statement::new(bind))).unwrap();
    assert_refused(&scenario, "genesis_hash another");
}
