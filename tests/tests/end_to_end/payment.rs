//! Work reported over HTTP is paid on the chain, and all sources agree to the lamport.

use std::collections::BTreeSet;
use std::time::Duration;

use williw_tests::network::SOL;
use williw_tests::sample_nodes::NodeKind;
use williw_tests::settlements::wake_until_idle;

use crate::fixture::{NetworkFixture, OrFail, mixed_nodes};

/// A run of the runner that finds nothing to do takes milliseconds.
const IDLE_DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_network_of_135_nodes_is_paid_exactly_once() {
    let mut network = NetworkFixture::new("payment-135");
    let parameters = network.parameters;
    let counts = [
        (NodeKind::Paid, 108),
        (NodeKind::BelowThreshold, 15),
        (NodeKind::UnpayableDestination, 6),
        (NodeKind::NoAddress, 6),
    ];
    let mut all = mixed_nodes(parameters, &counts);
    assert_eq!(all.len(), 135);
    network.register_and_report(&mut all);
    let before = network.settler_signatures();
    for node in &all {
        assert_eq!(
            network.chain.wallet(&network.address(), &node.id, &node.address).or_fail(),
            None,
            "{}: the wallet account already exists",
            node.id
        );
    }

    let settlement = network.settle(&mut all);

    network.assert_balances_match(&all);
    let sent: BTreeSet<String> = network.settler_signatures().into_iter().filter(|it| !before.contains(it)).collect();
    assert!(sent.len() >= 2, "135 nodes need several transactions: {sent:?}");
    let recorded: BTreeSet<String> = settlement.signatures().into_iter().collect();
    assert!(sent.is_subset(&recorded), "transactions missing in the ledger: sent {sent:?}, recorded {recorded:?}");
    assert_every_reward_has_a_successful_transaction(&network);

    // Running again with nothing to settle sends no transactions.
    let idle = wake_until_idle(&mut network.worker, IDLE_DEADLINE, |worker| worker.fire_cron()).or_fail();
    assert_eq!(idle.settlement_id(), settlement.id, "a settlement was opened although there was nothing to settle");
    let after: BTreeSet<String> = network.settler_signatures().into_iter().filter(|it| !before.contains(it)).collect();
    assert_eq!(after, sent);
    network.assert_balances_match(&all);
}

#[test]
fn held_rewards_are_paid_once_the_reason_is_resolved() {
    let mut network = NetworkFixture::new("payment-later");
    let parameters = network.parameters;
    let kinds = [NodeKind::Paid, NodeKind::BelowThreshold, NodeKind::UnpayableDestination, NodeKind::NoAddress];
    let mut all = mixed_nodes(parameters, &kinds.map(|kind| (kind, 2)));
    network.register_and_report(&mut all);
    network.settle(&mut all);
    network.assert_balances_match(&all);
    for balances in network.node_balances(&all).or_fail() {
        let reason = balances.hold_reason();
        match balances.node.split('-').next() {
            Some("NoAddress") => assert_eq!(reason, Some("no_address"), "{balances:?}"),
            Some("UnpayableDestination") => {
                assert_eq!(reason, Some("destination_not_rent_exempt"), "{balances:?}");
            }
            _ => assert_eq!(reason, None, "{balances:?}"),
        }
    }

    for node in &mut all {
        match node.kind {
            NodeKind::Paid => {}
            NodeKind::BelowThreshold => {
                node.work(parameters.destination_minimum_lamports);
                node.report(network.worker.api(), parameters).or_fail();
            }
            NodeKind::UnpayableDestination => {
                network.chain.airdrop(&node.address, SOL).or_fail();
                node.other_lamports = SOL;
            }
            NodeKind::NoAddress => node.register_address(network.worker.api()).or_fail(),
        }
    }
    let latest = network.request_settlement_until_idle();
    assert_eq!(latest.settlement.map(|it| it.state).as_deref(), Some("done"));
    for node in &mut all {
        node.expect_settlement(parameters);
        assert_eq!(node.expected.paid, node.expected.earned, "{}: not fully paid", node.id);
    }
    network.assert_balances_match(&all);
}

/// Asserts that every confirmed reward references a transaction on the chain that succeeded.
fn assert_every_reward_has_a_successful_transaction(network: &NetworkFixture) {
    let transactions = network.chain.transactions_of(&network.relay_cli.settler()).or_fail();
    let successful: BTreeSet<&str> = transactions
        .iter()
        .filter(|transaction| transaction.error.is_none())
        .map(|transaction| transaction.signature.as_str())
        .collect();
    let signatures = network
        .worker
        .d1()
        .or_fail()
        .rows("SELECT DISTINCT transaction_signature FROM rewards WHERE status = 'confirmed'", None)
        .or_fail();
    assert!(!signatures.is_empty());
    for signature in signatures {
        let signature = signature[0].as_deref().unwrap_or("none");
        assert!(successful.contains(signature), "{signature} is not a successful transaction of the settler");
    }
}
