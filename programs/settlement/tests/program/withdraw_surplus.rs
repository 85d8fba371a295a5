//! `withdraw_surplus`, of a network that pays in SOL.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{event_authority, network_address, treasury_address, withdraw_surplus_ix};
use settlement::error::SettlementError;
use settlement::events::SurplusWithdrawn;
use settlement::rules::SkipReason;
use settlement::state::{NodeWallet, Treasury};
use solana_sdk_ids::{incinerator, system_program};
use solana_signer::Signer;

use crate::common::{Outcome, Role, SOL, World, assert_only, assert_refused, id, reasons};

fn withdraw(world: &mut World, to: Pubkey, lamports: u64) -> Outcome {
    let admin = world.admin.insecure_clone();
    world.send(&[withdraw_surplus_ix(admin.pubkey(), world.network, to, lamports)], &[&admin])
}

#[test]
fn what_is_owed_to_nobody_goes_where_the_admin_says() {
    let mut world = World::new();
    let node = world.node("node");
    world.credit(&[(node.wallet, SOL / 2)]);
    let before = world.treasury_state();
    let to = Pubkey::new_unique();
    for (amount, total) in [(3 * SOL, 3 * SOL), (SOL, 4 * SOL)] {
        let meta = withdraw(&mut world, to, amount).expect("withdrawn");
        assert_eq!(
            world.event(&meta, SurplusWithdrawn::decode_cpi),
            SurplusWithdrawn {
                network: world.network,
                by: world.admin.pubkey(),
                destination: to,
                amount,
                withdrawn_total: total,
            }
        );
    }
    assert_eq!(world.lamports(&to), 4 * SOL);
    assert_eq!(world.surplus(), 96 * SOL - SOL / 2);
    assert_eq!(world.treasury_state(), Treasury { withdrawn_total: 4 * SOL, ..before });
    // What the node has earned lies in its own account.
    assert_eq!(world.wallet_lamports(&node), SOL / 2);
}

#[test]
fn the_treasury_keeps_its_rent_to_the_lamport() {
    let mut world = World::new();
    let (node, to) = (world.node("node"), Pubkey::new_unique());
    for above in [100 * SOL + 1, u64::MAX] {
        assert_refused(withdraw(&mut world, to, above), SettlementError::AmountAboveSurplus);
    }
    withdraw(&mut world, to, 100 * SOL).expect("withdrawn");
    assert_eq!(world.lamports(&{ world.treasury }), world.rent(Treasury::SIZE));
    assert_refused(withdraw(&mut world, to, 1), SettlementError::AmountAboveSurplus);

    // An empty treasury credits nothing, and is a treasury all the same.
    let batch = world.credit(&[(node.wallet, 1)]);
    assert_eq!(reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);
    world.fund(1);
    assert_eq!(world.credit(&[(node.wallet, 1)]).event.credited, 1);
}

#[test]
fn after_a_rise_of_rent_there_is_less_to_withdraw_and_below_it_nothing() {
    let mut world = World::new();
    let to = Pubkey::new_unique();
    world.raise_rent(2);
    let raise = world.rent(Treasury::SIZE) / 2;
    assert_refused(withdraw(&mut world, to, 100 * SOL - raise + 1), SettlementError::AmountAboveSurplus);
    withdraw(&mut world, to, 100 * SOL - raise).expect("withdrawn");
    world.raise_rent(2);
    assert_refused(withdraw(&mut world, to, 1), SettlementError::AmountAboveSurplus);
}

#[test]
fn only_the_admin_withdraws() {
    let mut world = World::new();
    let (node, network) = (world.node("node"), world.network);
    assert_only(&mut world, &node, &[Role::Admin], |key| withdraw_surplus_ix(key, network, key, SOL));
}

#[test]
fn nothing_is_withdrawn_while_paused_and_nothing_is_no_amount() {
    let mut world = World::new();
    let to = Pubkey::new_unique();
    assert_refused(withdraw(&mut world, to, 0), SettlementError::ZeroAmount);
    world.pause();
    assert_refused(withdraw(&mut world, to, SOL), SettlementError::Paused);
    assert_eq!(world.surplus(), 100 * SOL);
}

#[test]
fn a_destination_that_can_not_be_paid_is_refused() {
    let mut world = World::new();
    let (node, program) = (world.node("node"), world.program());
    let own = [world.treasury, world.network, node.wallet];
    let system = [program, incinerator::ID, event_authority()];
    for to in own.into_iter().chain(system) {
        assert_refused(withdraw(&mut world, to, SOL), SettlementError::DestinationNotPayable);
    }
    // The runtime makes builtins, and programs that a transaction calls, read-only.
    for to in [system_program::ID, settlement::ID] {
        assert_refused(withdraw(&mut world, to, SOL), ErrorCode::ConstraintMut);
    }
    let empty = Pubkey::new_unique();
    let minimum = world.rent(0);
    assert_refused(withdraw(&mut world, empty, minimum - 1), SettlementError::DestinationNotRentExempt);
    withdraw(&mut world, empty, minimum).expect("withdrawn");
    assert_eq!(world.lamports(&empty), minimum);
}

#[test]
fn the_admin_of_one_network_withdraws_nothing_of_another() {
    let mut world = World::new();
    let args = world.args("other");
    world.create(args).expect("created");
    let own = network_address(&id("other"));
    let admin = world.admin.insecure_clone();
    let mut ix = withdraw_surplus_ix(admin.pubkey(), own, admin.pubkey(), SOL);
    assert_eq!(ix.accounts[2].pubkey, treasury_address(&own));
    ix.accounts[2].pubkey = world.treasury;
    assert_refused(world.send(&[ix], &[&admin]), SettlementError::NetworkMismatch);
}

#[test]
fn totals_beyond_the_integers_or_against_each_other_are_refused_and_move_nothing() {
    let mut world = World::new();
    let (treasury, to) = (world.treasury, Pubkey::new_unique());
    world.edit(&treasury, |t: &mut Treasury| t.withdrawn_total = u64::MAX);
    assert_refused(withdraw(&mut world, to, SOL), SettlementError::Overflow);
    world.edit(&treasury, |t: &mut Treasury| {
        t.withdrawn_total = 0;
        t.paid_total = 1;
    });
    assert_refused(withdraw(&mut world, to, SOL), SettlementError::InconsistentTotals);
    assert_eq!((world.surplus(), world.lamports(&to)), (100 * SOL, 0));
}

#[test]
fn lamports_above_a_wallets_totals_are_no_surplus_of_the_treasury() {
    let mut world = World::new();
    let node = world.node("node");
    world.give(&node.wallet, 5 * SOL);
    assert_refused(withdraw(&mut world, Pubkey::new_unique(), 100 * SOL + 1), SettlementError::AmountAboveSurplus);
    assert_eq!(world.lamports(&node.wallet), world.rent(NodeWallet::SIZE) + 5 * SOL);
}
