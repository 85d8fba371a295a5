//! `migrate_treasury`.
//!
//! `fixtures/treasury-v1.bin` is the treasury of the network "test" as the program of commit
//! dd365b3 wrote it, the last one of layout 1, built and run in LiteSVM: its settler is the key of
//! 32 ones; 100 SOL were funded, and one `settle` at [`START`] + 60 credited two nodes with 3 and
//! 0.25 SOL, of which 3 were paid.

use settlement::client::{credit_ix, fund_ix, migrate_treasury_ix, pause_ix, unpause_ix};
use settlement::error::SettlementError;
use settlement::events::Migrated;
use settlement::state::Treasury;
use solana_account::Account;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{SOL, START, World, assert_refused, chain, header};

const V1: &[u8] = include_bytes!("fixtures/treasury-v1.bin");
/// Where a treasury's version byte is.
const VERSION_AT: usize = 8;

/// The world that the fixture comes from, under today's program.
fn old_world() -> World {
    let mut world = World::bare(chain());
    world.settler = Keypair::new_from_array([1; 32]);
    let args = world.args("test");
    world.create(args).expect("created");
    world.set_time(START + 60);
    put(&mut world, V1.to_vec());
    world.set_surplus(100 * SOL - 3 * SOL - SOL / 4);
    world
}

fn put(world: &mut World, data: Vec<u8>) {
    let lamports = world.lamports(&world.treasury);
    world.put(&{ world.treasury }, Account { lamports, data, owner: settlement::ID, ..Account::default() });
}

fn bytes(world: &World) -> Vec<u8> {
    world.svm.get_account(&world.treasury).expect("a treasury").data
}

#[test]
fn a_client_reads_a_treasury_of_the_first_layout_in_terms_of_the_newest() {
    assert_eq!(V1[VERSION_AT], 1);
    let treasury = Treasury::decode(V1).expect("decodes");
    let world = old_world();
    assert_eq!(
        treasury,
        Treasury {
            version: Treasury::VERSION,
            bump: treasury.bump,
            network: world.network,
            settler: world.settler.pubkey(),
            per_node_cap: 1_000 * SOL,
            per_batch_cap: 10_000 * SOL,
            window_limit: 100_000 * SOL,
            window_seconds: 86_400,
            window_used: 3 * SOL + SOL / 4,
            window_updated_at: START + 60,
            max_pending_age: 30 * 86_400,
            default_threshold: SOL,
            credited_total: 3 * SOL + SOL / 4,
            paid_total: 3 * SOL,
            funded_total: 100 * SOL,
            batch_sequence: 1,
            ..bytemuck::Zeroable::zeroed()
        }
    );
}

#[test]
fn a_migrated_treasury_differs_by_its_version_alone_and_works() {
    let mut world = old_world();
    let ix = migrate_treasury_ix(world.network);
    let meta = world.send(&[ix], &[]).expect("migrated");

    assert_eq!(
        world.event(&meta, Migrated::decode_cpi),
        Migrated { account: world.treasury, from: 1, to: Treasury::VERSION }
    );
    let mut expected = V1.to_vec();
    expected[VERSION_AT] = Treasury::VERSION;
    assert_eq!(bytes(&world), expected);
    assert_eq!(world.surplus(), 96 * SOL + 3 * SOL / 4);

    // Batches go on from where they were.
    let node = world.node("another");
    let batch = world.settle(&[node.entry(SOL)]);
    assert_eq!((batch.event.sequence, batch.event.paid), (2, SOL));
    let treasury = world.treasury_state();
    assert_eq!((treasury.credited_total, treasury.paid_total), (4 * SOL + SOL / 4, 4 * SOL));
}

#[test]
fn until_then_it_is_refused_and_nothing_of_it_moves() {
    let mut world = old_world();
    let node = world.node("node");
    let credit = credit_ix(world.settler.pubkey(), world.network, header(2), &[(node.wallet, SOL)]);
    assert_refused(world.send_batch(credit), SettlementError::UnknownVersion);
    let fund = fund_ix(world.payer.pubkey(), world.network, SOL);
    assert_refused(world.send(&[fund], &[]), SettlementError::UnknownVersion);
    let admin = world.admin.insecure_clone();
    let pause = pause_ix(admin.pubkey(), world.network);
    assert_refused(world.send(&[pause], &[&admin]), SettlementError::UnknownVersion);
    assert_eq!(bytes(&world), V1);
}

#[test]
fn a_treasury_is_migrated_once() {
    let mut world = old_world();
    let ix = migrate_treasury_ix(world.network);
    world.send(std::slice::from_ref(&ix), &[]).expect("migrated");
    let after = bytes(&world);
    assert_refused(world.send(&[ix], &[]), SettlementError::NothingToMigrate);
    assert_eq!(bytes(&world), after);
}

#[test]
fn layouts_that_this_program_does_not_know_are_left_alone() {
    let mut world = old_world();
    for version in [0, Treasury::VERSION + 1, u8::MAX] {
        let mut unknown = V1.to_vec();
        unknown[VERSION_AT] = version;
        put(&mut world, unknown.clone());
        let ix = migrate_treasury_ix(world.network);
        assert_refused(world.send(&[ix], &[]), SettlementError::UnknownVersion);
        assert_eq!(bytes(&world), unknown);
    }
}

#[test]
fn a_paused_treasury_is_migrated_and_stays_paused() {
    let mut world = old_world();
    let mut paused = V1.to_vec();
    paused[VERSION_AT + 2] = 1;
    put(&mut world, paused);
    let ix = migrate_treasury_ix(world.network);
    world.send(&[ix], &[]).expect("migrated");
    assert!(world.treasury_state().is_paused());
    let admin = world.admin.insecure_clone();
    let ix = unpause_ix(admin.pubkey(), world.network);
    world.send(&[ix], &[&admin]).expect("unpaused");
}
