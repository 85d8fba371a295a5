//! `set_threshold`: its effect on payouts, and its minimum.

use settlement::client::{UpdateNetworkArgs, set_threshold_ix, update_network_ix};
use settlement::error::SettlementError;
use settlement::events::ThresholdChanged;
use settlement::state::NodeWallet;
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, SOL, TransactionOutcome, assert_refused};

fn set(fixture: &mut ProgramFixture, node: &Node, threshold: u64) -> TransactionOutcome {
    let ix = set_threshold_ix(node.owner.pubkey(), fixture.network, node.id, threshold);
    fixture.send(&[ix], &[&node.owner])
}

#[test]
fn raising_a_threshold_holds_earnings_and_lowering_it_releases_them() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let before = fixture.wallet_state(&node);
    let meta = set(&mut fixture, &node, 3 * SOL).expect("the threshold is set");
    assert_eq!(
        fixture.event(&meta, ThresholdChanged::decode_cpi),
        ThresholdChanged {
            network: fixture.network,
            node_wallet: node.wallet,
            owner: node.owner.pubkey(),
            from: SOL,
            to: 3 * SOL,
        }
    );
    assert_eq!(fixture.wallet_state(&node), NodeWallet { threshold: 3 * SOL, ..before });
    assert_eq!(fixture.settle(&[node.entry(3 * SOL - 1)]).event.paid, 0);

    set(&mut fixture, &node, SOL).expect("the threshold is set");
    assert_eq!(fixture.settle(&[node.entry(0)]).event.paid, 3 * SOL - 1);
}

#[test]
fn a_threshold_is_never_below_the_current_network_minimum() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    for below in [0, 1, SOL - 1] {
        assert_refused(set(&mut fixture, &node, below), SettlementError::ThresholdBelowDefault);
    }
    for fine in [SOL, SOL + 1, u64::MAX] {
        set(&mut fixture, &node, fine).expect("the threshold is set");
        assert_eq!(fixture.wallet_state(&node).threshold, fine);
    }
    let admin = fixture.admin.insecure_clone();
    let args = UpdateNetworkArgs { default_threshold: Some(5), ..UpdateNetworkArgs::default() };
    let ix = update_network_ix(admin.pubkey(), fixture.network, args);
    fixture.send(&[ix], &[&admin]).expect("the network is updated");
    set(&mut fixture, &node, 5).expect("the threshold is set");
    assert_refused(set(&mut fixture, &node, 4), SettlementError::ThresholdBelowDefault);
}

#[test]
fn a_threshold_can_be_set_while_paused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.pause();
    set(&mut fixture, &node, 2 * SOL).expect("the threshold is set");
    assert_eq!(fixture.wallet_state(&node).threshold, 2 * SOL);
}
