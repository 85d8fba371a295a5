//! `update_network`.

use settlement::client::{UpdateNetworkArgs, update_network_ix};
use settlement::error::SettlementError;
use settlement::events::NetworkUpdated;
use settlement::rules::SkipReason;
use settlement::state::{Network, Treasury};
use solana_signer::Signer;

use crate::common::{Outcome, Role, SOL, START, World, assert_only, assert_refused, reasons};

const NOTHING: UpdateNetworkArgs = UpdateNetworkArgs {
    default_threshold: None,
    per_node_cap: None,
    per_batch_cap: None,
    window_limit: None,
    window_seconds: None,
    max_pending_age: None,
};

fn update(world: &mut World, args: UpdateNetworkArgs) -> Outcome {
    let admin = world.admin.insecure_clone();
    world.send(&[update_network_ix(admin.pubkey(), world.network, args)], &[&admin])
}

#[test]
fn each_parameter_changes_alone_and_the_event_tells_all_of_them() {
    type Change = (UpdateNetworkArgs, fn(&mut Network, &mut Treasury));
    let cases: [Change; 6] = [
        (UpdateNetworkArgs { default_threshold: Some(7), ..NOTHING }, |network, treasury| {
            network.default_threshold = 7;
            treasury.default_threshold = 7;
        }),
        (UpdateNetworkArgs { per_node_cap: Some(7), ..NOTHING }, |_, treasury| treasury.per_node_cap = 7),
        (UpdateNetworkArgs { per_batch_cap: Some(7), ..NOTHING }, |_, treasury| treasury.per_batch_cap = 7),
        (UpdateNetworkArgs { window_limit: Some(7), ..NOTHING }, |_, treasury| treasury.window_limit = 7),
        (UpdateNetworkArgs { window_seconds: Some(7), ..NOTHING }, |_, treasury| treasury.window_seconds = 7),
        (UpdateNetworkArgs { max_pending_age: Some(u64::MAX), ..NOTHING }, |_, treasury| {
            treasury.max_pending_age = u64::MAX;
        }),
    ];
    for (args, change) in cases {
        let mut world = World::new();
        let (mut network, mut treasury) = (world.network_state(), world.treasury_state());
        change(&mut network, &mut treasury);

        let meta = update(&mut world, args).expect("updated");

        assert_eq!((world.network_state(), world.treasury_state()), (network, treasury), "{args:?}");
        assert_eq!(
            world.event(&meta, NetworkUpdated::decode_cpi),
            NetworkUpdated {
                network: world.network,
                by: world.admin.pubkey(),
                default_threshold: treasury.default_threshold,
                per_node_cap: treasury.per_node_cap,
                per_batch_cap: treasury.per_batch_cap,
                window_limit: treasury.window_limit,
                window_seconds: treasury.window_seconds,
                max_pending_age: treasury.max_pending_age,
            }
        );
    }
}

#[test]
fn an_update_without_a_parameter_or_with_a_zero_is_refused_and_changes_nothing() {
    let mut world = World::new();
    let before = (world.network_state(), world.treasury_state());
    let cases = [
        (NOTHING, SettlementError::NothingToUpdate),
        (UpdateNetworkArgs { default_threshold: Some(0), ..NOTHING }, SettlementError::ZeroThreshold),
        (UpdateNetworkArgs { per_node_cap: Some(0), ..NOTHING }, SettlementError::ZeroLimit),
        (UpdateNetworkArgs { per_batch_cap: Some(0), ..NOTHING }, SettlementError::ZeroLimit),
        (UpdateNetworkArgs { window_limit: Some(0), ..NOTHING }, SettlementError::ZeroLimit),
        (UpdateNetworkArgs { window_seconds: Some(0), ..NOTHING }, SettlementError::ZeroLimit),
        (UpdateNetworkArgs { max_pending_age: Some(0), ..NOTHING }, SettlementError::ZeroPendingAge),
    ];
    for (args, why) in cases {
        // A good value beside the bad one doesn't get through either.
        let beside = UpdateNetworkArgs { per_node_cap: args.per_node_cap.or(Some(5)), ..args };
        assert_refused(update(&mut world, args), why);
        if args != NOTHING {
            assert_refused(update(&mut world, beside), why);
        }
    }
    assert_eq!((world.network_state(), world.treasury_state()), before);
}

#[test]
fn only_the_admin_updates() {
    let mut world = World::new();
    let (node, network) = (world.node("node"), world.network);
    let args = UpdateNetworkArgs { per_node_cap: Some(u64::MAX), ..NOTHING };
    assert_only(&mut world, &node, &[Role::Admin], |key| update_network_ix(key, network, args));
}

#[test]
fn a_paused_network_can_be_updated_and_stays_paused() {
    let mut world = World::new();
    world.pause();
    update(&mut world, UpdateNetworkArgs { per_node_cap: Some(SOL), ..NOTHING }).expect("updated");
    let treasury = world.treasury_state();
    assert!(treasury.is_paused());
    assert_eq!(treasury.per_node_cap, SOL);
}

#[test]
fn the_next_batch_keeps_to_the_new_caps() {
    let mut world = World::new();
    let nodes = world.nodes(3);
    let args = UpdateNetworkArgs { per_node_cap: Some(SOL), per_batch_cap: Some(2 * SOL - 1), ..NOTHING };
    update(&mut world, args).expect("updated");
    let batch = world.credit(&[(nodes[0].wallet, SOL + 1), (nodes[1].wallet, SOL), (nodes[2].wallet, SOL)]);
    assert_eq!(
        reasons(&batch.event),
        [(0, Some(SkipReason::PerNodeCap), None), (2, Some(SkipReason::PerBatchCap), None)]
    );
}

#[test]
fn nodes_keep_their_thresholds_and_later_ones_get_the_new_default() {
    let mut world = World::new();
    let before = world.node("before");
    update(&mut world, UpdateNetworkArgs { default_threshold: Some(2 * SOL), ..NOTHING }).expect("updated");
    let after = world.node("after");
    assert_eq!(world.wallet_state(&before).threshold, SOL);
    assert_eq!(world.wallet_state(&after).threshold, 2 * SOL);
}

#[test]
fn a_shorter_pending_age_makes_what_waits_due() {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, SOL / 2)]);
    world.set_time(START + 100);
    update(&mut world, UpdateNetworkArgs { max_pending_age: Some(100), ..NOTHING }).expect("updated");
    assert_eq!(world.settle(&[node.entry(0)]).event.paid, SOL / 2);
}

#[test]
fn what_is_in_the_window_stays_in_it_and_has_emptied_at_the_old_rate_up_to_now() {
    let mut world = World::with(|args| {
        args.window_limit = 100 * SOL;
        args.window_seconds = 100;
    });
    let node = world.node("node");
    world.credit(&[(node.wallet, 60 * SOL)]);
    world.set_time(START + 10);

    // 10 seconds at 1 SOL a second, then 20 at a tenth of one.
    update(&mut world, UpdateNetworkArgs { window_limit: Some(10 * SOL), ..NOTHING }).expect("updated");
    let treasury = world.treasury_state();
    assert_eq!((treasury.window_used, treasury.window_updated_at), (50 * SOL, START + 10));
    world.set_time(START + 30);
    let batch = world.credit(&[(node.wallet, 60 * SOL + 1)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::WindowLimit), None)]);
    assert_eq!(world.treasury_state().window_used, 48 * SOL);

    // A wider one gives what it has room for and no more.
    update(&mut world, UpdateNetworkArgs { window_limit: Some(50 * SOL), ..NOTHING }).expect("updated");
    world.set_surplus(100 * SOL);
    let batch = world.credit(&[(node.wallet, 62 * SOL + 1)]);
    assert_eq!(batch.event.credited, 0);
    let batch = world.credit(&[(node.wallet, 62 * SOL)]);
    assert_eq!(batch.event.credited, 2 * SOL);
}

#[test]
fn updates_that_follow_each_other_do_not_empty_the_window_twice() {
    let mut world = World::with(|args| {
        args.window_limit = 100 * SOL;
        args.window_seconds = 100;
    });
    let node = world.node("node");
    world.credit(&[(node.wallet, 60 * SOL)]);
    for now in [START + 10, START + 10, START, START + 10] {
        world.set_time(now);
        update(&mut world, UpdateNetworkArgs { window_seconds: Some(100), ..NOTHING }).expect("updated");
    }
    assert_eq!(world.treasury_state().window_used, 50 * SOL);
}
