//! `recover_lamports`: the lamports in the treasury of a network that pays in tokens.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{close_node_ix, event_authority, recover_lamports_ix, sweep_rent_ix, withdraw_surplus_ix};
use settlement::error::SettlementError;
use settlement::events::LamportsRecovered;
use settlement::state::{ClosedNode, NodeWallet, Treasury};
use solana_sdk_ids::{incinerator, system_program};
use solana_signer::Signer;

use crate::common::{
    ProgramFixture, Role, SOL, TOKEN, TokenFixture, TokenProgram, TransactionOutcome, assert_only_authorized,
    assert_refused,
};

fn recover(fixture: &mut ProgramFixture, to: Pubkey) -> TransactionOutcome {
    let admin = fixture.admin.insecure_clone();
    fixture.send(&[recover_lamports_ix(admin.pubkey(), fixture.network, to)], &[&admin])
}

#[test]
fn the_admin_gets_all_lamports_above_the_rent_and_no_tokens_move() {
    for program in TokenProgram::ALL {
        let mut fixture = TokenFixture::new(program);
        let payee = fixture.register_payee("node");
        fixture.settle(&[payee.entry(5 * TOKEN)]);
        let (treasury, to, owner) = (fixture.treasury, Pubkey::new_unique(), payee.node.owner.insecure_clone());
        // From a stranger, from a wallet's surplus, and from a closed node's rent.
        fixture.airdrop(&treasury, 7 * SOL);
        fixture.airdrop(&payee.node.wallet, SOL);
        let sweep = sweep_rent_ix(fixture.network, &[payee.node.wallet]);
        let close = close_node_ix(owner.pubkey(), fixture.network, payee.node.id, owner.pubkey());
        fixture.send(&[sweep, close], &[&owner]).expect("the rent is swept and the node closed");
        let before = fixture.treasury_state();

        let meta = recover(&mut fixture, to).expect("the lamports are recovered");

        let lamports = 8 * SOL + fixture.rent(NodeWallet::SIZE) - fixture.rent(ClosedNode::SIZE);
        assert_eq!(
            fixture.event(&meta, LamportsRecovered::decode_cpi),
            LamportsRecovered { network: fixture.network, by: fixture.admin.pubkey(), destination: to, lamports }
        );
        assert_eq!((fixture.lamports(&to), fixture.surplus()), (lamports, 0));
        assert_eq!(fixture.vault_balance(), 995 * TOKEN);
        let after = fixture.treasury_state();
        let Treasury { history_hash, history_count, .. } = after;
        assert_eq!(after, Treasury { history_hash, history_count, ..before });
        assert_eq!(history_count, before.history_count + 1);
        assert_refused(recover(&mut fixture, to), SettlementError::NothingToRecover);
    }
}

/// There, lamports are the network's funds, which belong to nodes first.
#[test]
fn in_a_sol_network_nothing_is_recoverable() {
    let mut fixture = ProgramFixture::new();
    assert_refused(recover(&mut fixture, Pubkey::new_unique()), SettlementError::NotRecoverable);
    assert_eq!(fixture.surplus(), 100 * SOL);
}

#[test]
fn only_the_admin_of_an_unpaused_network_can_recover_lamports() {
    let mut fixture = TokenFixture::new(TokenProgram::PToken);
    let (network, treasury, node) = (fixture.network, fixture.treasury, fixture.register_node("node"));
    fixture.airdrop(&treasury, SOL);
    let to = Pubkey::new_unique();
    assert_only_authorized(&mut fixture, &node, &[Role::Admin], |key| recover_lamports_ix(key, network, to));
    fixture.pause();
    assert_refused(recover(&mut fixture, to), SettlementError::Paused);
    fixture.unpause();
    recover(&mut fixture, to).expect("the lamports are recovered");
}

#[test]
fn a_destination_that_cannot_be_paid_is_refused() {
    let mut fixture = TokenFixture::new(TokenProgram::PToken);
    let (treasury, node) = (fixture.treasury, fixture.register_node("node"));
    let minimum = fixture.rent(0);
    fixture.airdrop(&treasury, minimum - 1);
    let program = fixture.deploy_program();
    for to in [treasury, fixture.network, node.wallet, program, incinerator::ID, event_authority()] {
        assert_refused(recover(&mut fixture, to), SettlementError::DestinationNotPayable);
    }
    for to in [system_program::ID, settlement::ID] {
        assert_refused(recover(&mut fixture, to), ErrorCode::ConstraintMut);
    }
    let new = Pubkey::new_unique();
    assert_refused(recover(&mut fixture, new), SettlementError::DestinationNotRentExempt);
    fixture.airdrop(&treasury, 1);
    recover(&mut fixture, new).expect("the lamports are recovered");
    assert_eq!((fixture.lamports(&new), fixture.surplus()), (minimum, 0));
}

#[test]
fn they_cannot_be_withdrawn_as_surplus() {
    let mut fixture = TokenFixture::new(TokenProgram::PToken);
    let treasury = fixture.treasury;
    fixture.airdrop(&treasury, 7 * SOL);
    let admin = fixture.admin.insecure_clone();
    let ix = withdraw_surplus_ix(admin.pubkey(), fixture.network, admin.pubkey(), SOL);
    assert_refused(fixture.send(&[ix], &[&admin]), SettlementError::AssetAccountsMismatch);
}
