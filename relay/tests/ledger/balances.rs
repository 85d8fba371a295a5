//! Balances: what a node has earned, has been credited, and has been paid.

use williw_relay::ledger::{LedgerError, balances};
use williw_relay::types::Lamports;

use crate::fixture::{Fixture, NOW_MS, grant, lamports, node_id, public_key};

/// Inserts the wallet account of `node-1`, as if read from the chain.
fn insert_wallet(ledger: &Fixture, credited: u64, paid: u64) {
    ledger.write(&format!(
        "INSERT INTO wallets (node_id, wallet_address, owner, destination, destination_source, sol_balance_lamports,
            credited_lamports, pending_rewards_lamports, total_rewards_distributed_lamports, threshold_lamports, last_signature, last_slot,
            last_updated_at)
        VALUES ('node-1', '{}', '{}', '{}', 'owner', {}, {credited}, {}, {paid}, 1000, 'sig', 7, {NOW_MS})",
        public_key(1),
        public_key(2),
        public_key(3),
        2_000_000 + credited - paid,
        credited - paid,
    ));
}

#[tokio::test]
async fn without_a_wallet_account_everything_earned_is_unsettled() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.distribute("k", vec![grant("node-1", 700)]).await.unwrap();
    ledger.write("UPDATE payables SET hold_reason = 'no_address', retry_at = 1");
    let balance = balances::balance(&ledger.database, &node_id("node-1")).await.unwrap();
    assert_eq!((balance.earned_lamports, balance.unsettled_lamports), (lamports(700), lamports(700)));
    assert_eq!((balance.credited_lamports, balance.sol_balance_lamports), (Lamports::ZERO, Lamports::ZERO));
    assert_eq!((balance.wallet_address, balance.last_updated_at), (None, None));
    assert_eq!(balance.hold_reason.as_deref(), Some("no_address"));
}

#[tokio::test]
async fn earned_credited_and_paid_amounts_are_consistent() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.distribute("k", vec![grant("node-1", 700)]).await.unwrap();
    insert_wallet(&ledger, 500, 300);
    let balance = balances::balance(&ledger.database, &node_id("node-1")).await.unwrap();
    assert_eq!(balance.earned_lamports, lamports(700));
    assert_eq!(balance.credited_lamports, lamports(500));
    assert_eq!(balance.unsettled_lamports, lamports(200));
    assert_eq!(balance.pending_rewards_lamports, lamports(200));
    assert_eq!(balance.total_rewards_distributed_lamports, lamports(300));
    assert_eq!(balance.over_credited_lamports, Lamports::ZERO);
    assert_eq!(balance.sol_balance_lamports, lamports(2_000_200));
    assert_eq!(balance.threshold_lamports, lamports(1000));
    assert_eq!(balance.wallet_address, Some(public_key(1).address()));
    assert_eq!(balance.destination, Some(public_key(3).address()));
    assert_eq!(balance.last_signature.as_deref(), Some("sig"));
    assert_eq!(balance.last_updated_at, Some(NOW_MS));
    let json = serde_json::to_value(&balance).unwrap();
    assert_eq!(json["unsettled_lamports"], "200");
    assert_eq!(json["destination"], public_key(3).to_string());
    assert_eq!(serde_json::from_value::<williw_relay::types::NodeWalletBalance>(json).unwrap(), balance);
}

#[tokio::test]
async fn credits_in_excess_of_the_ledger_are_reported() {
    let ledger = Fixture::new();
    ledger.register("node-1").await;
    ledger.distribute("k", vec![grant("node-1", 100)]).await.unwrap();
    insert_wallet(&ledger, 250, 0);
    let balance = balances::balance(&ledger.database, &node_id("node-1")).await.unwrap();
    assert_eq!((balance.unsettled_lamports, balance.over_credited_lamports), (Lamports::ZERO, lamports(150)));
}

#[tokio::test]
async fn an_unknown_node_has_no_balance() {
    let ledger = Fixture::new();
    let error = balances::balance(&ledger.database, &node_id("ghost")).await.unwrap_err();
    assert_eq!(error, LedgerError::UnknownNodes(vec![node_id("ghost")]));
}
