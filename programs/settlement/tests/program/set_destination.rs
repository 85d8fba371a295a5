//! `set_destination`: where earnings go afterwards, and the addresses that are refused.

use anchor_lang::prelude::Pubkey;
use settlement::client::{SettleEntry, node_id, node_wallet_address, set_destination_ix, treasury_address};
use settlement::error::SettlementError;
use settlement::events::DestinationChanged;
use settlement::rules::SkipReason;
use settlement::state::{DestinationSource, NodeWallet};
use solana_account::Account;
use solana_keypair::Keypair;
use solana_sdk_ids::{native_loader, sysvar};
use solana_signer::Signer;

use crate::common::{Node, ProgramFixture, RESERVED_ADDRESSES, SOL, TransactionOutcome, assert_refused, skip_reasons};

fn set(fixture: &mut ProgramFixture, node: &Node, destination: Pubkey) -> TransactionOutcome {
    let ix = set_destination_ix(node.owner.pubkey(), fixture.network, node.id, destination);
    fixture.send(&[ix], &[&node.owner])
}

#[test]
fn pending_and_future_earnings_go_to_the_new_destination() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.credit(&[(node.wallet, 2 * SOL)]);
    let before = fixture.wallet_state(&node);
    let new = Pubkey::new_unique();
    let meta = set(&mut fixture, &node, new).expect("the destination is set");

    assert_eq!(
        fixture.event(&meta, DestinationChanged::decode_cpi),
        DestinationChanged {
            network: fixture.network,
            node_wallet: node.wallet,
            owner: node.owner.pubkey(),
            from: node.destination,
            to: new,
        }
    );
    let source = DestinationSource::Owner.into();
    assert_eq!(fixture.wallet_state(&node), NodeWallet { destination: new, destination_source: source, ..before });

    let batch = fixture.settle(&[node.entry(2 * SOL)]);
    assert_eq!(batch.event.payout_skip_reason(0), Some(SkipReason::DestinationMismatch));
    let batch = fixture.settle(&[SettleEntry { destination: new, ..node.entry(3 * SOL) }]);
    assert_eq!(batch.event.paid, 3 * SOL);
    assert_eq!((fixture.lamports(&new), fixture.lamports(&node.destination)), (3 * SOL, 0));
}

#[test]
fn an_owner_can_confirm_the_destination_that_the_admin_set() {
    let mut fixture = ProgramFixture::new();
    let destination = Pubkey::new_unique();
    let node = fixture.register_node_with("node", |args| args.destination = Some(destination));
    let before = fixture.wallet_state(&node);
    assert_eq!(before.destination_source, u8::from(DestinationSource::Admin));
    assert!(!before.is_destination_confirmed());

    let meta = set(&mut fixture, &node, destination).expect("the destination is set");
    let event = fixture.event(&meta, DestinationChanged::decode_cpi);
    assert_eq!((event.from, event.to), (destination, destination));
    let after = fixture.wallet_state(&node);
    assert_eq!(after, NodeWallet { destination_source: DestinationSource::Owner.into(), ..before });
    assert!(after.is_destination_confirmed());
}

#[test]
fn a_destination_can_be_changed_while_paused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    fixture.pause();
    let new = Pubkey::new_unique();
    set(&mut fixture, &node, new).expect("the destination is set");
    assert_eq!(fixture.wallet_state(&node).destination, new);
}

#[test]
fn an_address_that_would_lose_or_block_earnings_is_refused() {
    let mut fixture = ProgramFixture::new();
    let node = fixture.register_node("node");
    let before = fixture.wallet_state(&node);
    let own = [fixture.network, fixture.treasury, node.wallet];
    for address in RESERVED_ADDRESSES.into_iter().chain(own) {
        assert_refused(set(&mut fixture, &node, address), SettlementError::InvalidDestination);
    }
    assert_eq!(fixture.wallet_state(&node), before);
}

/// The instruction sees the account at the address, so it refuses what payouts would skip.
#[test]
fn an_account_that_payouts_would_skip_is_refused() {
    let mut fixture = ProgramFixture::new();
    let (node, other) = (fixture.register_node("node"), fixture.register_node("other"));
    let closed = fixture.register_node("closed");
    fixture.close_node(&closed).expect("the node is closed");
    let args = fixture.network_args("second");
    fixture.create_network(args).expect("the network is created");
    let second = fixture.network_address("second");
    let program = fixture.deploy_program();
    let owned = |fixture: &mut ProgramFixture, owner: Pubkey| {
        let address = Pubkey::new_unique();
        let lamports = fixture.rent(0);
        fixture.set_account(&address, Account { lamports, owner, ..Account::default() });
        address
    };
    let bad = [
        other.wallet,
        closed.wallet,
        second,
        treasury_address(&second),
        program,
        owned(&mut fixture, settlement::ID),
        owned(&mut fixture, sysvar::ID),
        owned(&mut fixture, native_loader::ID),
    ];
    let before = fixture.wallet_state(&node);
    for address in bad {
        assert_refused(set(&mut fixture, &node, address), SettlementError::InvalidDestination);
    }
    assert_eq!(fixture.wallet_state(&node), before);
}

#[test]
fn a_destination_that_becomes_a_wallet_later_is_skipped_and_affects_nobody_else() {
    let mut fixture = ProgramFixture::new();
    let (node, owner) = (fixture.register_node("node"), Keypair::new());
    // The instruction can't tell that the address will be another node's wallet account.
    let later = node_wallet_address(&fixture.network, &node_id("other"), &owner.pubkey());
    set(&mut fixture, &node, later).expect("the destination is set");
    let other = fixture.register_node_with("other", |args| args.owner = owner.pubkey());
    assert_eq!(other.wallet, later);
    let bad = SettleEntry { destination: other.wallet, ..node.entry(SOL) };
    let batch = fixture.settle(&[bad, other.entry(SOL)]);
    assert_eq!(skip_reasons(&batch.event), [(0, None, Some(SkipReason::DestinationIsProgramAccount))]);
    assert_eq!(fixture.lamports(&owner.pubkey()), SOL);
    // The owner can still change it back.
    set(&mut fixture, &node, node.destination).expect("the destination is set");
    fixture.settle(&[node.entry(SOL)]);
    assert_eq!(fixture.lamports(&node.destination), SOL);
}
