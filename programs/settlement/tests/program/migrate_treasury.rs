//! `migrate_treasury`: from layout version 1 to the current one.
//!
//! `fixtures/treasury-v1.bin` is the treasury of a network called "test" as the program of commit
//! dd365b3, the last one that wrote version 1, produced it in LiteSVM. Its settler is the key with the
//! seed of 32 ones. 100 SOL were funded, and one `settle` at [`START`] + 60 credited two nodes with 3
//! and 0.25 SOL, of which 3 SOL were paid.
//!
//! At that time, a network's address did not depend on its creator. The tests put the addresses of a present network
//! into the data, which is otherwise unchanged.

use anchor_lang::prelude::Pubkey;
use settlement::client::{
    RegisterNodeArgs, credit_ix, fund_ix, migrate_treasury_ix, node_id, node_wallet_address, pause_ix,
    treasury_address_with_bump, unpause_ix,
};
use settlement::error::SettlementError;
use settlement::events::Migrated;
use settlement::state::Treasury;
use solana_account::Account;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::common::{ProgramFixture, SOL, START, assert_refused, header, runtime};

const V1: &[u8] = include_bytes!("fixtures/treasury-v1.bin");
/// The offset of a treasury's version.
const VERSION_AT: usize = 8;
/// The offset of a treasury's bump.
const BUMP_AT: usize = VERSION_AT + 1;
/// The offset of a treasury's network.
const NETWORK_AT: usize = 8 + core::mem::offset_of!(Treasury, network);
/// The offset of the first field that version 1 did not have.
const ADDED_AT: usize = 8 + core::mem::offset_of!(Treasury, token_balance);

/// The network that the version 1 treasury comes from, with the current program.
fn v1_fixture() -> ProgramFixture {
    let mut fixture = ProgramFixture::without_network(runtime());
    fixture.settler = Keypair::new_from_array([1; 32]);
    let args = fixture.network_args("test");
    fixture.create_network(args).expect("the network is created");
    fixture.set_time(START + 60);
    let data = v1(&fixture);
    set_treasury_data(&mut fixture, data);
    fixture.set_surplus(100 * SOL - 3 * SOL - SOL / 4);
    fixture
}

/// The version 1 treasury, with the addresses of the fixture's network.
fn v1(fixture: &ProgramFixture) -> Vec<u8> {
    let mut data = V1.to_vec();
    data[BUMP_AT] = treasury_address_with_bump(&fixture.network).1;
    data[NETWORK_AT..][..32].copy_from_slice(fixture.network.as_array());
    data
}

fn set_treasury_data(fixture: &mut ProgramFixture, data: Vec<u8>) {
    let lamports = fixture.lamports(&fixture.treasury);
    fixture.set_account(&{ fixture.treasury }, Account { lamports, data, owner: settlement::ID, ..Account::default() });
}

fn treasury_data(fixture: &ProgramFixture) -> Vec<u8> {
    fixture.svm.get_account(&fixture.treasury).expect("the treasury exists").data
}

#[test]
fn a_client_can_decode_a_version_1_treasury() {
    assert_eq!(V1[VERSION_AT], 1);
    assert!(V1[ADDED_AT..].iter().all(|byte| *byte == 0), "version 1 had no other fields");
    let fixture = v1_fixture();
    let treasury = Treasury::decode(&v1(&fixture)).expect("the treasury decodes");
    assert_eq!(
        treasury,
        Treasury {
            version: Treasury::VERSION,
            bump: treasury.bump,
            network: fixture.network,
            settler: fixture.settler.pubkey(),
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
fn migration_changes_only_the_version_and_the_treasury_works() {
    let mut fixture = v1_fixture();
    let ix = migrate_treasury_ix(fixture.network);
    let meta = fixture.send(&[ix], &[]).expect("the treasury is migrated");

    assert_eq!(
        fixture.event(&meta, Migrated::decode_cpi),
        Migrated { account: fixture.treasury, from: 1, to: Treasury::VERSION }
    );
    let mut expected = v1(&fixture);
    expected[VERSION_AT] = Treasury::VERSION;
    assert_eq!(treasury_data(&fixture), expected);
    assert_eq!(fixture.surplus(), 96 * SOL + 3 * SOL / 4);

    // Batches continue from the old state.
    let node = fixture.register_node("another");
    let batch = fixture.settle(&[node.entry(SOL)]);
    assert_eq!((batch.event.sequence, batch.event.paid), (2, SOL));
    let treasury = fixture.treasury_state();
    assert_eq!((treasury.credited_total, treasury.paid_total), (4 * SOL + SOL / 4, 4 * SOL));
}

#[test]
fn a_treasury_is_refused_and_unchanged_until_it_is_migrated() {
    let mut fixture = v1_fixture();
    let wallet = node_wallet_address(&fixture.network, &node_id("node"), &Pubkey::new_unique());
    let credit = credit_ix(fixture.settler.pubkey(), fixture.network, header(2), &[(wallet, SOL)]);
    assert_refused(fixture.send_batch(credit), SettlementError::UnknownVersion);
    let settler = fixture.settler.insecure_clone();
    let args =
        RegisterNodeArgs { node_id: node_id("node"), owner: Pubkey::new_unique(), destination: None, threshold: None };
    assert_refused(fixture.send_register_node(&settler, args), SettlementError::UnknownVersion);
    let fund = fund_ix(fixture.payer.pubkey(), fixture.network, fixture.admin.pubkey(), SOL);
    assert_refused(fixture.send(&[fund], &[]), SettlementError::UnknownVersion);
    let admin = fixture.admin.insecure_clone();
    let pause = pause_ix(admin.pubkey(), fixture.network);
    assert_refused(fixture.send(&[pause], &[&admin]), SettlementError::UnknownVersion);
    assert_eq!(treasury_data(&fixture), v1(&fixture));
}

#[test]
fn a_treasury_can_be_migrated_only_once() {
    let mut fixture = v1_fixture();
    let ix = migrate_treasury_ix(fixture.network);
    fixture.send(std::slice::from_ref(&ix), &[]).expect("the treasury is migrated");
    let after = treasury_data(&fixture);
    assert_refused(fixture.send(&[ix], &[]), SettlementError::NothingToMigrate);
    assert_eq!(treasury_data(&fixture), after);
}

#[test]
fn unknown_versions_are_refused_and_unchanged() {
    let mut fixture = v1_fixture();
    for version in [0, Treasury::VERSION + 1, u8::MAX] {
        let mut unknown = v1(&fixture);
        unknown[VERSION_AT] = version;
        set_treasury_data(&mut fixture, unknown.clone());
        let ix = migrate_treasury_ix(fixture.network);
        assert_refused(fixture.send(&[ix], &[]), SettlementError::UnknownVersion);
        assert_eq!(treasury_data(&fixture), unknown);
    }
}

#[test]
fn a_paused_treasury_is_migrated_and_stays_paused() {
    let mut fixture = v1_fixture();
    let mut paused = v1(&fixture);
    paused[VERSION_AT + 2] = 1;
    set_treasury_data(&mut fixture, paused);
    let ix = migrate_treasury_ix(fixture.network);
    fixture.send(&[ix], &[]).expect("the treasury is migrated");
    assert!(fixture.treasury_state().is_paused());
    let admin = fixture.admin.insecure_clone();
    let ix = unpause_ix(admin.pubkey(), fixture.network);
    fixture.send(&[ix], &[&admin]).expect("the network is unpaused");
}
