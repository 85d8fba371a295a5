//! Comparing every wallet, the treasury and the ledger, and repairing the ledger's copies.

use settlement::client::{
    BatchHeader, RegisterNodeArgs, close_node_ix, credit_ix, node_wallet_address, payout_ix, register_node_ix,
    set_destination_ix, set_threshold_ix, withdraw_ix,
};
use settlement::state::DestinationSource;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::audit::{
    BatchSigner, BindingError, Cause, ReconcileError, Reconciler, Reconciliation, Repair, WalletBatch, WalletRow,
    node_history,
};
use williw_relay::chain::ChainError;
use williw_relay::clock::ManualClock;
use williw_relay::engine::{Engine, EngineError, Progress};
use williw_relay::ledger::Actor;
use williw_relay::types::RewardStatus;

use crate::support::{EngineFixture, NodeSpec, TRIGGER, block_on, node_id};

/// Causes with their amounts.
type Findings = Vec<(Cause, u64)>;

/// The nodes `a`, with `owner`, and `b`. `a` was paid 1,500,000 lamports and has 10 pending, `b` has 20 pending.
fn fixture(owner: &Keypair) -> EngineFixture {
    let of_owner = NodeSpec { name: "a".to_owned(), address: Some(owner.pubkey()), funds: 1_000_000_000 };
    let fixture = EngineFixture::new(&[of_owner, NodeSpec::payable("b"), NodeSpec::without_address("c")]);
    fixture.grant("a", 1_500_000);
    fixture.grant("b", 20);
    assert_eq!(fixture.settle(), [None]);
    fixture.grant("a", 10);
    assert_eq!(fixture.settle(), [None]);
    fixture
}

/// The result, and each node's findings.
fn compare(fixture: &EngineFixture, repair: bool) -> Result<(Reconciliation, Vec<WalletRow>), ReconcileError> {
    let reconciler = Reconciler { database: &fixture.database, chain: &fixture.chain, network: fixture.network_ref };
    let actor = Actor::command_line();
    let repair =
        repair.then_some(Repair { actor: &actor, clock: &*fixture.clock, holder: "reconciler", stop: &|| false });
    let mut rows = Vec::new();
    let found = block_on(reconciler.run::<ManualClock>(repair.as_ref(), |row| rows.push(row.clone())))?;
    Ok((found, rows))
}

fn findings_of(rows: &[WalletRow], node: &str) -> Findings {
    let row = rows.iter().find(|row| row.ledger.node_id.as_str() == node).expect("a row for every node");
    row.findings.iter().map(|finding| (finding.cause, finding.amount)).collect()
}

/// Compares, and returns the findings of node `a` and of the treasury, and the number of disagreements.
fn findings(fixture: &EngineFixture) -> (Findings, Findings, u64) {
    let (found, rows) = compare(fixture, false).unwrap();
    let of_treasury = found.of_treasury.iter().map(|finding| (finding.cause, finding.amount)).collect();
    (findings_of(&rows, "a"), of_treasury, found.disagreements)
}

#[test]
fn books_that_agree_do_so_to_the_lamport() {
    let fixture = fixture(&Keypair::new());
    let (found, rows) = compare(&fixture, false).unwrap();
    assert_eq!(rows.iter().map(|row| row.ledger.node_id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(rows.iter().all(|row| row.findings.is_empty()), "{rows:?}");
    assert_eq!((found.nodes, found.wallets, found.disagreements, found.moved), (3, 2, 0, false));
    assert_eq!(
        (found.earned, found.confirmed, found.mirrored, found.credited),
        (1_500_030, 1_500_030, 1_500_030, 1_500_030)
    );
    assert_eq!((found.paid, found.pending), (1_500_000, 30));
    let (treasury, state) = (&found.treasury, fixture.treasury_state());
    assert_eq!((treasury.credited, treasury.paid, treasury.liabilities), (1_500_030, 1_500_000, 30));
    assert_eq!(treasury.lamports, fixture.balance_of(&fixture.treasury));
    assert_eq!(treasury.surplus, treasury.lamports - treasury.rent);
    assert_eq!(state.credited_total, 1_500_030);
}

#[test]
fn what_others_have_credited_or_the_chain_has_lost_is_a_disagreement() {
    let fixture_of = || fixture(&Keypair::new());
    let fixture = fixture_of();
    fixture.credit_outside_the_engine(&[("a", 1_500_017)]);
    let expected = vec![(Cause::ChainAboveSigned, 7), (Cause::CreditedSince, 7)];
    assert_eq!(findings(&fixture), (expected, vec![], 1));

    let fixture = fixture_of();
    fixture.set_credited_total("a", 1_500_009);
    let (of_node, of_treasury, disagreements) = findings(&fixture);
    assert!(of_node.contains(&(Cause::ChainBelowConfirmed, 1)), "{of_node:?}");
    assert_eq!((of_treasury, disagreements), (vec![(Cause::CreditedElsewhere, 1)], 2));

    let fixture = fixture_of();
    let address = fixture.wallet_address("a");
    fixture.chain.svm.borrow_mut().set_account(address, Default::default()).unwrap();
    let expected = vec![(Cause::WalletMissing, 1_500_010)];
    let of_treasury = vec![(Cause::CreditedElsewhere, 1_500_010), (Cause::PaidTotalsDiffer, 1_500_000)];
    assert_eq!(findings(&fixture), (expected, of_treasury, 3));

    let fixture = fixture_of();
    let mut account = fixture.chain.svm.borrow().get_account(&fixture.wallet_address("a")).unwrap();
    account.data[8] = 99;
    fixture.chain.svm.borrow_mut().set_account(fixture.wallet_address("a"), account).unwrap();
    assert_eq!(findings(&fixture).0, [(Cause::WalletUnreadable, 0)]);

    let fixture = fixture_of();
    let mut account = fixture.chain.svm.borrow().get_account(&fixture.wallet_address("a")).unwrap();
    account.lamports = 9;
    fixture.chain.svm.borrow_mut().set_account(fixture.wallet_address("a"), account).unwrap();
    let of_node = findings(&fixture).0;
    assert!(of_node.contains(&(Cause::WalletShort, 1)), "{of_node:?}");
}

#[test]
fn a_wallet_that_the_ledger_does_not_know_shows_in_the_treasurys_total() {
    let fixture = fixture(&Keypair::new());
    let (settler, owner, id) = (fixture.settler.pubkey(), Pubkey::new_unique(), node_id("ghost").on_chain());
    let args = RegisterNodeArgs { node_id: id, owner, destination: None, threshold: None };
    fixture.execute_as(&fixture.settler, register_node_ix(settler, settler, fixture.network, args));
    let ghost = node_wallet_address(&fixture.network, &id, &owner);
    let header = BatchHeader { batch_id: 99, records_root: [0; 32] };
    fixture.execute_as(&fixture.settler, credit_ix(settler, fixture.network, header, &[(ghost, 5_000)]));
    assert_eq!(findings(&fixture), (vec![], vec![(Cause::CreditedElsewhere, 5_000)], 1));
}

#[test]
fn what_owners_and_strangers_do_is_named_and_is_no_disagreement() {
    let owner = Keypair::new();
    let fixture = fixture(&owner);
    let (key, network, id) = (owner.pubkey(), fixture.network, node_id("a").on_chain());
    fixture.execute_as(&owner, withdraw_ix(key, network, id, key, Some(4)));
    fixture.execute_as(&owner, set_threshold_ix(key, network, id, 9_000_000));
    fixture.execute_as(&owner, set_destination_ix(key, network, id, Pubkey::new_unique()));
    fixture.chain.svm.borrow_mut().airdrop(&fixture.wallet_address("b"), 12_345).unwrap();
    let (found, rows) = compare(&fixture, false).unwrap();
    let expected = [(Cause::PaidSince, 4), (Cause::DestinationChanged, 0), (Cause::ThresholdChanged, 0)];
    assert_eq!(findings_of(&rows, "a"), expected);
    let expected = [(Cause::BalanceChanged, 12_345), (Cause::ExcessLamports, 12_345)];
    assert_eq!(findings_of(&rows, "b"), expected);
    assert_eq!((found.disagreements, found.paid, found.pending), (0, 1_500_004, 26));
}

#[test]
fn a_paid_total_that_has_fallen_is_a_disagreement_and_no_repair_hides_it() {
    let fixture = fixture(&Keypair::new());
    fixture.set_paid_total("a", 1_499_999);
    // The treasury disagrees as well, also if the credited totals differ.
    for expected in
        [vec![(Cause::PaidTotalsDiffer, 1)], vec![(Cause::CreditedElsewhere, 1), (Cause::PaidTotalsDiffer, 1)]]
    {
        let (of_node, of_treasury, _) = findings(&fixture);
        assert!(of_node.contains(&(Cause::PaidTotalFell, 1)), "{of_node:?}");
        assert_eq!(of_treasury, expected);
        fixture.set_credited_total("b", 19);
    }
    let (found, _) = compare(&fixture, true).unwrap();
    assert_eq!(found.repaired, 0);
    assert_eq!(fixture.balance("a").total_rewards_distributed_lamports.get(), 1_500_000);
}

#[test]
fn a_copy_that_differs_only_in_who_chose_the_destination_is_repaired() {
    let owner = Keypair::new();
    let fixture = fixture(&owner);
    fixture.set_destination("a", &owner.pubkey(), DestinationSource::Owner);
    assert_eq!(findings(&fixture), (vec![(Cause::CopyDiffers, 0)], vec![], 0));
    assert_eq!(compare(&fixture, true).unwrap().0.repaired, 1);
    assert_eq!(findings(&fixture), (vec![], vec![], 0));
}

#[test]
fn a_closed_account_has_no_owner_who_has_changed_something() {
    let owner = Keypair::new();
    let of_owner = NodeSpec { name: "a".to_owned(), address: Some(owner.pubkey()), funds: 1_000_000_000 };
    let fixture = EngineFixture::new(&[of_owner]);
    fixture.grant("a", 1_500_000);
    assert_eq!(fixture.settle(), [None]);
    let before = fixture.balance_of(&fixture.wallet_address("a"));
    let admin = fixture.admin.pubkey();
    fixture.execute_as_admin(close_node_ix(admin, fixture.network, node_id("a").on_chain(), owner.pubkey()));
    let (of_node, _, disagreements) = findings(&fixture);
    let freed = before - fixture.balance_of(&fixture.wallet_address("a"));
    assert_eq!((of_node, disagreements), (vec![(Cause::BalanceChanged, freed)], 0));
}

#[test]
fn a_relay_that_settles_meanwhile_causes_no_disagreement() {
    let fixture = fixture(&Keypair::new());
    fixture.grant("b", 2_000_000);
    let reconciler = Reconciler { database: &fixture.database, chain: &fixture.chain, network: fixture.network_ref };
    let mut settled = false;
    let found = block_on(reconciler.run::<ManualClock>(None, |_| {
        if !std::mem::replace(&mut settled, true) {
            fixture.settle();
        }
    }));
    let found = found.unwrap();
    assert!(found.moved);
    assert_eq!((found.disagreements, found.of_treasury), (0, vec![]));
}

#[test]
fn wallets_are_not_read_at_an_earlier_slot_than_the_treasury() {
    let fixture = fixture(&Keypair::new());
    fixture.chain.finalize();
    let slot = fixture.chain.height();
    fixture.chain.min_slots.borrow_mut().clear();
    compare(&fixture, false).unwrap();
    assert_eq!(*fixture.chain.min_slots.borrow(), [0, slot, slot], "the treasury, the wallets, the treasury again");
}

#[test]
fn a_lease_is_released_whatever_the_result() {
    let fixture = fixture(&Keypair::new());
    fixture.chain.svm.borrow_mut().set_account(fixture.treasury, Default::default()).unwrap();
    assert!(matches!(compare(&fixture, true), Err(ReconcileError::NoTreasury(_))));
    assert_eq!(fixture.lease_remaining_ms(), 0);
}

#[test]
fn the_lease_of_a_repair_is_extended_for_every_page() {
    let nodes: Vec<NodeSpec> = (0..1_250).map(|index| NodeSpec::unfunded(&format!("n{index:04}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    fixture.grant("n0000", 1_000);
    assert_eq!(fixture.settle(), [None]);
    let reconciler = Reconciler { database: &fixture.database, chain: &fixture.chain, network: fixture.network_ref };
    let actor = Actor::command_line();
    let repair = Repair { actor: &actor, clock: &*fixture.clock, holder: "reconciler", stop: &|| false };
    let mut lowest = i64::MAX;
    // Each page takes 20 seconds, and a lease lasts for 30.
    let found = block_on(reconciler.run(Some(&repair), |row| {
        lowest = lowest.min(fixture.lease_remaining_ms());
        if ["n0599", "n1199"].contains(&row.ledger.node_id.as_str()) {
            fixture.advance_time(20_000);
        }
    }));
    assert_eq!((found.unwrap().nodes, lowest), (1_250, 30_000));
}

#[test]
fn a_credit_that_the_ledger_has_not_confirmed_yet_is_named() {
    let fixture = fixture(&Keypair::new());
    fixture.grant("a", 5_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    fixture.advance_until_simulated(&engine);
    // Signed and sent.
    block_on(engine.advance(TRIGGER)).unwrap();
    while fixture.wallet("a").unwrap().credited_total == 1_500_010 {
        fixture.advance_time(1_000);
        block_on(engine.advance(TRIGGER)).unwrap();
    }
    let expected = vec![(Cause::CreditUnconfirmed, 5_000), (Cause::CreditedSince, 5_000)];
    assert_eq!(findings(&fixture), (expected, vec![], 0));
    assert_eq!(fixture.reward_count(RewardStatus::Batched), 1);
}

#[test]
fn a_repair_writes_the_chains_truth_and_changes_no_reward() {
    let owner = Keypair::new();
    let fixture = fixture(&owner);
    let (key, network, id) = (owner.pubkey(), fixture.network, node_id("a").on_chain());
    fixture.credit_outside_the_engine(&[("a", 1_500_017)]);
    fixture.execute_as(&owner, withdraw_ix(key, network, id, key, Some(4)));
    fixture.execute_as(&owner, set_threshold_ix(key, network, id, 9_000_000));
    fixture.chain.produce_block();
    let rewards = fixture.rewards();

    let (found, _) = compare(&fixture, true).unwrap();
    assert_eq!((found.repaired, fixture.audit_entries("reconcile.repair")), (1, 1));
    let balance = fixture.balance("a");
    assert_eq!((balance.credited_lamports.get(), balance.pending_rewards_lamports.get()), (1_500_017, 13));
    assert_eq!(balance.threshold_lamports.get(), 9_000_000);
    assert_eq!(balance.sol_balance_lamports.get(), fixture.balance_of(&fixture.wallet_address("a")));
    assert_eq!(fixture.rewards(), rewards, "what the chain credited beyond what was signed confirms nothing");
    assert_eq!(findings(&fixture), (vec![(Cause::ChainAboveSigned, 7)], vec![], 1));

    let (found, _) = compare(&fixture, true).unwrap();
    assert_eq!(
        (found.repaired, fixture.audit_entries("reconcile.repair")),
        (0, 1),
        "a second repair has nothing to do"
    );
}

#[test]
fn nothing_is_repaired_while_a_runner_settles() {
    let fixture = fixture(&Keypair::new());
    fixture.credit_outside_the_engine(&[("a", 1_500_017)]);
    fixture.grant("b", 5_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    assert_eq!(block_on(engine.advance(TRIGGER)), Ok(Progress::Opened));
    assert!(matches!(compare(&fixture, true), Err(ReconcileError::Busy { .. })));
    assert!(compare(&fixture, false).is_ok(), "comparing needs no lease");
    block_on(Engine::stop(&engine)).unwrap();
    assert_eq!(compare(&fixture, true).unwrap().0.repaired, 1);
}

#[test]
fn a_ledger_of_another_cluster_is_not_compared() {
    let fixture = fixture(&Keypair::new());
    fixture.chain.genesis.set([8; 32]);
    for repair in [false, true] {
        let error = compare(&fixture, repair).unwrap_err();
        assert!(matches!(error, ReconcileError::Binding(BindingError::Other { name: "genesis_hash", .. })), "{error}");
    }
}

#[test]
fn every_node_of_many_pages_is_compared_once() {
    let nodes: Vec<NodeSpec> = (0..1_250).map(|index| NodeSpec::unfunded(&format!("n{index:04}"))).collect();
    let fixture = EngineFixture::new(&nodes);
    for node in ["n0000", "n0599", "n0600", "n1249"] {
        fixture.grant(node, 1_000);
    }
    assert_eq!(fixture.settle(), [None]);
    let (found, rows) = compare(&fixture, false).unwrap();
    assert_eq!((found.nodes, found.wallets, found.disagreements, found.credited), (1_250, 4, 0, 4_000));
    assert!(rows.windows(2).all(|pair| pair[0].ledger.node_id < pair[1].ledger.node_id));
}

#[test]
fn the_history_of_a_node_tells_whose_credits_the_chain_has() {
    let fixture = fixture(&Keypair::new());
    fixture.credit_outside_the_engine(&[("a", 1_500_017)]);
    fixture.credit_outside_the_engine(&[("a", 3)]);
    fixture.chain.finalize();
    let (wallet, node) = (fixture.wallet_address("a"), node_id("a"));
    let history = node_history(&fixture.database, &fixture.chain, &fixture.network, &node, Some(&wallet));
    let history = block_on(history).unwrap();
    let of = |batch: &WalletBatch| (batch.target, batch.credited, batch.signer);
    use BatchSigner::{SomebodyElse, ThisLedger};
    assert_eq!(
        history.batches.iter().map(of).collect::<Vec<_>>(),
        [
            (3, false, SomebodyElse),
            (1_500_017, true, SomebodyElse),
            (1_500_010, true, ThisLedger),
            (1_500_000, true, ThisLedger)
        ]
    );
    let rewards: Vec<_> = history.rewards.iter().map(|reward| reward.node_total_lamports.get()).collect();
    assert_eq!((rewards, history.without_log), (vec![1_500_010, 1_500_000], 0));
    assert!(!history.has_unexamined && history.examined > 4, "{history:?}");
}

#[test]
fn payouts_that_anyone_sends_do_not_hide_credits_and_what_is_not_examined_is_said() {
    let (owner, stranger) = (Keypair::new(), Keypair::new());
    let fixture = fixture(&owner);
    fixture.chain.svm.borrow_mut().airdrop(&stranger.pubkey(), 1_000_000_000).unwrap();
    fixture.chain.signatures_per_page.set(50);
    let (wallet, node, destination) = (fixture.wallet_address("a"), node_id("a"), owner.pubkey());
    let history = |payouts: usize| {
        for _ in 0..payouts {
            fixture.execute_as(&stranger, payout_ix(fixture.network, &[(wallet, destination)]));
        }
        fixture.chain.finalize();
        let history = node_history(&fixture.database, &fixture.chain, &fixture.network, &node, Some(&wallet));
        let history = block_on(history).unwrap();
        (history.batches.len(), history.has_unexamined, history.examined)
    };
    let (batches, has_unexamined, _) = history(60);
    assert_eq!((batches, has_unexamined), (2, false));
    assert_eq!(history(160), (0, true, 200));
}

#[test]
fn a_copy_from_a_slot_that_the_chain_never_reaches_is_repaired() {
    let owner = Keypair::new();
    let fixture = fixture(&owner);
    let (key, network, id) = (owner.pubkey(), fixture.network, node_id("a").on_chain());
    fixture.execute_as(&owner, withdraw_ix(key, network, id, key, Some(4)));
    fixture.chain.produce_block();
    fixture.set_read_slot("a", u64::from(u32::MAX));
    fixture.grant("a", 2_000_000);
    let engine = fixture.engine(&fixture.database, &fixture.chain);
    assert!(matches!(fixture.settle_with(&engine), Err(EngineError::Chain(ChainError::Behind { .. }))));
    block_on(engine.stop()).unwrap();
    assert!(matches!(compare(&fixture, false), Err(ReconcileError::Chain(ChainError::Behind { .. }))));

    assert_eq!(compare(&fixture, true).unwrap().0.repaired, 1);
    assert_eq!(fixture.balance("a").total_rewards_distributed_lamports.get(), 1_500_004);
    assert_eq!(findings(&fixture), (vec![], vec![], 0));
    assert_eq!(fixture.settle(), [None]);
    assert_eq!(fixture.wallet("a").unwrap().paid_total, 3_500_010);
    assert_eq!(fixture.mirrored_treasury_balance(), fixture.balance_of(&fixture.treasury));

    // A copy that is right but for its slot, and one whose totals have fallen on the chain.
    for paid in [3_500_010, 3_500_009] {
        fixture.set_read_slot("a", u64::from(u32::MAX));
        fixture.set_paid_total("a", paid);
        assert_eq!(compare(&fixture, true).unwrap().0.repaired, 1);
        assert_eq!(fixture.balance("a").total_rewards_distributed_lamports.get(), 3_500_010);
        assert!(compare(&fixture, false).is_ok());
    }
}
