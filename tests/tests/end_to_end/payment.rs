//! Work that was reported over HTTP ends as lamports on the chain, and every source says so to the lamport.

use std::collections::BTreeSet;
use std::time::Duration;

use williw_tests::sample::NodeKind;
use williw_tests::settlements::wake_until_idle;
use williw_tests::stage::SOL;

use crate::fixture::{OrFail, World, nodes};

/// A look of the runner's that finds nothing takes milliseconds.
const IDLE_DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_network_of_135_nodes_is_paid_to_the_lamport_and_only_once() {
    let mut world = World::new("payment-135");
    let tariff = world.tariff;
    let mut all = nodes(NodeKind::Paid, tariff, 108);
    all.extend(nodes(NodeKind::BelowThreshold, tariff, 15));
    all.extend(nodes(NodeKind::UnpayableDestination, tariff, 6));
    all.extend(nodes(NodeKind::WithoutAddress, tariff, 6));
    assert_eq!(all.len(), 135);
    world.load(&mut all);
    let before = world.settler_signatures();
    for node in &all {
        assert_eq!(world.chain.wallet(world.network(), &node.id).or_fail(), None, "no node has a wallet account yet");
    }

    let settlement = world.settle(&mut all);

    world.assert_books_agree(&all);
    let sent: BTreeSet<String> = world.settler_signatures().into_iter().filter(|it| !before.contains(it)).collect();
    assert!(sent.len() >= 2, "135 nodes take several transactions: {sent:?}");
    let told: BTreeSet<String> = settlement.attempts().into_iter().map(|(signature, _)| signature).collect();
    assert!(sent.is_subset(&told), "the ledger knows of every transaction: {sent:?} {told:?}");
    assert_every_reward_names_a_good_transaction(&world);

    // A second settlement with nothing to do sends nothing.
    let idle = wake_until_idle(&mut world.edge, IDLE_DEADLINE, |edge| edge.fire_cron()).or_fail();
    assert_eq!(idle.settlement_id(), settlement.id, "no settlement is opened for nothing");
    let after: BTreeSet<String> = world.settler_signatures().into_iter().filter(|it| !before.contains(it)).collect();
    assert_eq!(after, sent);
    world.assert_books_agree(&all);
}

#[test]
fn what_had_to_wait_is_paid_once_its_reason_is_gone() {
    let mut world = World::new("payment-later");
    let tariff = world.tariff;
    let mut all = nodes(NodeKind::Paid, tariff, 2);
    all.extend(nodes(NodeKind::BelowThreshold, tariff, 2));
    all.extend(nodes(NodeKind::UnpayableDestination, tariff, 2));
    all.extend(nodes(NodeKind::WithoutAddress, tariff, 2));
    world.load(&mut all);
    world.settle(&mut all);
    world.assert_books_agree(&all);
    for statement in world.statements(&all).or_fail() {
        let reason = statement.hold_reason();
        match statement.node.split('-').next() {
            Some("WithoutAddress") => assert_eq!(reason, Some("no_address"), "{statement:?}"),
            Some("UnpayableDestination") => {
                assert_eq!(reason, Some("destination_not_rent_exempt"), "{statement:?}");
            }
            _ => assert_eq!(reason, None, "{statement:?}"),
        }
    }

    for node in &mut all {
        match node.kind {
            NodeKind::Paid => {}
            NodeKind::BelowThreshold => {
                node.work(tariff.destination_minimum_lamports);
                node.report(world.edge.api(), tariff).or_fail();
            }
            NodeKind::UnpayableDestination => {
                world.chain.airdrop(&node.address, SOL).or_fail();
                node.given_lamports = SOL;
            }
            NodeKind::WithoutAddress => node.name_address(world.edge.api()).or_fail(),
        }
    }
    let settled = wake_until_idle(&mut world.edge, crate::fixture::SETTLEMENT_DEADLINE, |edge| {
        edge.api().post("/v1/rewards/settle", &serde_json::json!({}))?.data().map(drop)
    })
    .or_fail();
    assert_eq!(settled.settlement.map(|it| it.state).as_deref(), Some("done"));
    for node in &mut all {
        node.expect_settlement(tariff);
        assert_eq!(node.expected.paid, node.expected.earned, "{}: everyone is paid now", node.id);
    }
    world.assert_books_agree(&all);
}

/// Every confirmed reward names a transaction that is on the chain, finalized and without an error.
fn assert_every_reward_names_a_good_transaction(world: &World) {
    let seals = world.chain.transactions_of(&world.operator.settler()).or_fail();
    let good: BTreeSet<&str> =
        seals.iter().filter(|seal| seal.error.is_none()).map(|seal| seal.signature.as_str()).collect();
    let named = world
        .edge
        .d1()
        .or_fail()
        .rows("SELECT DISTINCT transaction_signature FROM rewards WHERE status = 'confirmed'", None)
        .or_fail();
    assert!(!named.is_empty());
    for signature in named {
        let signature = signature[0].as_deref().unwrap_or("none");
        assert!(good.contains(signature), "{signature} is not among the settler's good transactions");
    }
}
