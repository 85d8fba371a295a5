//! `update_network`: each parameter on its own, and the effect on payments.

use settlement::client::{UpdateNetworkArgs, update_network_ix, withdraw_ix};
use settlement::error::SettlementError;
use settlement::events::NetworkUpdated;
use settlement::rules::SkipReason;
use settlement::state::{Network, Treasury};
use solana_signer::Signer;

use crate::common::{MAX_PAUSE_SECONDS, ProgramFixture, SOL, START, TransactionOutcome, assert_refused, skip_reasons};

const EMPTY: UpdateNetworkArgs = UpdateNetworkArgs {
    default_threshold: None,
    per_node_cap: None,
    per_batch_cap: None,
    window_limit: None,
    window_seconds: None,
    max_pending_age: None,
    max_pause_seconds: None,
};

fn update(fixture: &mut ProgramFixture, args: UpdateNetworkArgs) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    fixture.send(&[update_network_ix(admin.pubkey(), fixture.network, args)], &[&admin])
}

#[test]
fn each_parameter_changes_alone_and_the_event_contains_all_of_them() {
    type Change = (UpdateNetworkArgs, fn(&mut Network, &mut Treasury));
    let cases: [Change; 7] = [
        (UpdateNetworkArgs { default_threshold: Some(7), ..EMPTY }, |network, treasury| {
            network.default_threshold = 7;
            treasury.default_threshold = 7;
        }),
        (UpdateNetworkArgs { per_node_cap: Some(7), ..EMPTY }, |_, treasury| treasury.per_node_cap = 7),
        (UpdateNetworkArgs { per_batch_cap: Some(7), ..EMPTY }, |_, treasury| treasury.per_batch_cap = 7),
        (UpdateNetworkArgs { window_limit: Some(7), ..EMPTY }, |_, treasury| treasury.window_limit = 7),
        (UpdateNetworkArgs { window_seconds: Some(7), ..EMPTY }, |_, treasury| treasury.window_seconds = 7),
        (UpdateNetworkArgs { max_pending_age: Some(u64::MAX), ..EMPTY }, |_, treasury| {
            treasury.max_pending_age = u64::MAX;
        }),
        (UpdateNetworkArgs { max_pause_seconds: Some(7), ..EMPTY }, |_, treasury| treasury.max_pause_seconds = 7),
    ];
    for (args, change) in cases {
        let mut fixture = ProgramFixture::new();
        let (mut network, mut treasury) = (fixture.network_state(), fixture.treasury_state());
        change(&mut network, &mut treasury);

        let meta = update(&mut fixture, args).expect("the network is updated");

        assert_eq!((fixture.network_state(), fixture.treasury_state()), (network, treasury), "{args:?}");
        assert_eq!(
            fixture.event(&meta, NetworkUpdated::decode_cpi),
            NetworkUpdated {
                network: fixture.network,
                by: fixture.admin.pubkey(),
                default_threshold: treasury.default_threshold,
                per_node_cap: treasury.per_node_cap,
                per_batch_cap: treasury.per_batch_cap,
                window_limit: treasury.window_limit,
                window_seconds: treasury.window_seconds,
                max_pending_age: treasury.max_pending_age,
                max_pause_seconds: treasury.max_pause_seconds,
            }
        );
    }
}

#[test]
fn an_empty_update_or_a_zero_is_refused_and_changes_nothing() {
    let mut fixture = ProgramFixture::new();
    let before = (fixture.network_state(), fixture.treasury_state());
    let cases = [
        (EMPTY, SettlementError::NothingToUpdate),
        (UpdateNetworkArgs { default_threshold: Some(0), ..EMPTY }, SettlementError::ZeroThreshold),
        (UpdateNetworkArgs { per_node_cap: Some(0), ..EMPTY }, SettlementError::ZeroLimit),
        (UpdateNetworkArgs { per_batch_cap: Some(0), ..EMPTY }, SettlementError::ZeroLimit),
        (UpdateNetworkArgs { window_limit: Some(0), ..EMPTY }, SettlementError::ZeroLimit),
        (UpdateNetworkArgs { window_seconds: Some(0), ..EMPTY }, SettlementError::ZeroLimit),
        (UpdateNetworkArgs { max_pending_age: Some(0), ..EMPTY }, SettlementError::ZeroPendingAge),
        (UpdateNetworkArgs { max_pause_seconds: Some(0), ..EMPTY }, SettlementError::InvalidMaxPause),
        (UpdateNetworkArgs { max_pause_seconds: Some(30 * 86_400 + 1), ..EMPTY }, SettlementError::InvalidMaxPause),
    ];
    for (args, why) in cases {
        // A valid parameter beside the invalid one is not applied either.
        let beside = UpdateNetworkArgs { per_node_cap: args.per_node_cap.or(Some(5)), ..args };
        assert_refused(update(&mut fixture, args), why);
        if args != EMPTY {
            assert_refused(update(&mut fixture, beside), why);
        }
    }
    assert_eq!((fixture.network_state(), fixture.treasury_state()), before);
}

#[test]
fn a_paused_network_can_be_updated_and_stays_paused() {
    let mut fixture = ProgramFixture::new();
    fixture.pause();
    update(&mut fixture, UpdateNetworkArgs { per_node_cap: Some(SOL), ..EMPTY }).expect("the network is updated");
    let treasury = fixture.treasury_state();
    assert!(treasury.is_paused());
    assert_eq!(treasury.per_node_cap, SOL);
}

#[test]
fn the_next_batch_respects_the_new_caps() {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(3);
    let args = UpdateNetworkArgs { per_node_cap: Some(SOL), per_batch_cap: Some(2 * SOL - 1), ..EMPTY };
    update(&mut fixture, args).expect("the network is updated");
    let batch = fixture.credit(&[(nodes[0].wallet, SOL + 1), (nodes[1].wallet, SOL), (nodes[2].wallet, SOL)]);
    assert_eq!(
        skip_reasons(&batch.event),
        [(0, Some(SkipReason::PerNodeCap), None), (2, Some(SkipReason::PerBatchCap), None)]
    );
}

#[test]
fn existing_nodes_keep_their_thresholds_and_new_ones_get_the_new_default() {
    let mut fixture = ProgramFixture::new();
    let before = fixture.register_node("before");
    update(&mut fixture, UpdateNetworkArgs { default_threshold: Some(2 * SOL), ..EMPTY })
        .expect("the network is updated");
    let after = fixture.register_node("after");
    assert_eq!(fixture.wallet_state(&before).threshold, SOL);
    assert_eq!(fixture.wallet_state(&after).threshold, 2 * SOL);
}

#[test]
fn a_shorter_pending_age_makes_older_amounts_due() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, SOL / 2)]);
    fixture.set_time(START + 100);
    update(&mut fixture, UpdateNetworkArgs { max_pending_age: Some(100), ..EMPTY }).expect("the network is updated");
    assert_eq!(fixture.settle(&[node.entry(0)]).event.paid, SOL / 2);
}

#[test]
fn an_update_drains_the_window_at_the_old_rate_and_keeps_the_rest() {
    let mut fixture = ProgramFixture::with_args(|args| {
        args.window_limit = 100 * SOL;
        args.window_seconds = 100;
    });
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 60 * SOL)]);
    fixture.set_time(START + 10);

    // 10 seconds at 1 SOL per second, then 20 seconds at 0.1 SOL per second.
    update(&mut fixture, UpdateNetworkArgs { window_limit: Some(10 * SOL), ..EMPTY }).expect("the network is updated");
    let treasury = fixture.treasury_state();
    assert_eq!((treasury.window_used, treasury.window_updated_at), (50 * SOL, START + 10));
    fixture.set_time(START + 30);
    let batch = fixture.credit(&[(node.wallet, 60 * SOL + 1)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::WindowLimit), None)]);
    assert_eq!(fixture.treasury_state().window_used, 48 * SOL);

    // A larger limit allows exactly the additional room.
    update(&mut fixture, UpdateNetworkArgs { window_limit: Some(50 * SOL), ..EMPTY }).expect("the network is updated");
    fixture.set_surplus(100 * SOL);
    let batch = fixture.credit(&[(node.wallet, 62 * SOL + 1)]);
    assert_eq!(batch.event.credited, 0);
    let batch = fixture.credit(&[(node.wallet, 62 * SOL)]);
    assert_eq!(batch.event.credited, 2 * SOL);
}

#[test]
fn consecutive_updates_do_not_drain_the_window_twice() {
    let mut fixture = ProgramFixture::with_args(|args| {
        args.window_limit = 100 * SOL;
        args.window_seconds = 100;
    });
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 60 * SOL)]);
    for now in [START + 10, START + 10, START, START + 10] {
        fixture.set_time(now);
        update(&mut fixture, UpdateNetworkArgs { window_seconds: Some(100), ..EMPTY }).expect("the network is updated");
    }
    assert_eq!(fixture.treasury_state().window_used, 50 * SOL);
}

/// Otherwise a short hold could end a long one's rest, and the next long one begin.
#[test]
fn the_maximum_pause_cannot_change_until_owners_had_as_long_to_withdraw_as_the_hold_lasted() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, SOL / 2)]);
    let max = MAX_PAUSE_SECONDS as i64;
    fixture.pause();
    let before = fixture.treasury_state();
    assert_eq!(before.hold_until, START + max);
    for now in [START, START + max - 1, START + max, START + 2 * max - 1] {
        fixture.set_time(now);
        for max_pause_seconds in [1, MAX_PAUSE_SECONDS - 1, MAX_PAUSE_SECONDS + 1, 30 * 86_400] {
            let args = UpdateNetworkArgs { max_pause_seconds: Some(max_pause_seconds), ..EMPTY };
            assert_refused(update(&mut fixture, args), SettlementError::HoldInForce);
            let beside = UpdateNetworkArgs { per_node_cap: Some(5), ..args };
            assert_refused(update(&mut fixture, beside), SettlementError::HoldInForce);
        }
        assert_eq!(fixture.treasury_state().max_pause_seconds, before.max_pause_seconds);
        assert_eq!(fixture.treasury_state().per_node_cap, before.per_node_cap);
        // Neither does unpausing help. The same maximum is no change.
        fixture.unpause();
        let args = UpdateNetworkArgs { max_pause_seconds: Some(1), ..EMPTY };
        assert_refused(update(&mut fixture, args), SettlementError::HoldInForce);
        let same = UpdateNetworkArgs { max_pause_seconds: Some(MAX_PAUSE_SECONDS), per_node_cap: None, ..EMPTY };
        update(&mut fixture, same).expect("the network is updated");
        fixture.pause();
        assert_eq!(fixture.treasury_state().hold_until, START + max);
    }
    fixture.set_time(START + 2 * max);
    let args = UpdateNetworkArgs { max_pause_seconds: Some(1), ..EMPTY };
    update(&mut fixture, args).expect("the network is updated");
    // The pause that goes on holds nothing any more.
    let ix = withdraw_ix(node.owner.pubkey(), fixture.network, node.id, node.destination, None);
    fixture.send(&[ix], &[&node.owner]).expect("the withdrawal succeeds");
}

#[test]
fn the_next_pause_holds_withdrawals_for_the_new_maximum() {
    let mut fixture = ProgramFixture::new();
    update(&mut fixture, UpdateNetworkArgs { max_pause_seconds: Some(7), ..EMPTY }).expect("the network is updated");
    fixture.pause();
    assert_eq!(fixture.treasury_state().hold_until, START + 7);
}
