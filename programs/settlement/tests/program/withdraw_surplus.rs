//! `withdraw_surplus` in a network that pays in SOL.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{event_authority, withdraw_surplus_ix};
use settlement::error::SettlementError;
use settlement::events::SurplusWithdrawn;
use settlement::rules::SkipReason;
use settlement::state::{NodeWallet, Treasury};
use solana_sdk_ids::{incinerator, system_program};
use solana_signer::Signer;

use crate::common::{ProgramFixture, SOL, TransactionOutcome, assert_refused, skip_reasons};

fn withdraw(fixture: &mut ProgramFixture, to: Pubkey, lamports: u64) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    fixture.send(&[withdraw_surplus_ix(admin.pubkey(), fixture.network, to, lamports)], &[&admin])
}

#[test]
fn the_admin_can_withdraw_surplus_to_any_destination() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, SOL / 2)]);
    let before = fixture.treasury_state();
    let to = Pubkey::new_unique();
    for (amount, total) in [(3 * SOL, 3 * SOL), (SOL, 4 * SOL)] {
        let meta = withdraw(&mut fixture, to, amount).expect("the withdrawal succeeds");
        assert_eq!(
            fixture.event(&meta, SurplusWithdrawn::decode_cpi),
            SurplusWithdrawn {
                network: fixture.network,
                by: fixture.admin.pubkey(),
                destination: to,
                amount,
                withdrawn_total: total,
            }
        );
    }
    assert_eq!(fixture.lamports(&to), 4 * SOL);
    assert_eq!(fixture.surplus(), 96 * SOL - SOL / 2);
    let after = fixture.treasury_state();
    let Treasury { history_hash, history_count, .. } = after;
    assert_eq!(after, Treasury { withdrawn_total: 4 * SOL, history_hash, history_count, ..before });
    // The node's earnings are in its own account.
    assert_eq!(fixture.wallet_lamports(&node), SOL / 2);
}

#[test]
fn the_treasury_keeps_exactly_its_rent() {
    let mut fixture = ProgramFixture::new();
    let (node, to) = (fixture.register_node("node"), Pubkey::new_unique());
    for above in [100 * SOL + 1, u64::MAX] {
        assert_refused(withdraw(&mut fixture, to, above), SettlementError::AmountAboveSurplus);
    }
    withdraw(&mut fixture, to, 100 * SOL).expect("the withdrawal succeeds");
    assert_eq!(fixture.lamports(&{ fixture.treasury }), fixture.rent(Treasury::SIZE));
    assert_refused(withdraw(&mut fixture, to, 1), SettlementError::AmountAboveSurplus);

    // An empty treasury credits nothing, but still works once it is funded.
    let batch = fixture.credit(&[(node.wallet, 1)]);
    assert_eq!(skip_reasons(&batch.event), [(0, Some(SkipReason::TreasuryShort), None)]);
    fixture.fund(1);
    assert_eq!(fixture.credit(&[(node.wallet, 1)]).event.credited, 1);
}

#[test]
fn after_a_rent_increase_less_surplus_can_be_withdrawn() {
    let mut fixture = ProgramFixture::new();
    let to = Pubkey::new_unique();
    fixture.raise_rent(2);
    let raise = fixture.rent(Treasury::SIZE) / 2;
    assert_refused(withdraw(&mut fixture, to, 100 * SOL - raise + 1), SettlementError::AmountAboveSurplus);
    withdraw(&mut fixture, to, 100 * SOL - raise).expect("the withdrawal succeeds");
    fixture.raise_rent(2);
    assert_refused(withdraw(&mut fixture, to, 1), SettlementError::AmountAboveSurplus);
}

#[test]
fn withdrawals_while_paused_or_of_zero_are_refused() {
    let mut fixture = ProgramFixture::new();
    let to = Pubkey::new_unique();
    assert_refused(withdraw(&mut fixture, to, 0), SettlementError::ZeroAmount);
    fixture.pause();
    assert_refused(withdraw(&mut fixture, to, SOL), SettlementError::Paused);
    assert_eq!(fixture.surplus(), 100 * SOL);
}

#[test]
fn a_destination_that_cannot_be_paid_is_refused() {
    let mut fixture = ProgramFixture::new();
    let (node, program) = (fixture.register_node("node"), fixture.deploy_program());
    let own = [fixture.treasury, fixture.network, node.wallet];
    let system = [program, incinerator::ID, event_authority()];
    for to in own.into_iter().chain(system) {
        assert_refused(withdraw(&mut fixture, to, SOL), SettlementError::DestinationNotPayable);
    }
    // The runtime makes builtins and called programs read-only.
    for to in [system_program::ID, settlement::ID] {
        assert_refused(withdraw(&mut fixture, to, SOL), ErrorCode::ConstraintMut);
    }
    let empty = Pubkey::new_unique();
    let minimum = fixture.rent(0);
    assert_refused(withdraw(&mut fixture, empty, minimum - 1), SettlementError::DestinationNotRentExempt);
    withdraw(&mut fixture, empty, minimum).expect("the withdrawal succeeds");
    assert_eq!(fixture.lamports(&empty), minimum);
}

#[test]
fn overflowing_or_inconsistent_totals_are_refused_and_move_nothing() {
    let mut fixture = ProgramFixture::new();
    let (treasury, to) = (fixture.treasury, Pubkey::new_unique());
    fixture.edit_account(&treasury, |t: &mut Treasury| t.withdrawn_total = u64::MAX);
    assert_refused(withdraw(&mut fixture, to, SOL), SettlementError::Overflow);
    fixture.edit_account(&treasury, |t: &mut Treasury| {
        t.withdrawn_total = 0;
        t.paid_total = 1;
    });
    assert_refused(withdraw(&mut fixture, to, SOL), SettlementError::InconsistentTotals);
    assert_eq!((fixture.surplus(), fixture.lamports(&to)), (100 * SOL, 0));
}

#[test]
fn surplus_lamports_in_a_wallet_do_not_belong_to_the_treasury() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.airdrop(&node.wallet, 5 * SOL);
    assert_refused(withdraw(&mut fixture, Pubkey::new_unique(), 100 * SOL + 1), SettlementError::AmountAboveSurplus);
    assert_eq!(fixture.lamports(&node.wallet), fixture.rent(NodeWallet::SIZE) + 5 * SOL);
}
