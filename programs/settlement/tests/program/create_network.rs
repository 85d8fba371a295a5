//! `create_network`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{CreateNetworkArgs, create_network_ix};
use settlement::error::SettlementError;
use settlement::events::NetworkCreated;
use settlement::state::{Network, Treasury};
use solana_instruction::error::InstructionError;
use solana_signer::Signer;
use solana_transaction::TransactionError;

use crate::common::{START, World, assert_refused, chain};

fn bare() -> World {
    World::bare(chain())
}

#[test]
fn a_network_starts_with_what_it_was_given_and_nothing_else() {
    let mut world = bare();
    let args = world.args("test");
    let meta = world.create(args).expect("created");

    let network = world.network_state();
    let treasury = world.treasury_state();
    assert_eq!(
        network,
        Network {
            version: Network::VERSION,
            bump: network.bump,
            treasury_bump: treasury.bump,
            asset_kind: 0,
            decimals: 9,
            id: args.id,
            admin: world.admin.pubkey(),
            settler: args.settler,
            guardian: args.guardian,
            treasury: world.treasury,
            default_threshold: args.default_threshold,
            created_at: START,
            ..bytemuck::Zeroable::zeroed()
        }
    );
    assert_eq!(
        treasury,
        Treasury {
            version: Treasury::VERSION,
            bump: treasury.bump,
            network: world.network,
            settler: args.settler,
            per_node_cap: args.per_node_cap,
            per_batch_cap: args.per_batch_cap,
            window_limit: args.window_limit,
            window_seconds: args.window_seconds,
            window_updated_at: START,
            max_pending_age: args.max_pending_age,
            default_threshold: args.default_threshold,
            ..bytemuck::Zeroable::zeroed()
        }
    );
    assert_eq!(world.surplus(), 0);
    assert_eq!(
        world.event(&meta, NetworkCreated::decode_cpi),
        NetworkCreated {
            network: world.network,
            treasury: world.treasury,
            id: args.id,
            admin: world.admin.pubkey(),
            settler: args.settler,
            guardian: args.guardian,
            default_threshold: args.default_threshold,
            per_node_cap: args.per_node_cap,
            per_batch_cap: args.per_batch_cap,
            window_limit: args.window_limit,
            window_seconds: args.window_seconds,
            max_pending_age: args.max_pending_age,
        }
    );
}

#[test]
fn a_network_of_the_same_name_can_not_be_created_again() {
    let mut world = bare();
    let args = world.args("test");
    world.create(args).expect("created");
    let before = world.network_state();
    let failed = world.create(CreateNetworkArgs { settler: Pubkey::new_unique(), ..args }).expect_err("refused");
    // The system program's "account already in use".
    assert!(matches!(failed.err, TransactionError::InstructionError(0, InstructionError::Custom(0))));
    assert_eq!(world.network_state(), before);
}

#[test]
fn bad_parameters_are_refused_by_name_and_create_nothing() {
    let mut world = bare();
    let good = world.args("test");
    let id = |bytes: &[u8]| {
        let mut id = [0; 32];
        id[..bytes.len()].copy_from_slice(bytes);
        id
    };
    let with = |change: fn(&mut CreateNetworkArgs)| {
        let mut args = good;
        change(&mut args);
        args
    };
    let cases = [
        (CreateNetworkArgs { id: id(b""), ..good }, SettlementError::InvalidNetworkId),
        (CreateNetworkArgs { id: id(b"Test"), ..good }, SettlementError::InvalidNetworkId),
        (CreateNetworkArgs { id: id(b"a\0b"), ..good }, SettlementError::InvalidNetworkId),
        (with(|a| a.per_node_cap = 0), SettlementError::ZeroLimit),
        (with(|a| a.per_batch_cap = 0), SettlementError::ZeroLimit),
        (with(|a| a.window_limit = 0), SettlementError::ZeroLimit),
        (with(|a| a.window_seconds = 0), SettlementError::ZeroLimit),
        (with(|a| a.default_threshold = 0), SettlementError::ZeroThreshold),
        (with(|a| a.max_pending_age = 0), SettlementError::ZeroPendingAge),
        (with(|a| a.settler = Pubkey::default()), SettlementError::DefaultAuthority),
        (with(|a| a.guardian = Pubkey::default()), SettlementError::DefaultAuthority),
    ];
    for (args, why) in cases {
        assert_refused(world.create(args), why);
        assert!(world.svm.get_account(&world.network).is_none());
        assert!(world.svm.get_account(&world.treasury).is_none());
    }
}

#[test]
fn lamports_sent_to_its_addresses_before_do_not_prevent_a_network() {
    for gift in [1, 10_000_000_000] {
        let mut world = bare();
        let (network, treasury) = (world.network, world.treasury);
        world.give(&network, gift);
        world.give(&treasury, gift);
        let args = world.args("test");
        world.create(args).expect("created all the same");
        let rent = world.rent(Treasury::SIZE);
        assert_eq!(world.lamports(&treasury), rent.max(gift));
        assert_eq!(world.treasury_state().funded_total, 0);
    }
}

#[test]
fn nobody_becomes_admin_without_signing() {
    let mut world = bare();
    let args = world.args("test");
    let mut ix = create_network_ix(world.admin.pubkey(), args);
    ix.accounts[0].is_signer = false;
    assert_refused(world.send(&[ix], &[]), ErrorCode::AccountNotSigner);
}

#[test]
fn a_network_lies_at_its_own_address_only() {
    let mut world = bare();
    let args = world.args("test");
    for account in [1, 2] {
        let mut ix = create_network_ix(world.admin.pubkey(), args);
        ix.accounts[account].pubkey = Pubkey::new_unique();
        let admin = world.admin.insecure_clone();
        assert_refused(world.send(&[ix], &[&admin]), ErrorCode::ConstraintSeeds);
    }
}
