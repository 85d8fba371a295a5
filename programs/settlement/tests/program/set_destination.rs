//! `set_destination`.

use anchor_lang::prelude::Pubkey;
use settlement::client::{SettleEntry, event_authority, network_address, set_destination_ix, treasury_address};
use settlement::error::SettlementError;
use settlement::events::DestinationChanged;
use settlement::rules::SkipReason;
use settlement::state::NodeWallet;
use solana_sdk_ids::{incinerator, stake, system_program, sysvar};
use solana_signer::Signer;

use crate::common::{Node, Outcome, Role, SOL, World, assert_only, assert_refused, id, reasons};

fn set(world: &mut World, node: &Node, destination: Pubkey) -> Outcome {
    let ix = set_destination_ix(node.owner.pubkey(), world.network, node.id, destination);
    world.send(&[ix], &[&node.owner])
}

#[test]
fn earnings_go_to_the_new_destination_also_those_from_before() {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, 2 * SOL)]);
    let before = world.wallet_state(&node);
    let new = Pubkey::new_unique();
    let meta = set(&mut world, &node, new).expect("set");

    assert_eq!(
        world.event(&meta, DestinationChanged::decode_cpi),
        DestinationChanged {
            network: world.network,
            node_wallet: node.wallet,
            owner: node.owner.pubkey(),
            from: node.destination,
            to: new,
        }
    );
    assert_eq!(world.wallet_state(&node), NodeWallet { destination: new, ..before });

    let batch = world.settle(&[node.entry(2 * SOL)]);
    assert_eq!(batch.event.payout_skip_reason(0), Some(SkipReason::DestinationMismatch));
    let batch = world.settle(&[SettleEntry { destination: new, ..node.entry(3 * SOL) }]);
    assert_eq!(batch.event.paid, 3 * SOL);
    assert_eq!((world.lamports(&new), world.lamports(&node.destination)), (3 * SOL, 0));
}

#[test]
fn only_the_owner_names_a_destination() {
    let mut world = World::new();
    let (node, network) = (world.node("node"), world.network);
    assert_only(&mut world, &node, &[Role::Owner], |key| set_destination_ix(key, network, node.id, key));
}

#[test]
fn an_owner_can_leave_a_bad_destination_while_paused() {
    let mut world = World::new();
    let node = world.node("node");
    world.pause();
    let new = Pubkey::new_unique();
    set(&mut world, &node, new).expect("set");
    assert_eq!(world.wallet_state(&node).destination, new);
}

#[test]
fn an_address_that_would_lose_or_block_earnings_is_refused() {
    let mut world = World::new();
    let node = world.node("node");
    let before = world.wallet_state(&node);
    let bad = [
        Pubkey::default(),
        system_program::ID,
        incinerator::ID,
        sysvar::clock::ID,
        sysvar::rent::ID,
        stake::ID,
        settlement::ID,
        event_authority(),
        world.network,
        world.treasury,
        node.wallet,
    ];
    for address in bad {
        assert_refused(set(&mut world, &node, address), SettlementError::InvalidDestination);
    }
    assert_eq!(world.wallet_state(&node), before);
}

#[test]
fn a_destination_that_the_rule_can_not_know_is_skipped_and_costs_nobody_else_anything() {
    let mut world = World::new();
    let (node, other) = (world.node("node"), world.node("other"));
    // Another node's wallet account looks like any address here.
    set(&mut world, &node, other.wallet).expect("set");
    let bad = SettleEntry { destination: other.wallet, ..node.entry(SOL) };
    let batch = world.settle(&[bad, other.entry(SOL)]);
    assert_eq!(reasons(&batch.event), [(0, None, Some(SkipReason::DestinationIsProgramAccount))]);
    assert_eq!(world.lamports(&other.destination), SOL);
    // The owner can still turn back.
    set(&mut world, &node, node.destination).expect("set");
    world.settle(&[node.entry(SOL)]);
    assert_eq!(world.lamports(&node.destination), SOL);
}

#[test]
fn another_networks_treasury_does_not_get_around_what_is_reserved() {
    let mut world = World::new();
    let node = world.node("node");
    let args = world.args("other");
    world.create(args).expect("created");
    let mut ix = set_destination_ix(node.owner.pubkey(), world.network, node.id, world.treasury);
    ix.accounts[1].pubkey = treasury_address(&network_address(&id("other")));
    assert_refused(world.send(&[ix], &[&node.owner]), SettlementError::NetworkMismatch);
}
