//! `set_threshold`.

use settlement::client::{UpdateNetworkArgs, set_threshold_ix, update_network_ix};
use settlement::error::SettlementError;
use settlement::events::ThresholdChanged;
use settlement::state::NodeWallet;
use solana_signer::Signer;

use crate::common::{Node, Outcome, Role, SOL, World, assert_only, assert_refused};

fn set(world: &mut World, node: &Node, threshold: u64) -> Outcome {
    let ix = set_threshold_ix(node.owner.pubkey(), world.network, node.id, threshold);
    world.send(&[ix], &[&node.owner])
}

#[test]
fn a_raised_threshold_holds_earnings_back_and_a_lowered_one_lets_them_go() {
    let mut world = World::new();
    let node = world.node("node");
    let before = world.wallet_state(&node);
    let meta = set(&mut world, &node, 3 * SOL).expect("set");
    assert_eq!(
        world.event(&meta, ThresholdChanged::decode_cpi),
        ThresholdChanged {
            network: world.network,
            node_wallet: node.wallet,
            owner: node.owner.pubkey(),
            from: SOL,
            to: 3 * SOL,
        }
    );
    assert_eq!(world.wallet_state(&node), NodeWallet { threshold: 3 * SOL, ..before });
    assert_eq!(world.settle(&[node.entry(3 * SOL - 1)]).event.paid, 0);

    set(&mut world, &node, SOL).expect("set");
    assert_eq!(world.settle(&[node.entry(0)]).event.paid, 3 * SOL - 1);
}

#[test]
fn only_the_owner_sets_it() {
    let mut world = World::new();
    let (node, network) = (world.node("node"), world.network);
    assert_only(&mut world, &node, &[Role::Owner], |key| set_threshold_ix(key, network, node.id, 5 * SOL));
}

#[test]
fn it_is_never_below_the_networks_of_today() {
    let mut world = World::new();
    let node = world.node("node");
    for below in [0, 1, SOL - 1] {
        assert_refused(set(&mut world, &node, below), SettlementError::ThresholdBelowDefault);
    }
    for fine in [SOL, SOL + 1, u64::MAX] {
        set(&mut world, &node, fine).expect("set");
        assert_eq!(world.wallet_state(&node).threshold, fine);
    }
    let admin = world.admin.insecure_clone();
    let args = UpdateNetworkArgs { default_threshold: Some(5), ..UpdateNetworkArgs::default() };
    let ix = update_network_ix(admin.pubkey(), world.network, args);
    world.send(&[ix], &[&admin]).expect("updated");
    set(&mut world, &node, 5).expect("set");
    assert_refused(set(&mut world, &node, 4), SettlementError::ThresholdBelowDefault);
}

#[test]
fn it_can_be_set_while_paused() {
    let mut world = World::new();
    let node = world.node("node");
    world.pause();
    set(&mut world, &node, 2 * SOL).expect("set");
    assert_eq!(world.wallet_state(&node).threshold, 2 * SOL);
}
