//! `create_network` for SOL: the initial state, and the arguments that are refused.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use settlement::client::{CreateNetworkArgs, create_network_ix};
use settlement::error::SettlementError;
use settlement::events::NetworkCreated;
use settlement::state::{Network, Treasury};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{ProgramFixture, SOL, START, assert_address_in_use, assert_refused, runtime};

fn fixture() -> ProgramFixture {
    ProgramFixture::without_network(runtime())
}

#[test]
fn a_new_network_contains_its_arguments_and_is_otherwise_zero() {
    let mut fixture = fixture();
    let args = fixture.network_args("test");
    let meta = fixture.create_network(args).expect("the network is created");

    let network = fixture.network_state();
    let treasury = fixture.treasury_state();
    assert_eq!(
        network,
        Network {
            version: Network::VERSION,
            bump: network.bump,
            treasury_bump: treasury.bump,
            asset_kind: 0,
            decimals: 9,
            id: args.id,
            creator: fixture.admin.pubkey(),
            admin: fixture.admin.pubkey(),
            settler: args.settler,
            guardian: args.guardian,
            treasury: fixture.treasury,
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
            network: fixture.network,
            settler: args.settler,
            per_node_cap: args.per_node_cap,
            per_batch_cap: args.per_batch_cap,
            window_limit: args.window_limit,
            window_seconds: args.window_seconds,
            window_updated_at: START,
            max_pending_age: args.max_pending_age,
            default_threshold: args.default_threshold,
            max_pause_seconds: args.max_pause_seconds,
            ..bytemuck::Zeroable::zeroed()
        }
    );
    assert_eq!(fixture.surplus(), 0);
    assert_eq!(
        fixture.event(&meta, NetworkCreated::decode_cpi),
        NetworkCreated {
            network: fixture.network,
            treasury: fixture.treasury,
            id: args.id,
            admin: fixture.admin.pubkey(),
            settler: args.settler,
            guardian: args.guardian,
            default_threshold: args.default_threshold,
            per_node_cap: args.per_node_cap,
            per_batch_cap: args.per_batch_cap,
            window_limit: args.window_limit,
            window_seconds: args.window_seconds,
            max_pending_age: args.max_pending_age,
            max_pause_seconds: args.max_pause_seconds,
        }
    );
}

#[test]
fn a_creator_can_use_a_network_name_only_once() {
    let mut fixture = fixture();
    let args = fixture.network_args("test");
    fixture.create_network(args).expect("the network is created");
    let before = fixture.network_state();
    let again = CreateNetworkArgs { settler: Pubkey::new_unique(), ..args };
    assert_address_in_use(fixture.create_network(again));
    assert_eq!(fixture.network_state(), before);
}

#[test]
fn every_creator_can_use_a_name() {
    let mut fixture = fixture();
    let args = fixture.network_args("test");
    let squatter = Keypair::new();
    fixture.airdrop(&squatter.pubkey(), SOL);
    fixture.send(&[create_network_ix(squatter.pubkey(), args)], &[&squatter]).expect("the name is used first");
    fixture.create_network(args).expect("the name is still free for its network");
    let state = fixture.network_state();
    assert_eq!((state.creator, state.admin), (fixture.admin.pubkey(), fixture.admin.pubkey()));
}

#[test]
fn invalid_parameters_are_refused_with_their_own_errors_and_create_nothing() {
    let mut fixture = fixture();
    let good = fixture.network_args("test");
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
        (with(|a| a.max_pause_seconds = 0), SettlementError::InvalidMaxPause),
        (with(|a| a.max_pause_seconds = 30 * 86_400 + 1), SettlementError::InvalidMaxPause),
        (with(|a| a.settler = Pubkey::default()), SettlementError::DefaultAuthority),
        (with(|a| a.guardian = Pubkey::default()), SettlementError::DefaultAuthority),
    ];
    for (args, why) in cases {
        assert_refused(fixture.create_network(args), why);
        assert!(fixture.svm.get_account(&fixture.network).is_none());
        assert!(fixture.svm.get_account(&fixture.treasury).is_none());
    }
}

#[test]
fn lamports_at_its_addresses_do_not_prevent_a_network() {
    for gift in [1, 10_000_000_000] {
        let mut fixture = fixture();
        let (network, treasury) = (fixture.network, fixture.treasury);
        fixture.airdrop(&network, gift);
        fixture.airdrop(&treasury, gift);
        let args = fixture.network_args("test");
        fixture.create_network(args).expect("the network is created");
        let rent = fixture.rent(Treasury::SIZE);
        assert_eq!(fixture.lamports(&treasury), rent.max(gift));
        assert_eq!(fixture.treasury_state().funded_total, 0);
    }
}

#[test]
fn a_network_can_only_be_created_at_its_own_address() {
    let mut fixture = fixture();
    let args = fixture.network_args("test");
    for account in [1, 2] {
        let mut ix = create_network_ix(fixture.admin.pubkey(), args);
        ix.accounts[account].pubkey = Pubkey::new_unique();
        let admin = fixture.admin.insecure_clone();
        assert_refused(fixture.send(&[ix], &[&admin]), ErrorCode::ConstraintSeeds);
    }
}
